"""Choose what is shown from the allowed candidates, with the probability of each choice.

A policy orders the candidates. In each placement the best comes first or, in a set share of
decisions, another one that is drawn by hash. The probabilities are logged, so that
:mod:`models.policy.estimators` can evaluate another policy on the same decisions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.policy.exploration import Decision, chances_to_be_best, decide
from serving.decisions.policies.settings import ExplorationSettings, ExplorationShare, PolicyName

Floats = NDArray[np.float64]

CHAMPION: Final = "champion"
"""The variant of unknown customers, and of all where no experiment runs."""

NOTHING_ID: Final = "do_nothing"
"""The id under which doing nothing is logged."""

OFFER: Final = "offer:"
PRODUCT: Final = "product:"
"""Prefixes of the ids of offers and products in the log."""

_SALT: Final = "next best offer"


@dataclass(frozen=True)
class ChoicePolicy:
    """What orders a customer's candidates, how it explores, and the variant that is logged."""

    variant: str
    name: PolicyName
    exploration: ExplorationSettings


@dataclass(frozen=True, eq=False)
class Allowed:
    """Candidates that passed every gate, no two for the same product; ``n`` of them.

    Parameters
    ----------
    ids
        What each is logged as, distinct: an offer's or product's id behind ``OFFER`` or
        ``PRODUCT``.
    values
        Expected money, shape (n,); see DEFINITIONS, Decisions.
    acceptance
        P(accept), shape (n,).
    deviations
        Standard error of each value, money, shape (n,); 0 where a value is taken as known.
    nothing
        The place of doing nothing, which is always a candidate and has the id ``NOTHING_ID``.

    Equal scores keep the order in which candidates come, so it must be the one that breaks ties.
    """

    ids: Sequence[str]
    values: Floats
    acceptance: Floats
    deviations: Floats
    nothing: int


@dataclass(frozen=True, eq=False)
class Slot:
    """What one placement shows, and with which probability.

    Attributes
    ----------
    shown
        Places among the candidates: the one drawn, then the policy's next best that are worth
        more than nothing. Only doing nothing, where that was drawn.
    propensity
        Probability that just this was shown, given what the placements before it show.
    probabilities
        Of every candidate to come first, shape (n,); 0 for those shown before. Sum 1.
    """

    placement: str | None
    shown: tuple[int, ...]
    propensity: float
    probabilities: Floats


@dataclass(frozen=True, eq=False)
class Chosen:
    """One decision: a slot for each placement, in the order asked."""

    variant: str
    slots: tuple[Slot, ...]

    @property
    def propensity(self) -> float:
        """Probability that just this answer was given."""
        return math.prod(slot.propensity for slot in self.slots)


def choose(
    policy: ChoicePolicy,
    allowed: Allowed,
    unit: str,
    placements: Sequence[str] = (),
    n: int = 1,
    fits: NDArray[np.bool_] | None = None,
) -> Chosen:
    """Fill the placements, ``n`` candidates each; without placements, one slot of ``n``.

    Parameters
    ----------
    policy
        From :meth:`serving.decisions.policies.experiments.Experiments.policy_of`.
    unit
        The decision's id; the same id draws the same candidates.
    fits
        Which candidates may be shown in each placement, shape (placements, candidates); all by
        default. Doing nothing always may.
    """
    scores = policy_scores(policy.name, allowed)
    free = np.ones(len(scores), dtype=bool)
    slots = []
    for place, placement in enumerate(placements or (None,)):
        here = free if fits is None else free & fits[place]
        here[allowed.nothing] = True
        settings = policy.exploration.of(placement)
        probabilities = explore(scores, allowed, here, settings)
        # A certain choice needs no draw.
        drawn = (
            decide(probabilities, unit, f"{_SALT} {place}")
            if settings.share
            else Decision(int(probabilities.argmax()), 1.0)
        )
        shown = [drawn.action]
        if drawn.action != allowed.nothing:
            free[drawn.action] = here[drawn.action] = False
            shown += _next_best(scores, allowed, here, n - 1) if n > 1 else []
            free[shown] = False
        slots.append(Slot(placement, tuple(shown), drawn.propensity, probabilities))
    return Chosen(policy.variant, tuple(slots))


def policy_scores(name: PolicyName, allowed: Allowed) -> Floats:
    """Return what a policy orders the candidates by, shape (n,); higher comes first.

    The chance that doing nothing is accepted is 0, so the policy ``acceptance`` always acts.
    """
    if name == "nothing":
        return np.where(np.arange(len(allowed.ids)) == allowed.nothing, 1.0, 0.0)
    return allowed.acceptance if name == "acceptance" else allowed.values


def explore(
    scores: Floats, allowed: Allowed, free: NDArray[np.bool_], settings: ExplorationShare
) -> Floats:
    """Return the probability of every candidate to come first, shape (n,), sum 1.

    The policy's best has probability ``1 - share``. The share is divided among its best
    ``among`` candidates and doing nothing: evenly, or by each one's chance to be worth most.

    Parameters
    ----------
    scores
        What the policy orders by, shape (n,).
    free
        Candidates not shown in a placement before; doing nothing is one of them.
    """
    probabilities = np.zeros(len(scores))
    ranked = np.where(free, scores, -np.inf)
    probabilities[ranked.argmax()] = 1 - settings.share
    if settings.share:
        best = np.argsort(-ranked, kind="stable")[: settings.among]
        tried = best[free[best] & (best != allowed.nothing)].tolist()
        tried.append(allowed.nothing)
        if settings.method == "uniform":
            probabilities[tried] += settings.share / len(tried)
        else:
            chances = chances_to_be_best(allowed.values[tried], allowed.deviations[tried])
            probabilities[tried] += settings.share * chances
    return probabilities


def _next_best(scores: Floats, allowed: Allowed, free: NDArray[np.bool_], n: int) -> list[int]:
    """Return up to ``n`` further candidates, best first, that are worth more than nothing."""
    fit = np.flatnonzero(free & (allowed.values > 0))
    return [int(place) for place in fit[np.argsort(-scores[fit], kind="stable")[:n]]]
