"""BG/BB: purchases at discrete opportunities, each taken with a chance until the customer leaves.

Fader, Hardie & Shang 2010, "Customer-base analysis in a discrete-time noncontractual setting",
Marketing Science 29(6). For yearly donations, seasonal mailings and the like, where buying twice in
a period counts as once. Frequency is the number of opportunities taken, recency the last one taken,
age the number of opportunities so far; all are whole numbers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, logsumexp

from features.errors import DataError
from models.btyd.checks import check_histories
from models.btyd.maximum_likelihood import Fitted, Objective, maximise
from models.btyd.quadrature import beta_nodes, unit_rule
from models.btyd.summary import Summary

Floats = NDArray[np.float64]

_STARTS = ((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, -0.5, 1.0), (-0.5, 0.5, -1.0, 2.0))
_RULE = unit_rule()


@dataclass(frozen=True)
class BgBb:
    """Parameters: chances to buy are Beta(alpha, beta), chances to leave Beta(gamma, delta).

    Examples
    --------
    Two donors after six yearly appeals, by the article's model: one gave to four, the last one
    among them; the other to the first two alone.

    >>> model = BgBb(1.204, 0.750, 0.657, 2.783)
    >>> donors = Summary.of([4, 2], [6, 2], [6, 6])
    >>> model.probability_alive(donors).round(2).tolist()
    [1.0, 0.07]
    >>> model.expected_purchases(donors, horizon=5).round(1).tolist()
    [2.7, 0.1]
    """

    alpha: float
    beta: float
    gamma: float
    delta: float

    @classmethod
    def fit(cls, summary: Summary) -> Fitted[BgBb]:
        """Estimate by maximum likelihood with the analytic gradient.

        Raises
        ------
        DataError
            Opportunities that are not whole, or more purchases than opportunities.
        TrainingError
            Too few customers bought again.
        """
        _check_whole(summary)
        warnings = check_histories(summary)
        alike, _ = summary.collapsed()
        maximum = maximise(mean_log_likelihood(alike), _STARTS)
        model = cls(*(float(value) for value in np.exp(maximum.log_parameters)))
        customers = alike.customers.sum()
        return Fitted(model, maximum.diagnostics(asdict(model), customers, warnings=warnings))

    def log_likelihood(self, summary: Summary) -> Floats:
        """Return each history's log-likelihood: eq. (5), shape (n,)."""
        parameters = np.array([self.alpha, self.beta, self.gamma, self.delta])
        return np.asarray(logsumexp(_States(summary).log_terms(parameters), axis=1))

    def probability_alive(self, summary: Summary) -> Floats:
        """Return P(not yet left after the last opportunity), shape (n,).

        Eq. (11) asks for the next opportunity as well; so it is this times the chance to stay.
        """
        parameters = np.array([self.alpha, self.beta, self.gamma, self.delta])
        terms = _States(summary).log_terms(parameters)
        return np.asarray(np.exp(terms[:, 0] - logsumexp(terms, axis=1)))

    def probability_no_purchase(self, summary: Summary, horizon: int) -> Floats:
        """Return P(no purchase at the next ``horizon`` opportunities), shape (n,).

        Sums over the first purchase at the j-th of them: stayed j times, declined j - 1 times.
        """
        x, n = summary.frequency, summary.age
        buys = np.zeros(len(summary))
        for ahead in range(1, int(horizon) + 1):
            refused = betaln(self.alpha + x + 1, self.beta + n - x + ahead - 1)
            refused -= betaln(self.alpha + x, self.beta + n - x)
            buys += np.exp(refused + self._log_stays(n, ahead))
        return 1 - self.probability_alive(summary) * np.minimum(buys, 1.0)

    def expected_purchases(self, summary: Summary, horizon: int) -> Floats:
        """Return E[purchases at the next ``horizon`` opportunities]: eq. (13), shape (n,)."""
        return self.discounted_purchases(summary, horizon, 0.0)

    def discounted_purchases(self, summary: Summary, horizon: float, rate: float) -> Floats:
        """Return E[purchases], the j-th opportunity discounted by (1 + rate)^-j; shape (n,).

        For an infinite horizon DERT, eq. (14): the mean of q / (1 + rate - q) over chances q to
        stay, in place of its hypergeometric.
        """
        x, n = summary.frequency, summary.age
        ages, place = np.unique(n, return_inverse=True)
        if np.isinf(horizon):
            leave = beta_nodes(self.gamma, self.delta + ages, _RULE)
            stays = ((1 - leave) / (rate + leave)) @ _RULE.weights
        else:
            stays = np.zeros(len(ages))
            for ahead in range(1, int(horizon) + 1):
                stays += np.exp(self._log_stays(ages, ahead)) / (1 + rate) ** ahead
        taken = (self.alpha + x) / (self.alpha + self.beta + n)
        return np.asarray(self.probability_alive(summary) * taken * stays[place])

    def _log_stays(self, age: Floats, ahead: int) -> Floats:
        """Log P(stays ``ahead`` more opportunities | alive), by opportunities so far."""
        return np.asarray(
            betaln(self.gamma, self.delta + age + ahead) - betaln(self.gamma, self.delta + age)
        )


class _States:
    """The possible states of each customer: still active, or left after some opportunity.

    Arrays have shape (histories, 1 + longest silence): the first column is "still active", the next
    "left ``i`` opportunities after the last purchase", void if that is not past yet.
    """

    def __init__(self, summary: Summary) -> None:
        silence = summary.age - summary.recency
        steps = np.arange(int(silence.max(initial=0)))
        after = summary.recency[:, None] + steps
        self.bought = summary.frequency[:, None]
        until = np.column_stack([summary.age, np.where(steps < silence[:, None], after, 0.0)])
        self.refused = np.maximum(until - self.bought, 0.0)
        self.stayed = until
        self.left = np.concatenate([[0.0], np.ones(len(steps))])
        self.void = np.column_stack([np.zeros(len(summary), bool), steps >= silence[:, None]])

    def log_terms(self, parameters: Floats) -> Floats:
        """Return the log-probability of each state together with the purchases."""
        alpha, beta, gamma, delta = parameters
        buying = betaln(alpha + self.bought, beta + self.refused) - betaln(alpha, beta)
        staying = betaln(gamma + self.left, delta + self.stayed) - betaln(gamma, delta)
        return np.where(self.void, -np.inf, buying + staying)

    def gradient(self, parameters: Floats, share: Floats) -> tuple[Floats, ...]:
        """Return each history's gradient, given the ``share`` of each state."""
        alpha, beta, gamma, delta = parameters
        buying = digamma(alpha + beta + self.bought + self.refused)
        staying = digamma(gamma + delta + self.left + self.stayed)
        inner = (
            digamma(alpha + self.bought) - buying + digamma(alpha + beta) - digamma(alpha),
            digamma(beta + self.refused) - buying + digamma(alpha + beta) - digamma(beta),
            digamma(gamma + self.left) - staying + digamma(gamma + delta) - digamma(gamma),
            digamma(delta + self.stayed) - staying + digamma(gamma + delta) - digamma(delta),
        )
        return tuple((share * part).sum(axis=1) for part in inner)


def mean_log_likelihood(summary: Summary) -> Objective:
    """Return the function from log (alpha, beta, gamma, delta) to mean log-likelihood, gradient."""
    states, weight = _States(summary), summary.customers
    total = weight.sum()

    def evaluate(log_parameters: Floats) -> tuple[float, Floats]:
        parameters = np.exp(log_parameters)
        terms = states.log_terms(parameters)
        each = logsumexp(terms, axis=1, keepdims=True)
        by = states.gradient(parameters, np.exp(terms - each))
        gradient = np.array([weight @ part for part in by])
        return float(weight @ each[:, 0] / total), gradient * parameters / total

    return evaluate


def _check_whole(summary: Summary) -> None:
    whole = (summary.age == np.floor(summary.age)) & (summary.recency == np.floor(summary.recency))
    possible = whole & (summary.frequency <= summary.recency)
    if not possible.all():
        raise DataError(
            f"{int((~possible).sum())} histories have opportunities that cannot be, the first in "
            f"row {int(np.argmin(possible))}",
            "count whole opportunities, each taken at most once: frequency <= recency <= age",
        )
