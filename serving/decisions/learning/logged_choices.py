"""The candidates of a decision in the log: compact JSON, written with the decision itself.

One slot for each placement: what was drawn to come first, with which chance, and the candidates
with their value, chance of acceptance and probability to come first. Of many candidates those with
the largest probability are kept, then those with the largest value; the others are only counted.
The same JSON holds the decision's trace: see :mod:`serving.decisions.traces.logged_trace`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Final

import numpy as np
import orjson

from serving.decisions.policies.exploration import Allowed, Chosen, Slot

MOST_CANDIDATES: Final = 50

# Keys of the JSON. Candidates are written column by column, those with a chance first; the chances
# of the rest, which are 0, are left out. Values and acceptance have 24 bits, some seven digits.
_SLOTS, _TRACE = "slots", "trace"
_PLACEMENT, _RANK, _ACTION, _PROPENSITY = "placement", "rank", "action", "propensity"
_IDS, _VALUES, _ACCEPTANCE, _CHANCES = "ids", "values", "acceptance", "probabilities"
_OTHERS, _OTHER_CHANCE = "others", "others_probability"
# The older form: a list of slots, each with its candidates row by row.
_CANDIDATES: Final = "candidates"


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


def write_choices(chosen: Chosen, allowed: Allowed, trace: Mapping[str, Any] | None = None) -> str:
    """Return the JSON of a decision.

    Parameters
    ----------
    trace
        From :func:`serving.decisions.traces.logged_trace.trace_record`.
    """
    slots, rank = [], 1
    for slot in chosen.slots:
        is_nothing = slot.shown[0] == allowed.nothing
        slots.append(_written(slot, allowed, None if is_nothing else rank))
        rank += 0 if is_nothing else len(slot.shown)
    written = {_SLOTS: slots, _TRACE: trace}
    return orjson.dumps(written, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def read_choices(written: str) -> list[LoggedChoice]:
    """Return what :func:`write_choices` wrote."""
    read = orjson.loads(written)
    return [
        LoggedChoice(
            placement=slot[_PLACEMENT],
            rank=slot[_RANK],
            action=slot[_ACTION],
            propensity=slot[_PROPENSITY],
            candidates=tuple(Candidate(*values) for values in _candidates(slot)),
            others=slot.get(_OTHERS, 0),
            others_probability=slot.get(_OTHER_CHANCE, 0.0),
        )
        for slot in (read if isinstance(read, list) else read[_SLOTS])
    ]


def read_trace_record(written: str) -> dict[str, Any] | None:
    """Return what became of every offer; None where a decision was logged without it."""
    read = orjson.loads(written)
    record: dict[str, Any] | None = None if isinstance(read, list) else read[_TRACE]
    return record


def _candidates(slot: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
    if _CANDIDATES in slot:
        rows: Sequence[Sequence[Any]] = slot[_CANDIDATES]
        return rows
    columns = (slot[_IDS], slot[_VALUES], slot[_ACCEPTANCE], slot[_CHANCES])
    return zip_longest(*columns, fillvalue=0.0)


def contenders(choice: LoggedChoice) -> LoggedChoice:
    """Keep only the candidates that had a chance, and the best by value and by acceptance.

    Judging needs no others, and holds many choices at once.
    """
    candidates = choice.candidates
    best = {max(candidates, key=lambda each: each.value).id}
    best.add(max(candidates, key=lambda each: each.acceptance).id)
    left = tuple(each for each in candidates if each.probability > 0 or each.id in best)
    return replace(choice, candidates=left, others=choice.others + len(candidates) - len(left))


def _written(slot: Slot, allowed: Allowed, rank: int | None) -> dict[str, Any]:
    # Stable: the first of equals comes first, as in the ranking.
    places = np.lexsort((-allowed.values, -slot.probabilities))
    kept, left = places[:MOST_CANDIDATES], places[MOST_CANDIDATES:]
    chances = slot.probabilities[kept]
    written = {
        _PLACEMENT: slot.placement,
        _RANK: rank,
        _ACTION: allowed.ids[slot.shown[0]],
        _PROPENSITY: slot.propensity,
        _IDS: [allowed.ids[place] for place in kept.tolist()],
        _VALUES: allowed.values[kept].astype(np.float32),
        _ACCEPTANCE: allowed.acceptance[kept].astype(np.float32),
        # In full precision: weights are computed from them.
        _CHANCES: chances[chances > 0],
    }
    if len(left):
        others = float(slot.probabilities[left].sum())
        written |= {_OTHERS: len(left), _OTHER_CHANCE: others}
    return written
