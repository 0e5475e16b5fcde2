"""One metric of all models: estimates, paired differences, and a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from models.metrics.bootstrap import Estimate
from models.metrics.catalogue import Metric
from training.plots.style import plain

Result = Literal["better", "worse", "inconclusive", "undefined"]

_WORDS: Final[dict[Result, str]] = {
    "better": "better than",
    "worse": "worse than",
    "inconclusive": "no clear difference from",
}


@dataclass(frozen=True)
class Comparison:
    """Our metric less a baseline's on the same customers, with its interval.

    Attributes
    ----------
    result
        Ours is ``better`` or ``worse`` if the interval excludes zero, else ``inconclusive``;
        ``undefined`` if the metric cannot be computed.
    """

    baseline: str
    difference: Estimate
    result: Result


@dataclass(frozen=True)
class MetricRow:
    """One metric: estimates by model, and ours against each baseline."""

    metric: Metric
    estimates: Mapping[str, Estimate]
    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self) -> str:
        """Which baselines ours is better and worse than, in words."""
        parts = []
        for result, words in _WORDS.items():
            if names := self.baselines(result):
                parts.append(f"{words} {listed(names)}")
        return capitalised("; ".join(parts) or "nothing to compare with")

    def baselines(self, *results: Result) -> list[str]:
        """Return the baselines that were compared with one of these results."""
        return [plain(c.baseline) for c in self.comparisons if c.result in results]


def listed(names: list[str]) -> str:
    """Join names as a sentence does."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def capitalised(text: str) -> str:
    """Begin with a capital, and leave the rest as it is."""
    return text[:1].upper() + text[1:]
