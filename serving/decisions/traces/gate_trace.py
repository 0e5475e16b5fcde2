"""The gates' part of a trace: where every offer stopped, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from models.offers.rules import Rule
from models.offers.single import Row
from models.offers.syntax import Value
from serving.decisions.gates.moment import Context, Moment
from serving.decisions.gates.stops import Gate, Stop, gate_of
from serving.decisions.offers import Offer, OfferBook
from serving.decisions.terms import Terms


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """What became of one offer."""

    offer_id: str
    name: str
    gate: Annotated[Gate, Field(description="Where it stopped; arbitration: it passed the gates.")]
    made: Annotated[bool, Field(description="Whether it is among the items.")]
    code: Annotated[str, Field(description="Why, for programs: out_of_stock, not_eligible, ...")]
    reason: Annotated[str, Field(description="Why, for people.")]
    rule: Annotated[str | None, Field(description="The rule that stopped it.")] = None
    offer_value: Annotated[float | None, Field(description="Money; null where not priced.")] = None
    terms: Annotated[Terms | None, Field(description="Every term of it, where known.")] = None


def trace(
    book: OfferBook,
    stops: Sequence[Stop],
    row: Row,
    context: Context,
    now: datetime,
) -> list[TraceEntry]:
    """Put the result of :func:`serving.decisions.gates.gate_one.gate_one` into words, by offer.

    Offers that passed all gates are completed by :func:`arbitrated`.
    """
    moment = Moment.of(book, context, now)
    values = {**row, **moment.values()}
    return [
        _entry(book, offer, stop, moment, values)
        for offer, stop in zip(book.offers, stops, strict=True)
    ]


def arbitrated(
    entry: TraceEntry, code: str, reason: str, offer_value: float | None, *, made: bool
) -> TraceEntry:
    """Return an entry with the result of arbitration."""
    return replace(entry, code=code, reason=reason, offer_value=offer_value, made=made)


def _entry(
    book: OfferBook, offer: Offer, stop: Stop, moment: Moment, row: Mapping[str, Value | None]
) -> TraceEntry:
    rule = rule_of(book, offer, stop, moment.channel)
    reason = _reason(book, offer, stop, moment) if rule is None else rule.why_not(row)
    return TraceEntry(
        offer_id=offer.offer_id,
        name=offer.name,
        gate=gate_of(stop),
        made=False,
        code=stop.name.lower(),
        reason=reason,
        rule=None if rule is None else str(rule),
    )


def rule_of(book: OfferBook, offer: Offer, stop: Stop, channel: str) -> Rule | None:
    """Return the rule that stopped an offer; None where no rule did."""
    match stop:
        case Stop.NOT_ELIGIBLE | Stop.ELIGIBILITY_UNKNOWN:
            return offer.eligible
        case Stop.NOT_APPLICABLE | Stop.APPLICABILITY_UNKNOWN:
            return offer.applicable
        case Stop.NOT_SUITABLE | Stop.SUITABILITY_UNKNOWN:
            return offer.suitable
        case Stop.NO_CONSENT | Stop.CONSENT_UNKNOWN:
            return book.consents.get(channel)
        case _:
            return None


_WITHIN: Final = {"day": "24 hours", "week": "7 days", "month": "30 days"}
_WORDS: Final[Mapping[Stop, str]] = {
    Stop.PASSED: "passed every gate",
    Stop.UNKNOWN_PRODUCT: "product {offer.product_id} is not in the catalogue",
    Stop.OUT_OF_STOCK: "product {offer.product_id} is out of stock",
    Stop.RETIRED: "product {offer.product_id} is retired",
    Stop.NONE_SELLABLE: "nothing of {offer.category} can be sold",
    Stop.PRODUCT_DISMISSED: "the customer rejected product {offer.product_id}",
    Stop.OFFER_DISMISSED: "the customer rejected this offer",
    Stop.NOT_YET: "it begins on {offer.starts_on}",
    Stop.ENDED: "its last day was before {offer.ends_on}",
    Stop.OTHER_CHANNEL: "it is not made by {moment.channel}: only by {channels}",
    Stop.OTHER_PLACEMENT: "it is not made in {moment.placement}: only in {placements}",
    Stop.NOBODY: "contacts are counted, and nobody is named to count them for",
    Stop.QUIET_HOURS: "{moment.channel} is quiet from {declared.quiet_hours[0]:%H:%M} to "
    "{declared.quiet_hours[1]:%H:%M} ({policy.time_zone})",
    Stop.FATIGUE: "{policy.fatigue.unanswered} contacts or more within "
    "{policy.fatigue.rest_days} days went unanswered",
    **{
        Stop[f"CUSTOMER_CAP_{window.upper()}"]: "the customer was contacted "
        f"{{policy.caps.{window}}} times within {within}"
        for window, within in _WITHIN.items()
    },
    **{
        Stop[f"CHANNEL_CAP_{window.upper()}"]: "the customer was contacted "
        f"{{declared.caps.{window}}} times by {{moment.channel}} within {within}"
        for window, within in _WITHIN.items()
    },
    **{
        Stop[f"OFFER_CAP_{window.upper()}"]: "the customer was made this offer "
        f"{{offer.caps.{window}}} times within {within}"
        for window, within in _WITHIN.items()
    },
}


def _reason(book: OfferBook, offer: Offer, stop: Stop, moment: Moment) -> str:
    return _WORDS[stop].format(
        offer=offer,
        moment=moment,
        policy=book.policy,
        declared=book.channels.get(moment.channel),
        channels=", ".join(offer.channels) or "inbound channels",
        placements=", ".join(offer.placements),
    )
