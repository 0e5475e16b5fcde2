"""Events as shops send them: what each type must carry, checked one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from features.wording import own_words

EventType = Literal[
    "view",
    "search",
    "cart_add",
    "purchase",
    "return",
    "impression",
    "click",
    "accept",
    "reject",
    "survey",
]
INTEREST_TYPES: Final = ("view", "cart_add", "search")
"""Types that show what a shopper is interested in, short of a purchase."""

MAX_ID_CHARACTERS: Final = 200
Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_CHARACTERS)]

# Some clocks run ahead; a time further in the future is a mistake.
MAX_AHEAD: Final = timedelta(days=1)

_OF_AN_ANSWER: Final = ("product_id", "offer_id", "recommendation_id", "decision_id")
EVENT_EXAMPLE: Final[dict[str, JsonValue]] = {
    "event_id": "e-1001",
    "type": "reject",
    "ts": "2026-05-03T10:15:00Z",
    "customer_id": "C0007804",
    "product_id": "P0007",
}
# At least one of these fields must be given, by type.
_ONE_OF: Final[dict[str, tuple[str, ...]]] = {
    "view": ("product_id",),
    "search": ("query",),
    "cart_add": ("product_id",),
    "purchase": ("product_id",),
    "return": ("product_id",),
    "impression": _OF_AN_ANSWER,
    "click": _OF_AN_ANSWER,
    "accept": ("product_id", "offer_id"),
    "reject": ("product_id", "offer_id"),
    "survey": ("survey",),
}


class EventFields(BaseModel):
    """One thing that a shopper did, as it is sent."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [EVENT_EXAMPLE]},
    )

    type: EventType = Field(description="What happened.")
    event_id: Id | None = Field(None, description="Makes a repeated delivery harmless.")
    ts: AwareDatetime | None = Field(
        None, description="When, with its time zone. Default: when the server received it."
    )
    customer_id: Id | None = Field(None, description="Who; or give session_id.")
    session_id: Id | None = Field(None, description="The visit of an anonymous shopper.")
    product_id: Id | None = None
    offer_id: Id | None = None
    order_id: Id | None = None
    recommendation_id: Id | None = Field(None, description="Of the answer it follows from.")
    decision_id: Id | None = Field(None, description="Of the answer it follows from.")
    quantity: float | None = Field(None, gt=0, allow_inf_nan=False)
    unit_price: float | None = Field(None, ge=0, allow_inf_nan=False)
    query: str | None = Field(None, max_length=1_000)
    survey: Literal["nps", "csat", "ces"] | None = None
    score: float | None = Field(None, allow_inf_nan=False, description="The survey's answer.")

    @field_validator("ts")
    @classmethod
    def _in_utc(cls, ts: datetime | None) -> datetime | None:
        try:
            return None if ts is None else ts.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("lies outside the calendar in UTC") from error

    @model_validator(mode="after")
    def _carries_what_its_type_needs(self) -> Self:
        if self.customer_id is None and self.session_id is None:
            raise ValueError("give customer_id or session_id")
        needed = _ONE_OF[self.type]
        if all(getattr(self, name) is None for name in needed):
            raise ValueError(f"a {self.type} event needs {' or '.join(needed)}")
        if self.type == "survey" and self.score is None:
            raise ValueError("a survey event needs score")
        return self


class Event(EventFields):
    """An event that has its id and its time."""

    event_id: Id
    ts: AwareDatetime


RawEvent = Annotated[Any, WithJsonSchema(EventFields.model_json_schema())]


@dataclass(frozen=True)
class Rejected:
    """An event that was not stored: its place in the batch and why."""

    index: int
    detail: str


def check_events(
    raw: Sequence[Any], now: datetime, new_id: Callable[[], str]
) -> tuple[dict[int, Event], list[Rejected]]:
    """Split a batch into good events, by index, and rejected ones.

    A missing ``event_id`` becomes an id for the batch and the index in it; a missing ``ts`` becomes
    ``now``.
    """
    good: dict[int, Event] = {}
    rejected: list[Rejected] = []
    batch_id = new_id()
    for index, fields in enumerate(raw):
        try:
            event = Event.model_validate(_complete(fields, now, batch_id, index))
        except ValidationError as error:
            rejected.append(Rejected(index, _describe(error)))
        else:
            if event.ts > now + MAX_AHEAD:
                rejected.append(Rejected(index, "ts: lies in the future; send it in UTC"))
            else:
                good[index] = event
    return good, rejected


def _complete(fields: Any, now: datetime, batch_id: str, index: int) -> Any:
    """Add an id and a time where they are missing; what is not an object is left to be refused."""
    if not isinstance(fields, dict):
        return fields
    event_id, ts = fields.get("event_id"), fields.get("ts")
    return {
        **fields,
        "event_id": f"{batch_id}-{index:03}" if event_id is None else event_id,
        "ts": now if ts is None else ts,
    }


def _describe(error: ValidationError) -> str:
    """Name each wrong field and what is wrong, without repeating what was sent."""
    return "; ".join(
        ": ".join([".".join(map(str, part["loc"])), own_words(part["msg"])]).lstrip(": ")
        for part in error.errors(include_url=False, include_input=False, include_context=False)
    )
