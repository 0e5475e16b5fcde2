"""A shop whose orders lie in PostgreSQL is prepared like any other, and read when it changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from features.errors import DataError


@pytest.fixture
def shop(
    tmp_path: Path, open_folder: Any, postgres_url: str, postgres_run: Callable[..., Any]
) -> Callable[[], Any]:
    postgres_run(
        "CREATE TABLE lines (no text, buyer text, sku text, sold_at timestamptz, qty int, "
        "price numeric, note text)",
        "INSERT INTO lines VALUES ('1', 'ann', 'tea', '2025-01-01 12:00+02', 2, 10, 'x'), "
        "('2', 'bob', 'mug', '2025-01-02', 1, 30, NULL), "
        "('3', NULL, 'mug', '2025-01-02', 1, 3, '')",
    )
    columns = {
        "order_id": "no",
        "customer_id": "buyer",
        "product_id": "sku",
        "ts": "sold_at",
        "quantity": "qty",
        "unit_price": "price",
    }
    source = {"path": postgres_url, "table": "lines", "columns": columns}
    return lambda **parts: open_folder(
        tmp_path, {"orders": {**source, **parts}}, checks={"tolerance": 0.5}
    )


def test_orders_of_a_database_become_vectors(shop: Callable[..., Any]) -> None:
    prepared = shop()
    assert prepared.vector("ann", date(2025, 1, 3))["revenue_lifetime"] == 20
    assert prepared.clean("orders")["ts"].min().hour == 10
    assert prepared.quarantine()["reasons"].tolist() == ["customer_id_missing;"]
    assert not (prepared.workspace / "landing").exists()


def test_a_table_is_read_again_only_when_a_mapped_column_changed(
    shop: Callable[..., Any], postgres_run: Callable[..., Any]
) -> None:
    shop()
    assert shop().prepared.reused
    postgres_run("UPDATE lines SET note = 'another'")
    assert shop().prepared.reused
    postgres_run("UPDATE lines SET qty = 3 WHERE no = '1'")
    changed = shop()
    assert changed.prepared.work["orders"] == "rebuilt"
    assert changed.vector("ann", date(2025, 1, 3))["revenue_lifetime"] == 30


def test_a_database_without_a_table_named_says_what_to_write(shop: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match="is a database, and no table in it is named") as raised:
        shop(table=None)
    assert raised.value.remedy == 'add table = "..." under [[tables.orders]]'


def test_a_column_that_the_table_lacks_is_asked_for_by_name(shop: Callable[..., Any]) -> None:
    columns = {"customer_id": "buyers", "order_id": "no"}
    with pytest.raises(DataError, match=r"column customer_id .* as 'buyers'.* sold_at,") as raised:
        shop(columns=columns)
    assert raised.value.remedy == 'under [tables.orders.columns] set customer_id = "buyer"'
