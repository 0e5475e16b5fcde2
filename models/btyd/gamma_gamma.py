"""Gamma-Gamma: spend per purchase varies around a mean that differs between customers.

Fader & Hardie 2013, "The Gamma-Gamma model of monetary value", brucehardie.com/notes/025; first
in Fader, Hardie & Lee 2005, "RFM and CLV", Journal of Marketing Research 42(4).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from features.errors import TrainingError
from models.btyd.checks import FEWEST_REPEATERS, check_spend
from models.btyd.maximum_likelihood import Fitted, Objective, maximise

Floats = NDArray[np.float64]

_ENOUGH_TO_START = 2_000
_STARTS = ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (2.0, 0.0, 2.0))


@dataclass(frozen=True)
class GammaGamma:
    """Parameters: a purchase is Gamma(p, nu), and nu differs as Gamma(q, gamma).

    Attributes
    ----------
    q
        Above 1, so that the mean exists.
    gamma
        In money.
    """

    p: float
    q: float
    gamma: float

    @classmethod
    def fit(cls, frequency: Floats, spend: Floats) -> Fitted[GammaGamma]:
        """Estimate by maximum likelihood with the analytic gradient.

        Parameters
        ----------
        frequency, spend
            How many purchases were averaged, and their mean; shape (n,). Customers without a
            purchase, or whose mean is not positive, say nothing and are left out.

        Raises
        ------
        TrainingError
            Too few customers have both.
        """
        known = (frequency > 0) & (spend > 0) & np.isfinite(spend)
        x, m = np.asarray(frequency[known], np.float64), np.asarray(spend[known], np.float64)
        # In one order, so that sums round alike whatever the order of the rows.
        order = np.lexsort((m, x))
        x, m = x[order], m[order]
        if len(x) < FEWEST_REPEATERS:
            raise TrainingError(
                f"only {len(x)} customers have a positive mean spend of repeat purchases",
                "bring a longer history, or check unit_price",
            )
        unit = float(m.mean())
        few = slice(None, None, max(1, len(x) // _ENOUGH_TO_START))
        maximum = maximise(
            mean_log_likelihood(x, m / unit),
            _STARTS,
            mean_log_likelihood(x[few], m[few] / unit),
        )
        p, above_one, gamma = np.exp(maximum.log_parameters)
        model = cls(float(p), float(1 + above_one), float(gamma * unit))
        # The delta method goes by what was estimated: the part of q above one.
        estimated = {**asdict(model), "q": float(above_one)}
        warnings = check_spend(x, m, model.p)
        rescaled = len(x) * np.log(unit)
        return Fitted(model, maximum.diagnostics(estimated, len(x), rescaled, warnings))

    @property
    def population_mean(self) -> float:
        """E[spend per purchase] of a customer nothing is known of: p gamma / (q - 1)."""
        return self.p * self.gamma / (self.q - 1)

    def log_likelihood(self, frequency: Floats, spend: Floats) -> Floats:
        """Return each customer's log-likelihood: eq. (1a), shape (n,)."""
        p, q, gamma = self.p, self.q, self.gamma
        px = p * frequency
        return np.asarray(
            gammaln(px + q)
            - gammaln(px)
            - gammaln(q)
            + q * np.log(gamma)
            + (px - 1) * np.log(spend)
            + px * np.log(frequency)
            - (px + q) * np.log(gamma + frequency * spend)
        )

    def expected_spend(self, frequency: Floats, spend: Floats) -> Floats:
        """Return E[spend per purchase]: eq. (5), the customer's mean shrunk to the population's.

        Without a purchase, or with a mean that is missing or not positive, the population's.
        """
        known = (frequency > 0) & (spend > 0)
        x = np.where(known, frequency, 0.0)
        paid = np.where(known, spend, 0.0) * x
        return np.asarray(self.p * (self.gamma + paid) / (self.p * x + self.q - 1))


def mean_log_likelihood(frequency: Floats, spend: Floats) -> Objective:
    """Return the function from log (p, q - 1, gamma) to mean log-likelihood and its gradient."""
    n = len(frequency)
    counts, count_of = np.unique(frequency, return_inverse=True)
    customers = np.bincount(count_of)
    paid = frequency * spend
    log_paid = np.bincount(count_of, np.log(paid))
    constant = float(np.log(spend).sum())

    def evaluate(log_parameters: Floats) -> tuple[float, Floats]:
        p, above_one, gamma = parameters = np.exp(log_parameters)
        q = 1 + above_one
        px = p * counts
        log_sum = np.bincount(count_of, np.log(gamma + paid))
        inverse_sum = np.bincount(count_of, 1 / (gamma + paid))
        value = (
            customers @ (gammaln(px + q) - gammaln(px))
            + px @ log_paid
            - (px + q) @ log_sum
            + n * (q * np.log(gamma) - gammaln(q))
            - constant
        )
        both = digamma(px + q)
        gradient = np.array(
            [
                counts @ (customers * (both - digamma(px)) + log_paid - log_sum),
                customers @ both - log_sum.sum() + n * (np.log(gamma) - digamma(q)),
                n * q / gamma - (px + q) @ inverse_sum,
            ]
        )
        return float(value / n), gradient * parameters / n

    return evaluate
