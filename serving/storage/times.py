"""Times as the store keeps them: UTC without a zone, which SQLite cannot keep."""

from __future__ import annotations

from datetime import UTC, datetime


def without_zone(ts: datetime) -> datetime:
    """Return a time with its zone as the store keeps it."""
    return ts.astimezone(UTC).replace(tzinfo=None)


def written(ts: datetime) -> str:
    """Return a time with its zone as SQLAlchemy writes it in SQLite."""
    return without_zone(ts).isoformat(" ", "microseconds")
