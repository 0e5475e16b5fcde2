"""Where and when an offer would be made: what of a request rules and gates read."""

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
    """Where an offer would be made, and the circumstances that the request names.

    Parameters
    ----------
    channel
        A declared or built-in channel; nothing is offered on any other.
    placement
        None where the request names none: any will do.
    values
        By the names that the policy declares, without ``context.``; others are ignored.
    """

    channel: str = "web"
    placement: str | None = None
    values: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """What of a request is the same for all customers.

    Parameters
    ----------
    local
        The time in the policy's zone.
    quiet
        Whether the channel is in its quiet hours.
    declared
        Names and kinds of the values that requests may carry.
    """

    context: Context
    now: datetime
    local: datetime
    quiet: bool
    declared: Mapping[str, Kind]

    @classmethod
    def of(cls, book: OfferBook, context: Context, now: datetime) -> Moment:
        """Convert the time to the policy's zone."""
        local = now.astimezone(book.policy.zone)
        declared = book.channels.get(context.channel)
        quiet = declared is not None and declared.is_quiet(local.time())
        return cls(context, now, local, quiet, book.policy.context)

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self.context.channel

    @property
    def placement(self) -> str | None:
        """The placement; None where the request names none."""
        return self.context.placement

    @property
    def today(self) -> date:
        """The day in the policy's zone."""
        return self.local.date()

    def values(self) -> dict[str, Value | None]:
        """Return the ``context.`` values that rules may read, of the kinds that are declared."""
        declared = {
            name: _of_kind(self.context.values.get(name), kind)
            for name, kind in self.declared.items()
        }
        return {
            "context.channel": self.context.channel,
            "context.placement": self.context.placement,
            "context.today": self.local.date(),
            "context.hour": float(self.local.hour),
            "context.weekday": WEEKDAYS[self.local.weekday()],
            **{f"context.{name}": value for name, value in declared.items()},
        }


def hour_of(book: OfferBook, channel: str, now: datetime) -> tuple[date, int, bool]:
    """Return what rules and quiet hours read of the time: day, hour, and whether it is quiet."""
    local = now.astimezone(book.policy.zone)
    declared = book.channels.get(channel)
    return local.date(), local.hour, declared is not None and declared.is_quiet(local.time())


def _of_kind(value: object, kind: Kind) -> Value | None:
    """Return a request's value if it is of the declared kind, else None."""
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
