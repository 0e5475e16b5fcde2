from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.engine import Engine
from features.engines import open_engine
from features.family import Family, discover_families
from features.labels import build_labels
from features.prepare import Prepared, prepare
from features.settings import DataSettings, EngineSettings
from features.simulate import ShopPlan, simulate
from features.vectors import Vectors, build_vectors
from features.vocabulary import TABLES

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC


@dataclass(frozen=True, eq=False)
class Shop:
    """A shop's prepared data, and what the room makes of it."""

    engine: Engine
    settings: DataSettings
    prepared: Prepared
    seen: dict[date, pd.DataFrame] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        return self.settings.base / self.settings.workspace

    def vectors(
        self,
        *cutoffs: date,
        families: Sequence[Family] | None = None,
        customers: Sequence[str] | None = None,
    ) -> Vectors:
        families = discover_families() if families is None else families
        return build_vectors(self.engine, self.prepared.rollups, families, cutoffs, customers)

    def vector(self, customer: str, cutoff: date) -> pd.Series[Any]:
        """One customer's columns by name; a KeyError where there is no row."""
        if cutoff not in self.seen:
            self.seen[cutoff] = self.vectors(cutoff).frame.set_index("customer_id")
        return self.seen[cutoff].loc[customer]

    def labels(
        self,
        *cutoffs: date,
        horizon_days: int = 30,
        lookback_days: int = 365,
        yearly_discount_rate: float = 0.0,
    ) -> pd.DataFrame:
        labels = build_labels(
            self.engine,
            self.prepared.rollups,
            cutoffs,
            horizon_days,
            lookback_days=lookback_days,
            yearly_discount_rate=yearly_discount_rate,
        )
        return labels.set_index("customer_id")

    def clean(self, table: str) -> pd.DataFrame:
        """The good rows; their files also have room for what is said of bad ones."""
        columns = [column.name for column in TABLES[table].columns]
        return read_parts(self.workspace / "clean" / table)[columns]

    def quarantine(self, table: str = "orders") -> pd.DataFrame:
        return read_parts(self.workspace / "quarantine" / table)

    def rollup(self, name: str) -> pd.DataFrame:
        return read_parts(self.workspace / "rollups" / name)


def read_parts(folder: Path) -> pd.DataFrame:
    """All files of a derived table; no rows where there are none."""
    files = sorted(folder.rglob("*.parquet"))
    frames = [pd.read_parquet(file, partitioning=None) for file in files]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


OpenFolder = Callable[..., Shop]
OpenShop = Callable[..., Shop]


@contextmanager
def opening_folders() -> Iterator[OpenFolder]:
    """Prepare folders of files; every engine is closed in the end."""
    with ExitStack() as stack:

        def open_folder(base: Path, tables: Mapping[str, Any], **parts: Any) -> Shop:
            """Prepare ``tables``, each a file name or what ``[[tables.x]]`` holds."""
            named = {
                name: {"path": source} if isinstance(source, str) else source
                for name, source in tables.items()
            }
            limits = EngineSettings(**{"threads": 1, **parts.pop("engine", {})})
            settings = DataSettings(tables=named, base=base, engine=limits, **parts)
            engine = stack.enter_context(open_engine(limits, base / "spill"))
            return Shop(engine, settings, prepare(engine, settings, NOW))

        yield open_folder


def opening_shops(open_folder: OpenFolder, factory: pytest.TempPathFactory) -> OpenShop:
    def open_shop(tables: Mapping[str, pd.DataFrame], **parts: Any) -> Shop:
        """Write frames as Parquet, one file per table, and prepare them."""
        base = factory.mktemp("shop")
        for name, frame in tables.items():
            frame.to_parquet(base / f"{name}.parquet", index=False)
        return open_folder(base, {name: f"{name}.parquet" for name in tables}, **parts)

    return open_shop


@pytest.fixture
def open_folder() -> Iterator[OpenFolder]:
    with opening_folders() as opened:
        yield opened


@pytest.fixture
def open_shop(open_folder: OpenFolder, tmp_path_factory: pytest.TempPathFactory) -> OpenShop:
    return opening_shops(open_folder, tmp_path_factory)


@pytest.fixture(scope="session")
def open_lasting_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    """Like ``open_shop``, for shops that many tests read and none changes."""
    with opening_folders() as opened:
        yield opening_shops(opened, tmp_path_factory)


def order_lines(*lines: tuple[Any, ...], **columns: Sequence[Any]) -> pd.DataFrame:
    """Order lines from (order, customer, product, when, quantity, price)."""
    names = ["order_id", "customer_id", "product_id", "ts", "quantity", "unit_price"]
    frame = pd.DataFrame(lines, columns=names).astype({"quantity": float, "unit_price": float})
    frame["ts"] = pd.to_datetime(frame["ts"], format="ISO8601").astype("datetime64[us]")
    return frame.assign(**{name: pd.Series(values) for name, values in columns.items()})


@pytest.fixture(scope="session")
def lines() -> Callable[..., pd.DataFrame]:
    return order_lines


def simulated() -> dict[str, pd.DataFrame]:
    """A shop of 150 customers; one record in five reached its systems some nights late."""
    frames = next(iter(simulate(ShopPlan(n_customers=150, seed=3, days=400)))).tables
    rng = np.random.default_rng(0)
    country = frames["customers"].set_index("customer_id")["country"]
    frames["orders"]["country"] = frames["orders"]["customer_id"].map(country)
    for name, frame in frames.items():
        if any(column.name == "available_at" for column in TABLES[name].columns):
            nights = rng.choice([0, 0, 0, 0, 9], len(frame))
            frame["available_at"] = (frame["ts"] + nights * pd.Timedelta(hours=30)).where(
                nights > 0
            )
    return frames


@pytest.fixture(scope="session")
def simulated_frames() -> dict[str, dict[str, pd.DataFrame]]:
    frames = simulated()
    return {"all_tables": frames, "orders_only": {"orders": frames["orders"]}}


@pytest.fixture(scope="session")
def simulated_shops(
    simulated_frames: dict[str, dict[str, pd.DataFrame]], open_lasting_shop: Any
) -> dict[str, Any]:
    return {name: open_lasting_shop(frames) for name, frames in simulated_frames.items()}
