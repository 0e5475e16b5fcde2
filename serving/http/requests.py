"""What the server is asked: bodies of requests, checked and documented."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from serving.events import EVENT_EXAMPLE, MAX_ID_CHARACTERS, Id, RawEvent

# Examples name customers and products of the simulated shop: they can be tried on it.
CustomerPath = Annotated[
    str, Path(min_length=1, max_length=MAX_ID_CHARACTERS, examples=["C0007804"])
]
ProductPath = Annotated[str, Path(min_length=1, max_length=MAX_ID_CHARACTERS, examples=["P0012"])]
Scenario = Literal["home", "product", "cart", "email"]
Count = Annotated[int, Field(ge=1, le=100, description="How many items.")]
Diversity = Annotated[
    float,
    Field(ge=0, le=1, description="Weight of being unlike the items before; 0 for none."),
]
# Tuples, and a dictionary made when it is needed: defaults that could change are copied at length.
Items = Annotated[tuple[Id, ...], Field(max_length=200)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False, description="Money; inclusive.")]
_INT64: Final = range(-(2**63), 2**63)


def _is_small(value: object) -> object:
    # Not bounds on the union's members: the union would try all others on what one refuses.
    if isinstance(value, int) and value not in _INT64:
        raise ValueError("an integer may have at most 64 bits")
    if isinstance(value, str) and len(value) > MAX_ID_CHARACTERS:
        raise ValueError(f"a text may have at most {MAX_ID_CHARACTERS} characters")
    return value


Int64 = Annotated[int, Field(json_schema_extra={"format": "int64"})]
ShortText = Annotated[str, Field(json_schema_extra={"maxLength": MAX_ID_CHARACTERS})]
Circumstance = Annotated[ShortText | bool | Int64 | FiniteFloat | None, AfterValidator(_is_small)]
# Circumstances are kept with the decision, for learning; not a place for personal data.
Context = Annotated[
    dict[Annotated[str, Field(max_length=100)], Circumstance],
    Field(max_length=50, description="Circumstances to keep with the decision; nothing personal."),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Filter(_Body):
    """Only these products."""

    category: Id | None = None
    min_price: Price | None = None
    max_price: Price | None = None


class RecommendationRequest(_Body):
    """Whom to recommend for: a customer, a visit, both, or several customers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"customer_id": "C0007804", "n": 5, "filter": {"max_price": 40}},
                {"session_id": "visit-1", "session_items": ["P0012", "P0007"], "n": 5},
                {"customers": ["C0007804", "C0000001"], "n": 3, "scenario": "email"},
            ]
        }
    )

    customer_id: Id | None = None
    session_id: Id | None = None
    session_items: Items = Field((), description="Products viewed or added to the cart.")
    customers: list[Id] | None = Field(
        None, min_length=1, max_length=500, description="A batch; instead of customer_id."
    )
    n: Count = 10
    scenario: Scenario = "home"
    exclude: Items = ()
    include_bought: bool = True
    diversity: Diversity = 0.0
    explain: bool = True
    filter: Filter = Filter()
    context: Context = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        if self.customers is not None and (self.customer_id or self.session_id):
            raise ValueError("give customers, or customer_id and session_id, not both")
        return self


class RecommendationQuery(_Body):
    """Parameters of recommendations; an unknown one is an error, not ignored."""

    n: Count = 10
    scenario: Scenario = "home"
    category: Id | None = None
    exclude: Items = ()
    include_bought: bool = True
    diversity: Diversity = 0.0
    explain: bool = True


class CrossSellQuery(_Body):
    """Parameters of a product page's cross-sell."""

    customer_id: Id | None = None
    n: Count = 10
    category: Id | None = None
    exclude: Items = ()
    include_bought: bool = True
    diversity: Diversity = 0.0
    explain: bool = True


class CrossSellRequest(_Body):
    """A cart to complete."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": ["P0012", "P0007"], "n": 4}]}
    )

    items: Items = Field(min_length=1, description="What is in the cart.")
    customer_id: Id | None = None
    session_id: Id | None = None
    n: Count = 10
    exclude: Items = ()
    include_bought: bool = True
    diversity: Diversity = 0.0
    explain: bool = True
    filter: Filter = Filter()
    context: Context = Field(default_factory=dict)


class NextBestOfferRequest(_Body):
    """Whom to make an offer to, and where it would be shown."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"customer_id": "C0007804", "placements": ["banner"], "n": 1}]
        }
    )

    customer_id: Id | None = None
    session_id: Id | None = None
    placements: list[Id] = Field(
        [], max_length=20, description="Filled in this order, n items each."
    )
    n: Annotated[int, Field(ge=1, le=20, description="Items per placement.")] = 1
    exclude: Items = ()
    channel: Id = Field(
        "web", description="Where offers are made: web, email, ...; see the offers' policy."
    )
    context: Context = Field(default_factory=dict)
    trace: bool = Field(default=False, description="Explain what became of every offer.")
    why_not: Id | None = Field(None, description="Explain this offer only.")


class NextBestOfferQuery(_Body):
    """Parameters of a customer's next best offer; an unknown one is an error, not ignored."""

    n: Annotated[int, Field(ge=1, le=20, description="How many items.")] = 1
    trace: bool = Field(default=False, description="Explain what became of every offer.")
    why_not: Id | None = Field(None, description="Explain this offer only.")


class EventBatch(_Body):
    """Up to 1,000 events; each is judged by itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": [EVENT_EXAMPLE]}]})

    events: list[RawEvent] = Field(min_length=1, max_length=1_000)
