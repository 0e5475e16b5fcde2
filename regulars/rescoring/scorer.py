"""A bundle, its models and the shop's history, opened together to score customers again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any, Final

import orjson

from features.engine import Engine
from features.engines import open_engine
from features.errors import BundleError, RegistryError
from features.prepare import Prepared, open_prepared
from features.vocabulary import Columns as C
from models.bundle.folder import current_version, read_bundle
from models.bundle.schema import BundleColumns as B
from models.registry import open_client
from regulars.rescoring.records import fresh_records, order_of
from regulars.settings import Settings
from serving.customers.rescored import Rescored
from serving.events import MAX_AHEAD
from serving.storage.times import without_zone
from training.publishing.rescoring import Rescorer

Sent = Mapping[str, Any]
"""An event as the store has it; times are naive UTC."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores customers of one bundle again, from one state of the shop's tables.

    Attributes
    ----------
    state
        :func:`state_of` when it was opened: once that differs, open another scorer.
    """

    rescorer: Rescorer
    engine: Engine
    prepared: Prepared
    state: bytes

    @property
    def model_version(self) -> str:
        """The bundle's version."""
        return self.rescorer.bundle.manifest.version

    @property
    def since(self) -> datetime:
        """The first midnight after the tables' data; events from then on are fresh."""
        return datetime.combine(self.prepared.today, time(), tzinfo=UTC)

    @property
    def received_after(self) -> datetime:
        """When the tables were read; events that were received later are fresh as well."""
        return self.prepared.checked_at.replace(tzinfo=UTC)

    def score(self, sent: Sequence[Sent], now: datetime) -> list[Rescored]:
        """Score the customers of some events again, as of the end of today.

        Parameters
        ----------
        sent
            All fresh events of each of these customers.
        now
            With its zone.
        """
        at = without_zone(now)
        known = self._orders_in_tables(sent)
        news = [event for event in sent if not _is_among(event, known)]
        fresh = fresh_records(news, self.prepared.store.tables, self._prices)
        customers = sorted({event[C.CUSTOMER_ID] for event in sent})
        as_of = max(self.prepared.today, at.date() + _DAY)
        scores, vectors = self.rescorer.score(
            self.engine, self.prepared, fresh, customers, as_of, at + MAX_AHEAD
        )
        priced = set(fresh["orders"][C.ORDER_ID]) if "orders" in fresh else set()
        orders = _orders_by_customer(sent, priced | {order for _, order in known})
        return [
            Rescored(
                customer_id=row.pop(C.CUSTOMER_ID),
                model_version=self.model_version,
                as_of=as_of,
                scored_at=now,
                scores=orjson.dumps(row).decode(),
                vector=orjson.dumps(list(vector.values())[1:]).decode(),
                orders=orjson.dumps(orders.get(vector[C.CUSTOMER_ID], [])).decode(),
            )
            for row, vector in zip(scores.to_pylist(), vectors.to_pylist(), strict=True)
        ]

    @cached_property
    def _prices(self) -> dict[str, float]:
        products = self.rescorer.bundle.products
        ids, prices = (products.column(name).to_pylist() for name in (C.PRODUCT_ID, B.PRICE))
        return {id_: price for id_, price in zip(ids, prices, strict=True) if price is not None}

    def _orders_in_tables(self, sent: Sequence[Sent]) -> set[tuple[str, str]]:
        """Return customer and order of late purchases that a table already contains."""
        first = self.since.replace(tzinfo=None)
        late = {
            order_of(event)
            for event in sent
            if event[C.EVENT_TYPE] == "purchase" and event[C.TS] < first
        }
        if not late:
            return set()
        orders = self.prepared.clean["orders"]
        found = orders.filter(orders[C.ORDER_ID].isin(sorted(late)))
        frame = self.engine.frame(found.select(C.CUSTOMER_ID, C.ORDER_ID).distinct())
        return set(zip(frame[C.CUSTOMER_ID], frame[C.ORDER_ID], strict=True))


def version_to_score(settings: Settings) -> str:
    """Return the version of the active bundle, if everything that rescoring needs exists; cheap.

    Raises
    ------
    RegularsError
        There is no bundle, no registry, or nothing was checked and rolled up here.
    """
    version = current_version(settings.bundles) if settings.bundles.is_dir() else None
    if version is None:
        raise BundleError(
            f"no bundle is active in {settings.bundles}", "run `regulars train` first"
        )
    for place, what in (
        (settings.mlruns / "mlflow.db", "no registry, thus no model to score with"),
        (settings.workspace / "state.json", "no history of the customers"),
    ):
        if not place.is_file():
            raise RegistryError(
                f"there is {what}: {place} is missing",
                "bring mlruns/ and the workspace from where the bundle was made, or rescore there",
            )
    return version


@contextmanager
def open_scorer(settings: Settings) -> Iterator[Scorer]:
    """Open the active bundle, its models and what was checked and rolled up; nothing is written.

    Raises
    ------
    RegularsError
        One of them is missing, or they do not fit together.
    """
    version, state = version_to_score(settings), state_of(settings)
    # One core, whichever engine wrote the tables: the others are for the server.
    engine_settings = settings.engine.model_copy(update={"kind": "duckdb", "threads": 1})
    with open_engine(engine_settings, settings.workspace / "tmp") as engine:
        prepared = open_prepared(engine, settings.data)
        bundle = read_bundle(settings.bundles / version, verify=False)
        client = open_client(settings.mlruns)
        rescorer = Rescorer.of(bundle, client, settings.shop, settings.checks)
        yield Scorer(rescorer, engine, prepared, state)


def state_of(settings: Settings) -> bytes:
    """Return what identifies the active bundle and the state of the tables; cheap to read."""
    parts = (settings.bundles / "current", settings.workspace / "state.json")
    return b"".join(part.read_bytes() for part in parts if part.is_file())


def _is_among(event: Sent, known: set[tuple[str, str]]) -> bool:
    purchase = event[C.EVENT_TYPE] == "purchase"
    return purchase and (event[C.CUSTOMER_ID], order_of(event)) in known


def _orders_by_customer(sent: Sequence[Sent], counted: set[str]) -> dict[str, list[str]]:
    orders: dict[str, list[str]] = {}
    for event in sent:
        if event[C.EVENT_TYPE] == "purchase" and (order := order_of(event)) in counted:
            mine = orders.setdefault(event[C.CUSTOMER_ID], [])
            if order not in mine:
                mine.append(order)
    return orders
