"""Figures in words: numbers with their units, in the singular and in the plural."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from features.family import Column

# Units that cannot be counted, and what follows the number instead.
_SIGNS = {
    "hour UTC": " h UTC",
    **dict.fromkeys(("ratio", "nats", "none", "name", "index", "points of the scale"), ""),
}
_IRREGULAR = {"people": "person"}
# Meanings of a missing value that are no sentence by themselves.
_NO_SENTENCE = {"unknown", "not declared", "no such order", "no such order ever", ""}
# Technical terms, and plain words for them.
_PLAIN_WORDS = (
    ("a net-positive order", "an order"),
    ("net-positive order", "order"),
    (", a proxy for complaints,", ""),
)


def number(value: float) -> str:
    """Write a number for people: three significant digits, with thousands separators."""
    size = abs(value)
    if size >= 9_999_500:
        return f"{value / 1e6:,.4g} M"
    if size >= 99.95 or value == int(value):
        return f"{value:,.0f}"
    if size < 5e-7:
        return "0"
    decimals = 2 - math.floor(math.log10(size))
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".")


def counted(value: float, plural: str) -> str:
    """Write a number of things: "1 day", "2 days", "1 ticket per order"."""
    return f"{number(value)} {one_of(plural) if value == 1 else plural}"


@lru_cache(maxsize=256)
def one_of(plural: str) -> str:
    """Return the singular of a unit: of the thing before "per" or "a", where there is one."""
    things, *rest = re.split(r"(?= per | a )", plural, maxsplit=1)
    *before, thing = things.split(" ")
    if thing in _IRREGULAR:
        thing = _IRREGULAR[thing]
    elif thing.endswith("ies"):
        thing = f"{thing[:-3]}y"
    elif thing.endswith("s"):
        thing = thing[:-1]
    return " ".join([*before, thing]) + "".join(rest)


def figure(value: float, unit: str, currency: str) -> str:
    """Write a number with its unit: shares in percent, money in its currency.

    Scales such as "0 to 10" follow in brackets; an empty currency is left out.
    """
    if unit == "yes or no":
        return "yes" if value else "no"
    if unit.startswith("money"):
        return f"{number(value)} {unit.replace('money', currency).strip()}".strip()
    if any(letter.isdigit() for letter in unit):
        return f"{number(value)} ({unit})"
    if unit == "share":
        return f"{number(round(100 * value, 0 if abs(value) >= 0.1 else 1))} %"
    return f"{number(value)}{_SIGNS[unit]}" if unit in _SIGNS else counted(value, unit)


def described(column: Column, value: float | str | None, currency: str) -> str:
    """Write what a column says of a customer; None is a missing value."""
    meaning = readable(column.meaning)
    if value is None:
        return missing_words(column)
    if isinstance(value, str):
        return f"{meaning}: {value}"
    if column.unit == "share" and meaning.startswith("share of "):
        return f"{figure(value, 'share', '')} of {meaning.removeprefix('share of ')}"
    if _counts(meaning, column.unit) and value >= 0:
        if value == 0 and column.unit != "days":
            return f"no {meaning}"
        things = meaning.replace(column.unit, one_of(column.unit), 1) if value == 1 else meaning
        return f"{number(value)} {things}"
    return f"{meaning}: {figure(value, column.unit, currency)}"


def missing_words(column: Column) -> str:
    """Write what a missing value of a column means."""
    if column.missing in _NO_SENTENCE or column.missing.startswith("never missing"):
        return f"{readable(column.meaning)}: {column.missing or 'unknown'}"
    return readable(column.missing)


@lru_cache(maxsize=1024)
def readable(meaning: str) -> str:
    """Return a meaning in plain words, without the explanation after its colon."""
    for trade, plain in _PLAIN_WORDS:
        meaning = meaning.replace(trade, plain)
    return meaning.split(": ")[0]


@lru_cache(maxsize=1024)
def _counts(meaning: str, unit: str) -> bool:
    """Return whether a meaning begins with what the unit counts: "orders in the ..."."""
    head = meaning.split(" ")[:2]
    of_things = unit != "money" and head[0] not in {"mean", "median"}
    return of_things and unit in head and " less " not in meaning
