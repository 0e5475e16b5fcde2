"""The gates for one customer: as :mod:`serving.decisions.gates.gate`, but without arrays."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from models.offers.rules import Rule
from models.offers.single import Row
from serving.decisions.gates.circumstances import (
    APPLICABLE,
    AVAILABILITY,
    CONSENT,
    ELIGIBLE,
    SUITABLE,
    circumstances_stop,
    dismissal_stop,
)
from serving.decisions.gates.contact_policy import ContactHistory, customer_stop, offer_stop
from serving.decisions.gates.moment import Context, Moment
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import OfferBook
from serving.products.shoppers import Shopper


def gate_one(
    book: OfferBook,
    row: Row,
    context: Context,
    now: datetime,
    shopper: Shopper,
    past: ContactHistory | None,
) -> list[Stop]:
    """Send every offer through the gates for one customer.

    Parameters
    ----------
    row
        The customer's values; empty for one of whom nothing is known.
    past
        Contacts with the customer; None for somebody without an id, who cannot be contacted.
    """
    moment = Moment.of(book, context, now)
    shared = _common_part(book, moment.channel, moment.placement, moment.today, quiet=moment.quiet)
    stops = list(shared.stops)
    if shared.judged:
        _judge(stops, shared, {**row, **moment.values()})
    if shopper.dismissed_products or shopper.dismissed_offers:
        for number, offer in enumerate(book.offers):
            stops[number] = (
                AVAILABILITY[offer.availability] or dismissal_stop(offer, shopper) or stops[number]
            )
    common: Stop | None = None
    for number in shared.counted:
        if stops[number]:
            continue
        if past is None:
            stops[number] = Stop.NOBODY
            continue
        if common is None:
            common = customer_stop(book, moment.channel, past, now)
        stops[number] = common or offer_stop(book.offers[number], past, now)
    return stops


class _Step(NamedTuple):
    """One rule by its number, and where an offer stops if it fails or cannot be judged."""

    rule: int
    fails: Stop
    unknown: Stop


class _Common(NamedTuple):
    """The part of the gates that is the same for all customers, by the offers' numbers.

    Attributes
    ----------
    stops
        Where each offer stops unless a rule stops it before.
    judged
        Offers that have rules, with the rules that come before the stop above.
    rules
        Every rule once: offers share them.
    counted
        Offers that count as contacts.
    """

    stops: tuple[Stop, ...]
    judged: tuple[tuple[int, tuple[_Step, ...]], ...]
    rules: tuple[Rule, ...]
    counted: tuple[int, ...]


# Cached, as most requests are for the same channel and placement on the same day.
@lru_cache(maxsize=64)
def _common_part(
    book: OfferBook, channel: str, placement: str | None, today: date, *, quiet: bool
) -> _Common:
    stops, judged, counted = [], [], []
    rules: dict[str, Rule] = {}
    places: dict[str, int] = {}
    for number, offer in enumerate(book.offers):
        asked = [(offer.eligible, *ELIGIBLE)]
        stop = circumstances_stop(offer, book, channel, placement, today)
        if not stop:
            asked += [(offer.applicable, *APPLICABLE), (offer.suitable, *SUITABLE)]
            asked.append((book.consents.get(channel), *CONSENT))
            stop = Stop.QUIET_HOURS if quiet else Stop.PASSED
        unavailable = AVAILABILITY[offer.availability]
        stops.append(unavailable or stop)
        steps = []
        for rule, fails, unknown in asked:
            if rule is not None and not unavailable:
                rules.setdefault(rule.text, rule)
                place = places.setdefault(rule.text, len(places))
                steps.append(_Step(place, fails, unknown))
        if steps:
            judged.append((number, tuple(steps)))
        if book.needs_reservation(offer, channel):
            counted.append(number)
    return _Common(tuple(stops), tuple(judged), tuple(rules.values()), tuple(counted))


def _judge(stops: list[Stop], shared: _Common, row: Row) -> None:
    """Set where rules stop offers; each rule is judged once, when the first offer needs it."""
    held: dict[int, bool | None] = {}
    for number, steps in shared.judged:
        for rule, fails, unknown in steps:
            if rule not in held:
                held[rule] = shared.rules[rule].holds(row)
            if not held[rule]:
                stops[number] = unknown if held[rule] is None else fails
                break
