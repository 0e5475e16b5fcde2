"""Sample-ratio check: whether the variants are as large as designed.

If not, something filters customers unevenly: a fault of assignment, logging or joining that makes
the results of an experiment worthless (Fabijan et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, gammaln, xlogy

_ALARM = 0.001
_PRIOR_CUSTOMERS = 1_000.0


@dataclass(frozen=True)
class SampleRatio:
    """The check of one experiment.

    Attributes
    ----------
    p_value
        Of the chi-square test: valid if looked at once, at a sample size set beforehand.
    always_valid_p
        Valid however often it is looked at.
    """

    counts: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float
    always_valid_p: float

    @property
    def mismatch(self) -> bool:
        """Whether to stop and look for the fault; a false alarm in 1,000 experiments."""
        return self.always_valid_p < _ALARM

    @property
    def says(self) -> str:
        """The finding in words."""
        sizes = ", ".join(
            f"{name} {count:,} ({self.expected[name]:,.0f} expected)"
            for name, count in self.counts.items()
        )
        if self.mismatch:
            return f"sample-ratio mismatch, do not read the results: {sizes}"
        return f"variants are as large as designed: {sizes}"


def check_sample_ratio(counts: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Compare the variants' sizes with their designed shares.

    The always-valid p-value is one over the Bayes factor of a Dirichlet around the design
    against the design itself: under the design a martingale, so that it ever exceeds 1/p with
    chance at most p (Lindon & Malek 2022, equation 9).
    """
    names = [name for name in shares if shares[name] > 0 or counts.get(name, 0)]
    observed = np.array([counts.get(name, 0) for name in names], dtype=np.float64)
    designed = np.array([shares[name] for name in names]) / sum(shares[name] for name in names)
    total = observed.sum()
    expected = dict(zip(names, (total * designed).tolist(), strict=True))
    sizes = dict(zip(names, observed.astype(int).tolist(), strict=True))
    if (observed[designed == 0] > 0).any():
        return SampleRatio(sizes, expected, 0.0, 0.0)
    if total == 0 or len(names) < 2:
        return SampleRatio(sizes, expected, 1.0, 1.0)
    prior = _PRIOR_CUSTOMERS * designed
    log_factor = (
        gammaln(prior.sum())
        - gammaln(prior.sum() + total)
        + (gammaln(prior + observed) - gammaln(prior)).sum()
        - xlogy(observed, designed).sum()
    )
    statistic = float(((observed - total * designed) ** 2 / (total * designed)).sum())
    p_value = float(chdtrc(len(names) - 1, statistic))
    return SampleRatio(sizes, expected, p_value, float(np.exp(-max(log_factor, 0.0))))
