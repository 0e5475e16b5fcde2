"""What a decision chose from, as it is kept: compact JSON, written with the decision itself.

One entry for each placement: what was drawn to come first, with which chance, and the candidates
with their value, chance of acceptance and probability to come first. Of many candidates those of
the largest probability are kept, then those of the largest value; the others are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import orjson

from serving.decisions.exploration import Allowed, Chosen, Slot

MOST_CANDIDATES: Final = 50

_DIGITS: Final = 6
# Keys of the JSON, and the order within a candidate: id, value, acceptance, probability.
_PLACEMENT, _RANK, _ACTION, _PROPENSITY, _CANDIDATES, _OTHERS, _OTHER_CHANCE = (
    "placement", "rank", "action", "propensity", "candidates", "others", "others_probability",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """One action that a placement could have led with."""

    id: str
    value: float
    acceptance: float
    probability: float


@dataclass(frozen=True, slots=True)
class LoggedChoice:
    """One placement's choice, read back.

    Attributes
    ----------
    rank
        Of the item that was drawn to come first in the placement; None where it is to do nothing,
        which is no item.
    action
        Id of the candidate that was drawn.
    others, others_probability
        How many candidates were not kept, and their probabilities' sum.
    """

    placement: str | None
    rank: int | None
    action: str
    propensity: float
    candidates: tuple[Candidate, ...]
    others: int
    others_probability: float


def write_choices(chosen: Chosen, allowed: Allowed) -> str:
    """Return the JSON of a decision."""
    entries, rank = [], 1
    for slot in chosen.slots:
        is_nothing = slot.shown[0] == allowed.nothing
        entries.append(_entry(slot, allowed, None if is_nothing else rank))
        rank += 0 if is_nothing else len(slot.shown)
    return orjson.dumps(entries).decode()


def read_choices(written: str) -> list[LoggedChoice]:
    """Return what :func:`write_choices` wrote."""
    return [
        LoggedChoice(
            placement=entry[_PLACEMENT],
            rank=entry[_RANK],
            action=entry[_ACTION],
            propensity=entry[_PROPENSITY],
            candidates=tuple(Candidate(*values) for values in entry[_CANDIDATES]),
            others=entry.get(_OTHERS, 0),
            others_probability=entry.get(_OTHER_CHANCE, 0.0),
        )
        for entry in orjson.loads(written)
    ]


def contenders(choice: LoggedChoice) -> LoggedChoice:
    """Leave the candidates that had a chance and the best by value and by acceptance.

    It is all that judging asks for, and many choices are held at once.
    """
    candidates = choice.candidates
    best = {max(candidates, key=lambda each: each.value).id}
    best.add(max(candidates, key=lambda each: each.acceptance).id)
    left = tuple(each for each in candidates if each.probability > 0 or each.id in best)
    return replace(choice, candidates=left, others=choice.others + len(candidates) - len(left))


def _entry(slot: Slot, allowed: Allowed, rank: int | None) -> dict[str, Any]:
    places = np.arange(len(allowed.ids))
    if len(places) > MOST_CANDIDATES:
        places = np.lexsort((-allowed.values, -slot.probabilities))[:MOST_CANDIDATES]
    # Probabilities stay exact: weights are made of them.
    kept = zip(
        [allowed.ids[place] for place in places.tolist()],
        allowed.values[places].round(_DIGITS).tolist(),
        allowed.acceptance[places].round(_DIGITS).tolist(),
        slot.probabilities[places].tolist(),
        strict=True,
    )
    entry: dict[str, Any] = {
        _PLACEMENT: slot.placement,
        _RANK: rank,
        _ACTION: allowed.ids[slot.shown[0]],
        _PROPENSITY: slot.propensity,
        _CANDIDATES: list(kept),
    }
    others = len(allowed.ids) - len(places)
    if others:
        unkept = np.ones(len(allowed.ids), dtype=np.bool_)
        unkept[places] = False
        entry |= {_OTHERS: others, _OTHER_CHANCE: float(slot.probabilities[unkept].sum())}
    return entry
