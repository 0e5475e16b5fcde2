"""sBG: contracts that end, at each renewal, with a chance that differs between customers.

Fader & Hardie 2007, "How to project customer retention", Journal of Interactive Marketing
21(1); remaining value from Fader & Hardie 2010, "Customer-base valuation in a contractual
setting", Marketing Science 29(1). Retention rises with tenure although nobody changes: those
who are likely to leave have left.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, digamma

from features.errors import DataError, TrainingError
from models.btyd.checks import FEWEST_REPEATERS
from models.btyd.maximum_likelihood import Fitted, Objective, maximise
from models.btyd.quadrature import beta_nodes, unit_rule

Floats = NDArray[np.float64]

_STARTS = ((0.0, 0.0), (-1.0, 1.0), (1.0, 2.0))
_RULE = unit_rule()


@dataclass(frozen=True)
class ShiftedBetaGeometric:
    """Parameters: the chance to leave at a renewal differs as Beta(alpha, beta).

    Examples
    --------
    A thousand yearly contracts, the article's high-end segment: those that ended in each year, and
    those that still ran after seven. Who has renewed before is likelier to renew again.

    >>> years, ended = [*range(1, 8), 7], [True] * 7 + [False]
    >>> contracts = [131, 126, 90, 60, 42, 34, 26, 491]
    >>> model = ShiftedBetaGeometric.fit(years, ended, contracts).model
    >>> round(model.alpha, 2), round(model.beta, 2)
    (0.67, 3.81)
    >>> model.probability_stays(np.array([0, 6]), horizon=1).round(2).tolist()
    [0.85, 0.94]
    """

    alpha: float
    beta: float

    @classmethod
    def fit(
        cls, periods: ArrayLike, ended: ArrayLike, customers: ArrayLike | None = None
    ) -> Fitted[ShiftedBetaGeometric]:
        """Estimate by maximum likelihood with the analytic gradient.

        Parameters
        ----------
        periods
            Whole periods: in which the contract ended (from 1), or how many renewals it has
            stood (from 0) where it still runs; shape (n,).
        ended
            Whether it ended.
        customers
            How many contracts each row represents; one each by default.

        Raises
        ------
        DataError
            A period that cannot be.
        TrainingError
            Fewer than ten contracts ended.
        """
        t, over = np.asarray(periods, np.float64), np.asarray(ended, np.bool_)
        weight = np.ones(len(t)) if customers is None else np.asarray(customers, np.float64)
        if not ((t >= over) & (t == np.floor(t)) & np.isfinite(t)).all():
            raise DataError(
                "some contracts have an impossible number of periods",
                "count whole periods, from 1 for those that ended and from 0 for those that run",
            )
        if weight[over].sum() < FEWEST_REPEATERS:
            raise TrainingError(
                f"only {int(weight[over].sum())} contracts ended: too few to learn how many will",
                "bring a longer history",
            )
        lengths, place = np.unique(t, return_inverse=True)
        counts = [np.bincount(place, weight * part, len(lengths)) for part in (over, ~over)]
        lost, kept = np.asarray(counts, np.float64)
        maximum = maximise(mean_log_likelihood(lengths, lost, kept), _STARTS)
        alpha, beta = np.exp(maximum.log_parameters)
        model = cls(float(alpha), float(beta))
        return Fitted(model, maximum.diagnostics(asdict(model), weight.sum()))

    def log_likelihood(self, periods: Floats, ended: NDArray[np.bool_]) -> Floats:
        """Return each contract's log P(T = t), eq. (5), or log S(t), eq. (6); shape (n,)."""
        end = np.where(ended, 1.0, 0.0)
        joint = betaln(self.alpha + end, self.beta + periods - end)
        return np.asarray(joint - betaln(self.alpha, self.beta))

    def survival(self, periods: Floats) -> Floats:
        """Return S(t), the share of contracts still running after t renewals: eq. (6)."""
        return np.asarray(
            np.exp(betaln(self.alpha, self.beta + periods) - betaln(self.alpha, self.beta))
        )

    def retention(self, periods: Floats) -> Floats:
        """Return the share of contracts alive after t - 1 renewals that take the t-th: eq. (8)."""
        return (self.beta + periods - 1) / (self.alpha + self.beta + periods - 1)

    def probability_stays(self, renewals: Floats, horizon: int) -> Floats:
        """Return P(the next ``horizon`` renewals are all taken) after so many taken already."""
        both = betaln(self.alpha, self.beta + renewals + horizon)
        return np.asarray(np.exp(both - betaln(self.alpha, self.beta + renewals)))

    def expected_renewals(self, renewals: Floats, horizon: int, rate: float = 0.0) -> Floats:
        """Return E[renewals among the next ``horizon``], the i-th discounted by (1 + rate)^-i."""
        total = np.zeros(np.shape(renewals))
        for ahead in range(1, horizon + 1):
            total += self.probability_stays(renewals, ahead) / (1 + rate) ** ahead
        return total

    def discounted_lifetime(self, renewals: Floats, rate: float) -> Floats:
        """Return E[all renewals to come], discounted: DERL of Fader & Hardie 2010.

        The mean of q / (1 + rate - q) over chances q to renew; the first is one period ahead.
        """
        distinct, place = np.unique(renewals, return_inverse=True)
        leave = beta_nodes(self.alpha, self.beta + distinct, _RULE)
        return np.asarray((((1 - leave) / (rate + leave)) @ _RULE.weights)[place])


def mean_log_likelihood(lengths: Floats, lost: Floats, kept: Floats) -> Objective:
    """Return the function from log (alpha, beta) to mean log-likelihood and its gradient.

    Parameters
    ----------
    lengths, lost, kept
        Distinct periods, and how many contracts ended in each or still run after it.
    """
    total = lost.sum() + kept.sum()

    def evaluate(log_parameters: Floats) -> tuple[float, Floats]:
        alpha, beta = parameters = np.exp(log_parameters)
        left = beta + lengths - 1
        # A running contract may have no renewal behind it, where nothing can have been lost.
        left = np.where(lost > 0, left, 1.0)
        stood = beta + lengths
        value = lost @ betaln(alpha + 1, left) + kept @ betaln(alpha, stood)
        value -= total * betaln(alpha, beta)
        both = digamma(alpha + stood)
        together = total * digamma(alpha + beta)
        by_alpha = (lost @ (digamma(alpha + 1) - both)) + kept @ (digamma(alpha) - both)
        by_beta = lost @ (digamma(left) - both) + kept @ (digamma(stood) - both)
        gradient = np.array(
            [
                by_alpha + together - total * digamma(alpha),
                by_beta + together - total * digamma(beta),
            ]
        )
        return float(value / total), gradient * parameters / total

    return evaluate
