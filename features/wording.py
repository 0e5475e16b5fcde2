"""Small words that several printed reports share: counts with their noun, lists cut short."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

_NAMES_SHOWN = 3


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "family", "families")
    ('1 row', '1,200 rows', '2 families')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def first_few(names: Collection[str]) -> str:
    """List the first names; dots replace the others.

    >>> first_few(["a", "b", "c", "d"])
    'a, b, c ...'
    """
    shown = ", ".join(islice(names, _NAMES_SHOWN))
    return shown + (" ..." if len(names) > _NAMES_SHOWN else "")


def own_words(message: str) -> str:
    """Drop what Pydantic puts before the words of a check.

    >>> own_words("Value error, 'daily' is not one of 'monthly', 'weekly'.")
    "'daily' is not one of 'monthly', 'weekly'."
    """
    return message.removeprefix("Value error, ")
