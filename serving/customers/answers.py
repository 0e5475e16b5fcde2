"""Answers about customers as JSON and in the OpenAPI: the profile and the churn list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from serving.answers import Definition
from serving.customers.ordered_since import OrderedSince


@dataclass(frozen=True)
class Purchased:
    """A product that the customer bought, and when last."""

    product_id: str
    product_name: str | None
    times: int
    last_on: date


@dataclass(frozen=True)
class CustomerProfile:
    """Everything known of one customer; null where a quantity is not known."""

    customer_id: str
    model_version: str
    as_of: Annotated[date, Field(description="The scores count what was known before this day.")]
    scored_at: Annotated[
        datetime | None,
        Field(
            description="When scores and vector were made again, from what was sent since the "
            "bundle; null where they are the bundle's."
        ),
    ]
    churn_probability: float | None
    p_alive: float | None
    clv_simple: float | None
    clv_historic: float | None
    clv_predicted: float | None
    clv_lower: Annotated[float | None, Field(description="90 % of outcomes lie between these.")]
    clv_upper: float | None
    expected_orders_365d: Annotated[float | None, Field(description="Buy-till-you-die model.")]
    value_if_retained: float | None
    value_at_risk: float | None
    tier: str | None
    segment: str | None
    stage: str | None
    days_since_last_order: int | None
    orders: int | None
    email_consent: bool | None
    ordered_since: Annotated[
        OrderedSince | None,
        Field(description="Null where the scores above know of every order."),
    ]
    drivers: Annotated[
        list[dict[str, Any]],
        Field(description="[{feature, meaning, value, effect, family, text, direction, ...}]"),
    ]
    vector: Annotated[dict[str, float | str | None], Field(description="The customer vector.")]
    history: Annotated[list[Purchased], Field(description="Last bought first; at most 50.")]
    definition: Definition


@dataclass(frozen=True)
class AtRisk:
    """One row of the churn list."""

    customer_id: str
    churn_probability: float | None
    value_at_risk: float | None
    value_if_retained: float | None
    clv_predicted: float | None
    tier: str | None
    segment: str | None
    stage: str | None
    days_since_last_order: int | None
    ordered_since_on: Annotated[
        date | None,
        Field(description="The last order that the scores know nothing of yet; null without."),
    ] = None


@dataclass(frozen=True)
class ChurnList:
    """One page of the churn list."""

    model_version: str
    as_of: date
    definition: Definition
    items: list[AtRisk]
    next_cursor: Annotated[str | None, Field(description="Null on the last page.")]
