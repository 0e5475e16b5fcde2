"""Where and when an offer would be made, as rules and gates see it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast

from models.offers.checking import WEEKDAYS, Kind
from models.offers.syntax import Value
from serving.decisions.offers import OfferBook


@dataclass(frozen=True)
class Context:
    """Where an offer would be made, and what the request says of its circumstances.

    Parameters
    ----------
    channel
        One that the policy knows; nothing is offered by any other.
    placement
        None where the request names none: any will do.
    values
        By the names that the policy declares, without ``context.``; others are not looked at.
    """

    channel: str = "web"
    placement: str | None = None
    values: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """What of a request is the same for all customers.

    Parameters
    ----------
    values
        What rules may name beside the customer's columns.
    quiet
        Whether the channel is at rest.
    """

    channel: str
    placement: str | None
    now: datetime
    today: date
    quiet: bool
    values: Mapping[str, Value | None]

    @classmethod
    def of(cls, book: OfferBook, context: Context, now: datetime) -> Moment:
        """Tell the time in the policy's zone, and keep what the policy declares."""
        local = now.astimezone(book.policy.zone)
        way = book.channels.get(context.channel)
        values: dict[str, Value | None] = {
            "context.channel": context.channel,
            "context.placement": context.placement,
            "context.today": local.date(),
            "context.hour": float(local.hour),
            "context.weekday": WEEKDAYS[local.weekday()],
        }
        for name, kind in book.policy.context.items():
            values[f"context.{name}"] = _of_kind(context.values.get(name), kind)
        quiet = way is not None and way.is_quiet(local.time())
        return cls(context.channel, context.placement, now, local.date(), quiet, values)


def _of_kind(value: object, kind: Kind) -> Value | None:
    """Return what a request said if it is of the declared kind, else None: missing."""
    match kind:
        case "boolean":
            return value if isinstance(value, bool) else None
        case "text":
            return value if isinstance(value, str) else None
        case "number":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return float(cast("float", value)) if number else None
        case "date":
            with suppress(ValueError):
                return date.fromisoformat(value) if isinstance(value, str) else None
            return None
