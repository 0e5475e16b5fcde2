"""The gates in order: eligible, applicable, suitable, contact policy; then arbitration.

What is unknown does not pass. An offer is judged by the first thing that stops it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.offers.rules import Rule
from models.offers.single import Row
from models.offers.vectorised import Columns, as_column
from serving.decisions.gates.contact_policy import (
    ContactHistories,
    ContactHistory,
    customer_stop,
    offer_stop,
)
from serving.decisions.gates.customer_columns import CustomerColumns
from serving.decisions.gates.moment import Context, Moment
from serving.decisions.gates.stops import Stop, gate_numbers
from serving.decisions.offers import Offer, OfferBook
from serving.products.shoppers import Shopper, Shoppers

Stops = NDArray[np.int8]

_ELIGIBLE: Final = (Stop.NOT_ELIGIBLE, Stop.ELIGIBILITY_UNKNOWN)
_APPLICABLE: Final = (Stop.NOT_APPLICABLE, Stop.APPLICABILITY_UNKNOWN)
_SUITABLE: Final = (Stop.NOT_SUITABLE, Stop.SUITABILITY_UNKNOWN)
_CONSENT: Final = (Stop.NO_CONSENT, Stop.CONSENT_UNKNOWN)
_AVAILABILITY: Final = {
    "sellable": Stop.PASSED,
    "unknown": Stop.UNKNOWN_PRODUCT,
    "out_of_stock": Stop.OUT_OF_STOCK,
    "retired": Stop.RETIRED,
    "none_sellable": Stop.NONE_SELLABLE,
}


@dataclass(frozen=True, eq=False)
class Gated:
    """Where each offer stopped for each customer.

    Parameters
    ----------
    stops
        Values of :class:`Stop`, shape (customers, offers).
    """

    stops: Stops

    @property
    def passed(self) -> NDArray[np.bool_]:
        """Whether all gates were passed, shape (customers, offers)."""
        return np.equal(self.stops, Stop.PASSED)

    @property
    def gates(self) -> NDArray[np.int8]:
        """Number of the gate in :data:`serving.decisions.gates.stops.GATES`; 0 where all passed."""
        return gate_numbers(self.stops)


def gate(
    book: OfferBook,
    customers: CustomerColumns,
    context: Context,
    now: datetime,
    shoppers: Shoppers,
    history: ContactHistories,
) -> Gated:
    """Send every offer through the gates for many customers at once.

    Parameters
    ----------
    now
        With its time zone.
    history
        Contacts as far back as :func:`serving.decisions.gates.contact_policy.reach_back` says.
    """
    moment = Moment.of(book, context, now)
    circumstances = {name: as_column(value) for name, value in moment.values().items()}
    columns: Columns = {**customers.columns, **circumstances}
    # Offers are judged one after the other, so the stops of one offer lie side by side.
    stops = np.zeros((len(customers), len(book)), dtype=np.int8, order="F")
    for number, offer in enumerate(book.offers):
        place = stops[:, number]
        for stop in _steps(book, offer, moment, columns):
            np.copyto(place, stop, where=place == Stop.PASSED)
    _apply_shoppers(stops, book, customers, shoppers)
    _apply_history(stops, book, customers, moment, history)
    return Gated(stops)


def gate_one(
    book: OfferBook,
    row: Row,
    context: Context,
    now: datetime,
    shopper: Shopper,
    past: ContactHistory | None,
) -> list[Stop]:
    """Send every offer through the gates for one customer; the same answers as :func:`gate`.

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
                _AVAILABILITY[offer.availability] or _dismissed(offer, shopper) or stops[number]
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
        asked = [(offer.eligible, *_ELIGIBLE)]
        stop = _circumstances(offer, book, channel, placement, today)
        if not stop:
            asked += [(offer.applicable, *_APPLICABLE), (offer.suitable, *_SUITABLE)]
            asked.append((book.consents.get(channel), *_CONSENT))
            stop = Stop.QUIET_HOURS if quiet else Stop.PASSED
        unavailable = _AVAILABILITY[offer.availability]
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


def _steps(
    book: OfferBook, offer: Offer, moment: Moment, columns: Columns
) -> Iterator[Stops | Stop]:
    """Yield the stops of one offer, gate by gate; dismissals are applied afterwards."""
    yield _AVAILABILITY[offer.availability]
    yield _judged_all(offer.eligible, columns, *_ELIGIBLE)
    yield _circumstances(offer, book, moment.channel, moment.placement, moment.today)
    yield _judged_all(offer.applicable, columns, *_APPLICABLE)
    yield _judged_all(offer.suitable, columns, *_SUITABLE)
    yield _judged_all(book.consents.get(moment.channel), columns, *_CONSENT)
    yield Stop.QUIET_HOURS if moment.quiet else Stop.PASSED


def _judged_all(rule: Rule | None, columns: Columns, fails: Stop, unknown: Stop) -> Stops | Stop:
    if rule is None:
        return Stop.PASSED
    held = rule.over(columns)
    stops = np.where(held == 1, Stop.PASSED, np.where(np.isnan(held), unknown, fails))
    return stops.astype(np.int8)


def _circumstances(
    offer: Offer, book: OfferBook, channel: str, placement: str | None, today: date
) -> Stop:
    """Return what of the day, channel and placement keeps the offer from being made."""
    if offer.starts_on is not None and today < offer.starts_on:
        return Stop.NOT_YET
    if offer.ends_on is not None and today >= offer.ends_on:
        return Stop.ENDED
    declared = book.channels.get(channel)
    # For a channel that is not declared, it is unknown who may be contacted.
    if declared is None or not (
        channel in offer.channels if offer.channels else not declared.outbound
    ):
        return Stop.OTHER_CHANNEL
    if offer.placements and placement not in (None, *offer.placements):
        return Stop.OTHER_PLACEMENT
    return Stop.PASSED


def _dismissed(offer: Offer, shopper: Shopper) -> Stop:
    if offer.product_id is not None and offer.product_id in shopper.dismissed_products:
        return Stop.PRODUCT_DISMISSED
    return Stop.OFFER_DISMISSED if offer.offer_id in shopper.dismissed_offers else Stop.PASSED


def _apply_shoppers(
    stops: Stops, book: OfferBook, customers: CustomerColumns, shoppers: Shoppers
) -> None:
    """Stop what a customer dismissed, unless it cannot be sold anyway."""
    for place, customer_id in enumerate(customers.customer_ids):
        shopper = shoppers.find(customer_id)
        if shopper.dismissed_products or shopper.dismissed_offers:
            for number, offer in enumerate(book.offers):
                if stop := _AVAILABILITY[offer.availability] or _dismissed(offer, shopper):
                    stops[place, number] = stop


def _apply_history(
    stops: Stops,
    book: OfferBook,
    customers: CustomerColumns,
    moment: Moment,
    history: ContactHistories,
) -> None:
    """Stop contacts that caps or rest forbid, where nothing stopped the offer before."""
    counted = [book.needs_reservation(offer, moment.channel) for offer in book.offers]
    if not history or not any(counted):
        return
    for place, customer_id in enumerate(customers.customer_ids):
        if (past := history.get(customer_id)) is None:
            continue
        common = customer_stop(book, moment.channel, past, moment.now)
        for number in np.flatnonzero(counted & (stops[place] == Stop.PASSED)).tolist():
            stops[place, number] = common or offer_stop(book.offers[number], past, moment.now)
