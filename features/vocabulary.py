"""The one vocabulary: every table and column that Regulars knows, named once.

Users map their own names onto these in ``regulars.toml``; all other code says
``Columns.CUSTOMER_ID`` so that a typo is an ``AttributeError`` and a rename is one edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ColumnType = Literal["string", "timestamp", "float64", "int64", "boolean"]


class Columns:
    """Names of the columns that users map, and of the keys of everything derived."""

    # Keys
    CUSTOMER_ID: Final = "customer_id"
    PRODUCT_ID: Final = "product_id"
    ORDER_ID: Final = "order_id"
    AS_OF: Final = "as_of"

    # When it happened (UTC), and when the shop's systems first knew of it
    TS: Final = "ts"
    AVAILABLE_AT: Final = "available_at"

    # Order lines
    QUANTITY: Final = "quantity"
    UNIT_PRICE: Final = "unit_price"
    DISCOUNT: Final = "discount"
    CHANNEL: Final = "channel"

    # Products
    PRODUCT_NAME: Final = "product_name"
    CATEGORY: Final = "category"
    LIST_PRICE: Final = "list_price"
    UNIT_COST: Final = "unit_cost"
    STOCK: Final = "stock"
    LAUNCHED_AT: Final = "launched_at"
    RETIRED_AT: Final = "retired_at"

    # Customers
    SIGNED_UP_AT: Final = "signed_up_at"
    BIRTH_YEAR: Final = "birth_year"
    GENDER: Final = "gender"
    COUNTRY: Final = "country"
    REGION: Final = "region"
    ACQUISITION_CHANNEL: Final = "acquisition_channel"
    ACQUISITION_COST: Final = "acquisition_cost"
    EMAIL_CONSENT: Final = "email_consent"
    HOUSEHOLD_SIZE: Final = "household_size"
    INCOME: Final = "income"
    LIFESTYLE: Final = "lifestyle"

    # Events, searches
    EVENT_ID: Final = "event_id"
    EVENT_TYPE: Final = "event_type"
    SESSION_ID: Final = "session_id"
    QUERY: Final = "query"

    # Surveys
    SURVEY: Final = "survey"
    SCORE: Final = "score"
    ASPECT: Final = "aspect"

    # Contacts and offers
    CONTACT_ID: Final = "contact_id"
    CAMPAIGN_ID: Final = "campaign_id"
    OFFER_ID: Final = "offer_id"
    TREATED: Final = "treated"
    COST: Final = "cost"
    OPENED_AT: Final = "opened_at"
    ACCEPTED_AT: Final = "accepted_at"
    OFFER_NAME: Final = "offer_name"
    DISCOUNT_RATE: Final = "discount_rate"
    CONTACT_COST: Final = "contact_cost"
    STARTS_AT: Final = "starts_at"
    ENDS_AT: Final = "ends_at"

    # Costs, points, contracts, referrals
    COST_KIND: Final = "cost_kind"
    AMOUNT: Final = "amount"
    MOVEMENT: Final = "movement"
    POINTS: Final = "points"
    EXPIRES_AT: Final = "expires_at"
    LEVEL: Final = "level"
    CONTRACT_ID: Final = "contract_id"
    CANCELLED_AT: Final = "cancelled_at"
    REFERRED_CUSTOMER_ID: Final = "referred_customer_id"


@dataclass(frozen=True)
class ColumnSpec:
    """One column of an input table: its type, whether it must be mapped, what it means."""

    name: str
    type: ColumnType
    meaning: str
    required: bool = False


@dataclass(frozen=True)
class TableSpec:
    """One input table: what a row is, its columns, and the columns that identify a row."""

    name: str
    row: str
    columns: tuple[ColumnSpec, ...]
    key: tuple[str, ...] = ()

    def column(self, name: str) -> ColumnSpec:
        """Return the named column's spec; ``KeyError`` when the table has none."""
        return {spec.name: spec for spec in self.columns}[name]

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be mapped."""
        return tuple(spec.name for spec in self.columns if spec.required)


C = Columns


def _required(name: str, type_: ColumnType, meaning: str) -> ColumnSpec:
    return ColumnSpec(name, type_, meaning, required=True)


_AVAILABLE_AT = ColumnSpec(
    C.AVAILABLE_AT, "timestamp", "when the record could first be read; default: when it happened"
)

ORDERS = TableSpec(
    "orders",
    "one line of one order; a return is a line of negative quantity",
    (
        _required(C.ORDER_ID, "string", "the order; a return carries its order's id if known"),
        _required(C.CUSTOMER_ID, "string", "who ordered"),
        _required(C.PRODUCT_ID, "string", "what was ordered"),
        _required(C.TS, "timestamp", "when, UTC"),
        _required(C.QUANTITY, "float64", "units; negative when returned or cancelled"),
        _required(C.UNIT_PRICE, "float64", "money per unit before discount"),
        ColumnSpec(C.DISCOUNT, "float64", "money taken off the whole line"),
        ColumnSpec(C.UNIT_COST, "float64", "cost of goods per unit; else the product's"),
        ColumnSpec(C.CHANNEL, "string", "where it was ordered: web, store, phone"),
        ColumnSpec(C.PRODUCT_NAME, "string", "used where there is no products table"),
        ColumnSpec(C.COUNTRY, "string", "used where there is no customers table"),
        _AVAILABLE_AT,
    ),
)
PRODUCTS = TableSpec(
    "products",
    "one product of the catalogue",
    (
        _required(C.PRODUCT_ID, "string", "the product"),
        ColumnSpec(C.PRODUCT_NAME, "string", "what shoppers call it"),
        ColumnSpec(C.CATEGORY, "string", "its category"),
        ColumnSpec(C.LIST_PRICE, "float64", "today's price per unit"),
        ColumnSpec(C.UNIT_COST, "float64", "cost of goods per unit"),
        ColumnSpec(C.STOCK, "float64", "units at hand; missing means not tracked"),
        ColumnSpec(C.LAUNCHED_AT, "timestamp", "first day on sale"),
        ColumnSpec(C.RETIRED_AT, "timestamp", "last day on sale"),
    ),
    key=(C.PRODUCT_ID,),
)
CUSTOMERS = TableSpec(
    "customers",
    "one customer",
    (
        _required(C.CUSTOMER_ID, "string", "the customer"),
        ColumnSpec(C.SIGNED_UP_AT, "timestamp", "when the relationship began"),
        ColumnSpec(C.BIRTH_YEAR, "int64", "year of birth"),
        ColumnSpec(C.GENDER, "string", "as declared"),
        ColumnSpec(C.COUNTRY, "string", "country"),
        ColumnSpec(C.REGION, "string", "region within the country"),
        ColumnSpec(C.ACQUISITION_CHANNEL, "string", "how the customer was won"),
        ColumnSpec(C.ACQUISITION_COST, "float64", "money spent to win the customer"),
        ColumnSpec(C.EMAIL_CONSENT, "boolean", "may be contacted by e-mail"),
        ColumnSpec(C.HOUSEHOLD_SIZE, "int64", "people in the household, as declared"),
        ColumnSpec(C.INCOME, "float64", "yearly income in the shop's currency, as declared"),
        ColumnSpec(C.LIFESTYLE, "string", "psychographic group, as declared; never guessed"),
    ),
    key=(C.CUSTOMER_ID,),
)
EVENTS = TableSpec(
    "events",
    "one view, search or cart addition",
    (
        _required(C.CUSTOMER_ID, "string", "who"),
        _required(C.TS, "timestamp", "when, UTC"),
        _required(C.EVENT_TYPE, "string", "view, search or cart_add"),
        ColumnSpec(C.EVENT_ID, "string", "makes a repeated delivery harmless"),
        ColumnSpec(C.PRODUCT_ID, "string", "the product, where there is one"),
        ColumnSpec(C.SESSION_ID, "string", "the visit"),
        ColumnSpec(C.QUERY, "string", "the words searched for"),
        ColumnSpec(C.CHANNEL, "string", "web, app, store"),
        _AVAILABLE_AT,
    ),
)
SURVEYS = TableSpec(
    "surveys",
    "one answer to one question",
    (
        _required(C.CUSTOMER_ID, "string", "who answered"),
        _required(C.TS, "timestamp", "when, UTC"),
        _required(C.SURVEY, "string", "nps (0-10), csat (1-5) or ces (1-7)"),
        _required(C.SCORE, "float64", "the answer"),
        ColumnSpec(C.ASPECT, "string", "what was asked about: quality, price, service, image"),
        ColumnSpec(C.ORDER_ID, "string", "the order asked about"),
        _AVAILABLE_AT,
    ),
)
CONTACTS = TableSpec(
    "contacts",
    "one customer in one campaign, contacted or held out",
    (
        _required(C.CUSTOMER_ID, "string", "who"),
        _required(C.CAMPAIGN_ID, "string", "the campaign"),
        _required(C.TS, "timestamp", "when, UTC; for the held out: when it would have been"),
        _required(C.TREATED, "boolean", "true when contacted, false when held out"),
        ColumnSpec(C.CONTACT_ID, "string", "the contact"),
        ColumnSpec(C.CHANNEL, "string", "email, phone, post"),
        ColumnSpec(C.OFFER_ID, "string", "the offer made"),
        ColumnSpec(C.COST, "float64", "money spent on this contact"),
        ColumnSpec(C.OPENED_AT, "timestamp", "when it was opened"),
        ColumnSpec(C.ACCEPTED_AT, "timestamp", "when the offer was taken up"),
    ),
)
COSTS = TableSpec(
    "costs",
    "one cost of serving one customer",
    (
        _required(C.CUSTOMER_ID, "string", "who caused it"),
        _required(C.TS, "timestamp", "when, UTC"),
        _required(C.COST_KIND, "string", "shipping, support, payment"),
        _required(C.AMOUNT, "float64", "money"),
        ColumnSpec(C.ORDER_ID, "string", "the order it belongs to"),
        _AVAILABLE_AT,
    ),
)
POINTS = TableSpec(
    "points",
    "one movement of loyalty points",
    (
        _required(C.CUSTOMER_ID, "string", "whose"),
        _required(C.TS, "timestamp", "when, UTC"),
        _required(C.MOVEMENT, "string", "earned, redeemed or expired"),
        _required(C.POINTS, "float64", "how many, always positive"),
        ColumnSpec(C.ORDER_ID, "string", "the order it belongs to"),
        ColumnSpec(C.EXPIRES_AT, "timestamp", "when earned points lapse, where agreed"),
        ColumnSpec(C.LEVEL, "string", "the customer's level once this was booked"),
        _AVAILABLE_AT,
    ),
)
CONTRACTS = TableSpec(
    "contracts",
    "one contract or product held",
    (
        _required(C.CUSTOMER_ID, "string", "who holds it"),
        _required(C.CONTRACT_ID, "string", "the contract"),
        _required(C.STARTS_AT, "timestamp", "first day"),
        ColumnSpec(C.PRODUCT_ID, "string", "the product held"),
        ColumnSpec(C.ENDS_AT, "timestamp", "last day, where agreed"),
        ColumnSpec(C.CANCELLED_AT, "timestamp", "when notice was given"),
        ColumnSpec(C.LEVEL, "string", "tariff or service level"),
    ),
    key=(C.CONTRACT_ID,),
)
REFERRALS = TableSpec(
    "referrals",
    "one customer brought by another",
    (
        _required(C.CUSTOMER_ID, "string", "who referred"),
        _required(C.REFERRED_CUSTOMER_ID, "string", "who came"),
        _required(C.TS, "timestamp", "when, UTC"),
    ),
)
OFFERS = TableSpec(
    "offers",
    "one offer that may be made",
    (
        _required(C.OFFER_ID, "string", "the offer"),
        _required(C.OFFER_NAME, "string", "what the customer reads"),
        ColumnSpec(C.PRODUCT_ID, "string", "the product promoted"),
        ColumnSpec(C.CATEGORY, "string", "or the category promoted"),
        ColumnSpec(C.DISCOUNT_RATE, "float64", "share of the price given away, 0 to 1"),
        ColumnSpec(C.CONTACT_COST, "float64", "money per contact"),
        ColumnSpec(C.STARTS_AT, "timestamp", "first day it may be made"),
        ColumnSpec(C.ENDS_AT, "timestamp", "first day it may no longer be made"),
    ),
    key=(C.OFFER_ID,),
)

TABLES: Final[dict[str, TableSpec]] = {
    spec.name: spec
    for spec in (
        ORDERS,
        PRODUCTS,
        CUSTOMERS,
        EVENTS,
        SURVEYS,
        CONTACTS,
        COSTS,
        POINTS,
        CONTRACTS,
        REFERRALS,
        OFFERS,
    )
}
