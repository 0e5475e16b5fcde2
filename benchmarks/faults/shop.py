"""The small shop that faults are tried on, and what every part needs of it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console

from benchmarks.faults.deliveries import Deliveries
from benchmarks.table import Row

CUSTOMERS: Final = 2_000
PRODUCTS: Final = 500


class Ledger(Protocol):
    """A store that can be asked what is in it."""

    @property
    def url(self) -> str:
        """Its address, as the server takes it."""
        ...

    def event_ids(self) -> list[str]:
        """Return the ids of all stored events, one for each row."""
        ...


@dataclass(frozen=True)
class Trial:
    """Where a trial runs, how often, and where it prints.

    Parameters
    ----------
    folder
        Holds ``bundles``, and is free for a part's own files.
    """

    folder: Path
    kills: int
    console: Console
    rng: random.Random

    @property
    def bundles(self) -> Path:
        """The folder of bundles."""
        return self.folder / "bundles"


def deliveries_to(port: int) -> Deliveries:
    """Return storefronts of this shop."""
    return Deliveries(port, CUSTOMERS, PRODUCTS)


def kept_rows(what: str, sent: Deliveries, store: Ledger, **beside: float) -> list[Row]:
    """Return what was lost of the events that were acknowledged, and what came in twice."""
    stored = store.event_ids()
    said = {
        "acknowledged": float(len(sent.acknowledged)),
        "refused": float(sent.refused),
        "unanswered": float(sent.broken),
        **beside,
    }
    return [
        Row(f"{what}: acknowledged events lost", sent.lost(stored), "<=", 0, said),
        Row(f"{what}: events doubled", sent.doubled(stored), "<=", 0),
    ]
