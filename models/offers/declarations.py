"""Offers and their policy as declared in TOML, and as stored in the bundle."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator

from features.settings import Frozen
from features.vocabulary import Columns as C
from features.wording import own_words
from models.offers.checking import BUILT_IN_CONTEXT, Kind, Schema
from models.offers.errors import OfferError, RuleError
from models.offers.rules import Rule

GATES: Final = ("eligible", "applicable", "suitable")


class Caps(Frozen):
    """Most contacts in the last 24 hours, 7 days and 30 days."""

    day: int | None = Field(None, ge=1)
    week: int | None = Field(None, ge=1)
    month: int | None = Field(None, ge=1)

    @cached_property
    def limits(self) -> dict[int, int]:
        """Most contacts by length in days of each capped window."""
        windows = {1: self.day, 7: self.week, 30: self.month}
        return {days: most for days, most in windows.items() if most is not None}


class Fatigue(Frozen):
    """After so many contacts in a row without an answer a customer is not contacted for a while."""

    unanswered: int = Field(ge=1)
    rest_days: int = Field(ge=1)


class Channel(Frozen):
    """One way to reach customers."""

    outbound: bool = Field(default=True, description="we go to them; a page is inbound")
    consent: str | None = Field(None, description="rule: who may be reached; outbound needs one")
    caps: Caps = Field(Caps(), description="per customer, over all offers of the channel")
    quiet_hours: tuple[time, time] | None = Field(
        None, description="from, to before; in the policy's time zone"
    )

    @model_validator(mode="after")
    def _asks_first(self) -> Self:
        if self.outbound and self.consent is None:
            raise ValueError(
                'say whom it may reach: consent = "email_consent", or "true" where all agreed'
            )
        return self

    def is_quiet(self, at: time) -> bool:
        """Return whether a time of day lies within the quiet hours, which may pass midnight."""
        if self.quiet_hours is None:
            return False
        start, end = self.quiet_hours
        return start <= at < end if start <= end else at >= start or at < end


BUILT_IN_CHANNELS: Final[Mapping[str, Channel]] = {
    "web": Channel(outbound=False),
    "app": Channel(outbound=False),
    "store": Channel(outbound=False),
    "email": Channel(consent=C.EMAIL_CONSENT),
}


class Policy(Frozen):
    """Settings of all offers: channels, caps, fatigue, and the value of points."""

    time_zone: str = Field("UTC", description="of quiet hours and of days; as Europe/Berlin")
    caps: Caps = Field(Caps(), description="per customer, over all outbound channels")
    fatigue: Fatigue | None = None
    channels: dict[str, Channel] = Field(default_factory=dict)
    context: dict[str, Kind] = Field(
        default_factory=dict, description="what requests may say, for rules: context.NAME"
    )
    point_value: float | None = Field(None, ge=0, description="money per point when redeemed")
    redemption_rate: float = Field(1.0, ge=0, le=1, description="share of points ever redeemed")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("no such time zone; write it as Europe/Berlin")
        return name

    @field_validator("context")
    @classmethod
    def _free_names(cls, context: dict[str, Kind]) -> dict[str, Kind]:
        for name in context:
            if not name.isidentifier() or not name.isascii():
                raise ValueError(f"{name!r} is no name for a rule: use letters, digits and _")
            if f"context.{name}" in BUILT_IN_CONTEXT:
                raise ValueError(f"context.{name} is there already")
        return context

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of quiet hours and days."""
        return ZoneInfo(self.time_zone)

    def channel(self, name: str) -> Channel | None:
        """Return a channel, declared or built in; None if there is none with this name."""
        return self.channels.get(name, BUILT_IN_CHANNELS.get(name))


class Declaration(Frozen):
    """One offer that may be made."""

    offer_id: str = Field(min_length=1)
    name: str = Field(min_length=1, description="what the customer reads")
    product_id: str | None = Field(None, description="the product promoted")
    category: str | None = Field(None, description="or the category; without either, anything")
    discount_rate: float = Field(0.0, ge=0, le=1, description="share of the price given away")
    points: float = Field(0.0, ge=0, description="points given when it is accepted")
    contact_cost: float = Field(0.0, ge=0, description="money per contact")
    acceptance_cost: float = Field(0.0, ge=0, description="money per acceptance, beside the above")
    budget: float | None = Field(None, ge=0, description="money that the offer may cost in all")
    starts_on: date | None = Field(None, description="first day it may be made")
    ends_on: date | None = Field(None, description="first day it may no longer be made")
    channels: tuple[str, ...] = Field((), description="empty: every inbound channel")
    placements: tuple[str, ...] = Field((), description="empty: every placement")
    eligible: str | None = Field(None, description="rule: may we?")
    applicable: str | None = Field(None, description="rule: does it fit now?")
    suitable: str | None = Field(None, description="rule: is it good for the customer?")
    caps: Caps = Field(Caps(), description="per customer, of this offer on any channel")
    weight: float = Field(1.0, gt=0, description="multiplies the offer's value in arbitration")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.product_id is not None and self.category is not None:
            raise ValueError("product_id and category: an offer promotes one or the other")
        if self.starts_on and self.ends_on and self.ends_on <= self.starts_on:
            raise ValueError(
                f"ends_on {self.ends_on} is not after starts_on {self.starts_on}: it could never "
                "be made (ends_on is the first day on which it no longer is)"
            )
        return self

    def rules(self) -> Iterator[tuple[str, str]]:
        """Yield the gates that have a rule, with its text."""
        for gate in GATES:
            if (text := getattr(self, gate)) is not None:
                yield gate, text


class Declarations(Frozen):
    """All offers and the policy over them."""

    policy: Policy = Policy()
    offers: tuple[Declaration, ...] = ()

    @model_validator(mode="after")
    def _fit(self) -> Self:
        seen: set[str] = set()
        for offer in self.offers:
            if offer.offer_id in seen:
                raise ValueError(f"offer {offer.offer_id} is declared twice")
            seen.add(offer.offer_id)
            for name in offer.channels:
                if self.policy.channel(name) is None:
                    known = ", ".join(sorted({*BUILT_IN_CHANNELS, *self.policy.channels}))
                    raise ValueError(
                        f"offer {offer.offer_id}: no channel {name}; known: {known}; declare "
                        f"others under [policy.channels.{name}]"
                    )
            if offer.points and self.policy.point_value is None:
                raise ValueError(
                    f"offer {offer.offer_id} gives points: say under [policy] what one is worth, "
                    "as point_value = 0.01"
                )
        return self


NO_OFFERS: Final = Declarations()


def read_declarations(path: Path) -> Declarations:
    """Read offers from a TOML file; their rules are parsed, but not yet checked.

    Raises
    ------
    OfferError
        No such file, not TOML, an unknown key, a value out of range, or a rule that cannot be
        read.
    """
    if not path.is_file():
        raise OfferError(f"there is no file of offers {path}", "correct [serving] offers")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OfferError(f"{path} is not valid TOML: {error}", "correct that line") from error
    try:
        declarations = Declarations.model_validate(content)
    except ValidationError as error:
        listed = "\n".join(f"    {line}" for line in _explained(error, content))
        raise OfferError(
            f"{path} has offers that cannot be used:\n{listed}", "correct the keys named above"
        ) from error
    for _place, _rule in compiled_rules(declarations):
        pass
    return declarations


def compiled_rules(declarations: Declarations) -> Iterator[tuple[str, Rule]]:
    """Yield every rule, with the offer and gate (or channel) that it belongs to.

    Raises
    ------
    RuleError
        One cannot be read.
    """
    texts = [
        (f"channel {name}, consent", channel.consent)
        for name, channel in declarations.policy.channels.items()
        if channel.consent is not None
    ]
    texts += [
        (f"offer {offer.offer_id}, {gate}", text)
        for offer in declarations.offers
        for gate, text in offer.rules()
    ]
    for place, text in texts:
        try:
            yield place, Rule(text)
        except RuleError as error:
            raise error.within(place) from error


def check_declarations(declarations: Declarations, schema: Schema) -> None:
    """Check every rule against the names and types that it may use.

    Raises
    ------
    RuleError
        Naming the first offer and gate with a mistaken rule, and the position in it.
    """
    for place, rule in compiled_rules(declarations):
        try:
            rule.check(schema)
        except RuleError as error:
            raise error.within(place) from error


def _explained(error: ValidationError, content: Mapping[str, Any]) -> Iterator[str]:
    for problem in error.errors():
        place = list(problem["loc"])
        if place[:1] == ["offers"] and len(place) > 1 and isinstance(place[1], int):
            offer = content["offers"][place[1]]
            named = offer.get("offer_id") if isinstance(offer, dict) else None
            place[:2] = [f"offer {named or f'number {place[1] + 1}'}"]
        message = own_words(problem["msg"])
        if problem["type"] == "extra_forbidden":
            message = "no such setting"
        where = ".".join(str(part) for part in place)
        yield f"{where}: {message}" if where else message
