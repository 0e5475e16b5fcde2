"""A shopper who goes on asking for recommendations while things break."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass

import httpx

from benchmarks.faults.beside import running_beside
from benchmarks.table import Row


@dataclass
class Shopper:
    """What one shopper was answered; ``slowest`` in seconds."""

    port: int
    asked: int = 0
    unanswered: int = 0
    slowest: float = 0.0

    def asking(self) -> AbstractContextManager[None]:
        """Ask from a thread of its own, a hundred times a second at most."""
        return running_beside(self._ask)

    def row(self, what: str) -> Row:
        """Return whether every question was answered."""
        beside = {"asked": float(self.asked), "slowest s": self.slowest}
        return Row(f"{what}: recommendations not answered", self.unanswered, "<=", 0, beside)

    def _ask(self, ending: threading.Event) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            while not ending.wait(0.01):
                url = f"/v1/customers/C{self.asked % 100:08d}/recommendations"
                began = time.monotonic()
                try:
                    answered = client.get(url).status_code == 200
                except httpx.TransportError:
                    answered = False
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.asked += 1
                self.unanswered += not answered
