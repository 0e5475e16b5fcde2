"""The next product of contract holders, on a simulated shop whose customers hold passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.engine import Engine
from features.engines import open_engine
from features.family import discover_families
from features.prepare import Prepared, prepare
from features.settings import DataSettings
from features.simulate import ShopPlan, write_shop
from features.vectors import Vectors, build_vectors
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from training.publishing.next_products import (
    active_contracts,
    further_product_rate,
    next_products,
)


@dataclass(frozen=True, eq=False)
class Shop:
    """What the function asks for."""

    engine: Engine
    prepared: Prepared
    vectors: Vectors
    as_of: date

    def next_products(self) -> pd.DataFrame:
        found = next_products(self.engine, self.prepared, self.vectors, self.as_of)
        return found.set_index(self.vectors.frame[C.CUSTOMER_ID])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("passes")
    write_shop(ShopPlan(n_customers=700, seed=5, days=540), folder / "data")
    return folder


def opened(folder: Path, *tables: str) -> Iterator[Shop]:
    settings = DataSettings(
        tables={name: [{"path": f"data/{name}/*.parquet"}] for name in tables},
        base=folder,
        workspace=Path("-".join(tables)),
    )
    with open_engine(settings.engine, folder / "tmp") as engine:
        prepared = prepare(engine, settings, datetime(2026, 12, 1))  # noqa: DTZ001
        day = prepared.today
        vectors = build_vectors(engine, prepared.rollups, discover_families(), [day])
        yield Shop(engine, prepared, vectors, day)


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    yield from opened(folder, "orders", "products", "contracts")


def test_what_is_held_is_what_the_features_count(shop: Shop) -> None:
    active = active_contracts(shop.engine, shop.prepared, shop.as_of)
    counted = active.groupby(C.CUSTOMER_ID).size()
    vectors = shop.vectors.frame.set_index(C.CUSTOMER_ID)["products_held"].fillna(0)
    held = vectors[vectors > 0].astype("int64")
    assert counted.reindex(held.index).tolist() == held.tolist()
    assert len(counted) == len(held)


def test_holders_have_a_next_product_that_they_do_not_hold(shop: Shop) -> None:
    following = shop.next_products()
    active = active_contracts(shop.engine, shop.prepared, shop.as_of)
    held = active.groupby(C.CUSTOMER_ID)[C.PRODUCT_ID].agg(set)
    products = set(active[C.PRODUCT_ID])
    for customer, row in following.iterrows():
        mine = held.get(customer, set())
        if not mine or mine == products:
            assert row.isna().all()
        else:
            assert row[B.NEXT_PRODUCT] in products - mine
            left = len(products) - len(mine)
            assert 1 / left - 1e-9 <= row[B.NEXT_PRODUCT_PROBABILITY] <= 1
    assert following[B.NEXT_PRODUCT].notna().sum() > 50


def test_the_base_rate_is_that_of_holders_who_took_one_more(shop: Shop) -> None:
    def held_on(day: date) -> dict[str, set[str]]:
        active = active_contracts(shop.engine, shop.prepared, day)
        held = active.groupby(C.CUSTOMER_ID)[C.PRODUCT_ID].agg(set)
        return {str(customer): products for customer, products in held.items()}

    before, after = held_on(shop.as_of - timedelta(days=90)), held_on(shop.as_of)
    took = sum(bool(after.get(customer, set()) - mine) for customer, mine in before.items())
    rate = further_product_rate(shop.engine, shop.prepared, shop.as_of, 90)
    assert rate == pytest.approx(took / len(before))
    assert 0 < took < len(before)
    # Before the shop's first day nobody held anything.
    assert further_product_rate(shop.engine, shop.prepared, shop.as_of, 3_000) is None


def test_the_same_shop_says_the_same_twice(shop: Shop) -> None:
    pd.testing.assert_frame_equal(shop.next_products(), shop.next_products())


def test_a_shop_without_contracts_has_none(folder: Path) -> None:
    for shop in opened(folder, "orders", "products"):
        following = shop.next_products()
        assert len(following) == len(shop.vectors.frame)
        assert following.isna().all(axis=None)


def test_where_too_few_hold_two_there_is_no_prediction(shop: Shop) -> None:
    """Ten days in, hardly anybody holds anything."""
    early = shop.prepared.first_day + (shop.as_of - shop.prepared.first_day) / 50
    vectors = build_vectors(shop.engine, shop.prepared.rollups, discover_families(), [early])
    following = next_products(shop.engine, shop.prepared, vectors, early)
    assert len(following) == len(vectors.frame) > 0
    assert following.isna().all(axis=None)
