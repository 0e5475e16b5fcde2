"""The terms of an action's value as JSON and in the OpenAPI; answers and traces show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from models.uplift.evidence import Evidence


# Not frozen: with so many fields that takes twice as long to make.
@dataclass
class Terms:
    """The terms of an offer's value, expected per contact.

    ``p_accept = p_buys x p_product_given_buys`` and ``offer_value = p_accept x margin
    + retention + breadth - discount - acceptance_cost - contact_cost``, all in money.
    """

    p_buys: Annotated[
        float,
        Field(
            description="P(buys within the churn horizon); by next_product: the share of holders "
            "of contracts who took one more within it."
        ),
    ]
    p_product_given_buys: float
    p_accept: float
    acceptance_basis: Annotated[
        Literal["orders", "next_product"],
        Field(
            description="What p_accept rests on: the chances of the next order, or what holders of "
            "contracts take next. Neither saw the offer made."
        ),
    ]
    margin: Annotated[float, Field(description="Money per unit, before the discount.")]
    discount: Annotated[float, Field(description="Expected money given: p_accept x rate x price.")]
    acceptance_cost: Annotated[
        float, Field(description="Expected: p_accept x what an acceptance costs, points included.")
    ]
    contact_cost: float
    uplift: Annotated[
        float | None,
        Field(description="Change in P(order) by a contact; null where none is made or known."),
    ]
    remaining_value: Annotated[
        float | None,
        Field(description="Money per order, in the days over which the uplift was measured."),
    ]
    retention: Annotated[float, Field(description="uplift x remaining_value; 0 without them.")]
    retention_lower: Annotated[
        float | None, Field(description="Lower bound, by the uplift's 95 % interval.")
    ]
    retention_upper: float | None
    breadth_effect: Annotated[
        float | None,
        Field(
            description="Fall in P(churned) by holding one more category or product; null where "
            "nothing new is held or no fall is proven."
        ),
    ]
    breadth_remaining_value: Annotated[
        float | None, Field(description="Money of the churn horizon, given that they stay.")
    ]
    breadth: Annotated[
        float,
        Field(description="p_accept x breadth_effect x breadth_remaining_value; 0 without them."),
    ]
    breadth_lower: Annotated[
        float | None, Field(description="Lower bound, by the effect's 95 % interval.")
    ]
    breadth_upper: float | None
    breadth_evidence: Evidence | None
    offer_value: float
    offer_value_lower: Annotated[
        float, Field(description="Lower bound, by the measured errors: P(buys), uplift, breadth.")
    ]
    offer_value_upper: float
    currency: str
    evidence: Annotated[
        Evidence,
        Field(
            description="Of the retention: randomised, observational (adjusted), or risk_only: no "
            "treatment data, so not a causal claim."
        ),
    ]
