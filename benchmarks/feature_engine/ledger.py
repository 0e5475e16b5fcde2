"""What was measured so far, kept on disk: an interrupted benchmark goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).parents[2]
_MEASURED_CODE = ("features", "benchmarks/feature_engine")


@dataclass(frozen=True)
class Measurement:
    """What one run took, or the median of the seconds of several, with their peaks.

    Attributes
    ----------
    processor_seconds
        Of all its threads: what says most on a machine that others use too.
    failure
        Why there is no result, and then no seconds; the peaks are those until it was given up.
    """

    seconds: float
    processor_seconds: float
    memory_gb: float
    disk_gb: float
    failure: str | None = None


@dataclass
class Ledger:
    """Measurements by what was measured, saved after each."""

    path: Path
    content: dict[str, Any]

    @classmethod
    def open(cls, path: Path, terms: str, *, fresh: bool) -> Ledger:
        """Read the stored measurements, unless they are of other code or other conditions.

        Parameters
        ----------
        terms
            What else measurements depend on: the machine, the limits.
        """
        under = f"{terms}; code {_code_digest()}"
        if not fresh and path.is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["under"] == under:
                return cls(path, content)
        return cls(path, {"under": under, "compared": None, "runs": {}})

    @property
    def compared(self) -> int | None:
        """How many vectors all contenders were found to agree on; None before that."""
        found: int | None = self.content["compared"]
        return found

    @compared.setter
    def compared(self, vectors: int) -> None:
        self.content["compared"] = vectors
        self._save()

    def runs(self, what: str) -> list[Measurement]:
        """Return the runs of one thing, oldest first."""
        return [Measurement(**run) for run in self.content["runs"].get(what, ())]

    def add(self, what: str, run: Measurement) -> None:
        """Keep one more run."""
        self.content["runs"].setdefault(what, []).append(asdict(run))
        self._save()

    def forget(self, whats: Iterable[str]) -> None:
        """Drop measurements that are to be repeated."""
        for what in whats:
            self.content["runs"].pop(what, None)
        self._save()

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")
        partial.replace(self.path)


def _code_digest() -> str:
    """Digest the code whose speed is measured."""
    digest = hashlib.sha256()
    for folder in _MEASURED_CODE:
        for file in sorted((_PROJECT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
