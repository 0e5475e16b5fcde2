"""One metric of all models: estimates, paired differences, and a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from models.metrics.bootstrap import Estimate
from models.metrics.catalogue import Metric
from training.plots.style import plain

Standing = Literal["better", "worse", "level", "undefined"]

_WORDS: Final[dict[Standing, str]] = {
    "better": "better than",
    "worse": "worse than",
    "level": "no clear difference from",
}


@dataclass(frozen=True)
class Comparison:
    """Our metric less a rival's on the same customers, with its interval and what it means.

    Attributes
    ----------
    standing
        Ours is ``better`` or ``worse`` if the interval excludes no difference, else ``level``.
    """

    rival: str
    difference: Estimate
    standing: Standing


@dataclass(frozen=True)
class MetricRow:
    """One metric: estimates by model, and ours against each rival."""

    metric: Metric
    estimates: Mapping[str, Estimate]
    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self) -> str:
        """Who is ahead, in plain words."""
        parts = []
        for standing, words in _WORDS.items():
            names = [plain(c.rival) for c in self.comparisons if c.standing == standing]
            if names:
                parts.append(f"{words} {listed(names)}")
        return capitalised("; ".join(parts) or "nothing to compare with")

    def rivals(self, standing: Standing) -> list[str]:
        """Return the rivals that ours has this standing against."""
        return [plain(c.rival) for c in self.comparisons if c.standing == standing]


def listed(names: list[str]) -> str:
    """Join names as a sentence does."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def capitalised(text: str) -> str:
    """Begin with a capital, and leave the rest as it is."""
    return text[:1].upper() + text[1:]
