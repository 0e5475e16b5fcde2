"""The offers of a bundle, ready to be decided on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal

from features.vocabulary import Columns as C
from models.bundle.folder import Bundle
from models.bundle.schema import BundleColumns as B
from models.offers.declarations import BUILT_IN_CHANNELS, Caps, Channel, Declaration, Policy
from models.offers.rules import Rule

Availability = Literal["sellable", "unknown", "out_of_stock", "retired", "none_sellable"]


@dataclass(frozen=True)
class Offer:
    """One offer on a product, on a category, or on anything where both are None.

    Parameters
    ----------
    discount_rate
        Share of the price given away, 0 to 1.
    points
        Given when it is accepted.
    contact_cost
        Money per contact, accepted or not.
    acceptance_cost
        Money per acceptance, beside the price cut and the points.
    budget
        Money that the offer may cost in all; None without bound.
    starts_on, ends_on
        First day it may be made, first day it may no longer be.
    channels, placements
        Where it may be made. Empty: on every inbound channel, in every placement.
    eligible, applicable, suitable
        Rules of the gates; None lets all pass.
    caps
        Contacts with this offer that one customer may have.
    weight
        Multiplies the offer's value in arbitration.
    availability
        Whether what it promotes can be sold: a category can if any of its products can.
    """

    offer_id: str
    name: str
    product_id: str | None = None
    category: str | None = None
    discount_rate: float = 0.0
    points: float = 0.0
    contact_cost: float = 0.0
    acceptance_cost: float = 0.0
    budget: float | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    channels: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    eligible: Rule | None = None
    applicable: Rule | None = None
    suitable: Rule | None = None
    caps: Caps = field(default_factory=Caps)
    weight: float = 1.0
    availability: Availability = "sellable"

    @classmethod
    def declared(cls, declaration: Declaration, availability: Availability = "sellable") -> Offer:
        """Return the offer with its rules compiled."""
        values = {name: getattr(declaration, name) for name in Declaration.model_fields}
        values |= {gate: Rule(text) for gate, text in declaration.rules()}
        return cls(**values, availability=availability)


@dataclass(frozen=True, eq=False)
class OfferBook:
    """All offers in order of id, and the policy over them; compared by identity."""

    offers: tuple[Offer, ...]
    policy: Policy = field(default_factory=Policy)

    def __len__(self) -> int:
        return len(self.offers)

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """Every channel, declared or built in, by name."""
        return {**BUILT_IN_CHANNELS, **self.policy.channels}

    @cached_property
    def consents(self) -> dict[str, Rule]:
        """The consent rule of each channel that has one."""
        return {
            name: Rule(channel.consent)
            for name, channel in self.channels.items()
            if channel.consent is not None
        }

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of all columns and context values that a rule reads."""
        rules = [*self.consents.values()]
        rules += [
            rule
            for offer in self.offers
            for rule in (offer.eligible, offer.applicable, offer.suitable)
            if rule is not None
        ]
        return frozenset(name for rule in rules for name in rule.names)

    def point_liability(self, offer: Offer) -> float:
        """Return the expected money that the points of one acceptance will cost."""
        return offer.points * (self.policy.point_value or 0.0) * self.policy.redemption_rate

    def needs_reservation(self, offer: Offer, channel: str) -> bool:
        """Return whether making the offer on a channel is a contact, which caps may forbid."""
        declared = self.channels.get(channel)
        if declared is None:
            return False
        return declared.outbound or bool(offer.caps.limits) or bool(declared.caps.limits)


def open_offer_book(bundle: Bundle) -> OfferBook:
    """Read a bundle's offers; those that came from a table have no rules."""
    availability = _availability(bundle)
    offers = [
        Offer.declared(declaration, availability(declaration))
        for declaration in _declarations(bundle)
    ]
    return OfferBook(tuple(offers), Policy.model_validate(bundle.manifest.offer_policy))


def _declarations(bundle: Bundle) -> Iterator[Declaration]:
    for row in bundle.offers.to_pylist():
        if row[B.DECLARATION] is not None:
            yield Declaration.model_validate_json(row[B.DECLARATION])
            continue
        # A row with both is an offer on the product.
        yield Declaration(
            offer_id=row[C.OFFER_ID],
            name=row[C.OFFER_NAME],
            product_id=row[C.PRODUCT_ID],
            category=None if row[C.PRODUCT_ID] is not None else row[C.CATEGORY],
            discount_rate=row[C.DISCOUNT_RATE],
            contact_cost=row[C.CONTACT_COST],
            starts_on=row[B.STARTS_ON],
            ends_on=row[B.ENDS_ON],
        )


def _availability(bundle: Bundle) -> Callable[[Declaration], Availability]:
    """Return a function that says whether what a declaration promotes can be sold."""
    names = (C.PRODUCT_ID, C.CATEGORY, B.IN_STOCK, B.RETIRED)
    table = bundle.products.select(names).to_pydict()
    products: dict[str, Availability] = {}
    sellable_categories: set[str] = set()
    for product_id, category, in_stock, retired in zip(*(table[n] for n in names), strict=True):
        state: Availability = "retired" if retired else "sellable" if in_stock else "out_of_stock"
        products[product_id] = state
        if state == "sellable":
            sellable_categories.add(category)

    def availability(declaration: Declaration) -> Availability:
        if declaration.product_id is not None:
            return products.get(declaration.product_id, "unknown")
        if declaration.category is not None:
            return "sellable" if declaration.category in sellable_categories else "none_sellable"
        return "sellable"

    return availability
