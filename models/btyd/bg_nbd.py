"""BG/NBD: Poisson purchases at a gamma rate, a beta chance to leave after each of them.

Fader, Hardie & Lee 2005, "Counting your customers the easy way", Marketing Science 24(2); and
the modified MBG/NBD of Batislam, Denizel & Filiztekin 2007, IJRM 24(3), in which a customer may
leave after the very first purchase too. The two differ only in how many times a customer who is
still there has chosen to stay: ``k = x`` or ``k = x + 1``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, expit, gammaln

from models.btyd.checks import check_histories
from models.btyd.discounting import discounted
from models.btyd.maximum_likelihood import Fitted, Objective, maximise
from models.btyd.quadrature import beta_nodes, unit_rule
from models.btyd.summary import Summary

Floats = NDArray[np.float64]

_STARTS = ((0.0, 0.0, 0.0, 0.0), (-1.0, -1.0, -0.5, 1.0), (0.5, 0.5, -1.0, 1.0))
_RULE = unit_rule(50)


@dataclass(frozen=True)
class BgNbd:
    """Parameters: rates are Gamma(r, alpha), chances to leave Beta(a, b).

    Attributes
    ----------
    alpha
        In the summary's unit of time.
    modified
        Whether one may leave after the first purchase (MBG/NBD).
    """

    r: float
    alpha: float
    a: float
    b: float
    modified: bool = False

    @classmethod
    def fit(cls, summary: Summary, *, modified: bool = False) -> Fitted[BgNbd]:
        """Estimate by maximum likelihood with the analytic gradient.

        Raises
        ------
        TrainingError
            Too few customers came back to learn from.
        """
        warnings = check_histories(summary)
        alike, _ = summary.collapsed()
        unit = alike.mean_age
        scaled = alike.in_units_of(unit)
        maximum = maximise(
            mean_log_likelihood(scaled, modified=modified),
            _STARTS,
            mean_log_likelihood(scaled.thinned(), modified=modified),
        )
        r, alpha, a, b = np.exp(maximum.log_parameters)
        model = cls(float(r), float(alpha * unit), float(a), float(b), modified)
        parameters = {name: value for name, value in asdict(model).items() if name != "modified"}
        customers, rescaled = alike.customers.sum(), alike.purchases * np.log(unit)
        return Fitted(model, maximum.diagnostics(parameters, customers, rescaled, warnings))

    def log_likelihood(self, summary: Summary) -> Floats:
        """Return each history's log-likelihood: eq. (6), shape (n,)."""
        x, stayed = summary.frequency, self._stayed(summary)
        shape = self.r + x
        purchases = gammaln(shape) - gammaln(self.r) + self.r * np.log(self.alpha)
        staying = betaln(self.a, self.b + stayed) - betaln(self.a, self.b)
        alive = purchases + staying - shape * np.log(self.alpha + summary.age)
        return np.asarray(alive + np.logaddexp(0.0, self._log_odds_gone(summary)))

    def probability_alive(self, summary: Summary) -> Floats:
        """Return P(alive at T): brucehardie.com/notes/021, shape (n,)."""
        return np.asarray(expit(-self._log_odds_gone(summary)))

    def probability_no_purchase(self, summary: Summary, horizon: float) -> Floats:
        """Return P(no purchase in the horizon), shape (n,).

        A customer who is alive stays so until the next purchase, whose waiting time is Lomax.
        """
        silent = np.log1p(horizon / (self.alpha + summary.age)) * (self.r + summary.frequency)
        none = 1 + self.probability_alive(summary) * np.expm1(-silent)
        return np.asarray(np.clip(none, 0.0, 1.0))

    def expected_purchases(self, summary: Summary, horizon: float) -> Floats:
        """Return E[purchases in the horizon]: eq. (10), by quadrature over chances to leave.

        The mean of (1 - (1 + p t / (alpha + T))^-(r + x)) / p under the posterior Beta(a, b + k):
        the closed form divides by a - 1 and needs a hypergeometric that overflows.
        """
        pairs, places = summary.without_recency().collapsed()
        stayed, group = np.unique(self._stayed(pairs), return_inverse=True)
        chances = beta_nodes(self.a, self.b + stayed, _RULE)
        scale = horizon / (self.alpha + pairs.age)
        shape = self.r + pairs.frequency
        alive = np.empty(len(pairs))
        for number in range(len(stayed)):
            rows = np.flatnonzero(group == number)
            p = chances[number]
            bought = -np.expm1(-shape[rows, None] * np.log1p(scale[rows, None] * p)) / p
            alive[rows] = bought @ _RULE.weights
        return np.asarray(alive[places] * self.probability_alive(summary))

    def discounted_purchases(self, summary: Summary, horizon: float, rate: float) -> Floats:
        """Return E[purchases in the horizon], each discounted by exp(-rate * time); shape (n,)."""
        return discounted(self.expected_purchases, summary, horizon, rate)

    def _stayed(self, summary: Summary) -> Floats:
        return summary.frequency + self.modified

    def _log_odds_gone(self, summary: Summary) -> Floats:
        """Log odds of having left after the last purchase; minus infinity where one could not."""
        stayed = self._stayed(summary)
        elapsed = np.log(self.alpha + summary.age) - np.log(self.alpha + summary.recency)
        chosen = np.where(stayed > 0, self.b + stayed - 1, 1.0)
        odds = np.log(self.a) - np.log(chosen) + (self.r + summary.frequency) * elapsed
        return np.where(stayed > 0, odds, -np.inf)


def mean_log_likelihood(summary: Summary, *, modified: bool) -> Objective:
    """Return the function from log (r, alpha, a, b) to mean log-likelihood and its gradient.

    Logarithms and digammas are taken once per distinct frequency, age and recency; per history
    there is only the chance of having left.
    """
    weight, total = summary.customers, float(summary.customers.sum())
    counts, count_of = np.unique(summary.frequency, return_inverse=True)
    ages, age_of = np.unique(summary.age, return_inverse=True)
    recencies, recency_of = np.unique(summary.recency, return_inverse=True)
    customers = np.bincount(count_of, weight)
    aged = np.bincount(age_of, weight)
    purchases = np.bincount(age_of, weight * summary.frequency)
    leavers = np.flatnonzero(summary.frequency + modified > 0)
    weight = weight[leavers]
    count_of, age_of, recency_of = count_of[leavers], age_of[leavers], recency_of[leavers]

    def evaluate(log_parameters: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = parameters = np.exp(log_parameters)
        shape, stayed = r + counts, counts + modified
        chosen = np.where(stayed > 0, b + stayed - 1, 1.0)
        log_age = np.log(alpha + ages)
        elapsed = log_age[age_of] - np.log(alpha + recencies)[recency_of]
        shapes = shape[count_of]
        odds = np.log(a / chosen)[count_of] + shapes * elapsed
        small = np.exp(-np.abs(odds))
        left = weight * np.where(odds > 0, 1.0, small) / (1 + small)
        value = (
            customers @ (gammaln(shape) - gammaln(r) + r * np.log(alpha))
            + customers @ (betaln(a, b + stayed) - betaln(a, b))
            - (r * aged + purchases) @ log_age
            + weight @ (np.maximum(odds, 0.0) + np.log1p(small))
        )
        left_by_count = np.bincount(count_of, left, len(counts))
        left_by_age = np.bincount(age_of, left * shapes, len(ages))
        left_by_recency = np.bincount(recency_of, left * shapes, len(recencies))
        together = digamma(a + b) - digamma(a + b + stayed)
        gradient = np.array(
            [
                customers @ (digamma(shape) - digamma(r) + np.log(alpha))
                - aged @ log_age
                + left @ elapsed,
                total * r / alpha
                - (r * aged + purchases - left_by_age) @ (1 / (alpha + ages))
                - left_by_recency @ (1 / (alpha + recencies)),
                customers @ together + left.sum() / a,
                customers @ (together + digamma(b + stayed) - digamma(b))
                - left_by_count @ (1 / chosen),
            ]
        )
        return float(value / total), gradient * parameters / total

    return evaluate
