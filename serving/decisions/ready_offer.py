"""A decision's answer and log record without the id: the same for every equal request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from serving.answers import NextBestOffer
from serving.customers.rescored import Rescored
from serving.decisions.inputs import DecisionInputs
from serving.decisions.learning.logged_choices import write_choices
from serving.decisions.offer_outcome import OfferAsk, OfferOutcome
from serving.decisions.traces.gate_trace import TraceEntry

_ID_FIRST: Final = b'{"decision_id":'
_WITHOUT_ID: Final = len(_ID_FIRST + b'""')


class ReadyOffer(NamedTuple):
    """An answer, and what is logged beside it.

    ``rest`` is its JSON from behind the id on, which is the first field; ``choices`` are those of
    :class:`serving.storage.store.Decision`.
    """

    rest: bytes
    choices: str
    variant: str
    fallback: str | None
    propensity: float
    considered: int

    def under(self, decision_id: str) -> bytes:
        """Return the whole answer as JSON, with this id."""
        return b"".join((_ID_FIRST, orjson.dumps(decision_id), self.rest))


def ready_offer(
    inputs: DecisionInputs,
    ask: OfferAsk,
    outcome: OfferOutcome,
    rescored: Rescored | None,
    trace: Sequence[TraceEntry] | None,
) -> ReadyOffer:
    """Write the answer to a request and what is logged beside it.

    Parameters
    ----------
    rescored
        The scores used where they are not the bundle's.
    trace
        What the answer says of every offer; None where it was not asked for.
    """
    manifest = inputs.catalogue.manifest
    answer = NextBestOffer(
        decision_id="",
        model_version=manifest.version,
        as_of=manifest.as_of if rescored is None else rescored.as_of,
        variant=outcome.chosen.variant,
        fallback=outcome.fallback,
        customer_id=ask.customer_id,
        items=outcome.items,
        shortfall=outcome.shortfall,
        considered=outcome.considered,
        definition=inputs.definition,
        trace=None if trace is None else list(trace),
        scored_at=None if rescored is None else rescored.scored_at,
    )
    return ReadyOffer(
        rest=orjson.dumps(answer)[_WITHOUT_ID:],
        choices=write_choices(outcome.chosen, outcome.allowed, outcome.trace_record()),
        variant=outcome.chosen.variant,
        fallback=outcome.fallback,
        propensity=outcome.chosen.propensity,
        considered=outcome.considered,
    )
