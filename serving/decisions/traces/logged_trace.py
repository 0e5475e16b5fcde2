"""The trace of a decision in the log: compact, and put into words when somebody asks for it.

Logged are the offers by where they stopped, the customer's values in the rules that stopped them,
and the value of the offers that were priced. The wording comes from the bundle's offers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from models.offers.single import Row
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import OfferBook
from serving.decisions.terms import Terms
from serving.decisions.traces.arbitration_trace import Arbitration, Gates, Shown, arbitration_trace
from serving.decisions.traces.gate_trace import TraceEntry, rule_of

# Keys of the JSON.
_STOPPED, _VALUES, _WORTH = "stopped", "values", "worth"

_OF_REQUEST: Final = "context."


class _Pattern(NamedTuple):
    """Where offers stopped, as JSON, and the columns of the rules that stopped them."""

    stopped: orjson.Fragment
    names: tuple[str, ...]


def trace_record(
    book: OfferBook, channel: str, stops: Sequence[Stop], row: Row, worth: Mapping[str, float]
) -> dict[str, Any]:
    """Return what is logged of a trace, for :func:`orjson.dumps`.

    Parameters
    ----------
    worth
        Offer value by offer id, money, of offers that passed the gates and were priced.
    """
    pattern = _pattern(book, channel, tuple(stops))
    values = {name: row.get(name) for name in pattern.names}
    return {_STOPPED: pattern.stopped, _VALUES: values, _WORTH: worth}


# There are many customers, but few combinations of stops.
@lru_cache(maxsize=1_024)
def _pattern(book: OfferBook, channel: str, stops: tuple[Stop, ...]) -> _Pattern:
    stopped: dict[str, list[str]] = {}
    names: dict[str, None] = {}
    for offer, stop in zip(book.offers, stops, strict=True):
        if stop:
            stopped.setdefault(stop.name.lower(), []).append(offer.offer_id)
            rule = rule_of(book, offer, stop, channel)
            names |= {} if rule is None else dict.fromkeys(rule.names)
    of_customer = tuple(name for name in names if not name.startswith(_OF_REQUEST))
    return _Pattern(orjson.Fragment(orjson.dumps(stopped)), of_customer)


def read_trace(
    book: OfferBook,
    record: Mapping[str, Any],
    context: Context,
    now: datetime,
    items: Sequence[Mapping[str, Any]],
    currency: str,
) -> list[TraceEntry]:
    """Put what :func:`trace_record` logged into the words that the answer would have had.

    Parameters
    ----------
    book
        The offers of the bundle that the decision was made on.
    context, now
        Of the request; the first placement is the one that counts.
    items
        Of the answer.
    """
    stopped = {
        offer_id: Stop[code.upper()]
        for code, offer_ids in record[_STOPPED].items()
        for offer_id in offer_ids
    }
    stops = [stopped.get(offer.offer_id, Stop.PASSED) for offer in book.offers]
    weights = {offer.offer_id: offer.weight for offer in book.offers}
    shown, terms = [], {}
    for item in items:
        offer_id, product_id = item["offer_id"], item["product_id"]
        if offer_id is None and product_id is None:
            continue
        value = item["terms"]["offer_value"]
        score = value * weights.get(offer_id, 1.0)
        shown.append(Shown(offer_id, product_id, value, score))
        if offer_id is not None:
            terms[offer_id] = Terms(**item["terms"])
    gates = Gates(stops, record[_VALUES], context, now)
    return arbitration_trace(book, gates, Arbitration(record[_WORTH], terms, shown, currency))
