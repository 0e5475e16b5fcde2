"""The gates for many customers, in order: eligible, applicable, suitable, contact policy.

What is unknown does not pass. An offer is judged by the first thing that stops it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.offers.rules import Rule
from models.offers.vectorised import Columns, as_column
from serving.decisions.gates.circumstances import (
    APPLICABLE,
    AVAILABILITY,
    CONSENT,
    ELIGIBLE,
    SUITABLE,
    circumstances_stop,
    dismissal_stop,
)
from serving.decisions.gates.contact_policy import ContactHistories, customer_stop, offer_stop
from serving.decisions.gates.customer_columns import CustomerColumns
from serving.decisions.gates.moment import Context, Moment
from serving.decisions.gates.stops import Stop, gate_numbers
from serving.decisions.offers import Offer, OfferBook
from serving.products.shoppers import Shoppers

Stops = NDArray[np.int8]


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


def _steps(
    book: OfferBook, offer: Offer, moment: Moment, columns: Columns
) -> Iterator[Stops | Stop]:
    """Yield the stops of one offer, gate by gate; dismissals are applied afterwards."""
    yield AVAILABILITY[offer.availability]
    yield _judged_all(offer.eligible, columns, *ELIGIBLE)
    yield circumstances_stop(offer, book, moment.channel, moment.placement, moment.today)
    yield _judged_all(offer.applicable, columns, *APPLICABLE)
    yield _judged_all(offer.suitable, columns, *SUITABLE)
    yield _judged_all(book.consents.get(moment.channel), columns, *CONSENT)
    yield Stop.QUIET_HOURS if moment.quiet else Stop.PASSED


def _judged_all(rule: Rule | None, columns: Columns, fails: Stop, unknown: Stop) -> Stops | Stop:
    if rule is None:
        return Stop.PASSED
    held = rule.over(columns)
    stops = np.where(held == 1, Stop.PASSED, np.where(np.isnan(held), unknown, fails))
    return stops.astype(np.int8)


def _apply_shoppers(
    stops: Stops, book: OfferBook, customers: CustomerColumns, shoppers: Shoppers
) -> None:
    """Stop what a customer dismissed, unless it cannot be sold anyway."""
    for place, customer_id in enumerate(customers.customer_ids):
        shopper = shoppers.find(customer_id)
        if shopper.dismissed_products or shopper.dismissed_offers:
            for number, offer in enumerate(book.offers):
                if stop := AVAILABILITY[offer.availability] or dismissal_stop(offer, shopper):
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
