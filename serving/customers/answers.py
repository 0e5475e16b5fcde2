"""Answers about customers as JSON and in the OpenAPI: the profile and the churn list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from serving.answers import Definition
from serving.customers.ordered_since import OrderedSince

ChurnProbability = Annotated[
    float | None,
    Field(
        description="P(churned within churn_horizon_days); null outside the population that "
        "the definition names."
    ),
]
ValueAtRisk = Annotated[
    float | None, Field(description="Money: churn_probability x value_if_retained.")
]
ValueIfRetained = Annotated[
    float | None, Field(description="Expected margin over value_horizon_days, given an order.")
]
PredictedValue = Annotated[
    float | None, Field(description="Expected discounted margin over value_horizon_days.")
]
Tier = Annotated[str | None, Field(description="Top so many percent by clv_predicted, or rest.")]
Segment = Annotated[
    str | None, Field(description="By quintiles of recency and number of orders (RFM).")
]
Stage = Annotated[
    str | None, Field(description="Of the life cycle, by P(buys) and days since the order.")
]


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
    churn_probability: ChurnProbability
    p_alive: Annotated[
        float | None,
        Field(description="By BG/NBD, by which everyone with one order day is alive."),
    ]
    clv_simple: Annotated[
        float | None, Field(description="Last year's margin x mean years of a relationship.")
    ]
    clv_historic: Annotated[float | None, Field(description="Margin to date.")]
    clv_predicted: PredictedValue
    clv_lower: Annotated[float | None, Field(description="90 % of outcomes lie between these two.")]
    clv_upper: float | None
    expected_orders_365d: Annotated[float | None, Field(description="Buy-till-you-die model.")]
    value_if_retained: ValueIfRetained
    value_at_risk: ValueAtRisk
    tier: Tier
    segment: Segment
    stage: Stage
    days_since_last_order: int | None
    orders: int | None
    email_consent: bool | None
    ordered_since: Annotated[
        OrderedSince | None,
        Field(description="Null where the scores above count every order."),
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
    churn_probability: ChurnProbability
    value_at_risk: ValueAtRisk
    value_if_retained: ValueIfRetained
    clv_predicted: PredictedValue
    tier: Tier
    segment: Segment
    stage: Stage
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
