"""What a bundle holds: names, types and meanings, shared by its writer and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, Literal, get_args

import pyarrow as pa

from features.errors import BundleError
from features.vocabulary import Columns as C


class BundleColumns:
    """Columns that exist only in bundles; the others come from ``Columns``."""

    # Customers
    CHURN_PROBABILITY: Final = "churn_probability"
    P_ALIVE: Final = "p_alive"
    CLV_SIMPLE: Final = "clv_simple"
    CLV_HISTORIC: Final = "clv_historic"
    CLV_PREDICTED: Final = "clv_predicted"
    CLV_LOWER: Final = "clv_lower"
    CLV_UPPER: Final = "clv_upper"
    EXPECTED_ORDERS: Final = "expected_orders_365d"
    VALUE_IF_RETAINED: Final = "value_if_retained"
    VALUE_AT_RISK: Final = "value_at_risk"
    TIER: Final = "tier"
    BANK_TIER: Final = "bank_tier"
    SEGMENT: Final = "segment"
    STAGE: Final = "stage"
    DAYS_SINCE_LAST_ORDER: Final = "days_since_last_order"
    ORDERS: Final = "orders"
    DRIVERS: Final = "drivers"
    UPLIFT: Final = "uplift"
    UPLIFT_LOWER: Final = "uplift_lower"
    UPLIFT_UPPER: Final = "uplift_upper"
    P_ORDERS: Final = "p_orders"
    VALUE_IF_ORDERS: Final = "value_if_orders"
    NEXT_PRODUCT: Final = "next_product"
    NEXT_PRODUCT_PROBABILITY: Final = "next_product_probability"

    # Products
    PRICE: Final = "price"
    MARGIN: Final = "margin"
    IN_STOCK: Final = "in_stock"
    RETIRED: Final = "retired"
    USUAL_GAP_DAYS: Final = "usual_gap_days"
    REPEAT_SHARE: Final = "repeat_share"
    NEWCOMER_SHARE: Final = "newcomer_share"

    # Offers
    STARTS_ON: Final = "starts_on"
    ENDS_ON: Final = "ends_on"
    DECLARATION: Final = "declaration"

    # Values of the sparse matrices
    PROBABILITY: Final = "probability"
    SUPPORT: Final = "support"
    TIMES: Final = "times"
    LAST_DAY: Final = "last_day"
    BECAUSE: Final = "because"


B = BundleColumns

# Each the best first: this order decides what is a rise and what a fall in movement tables.
Tier = Literal["top_1", "top_5", "top_10", "top_25", "top_50", "rest"]
Stage = Literal["active", "reactivated", "new", "cooling", "at_risk", "lost", "prospect"]
RfmSegment = Literal[
    "champions",
    "loyal",
    "potential_loyalist",
    "new",
    "promising",
    "need_attention",
    "about_to_sleep",
    "cannot_lose",
    "at_risk",
    "hibernating",
]
TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
RFM_SEGMENTS: Final[tuple[RfmSegment, ...]] = get_args(RfmSegment)

# Text is large_string throughout: 32-bit offsets overflow at a few million customers' drivers.
_TEXT = pa.large_string()


def _required(name: str, type_: Any) -> Any:
    return pa.field(name, type_, nullable=False)


CUSTOMERS: Final = pa.schema(
    [
        _required(C.CUSTOMER_ID, _TEXT),  # sorted, unique
        pa.field(B.CHURN_PROBABILITY, pa.float64()),  # calibrated P(churned)
        pa.field(B.P_ALIVE, pa.float64()),  # BTYD; another quantity than the above
        pa.field(B.CLV_SIMPLE, pa.float64()),  # money
        pa.field(B.CLV_HISTORIC, pa.float64()),  # money
        pa.field(B.CLV_PREDICTED, pa.float64()),  # money, discounted
        pa.field(B.CLV_LOWER, pa.float64()),  # money; with the next, 90 % of outcomes
        pa.field(B.CLV_UPPER, pa.float64()),  # money
        pa.field(B.EXPECTED_ORDERS, pa.float64()),  # BTYD, a year ahead
        pa.field(B.VALUE_IF_RETAINED, pa.float64()),  # money
        pa.field(B.VALUE_AT_RISK, pa.float64()),  # money
        pa.field(B.TIER, _TEXT),  # one of TIERS
        pa.field(B.BANK_TIER, _TEXT),  # high_net_worth, potential or ordinary
        pa.field(B.SEGMENT, _TEXT),  # one of RFM_SEGMENTS
        pa.field(B.STAGE, _TEXT),
        pa.field(B.DAYS_SINCE_LAST_ORDER, pa.int64()),
        pa.field(B.ORDERS, pa.int64()),  # net-positive orders before as_of
        pa.field(C.EMAIL_CONSENT, pa.bool_()),  # may be contacted by e-mail; null where unsaid
        # The next five are for the response days after a contact; null without treatment data.
        pa.field(B.UPLIFT, pa.float64()),  # change in P(order) by a contact
        pa.field(B.UPLIFT_LOWER, pa.float64()),  # with the next, its 95 % interval
        pa.field(B.UPLIFT_UPPER, pa.float64()),
        pa.field(B.P_ORDERS, pa.float64()),  # P(order)
        pa.field(B.VALUE_IF_ORDERS, pa.float64()),  # money: expected margin of an order
        # A contract holder's likeliest next product, and P(it | one more is held).
        pa.field(B.NEXT_PRODUCT, _TEXT),
        pa.field(B.NEXT_PRODUCT_PROBABILITY, pa.float64()),
        pa.field(B.DRIVERS, _TEXT),  # JSON: [{feature, meaning, value, effect, family, text, ...}]
    ]
)
PRODUCTS: Final = pa.schema(
    [
        _required(C.PRODUCT_ID, _TEXT),  # sorted, unique
        pa.field(C.PRODUCT_NAME, _TEXT),
        pa.field(C.CATEGORY, _TEXT),
        pa.field(B.PRICE, pa.float64()),  # money per unit
        pa.field(C.UNIT_COST, pa.float64()),  # money per unit
        pa.field(B.MARGIN, pa.float64()),  # money per unit after cost of goods
        _required(B.IN_STOCK, pa.bool_()),
        _required(B.RETIRED, pa.bool_()),
        pa.field(B.USUAL_GAP_DAYS, pa.float64()),  # median days until bought again, by those who do
        pa.field(B.REPEAT_SHARE, pa.float64()),  # of its buyers, on two days or more
        pa.field(B.NEWCOMER_SHARE, pa.float64()),  # of all first orders, that hold it
    ]
)
OFFERS: Final = pa.schema(
    [
        _required(C.OFFER_ID, _TEXT),  # sorted, unique
        _required(C.OFFER_NAME, _TEXT),
        pa.field(C.PRODUCT_ID, _TEXT),  # either a product
        pa.field(C.CATEGORY, _TEXT),  # or a category
        _required(C.DISCOUNT_RATE, pa.float64()),  # share of the price given away, 0 to 1
        _required(C.CONTACT_COST, pa.float64()),  # money per contact
        pa.field(B.STARTS_ON, pa.date32()),  # first day it may be made
        pa.field(B.ENDS_ON, pa.date32()),  # first day it may no longer be made
        pa.field(B.DECLARATION, _TEXT),  # JSON of models.offers.declarations.Declaration
    ]
)
TABLES: Final[Mapping[str, Any]] = {"customers": CUSTOMERS, "products": PRODUCTS, "offers": OFFERS}

MATRICES: Final[Mapping[str, tuple[str, ...]]] = {
    "candidates": (C.SCORE, B.PROBABILITY, B.BECAUSE),
    "cross_sell": (C.SCORE, B.SUPPORT),
    "substitutes": (C.SCORE,),
    "similar": (C.SCORE,),
    "bought": (B.TIMES, B.LAST_DAY, B.USUAL_GAP_DAYS),
    "popular": (C.SCORE, B.PROBABILITY),
    "newcomers": (C.SCORE,),
}


def conform(name: str, table: Any, schema: Any) -> Any:
    """Return the table in the schema's columns, order and types, as one chunk.

    A missing optional column becomes nulls. A column that the schema does not know is refused,
    so that a misspelt name cannot turn into nulls.

    Raises
    ------
    BundleError
        On an unknown column, a missing required one, a null where none may be, a type that
        cannot be cast, or keys that are not sorted and unique.
    """
    remedy = f"Give {name} these columns: {', '.join(schema.names)}."
    if unknown := sorted(set(table.column_names) - set(schema.names)):
        raise BundleError(f"{name} has unknown columns: {', '.join(unknown)}", remedy)
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column = table.column(field.name)
        elif field.nullable:
            column = pa.nulls(table.num_rows, field.type)
        else:
            raise BundleError(f"{name} lacks the column {field.name}", remedy)
        if not field.nullable and column.null_count:
            raise BundleError(f"{name}.{field.name} holds nulls", remedy)
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowInvalid as error:
            raise BundleError(
                f"{name}.{field.name} is not {field.type}: {error}", remedy
            ) from error
    conformed = pa.Table.from_arrays(columns, schema=schema).combine_chunks()
    check_sorted_key(name, conformed.column(0).to_pylist())
    return conformed


def check_sorted_key(name: str, keys: list[str]) -> None:
    """Refuse keys that are not strictly ascending: look-ups search them by halves.

    Raises
    ------
    BundleError
        Naming the table.
    """
    if any(left >= right for left, right in pairwise(keys)):
        raise BundleError(
            f"the keys of {name} are not sorted and unique", f"Sort {name} by its first column."
        )
