"""What the server answers: plain values, written as JSON and documented in the OpenAPI.

Without slots: orjson writes what has a ``__dict__`` six times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from models.bundle.folder import Manifest
from models.bundle.manifest import ValueBasis
from serving.decisions.terms import Terms
from serving.decisions.traces.gate_trace import TraceEntry
from serving.events import Rejected

Source = Literal["personal", "together", "newcomers", "popular", "catalogue"]
Action = Literal["product", "offer", "do_nothing"]


class Answered(NamedTuple):
    """An answer as it goes out, and which fallback fired."""

    json: bytes
    fallback: str | None


@dataclass(frozen=True)
class Definition:
    """What the scores of this answer mean."""

    churn_horizon_days: int
    value_horizon_days: int
    value_basis: Annotated[
        ValueBasis,
        Field(description="Extrapolated where the history is too short to learn that horizon."),
    ]
    population: str
    currency: str
    discount_rate_per_year: float
    margin_assumed: Annotated[
        float | None, Field(description="The stated margin rate where costs are unknown.")
    ]

    @classmethod
    def of(cls, manifest: Manifest) -> Definition:
        """Return the definition that a bundle's scores have."""
        return cls(
            churn_horizon_days=manifest.horizon_days,
            value_horizon_days=manifest.value_horizon_days,
            value_basis=manifest.value_basis,
            population=manifest.population,
            currency=manifest.currency,
            discount_rate_per_year=manifest.discount_rate,
            margin_assumed=manifest.margin_assumed,
        )


# Not frozen, as the others are: a request makes dozens of these, and that takes twice as long.
@dataclass
class Reason:
    """Why an item is there: a code for programs and a sentence for people."""

    code: Literal[
        "rhythm",
        "bought_before",
        "viewed",
        "searched",
        "bought_together",
        "goes_with",
        "like_viewed",
        "like_bought",
        "similar_customers",
        "newcomers",
        "popular",
        "catalogue",
    ]
    text: str


@dataclass
class Item:
    """One product of an answer."""

    product_id: str
    rank: Annotated[int, Field(description="1 is the best.")]
    score: Annotated[float, Field(description="Compares items of one source only.")]
    source: Annotated[Source, Field(description="Sources come in this order.")]
    reasons: list[Reason]


@dataclass(frozen=True)
class Shortfall:
    """Why there are fewer items than asked for."""

    missing: int
    reason: Literal["filter", "stock", "catalogue", "candidates", "value"]
    detail: str


@dataclass(frozen=True)
class Recommendations:
    """Products for a shopper, a cart or a product page."""

    recommendation_id: Annotated[str, Field(description="Send it back with clicks and orders.")]
    model_version: str
    as_of: date
    variant: str
    fallback: Annotated[
        str | None,
        Field(description="Null, or why the answer is not the usual one: new_customer, ..."),
    ]
    customer_id: str | None
    items: list[Item]
    shortfall: Shortfall | None
    unknown_items: Annotated[list[str], Field(description="Items sent that are not products.")]


@dataclass(frozen=True)
class RecommendationBatch:
    """One answer per customer, in the order asked."""

    results: list[Recommendations]


@dataclass(frozen=True)
class OfferItem:
    """One action worth taking, or doing nothing."""

    rank: int
    action: Action
    placement: str | None
    product_id: str | None
    offer_id: str | None
    category: str | None
    name: str | None
    terms: Terms
    reasons: list[Reason]


@dataclass(frozen=True)
class NextBestOffer:
    """The actions of highest expected value for one customer."""

    decision_id: Annotated[str, Field(description="Send it back with accepts and rejects.")]
    model_version: str
    as_of: date
    variant: str
    fallback: str | None
    customer_id: str | None
    items: list[OfferItem]
    shortfall: Shortfall | None
    considered: Annotated[int, Field(description="Actions compared, doing nothing included.")]
    definition: Definition
    trace: Annotated[
        list[TraceEntry] | None,
        Field(description="What became of every offer, and why; null unless asked for."),
    ] = None
    scored_at: Annotated[
        datetime | None,
        Field(
            description="When the customer's scores were made again, from what was sent since "
            "the bundle; null where they are the bundle's."
        ),
    ] = None


@dataclass(frozen=True)
class EventsReceipt:
    """What became of a batch of events; whatever is not rejected is durable."""

    accepted: int
    duplicates: int
    event_ids: Annotated[
        list[str | None], Field(description="By index; null where the event was rejected.")
    ]
    rejected: list[Rejected]


@dataclass(frozen=True)
class Models:
    """What is being served."""

    model_version: str
    as_of: date
    available: Annotated[list[str], Field(description="Bundles that could be activated.")]
    manifest: Manifest


@dataclass(frozen=True)
class Reloaded:
    """The versions before and after a reload."""

    model_version: str
    previous_version: str
    as_of: date
