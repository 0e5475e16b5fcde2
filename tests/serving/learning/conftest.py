"""A decision log to learn from: decisions as the server logs them, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from serving.decisions.learning.log_reader import outcomes_in_spans
from serving.decisions.learning.logged_choices import write_choices
from serving.decisions.policies.exploration import NOTHING_ID, Allowed, ChoicePolicy, Chosen, choose
from serving.events import Event
from serving.storage.sql_store import SqlStore
from serving.storage.store import Decision

START = datetime(2026, 6, 1)  # noqa: DTZ001  frames are in naive UTC


def two_offers(values: tuple[float, float], acceptance: tuple[float, float]) -> Allowed:
    """Return the offers o1 and o2, on the products p1 and p2, and doing nothing."""
    return Allowed(
        ids=["offer:o1", "offer:o2", NOTHING_ID],
        values=np.array([*values, 0.0]),
        acceptance=np.array([*acceptance, 0.0]),
        deviations=np.zeros(3),
        nothing=2,
    )


@dataclass(frozen=True)
class DecisionShop:
    """Logs decisions and purchases in a store; margins are 2 for p1 and 4 for p2, a contact 0.25.

    Parameters
    ----------
    start
        Naive UTC; ``now`` is when all is over.
    """

    store: SqlStore
    start: datetime = START
    now: datetime = START + timedelta(days=120)

    @property
    def products(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "product_id": ["p1", "p2"],
                "category": None,
                "price": [10.0, 10.0],
                "margin": [2.0, 4.0],
            }
        )

    def decide(
        self,
        policy: ChoicePolicy,
        allowed: Allowed,
        decision_id: str,
        customer_id: str | None,
        days: float = 0,
        chosen: Chosen | None = None,
    ) -> Decision:
        """Return a decision, made so long after the start, as the server would log it."""
        made = chosen or choose(policy, allowed, decision_id)
        return Decision(
            id=decision_id,
            ts=self._at(days),
            kind="next_best_offer",
            customer_id=customer_id,
            session_id=None,
            model_version="v1",
            variant=made.variant,
            fallback=None,
            answer=orjson.dumps({"items": self._items(made, allowed)}).decode(),
            propensity=made.propensity,
            candidates=len(allowed.ids),
            context="{}",
            choices=write_choices(made, allowed),
        )

    def purchase(self, event_id: str, customer_id: str, product_id: str, days: float) -> Event:
        """Return a purchase, so long after the start."""
        bought = {"event_id": event_id, "type": "purchase", "customer_id": customer_id}
        bought |= {"product_id": product_id, "unit_price": 10.0}
        return Event.model_validate(bought | {"ts": self._at(days)})

    def log(self, decisions: list[Decision], events: list[Event]) -> None:
        self.store.add_decisions(decisions)
        for first in range(0, len(events), 500):
            self.store.add_events(events[first : first + 500], self._at(100))

    def outcomes(self, days: float = 120) -> list[pd.DataFrame]:
        """Return the log with its outcomes, span by span, as seen so long after the start."""
        now = self.start + timedelta(days=days)
        return list(outcomes_in_spans(self.store, self.products, 7, self.start, now))

    def _at(self, days: float) -> datetime:
        return (self.start + timedelta(days=days)).replace(tzinfo=UTC)

    @staticmethod
    def _items(chosen: Chosen, allowed: Allowed) -> list[dict[str, Any]]:
        led = [slot for slot in chosen.slots if slot.shown[0] != allowed.nothing]
        if not led:
            return [{"rank": 1, "action": NOTHING_ID, "terms": {"contact_cost": 0.0}}]
        items = []
        for rank, slot in enumerate(led, start=1):
            offer = allowed.ids[slot.shown[0]].removeprefix("offer:")
            named = {"offer_id": offer, "product_id": offer.replace("o", "p")}
            terms = {"terms": {"margin": 2.0, "contact_cost": 0.25}}
            items.append(
                {"rank": rank, "action": "offer", "placement": slot.placement, **named, **terms}
            )
        return items


@pytest.fixture(name="two_offers")
def two_offers_fixture() -> Callable[..., Allowed]:
    return two_offers


@pytest.fixture
def sqlite_log(tmp_path: Path) -> Iterator[DecisionShop]:
    opened = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    yield DecisionShop(opened)
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DecisionShop]:
    """The same in either database."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_store_url")
    opened = SqlStore(url)
    yield DecisionShop(opened)
    opened.close()
