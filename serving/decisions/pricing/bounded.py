"""A value with its 95 % interval."""

from __future__ import annotations

from typing import Any, NamedTuple


class Bounded(NamedTuple):
    """A value, and the ends of its 95 % interval; numbers or arrays of one shape."""

    value: Any
    lower: Any
    upper: Any

    def times(self, factor: Any) -> Bounded:
        """Return each of the three times a factor."""
        return Bounded(self.value * factor, self.lower * factor, self.upper * factor)
