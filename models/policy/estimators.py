"""Off-policy evaluation: what another policy would have earned on logged decisions.

Three estimates of the target policy's mean reward, each with an effective sample size and a
95 % interval; weights ``w = target probability of the logged action / its propensity``.

- ``ips``: mean of ``w r`` (Horvitz & Thompson 1952).
- ``snips``: ``sum w r / sum w`` (Swaminathan & Joachims 2015).
- ``dr``: mean of ``q(x, target) + w (r - q(x, action))`` (Dudik, Langford & Li 2011) with an
  outcome model ``q`` cross-fitted: no decision is predicted from itself.

Weights are cut at the square root of the number of decisions by default (Ionides 2008): the bias
vanishes as the log grows, and no single decision can dominate the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from features.errors import DataError
from models.policy.intervals import likelihood_interval, mean_interval
from models.uplift.overlap import effective_sample_size

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Method = Literal["ips", "snips", "dr"]

TOO_FEW: Final = 100.0
"""Effective decisions below which an interval says little."""


@dataclass(frozen=True, eq=False)
class Log:
    """Decisions as they were logged, and what the policy to be judged would have done.

    Attributes
    ----------
    actions, rewards, propensity
        Number of the action taken, its reward, and its logged probability; shape (n,).
    target
        The other policy's probability of every action for each decision, shape (n, actions).
    """

    actions: Integers
    rewards: Floats
    propensity: Floats
    target: Floats

    def __post_init__(self) -> None:
        wrong = int((~((self.propensity > 0) & (self.propensity <= 1))).sum())
        if wrong:
            raise DataError(
                f"{wrong} of {len(self)} logged decisions have no propensity inside (0, 1]",
                "judge only decisions whose chance was logged when they were taken; "
                "it cannot be made up afterwards",
            )
        if not np.allclose(self.target.sum(axis=1), 1.0, atol=1e-6):
            raise DataError(
                "the policy to be judged has probabilities that do not sum to 1",
                "give it every action it may take, doing nothing included",
            )
        if not np.isfinite(self.rewards).all():
            raise DataError(
                "some logged decisions have no reward yet",
                "leave out decisions whose attribution window is not over",
            )

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def weights(self) -> Floats:
        """Importance weights before any cut; their expectation is 1."""
        return np.asarray(self.target[np.arange(len(self)), self.actions] / self.propensity)

    @classmethod
    def of_deterministic(
        cls, actions: Integers, rewards: Floats, propensity: Floats, chosen: Integers, n: int
    ) -> Log:
        """Judge a policy that always takes ``chosen``, one of ``n`` actions."""
        return cls(actions, rewards, propensity, np.eye(n)[chosen])


@dataclass(frozen=True)
class Estimate:
    """One estimate of a policy's mean reward per decision.

    Attributes
    ----------
    low, high
        95 % interval by empirical likelihood.
    effective
        Effective sample size of the weights (Kish).
    mean_weight
        Near 1 if the logged propensities are right and cover what the target policy does.
    largest_weight, share_cut
        Where weights were cut, and the share of decisions that this concerned.
    """

    method: Method
    value: float
    low: float
    high: float
    decisions: int
    effective: float
    mean_weight: float
    largest_weight: float
    share_cut: float

    def covers(self, value: float) -> bool:
        """Whether the interval holds a value."""
        return self.low <= value <= self.high

    @property
    def says(self) -> str:
        """The estimate in words."""
        text = (
            f"{self.method}: {self.value:.4g} [{self.low:.4g}, {self.high:.4g}] from "
            f"{self.decisions:,} decisions worth {self.effective:,.0f}"
        )
        if self.share_cut:
            text += f"; {self.share_cut:.2%} of the weights cut at {self.largest_weight:,.0f}"
        if self.effective < TOO_FEW:
            text += "; too few to rely on: log more exploration"
        return text


def off_policy_estimates(
    log: Log, *, expected: Floats | None = None, largest_weight: float | None = None
) -> dict[Method, Estimate]:
    """Return every estimate that the log allows.

    Parameters
    ----------
    expected
        Cross-fitted expected reward of every action, shape (n, actions); without it no ``dr``.
    largest_weight
        Where weights are cut; by default the square root of the number of decisions.

    Raises
    ------
    DataError
        There is no decision that the target policy could have taken.
    """
    cut_at = float(np.sqrt(len(log))) if largest_weight is None else largest_weight
    raw = log.weights
    if not raw.any():
        raise DataError(
            "the logged decisions hold none that the policy to be judged would take",
            "log with an exploring share, so that every action is tried",
        )
    weights = np.minimum(raw, cut_at)

    def estimate(method: Method, value: float, interval: tuple[float, float]) -> Estimate:
        return Estimate(
            method,
            value,
            *interval,
            decisions=len(log),
            effective=effective_sample_size(weights),
            mean_weight=float(raw.mean()),
            largest_weight=cut_at,
            share_cut=float((raw > cut_at).mean()),
        )

    def of_mean(method: Method, values: Floats) -> Estimate:
        return estimate(method, float(values.mean()), mean_interval(values))

    own = log.rewards[weights > 0]
    mean = float(weights @ log.rewards / weights.sum())
    interval = likelihood_interval(
        lambda theta: weights * (log.rewards - theta), mean, (float(own.min()), float(own.max()))
    )
    found: dict[Method, Estimate] = {
        "ips": of_mean("ips", weights * log.rewards),
        "snips": estimate("snips", mean, interval),
    }
    if expected is not None:
        taken = expected[np.arange(len(log)), log.actions]
        by_model = (log.target * expected).sum(axis=1)
        found["dr"] = of_mean("dr", by_model + weights * (log.rewards - taken))
    return found
