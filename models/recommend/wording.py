"""Shares and dates in words, the same on every machine."""

from __future__ import annotations

from datetime import date
from typing import Final

# Not the locale's: the same answer on every machine.
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def percent(share: float) -> str:
    """Write a share as a percentage of about two digits: 41 %, 0.4 %, 99.6 %."""
    points = 100 * share
    if 1 <= points < 99 or points == 100:
        return f"{points:.0f} %"
    return f"{points:.1f} %" if points >= 0.05 else "under 0.1 %"


def long_date(day: date) -> str:
    """Write a date as ``3 May 2026``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
