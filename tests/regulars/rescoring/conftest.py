from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.progress import silent
from models.bundle.folder import current_version, read_bundle
from models.registry import open_client
from regulars.settings import Settings, read_settings
from regulars.shop import open_shop
from tests.regulars.rescoring.two_workers import CREATED, Scene, put_out, some
from training.publishing.champions import load_champions
from training.publishing.scores import score_customers
from training.publishing.segments import names_in
from training.publishing.task import ScoringTask


@pytest.fixture(scope="module")
def published(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, date]:
    """A copy of the trained shop with a bundle, and the day after its last order."""
    folder = tmp_path_factory.mktemp("published") / "shop"
    shutil.copytree(trained.parent, folder)
    settings = read_settings(folder / trained.name)
    return settings, put_out(settings, CREATED)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'events.db'}"
    of_postgresql: str = request.getfixturevalue("postgres_store_url")
    return of_postgresql


@pytest.fixture
def scene(published: tuple[Settings, date], url: str) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(*published, url, stack)


@pytest.fixture
def on_sqlite(published: tuple[Settings, date], tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(*published, f"sqlite:///{tmp_path / 'events.db'}", stack)


@pytest.fixture(scope="module")
def batch(
    published: tuple[Settings, date], tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    """The scores of a day later, with the orders of the test below among the shop's files."""
    settings, today = published
    folder = tmp_path_factory.mktemp("a day later") / "shop"
    shutil.copytree(settings.base / "data", folder / "data")
    products = [some(settings, "products", place) for place in (3, 4)]
    bought = pd.DataFrame(
        [
            {"order_id": f"order-of-{customer}", "customer_id": customer, "product_id": product,
             "ts": pd.Timestamp(today) + pd.Timedelta(hours=10), "quantity": 2.0,
             "unit_price": 30.0}
            for customer in (some(settings, "customers", 0), "newcomer")
            for product in products
        ]
    )  # fmt: skip
    [*_, last] = sorted((folder / "data" / "orders").glob("*.parquet"))
    lines = pd.read_parquet(last)
    pd.concat([lines, bought], ignore_index=True).to_parquet(last)
    text = (settings.base / "regulars.toml").read_text(encoding="utf-8")
    (folder / "regulars.toml").write_text(text, encoding="utf-8")
    version = current_version(settings.bundles)
    assert version is not None
    before = names_in(read_bundle(settings.bundles / version))
    champions = load_champions(open_client(settings.mlruns), settings.shop.name)
    with open_shop(read_settings(folder / "regulars.toml"), CREATED, silent) as shop:
        assert shop.prepared.today == today + timedelta(1)
        task = ScoringTask(
            shop.engine, shop.prepared, champions, settings.shop, shop.prepared.today
        )
        scored = score_customers(task, previous=before)
    return scored.frame.set_index("customer_id")
