"""Two workers of one trained shop on one store, and who rescores beside them."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, date, datetime, time
from typing import Any

from fastapi import FastAPI

from features.progress import silent
from models.bundle.folder import current_version, read_bundle
from models.registry import open_client
from regulars.rescoring.watch import Rescoring
from regulars.settings import Settings
from regulars.shop import open_shop
from serving.app import create_app
from serving.bundles import BundleFolder
from serving.storage.sql_store import SqlStore
from tests.in_process import running
from training.publishing.champions import load_champions
from training.publishing.publish import publish
from training.publishing.task import ScoringTask

CREATED = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC


def put_out(settings: Settings, created: datetime) -> date:
    """Publish the champions' scores and return the day that they are of."""
    champions = load_champions(open_client(settings.mlruns), settings.shop.name)
    with open_shop(settings, CREATED, silent) as shop:
        task = ScoringTask(
            shop.engine, shop.prepared, champions, settings.shop, shop.prepared.today
        )
        publish(task, created, settings.bundles, silent)
        return shop.prepared.today


def some(settings: Settings, table: str, place: int) -> str:
    version = current_version(settings.bundles)
    assert version is not None
    ids = getattr(read_bundle(settings.bundles / version), table).column(0)
    return str(ids[place])


class Scene:
    """Two workers of one shop on one store, and who rescores beside them."""

    def __init__(self, settings: Settings, today: date, url: str, stack: ExitStack) -> None:
        self.settings = settings
        self.now = datetime.combine(today, time(10), tzinfo=UTC)
        self.store = SqlStore(url)
        stack.callback(self.store.close)
        self.rescoring = self.beside(stack)
        self.workers = [stack.enter_context(running(self._app(url))) for _ in range(2)]

    def beside(self, stack: ExitStack) -> Rescoring:
        """Start to rescore, as a process that begins would."""
        rescoring = Rescoring(self.settings, self.store.scores, lambda: self.now)
        stack.callback(rescoring.close)
        return rescoring

    def _app(self, url: str) -> FastAPI:
        bundles = BundleFolder(self.settings.bundles)
        return create_app(bundles, SqlStore(url), None, lambda: self.now)

    def buy(self, customer: str, *products: str, **fields: Any) -> None:
        """Post an order to the first worker."""
        order = f"order-of-{customer}-{self.now:%H%M%S}"
        events = [
            {"type": "purchase", "customer_id": customer, "product_id": product, "quantity": 2,
             "unit_price": 30.0, "order_id": order, **fields}
            for product in products
        ]  # fmt: skip
        self.send(*events)

    def send(self, *events: dict[str, Any]) -> None:
        """Send events to the first worker, each of which is new."""
        receipt = self.workers[0].post("/v1/events", json={"events": events}).json()
        assert receipt["accepted"] == len(events)

    def profiles(self, customer: str) -> list[Any]:
        """Ask both workers for one customer."""
        return [worker.get(f"/v1/customers/{customer}").json() for worker in self.workers]
