"""Pareto/NBD: Poisson purchases at a gamma rate until an exponential lifetime, also gamma, ends.

Schmittlein, Morrison & Colombo 1987, "Counting your customers: who are they and what will they
do next?", Management Science 33(1); equations as numbered by Fader & Hardie 2005, "A note on
deriving the Pareto/NBD model and related expressions", brucehardie.com/notes/009.

Its likelihood adds to the chance of being alive the chance of having left at a time tau between
the last purchase and today. That integral is a pair of Gauss hypergeometrics, which overflow
for frequent customers; here it is summed directly, on a logarithmic scale, relative to the
chance of being alive. The gradient is the same sum of the integrand's own gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, expit, exprel, gammaln

from models.btyd.checks import check_histories
from models.btyd.discounting import discounted
from models.btyd.maximum_likelihood import Fitted, Objective, maximise
from models.btyd.quadrature import unit_rule
from models.btyd.summary import Summary

Floats = NDArray[np.float64]

_STARTS = ((0.0, 0.0, 0.0, 0.0), (-1.0, -1.0, -1.0, 0.0), (0.5, 0.0, -0.5, 1.5))
_RULE = unit_rule()
_FINE_RULE = unit_rule(150)
_CHUNK = 16_384
_LARGEST_EXPONENT = 300.0


@dataclass(frozen=True)
class ParetoNbd:
    """Parameters: purchase rates are Gamma(r, alpha), rates of leaving Gamma(s, beta).

    Attributes
    ----------
    alpha, beta
        In the summary's unit of time.
    """

    r: float
    alpha: float
    s: float
    beta: float

    @classmethod
    def fit(cls, summary: Summary) -> Fitted[ParetoNbd]:
        """Estimate by maximum likelihood with the analytic gradient.

        A sum of 60 terms per distinct history and step: above a hundred thousand of them give
        ``summary.binned(7)`` of histories in days.

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
            mean_log_likelihood(scaled), _STARTS, mean_log_likelihood(scaled.thinned())
        )
        r, alpha, s, beta = np.exp(maximum.log_parameters)
        model = cls(float(r), float(alpha * unit), float(s), float(beta * unit))
        customers, rescaled = alike.customers.sum(), alike.purchases * np.log(unit)
        return Fitted(model, maximum.diagnostics(asdict(model), customers, rescaled, warnings))

    def log_likelihood(self, summary: Summary) -> Floats:
        """Return each history's log-likelihood: eq. (18), shape (n,)."""
        shape = self.r + summary.frequency
        alive = (
            gammaln(shape)
            - gammaln(self.r)
            - self.r * np.log1p(summary.age / self.alpha)
            - summary.frequency * np.log(self.alpha + summary.age)
            - self.s * np.log1p(summary.age / self.beta)
        )
        return np.asarray(alive + np.logaddexp(0.0, self._log_odds_gone(summary)))

    def probability_alive(self, summary: Summary) -> Floats:
        """Return P(alive at T): eqs. (36)-(37), shape (n,)."""
        return np.asarray(expit(-self._log_odds_gone(summary)))

    def probability_no_purchase(self, summary: Summary, horizon: float) -> Floats:
        """Return P(no purchase in the horizon), shape (n,).

        Who buys must still be there when the next purchase is due, a Lomax time away.
        """

        def buys(pairs: Summary) -> Floats:
            age, shape = (self.alpha + pairs.age)[:, None], (self.r + pairs.frequency)[:, None]
            silent = np.exp(-shape * np.log1p(horizon / age))
            left = silent + (1 - silent) * _FINE_RULE.complements
            due = age * np.expm1(np.minimum(-np.log(left) / shape, _LARGEST_EXPONENT))
            there = np.exp(-self.s * np.log1p(due / (self.beta + pairs.age)[:, None]))
            return np.asarray((1 - silent[:, 0]) * (there @ _FINE_RULE.weights))

        # The quadrature's weights add up to 1 but for the last bit.
        leaves = self.probability_alive(summary) * _by_pair(summary, buys)
        return np.asarray(np.clip(1 - leaves, 0.0, 1.0))

    def expected_purchases(self, summary: Summary, horizon: float) -> Floats:
        """Return E[purchases in the horizon]: eq. (41), also where s is 1; shape (n,)."""
        span = np.log1p(horizon / (self.beta + summary.age))
        lived = (self.beta + summary.age) * span * exprel((1 - self.s) * span)
        rate = (self.r + summary.frequency) / (self.alpha + summary.age)
        return np.asarray(self.probability_alive(summary) * rate * lived)

    def discounted_purchases(self, summary: Summary, horizon: float, rate: float) -> Floats:
        """Return E[purchases in the horizon], each discounted by exp(-rate * time); shape (n,)."""
        if np.isinf(horizon):
            return self._discounted_for_ever(summary, rate)
        return discounted(self.expected_purchases, summary, horizon, rate)

    def _discounted_for_ever(self, summary: Summary, rate: float) -> Floats:
        """Return DET: Fader, Hardie & Lee 2005 (RFM and CLV), eq. (2).

        The mean of 1 / (rate + mu), their confluent hypergeometric, as an integral over what
        discounting leaves of one.
        """

        def years(pairs: Summary) -> Floats:
            waited = -np.log(_RULE.nodes) / (rate * (self.beta + pairs.age))[:, None]
            return np.asarray(np.exp(-self.s * np.log1p(waited)) @ _RULE.weights / rate)

        purchase_rate = (self.r + summary.frequency) / (self.alpha + summary.age)
        return self.probability_alive(summary) * purchase_rate * _by_pair(summary, years)

    def _log_odds_gone(self, summary: Summary) -> Floats:
        parameters = np.array([self.r, self.alpha, self.s, self.beta])
        odds = np.empty(len(summary))
        for start in range(0, len(summary), _CHUNK):
            part = summary.rows(slice(start, start + _CHUNK))
            odds[start : start + _CHUNK] = _departures(parameters, part).log_odds
        return odds


class _Departures(NamedTuple):
    """When a customer may have left, shapes (rows, nodes), and the log odds of having done so.

    ``since_alpha`` is log (alpha + T) / (alpha + tau), ``since_beta`` likewise; ``share`` is how
    likely each time is, given that the customer left.
    """

    tau: Floats
    since_alpha: Floats
    since_beta: Floats
    share: Floats
    log_odds: Floats


def _departures(parameters: Floats, summary: Summary) -> _Departures:
    """Sum over times of leaving between the last purchase and today, in steps of log time."""
    r, alpha, s, beta = parameters
    start, age = summary.recency[:, None], summary.age[:, None]
    span = np.log((beta + age) / (beta + start))
    tau = start + (beta + start) * np.expm1(span * _RULE.nodes)
    since_alpha = np.log((alpha + age) / (alpha + tau))
    since_beta = span * _RULE.complements
    terms = (r + summary.frequency)[:, None] * since_alpha + s * since_beta
    largest = terms.max(axis=1, keepdims=True)
    share = np.exp(terms - largest) * _RULE.weights
    total = share.sum(axis=1, keepdims=True)
    share /= total
    with np.errstate(divide="ignore"):
        log_odds = np.log(s) + np.log(span) + largest + np.log(total)
    return _Departures(tau, since_alpha, since_beta, share, log_odds[:, 0])


def mean_log_likelihood(summary: Summary) -> Objective:
    """Return the function from log (r, alpha, s, beta) to mean log-likelihood and its gradient."""
    total = summary.customers.sum()
    parts = [summary.rows(slice(start, start + _CHUNK)) for start in range(0, len(summary), _CHUNK)]

    def evaluate(log_parameters: Floats) -> tuple[float, Floats]:
        parameters = np.exp(log_parameters)
        value, gradient = 0.0, np.zeros(4)
        for part in parts:
            one_value, one_gradient = _value_and_gradient(parameters, part)
            value += one_value
            gradient += one_gradient
        return value / total, gradient * parameters / total

    return evaluate


def _value_and_gradient(parameters: Floats, summary: Summary) -> tuple[float, Floats]:
    """Sum the log-likelihood and its gradient by (r, alpha, s, beta) over customers."""
    r, alpha, s, beta = parameters
    x, T, weight = summary.frequency, summary.age, summary.customers
    shape = r + x
    left = _departures(parameters, summary)
    gone = expit(left.log_odds)
    log_alpha, log_beta = np.log1p(T / alpha), np.log1p(T / beta)
    value = (
        gammaln(shape)
        - gammaln(r)
        - r * log_alpha
        - x * np.log(alpha + T)
        - s * log_beta
        + np.logaddexp(0.0, left.log_odds)
    )

    def mean(values: Floats) -> Floats:
        return np.asarray(np.einsum("ij,ij->i", left.share, values))

    by_r = digamma(shape) - digamma(r) - log_alpha + gone * mean(left.since_alpha)
    by_alpha = (
        r / alpha - shape / (alpha + T) * (1 - gone) - gone * shape * mean(1 / (alpha + left.tau))
    )
    by_s = gone * (1 / s + mean(left.since_beta)) - log_beta
    by_beta = s / beta - s / (beta + T) * (1 - gone) - gone * (s + 1) * mean(1 / (beta + left.tau))
    return float(weight @ value), np.array([weight @ by for by in (by_r, by_alpha, by_s, by_beta)])


def _by_pair(summary: Summary, function: Callable[[Summary], Floats]) -> Floats:
    """Compute once per distinct frequency and age what does not depend on recency."""
    pairs, places = summary.without_recency().collapsed()
    return function(pairs)[places]
