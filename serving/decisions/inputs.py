"""A bundle opened for decisions: offers, the columns that rules read, and inputs of pricing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.offers.vectorised import Column, Texts
from serving.answers import Definition
from serving.catalogue import Catalogue
from serving.decisions.gates.customer_columns import CustomerColumns, open_customer_columns
from serving.decisions.offers import OfferBook, open_offer_book
from serving.decisions.policies.exploration import OFFER, PRODUCT
from serving.decisions.pricing.plan import Plan


@dataclass(frozen=True, eq=False)
class DecisionInputs:
    """What decisions are made from; all parts are of one bundle.

    Parameters
    ----------
    book
        The offers and the contact policy.
    columns
        Customers' values that the offers' rules read.
    plan
        Arrays that pricing needs.
    """

    catalogue: Catalogue
    book: OfferBook
    columns: CustomerColumns
    plan: Plan

    @cached_property
    def definition(self) -> Definition:
        """What scores mean."""
        return Definition.of(self.catalogue.manifest)

    @cached_property
    def counted_channels(self) -> frozenset[str]:
        """Channels on which at least one offer counts as a contact, limited by caps."""
        book = self.book
        return frozenset(
            channel
            for channel in book.channels
            if any(book.needs_reservation(offer, channel) for offer in book.offers)
        )

    @cached_property
    def logged_products(self) -> NDArray[np.object_]:
        """What showing each product is logged as."""
        return np.array([f"{PRODUCT}{id_}" for id_ in self.catalogue.product_ids], dtype=object)

    @cached_property
    def logged_offers(self) -> NDArray[np.object_]:
        """What making each offer is logged as."""
        return np.array([f"{OFFER}{offer.offer_id}" for offer in self.book.offers], dtype=object)

    def with_book(self, book: OfferBook) -> DecisionInputs:
        """Return the same bundle with other offers."""
        columns = open_customer_columns(self.catalogue.bundle, book.names)
        return replace(self, book=book, columns=columns, plan=Plan.of(self.catalogue, book))


def open_decision_inputs(catalogue: Catalogue) -> DecisionInputs:
    """Prepare a bundle for decisions."""
    book = open_offer_book(catalogue.bundle)
    columns = open_customer_columns(catalogue.bundle, book.names)
    return DecisionInputs(catalogue, book, columns, Plan.of(catalogue, book))


def customers_at(columns: CustomerColumns, positions: NDArray[np.int64]) -> CustomerColumns:
    """Return the customers at some positions, in that order."""
    taken = {name: _taken(column, positions) for name, column in columns.columns.items()}
    return replace(columns, ids=columns.ids.take(positions), columns=taken)


def _taken(column: Column, positions: NDArray[np.int64]) -> Column:
    if isinstance(column, Texts):
        return Texts(column.codes[positions], column.values)
    return column[positions]
