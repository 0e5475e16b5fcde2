"""Prepare: once from files to roll-ups, again only when something changed."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from features.settings import CheckSettings, DataSettings, ShopSettings


@pytest.fixture
def orders(lines: Any) -> pd.DataFrame:
    return lines(
        ("1", "ann", "tea", "2025-01-01", 1, 10),
        ("2", "bob", "mug", "2025-01-02", 1, 30),
        ("3", "bob", "jam", "2025-01-03", 2, 5),
    )


def write(folder: Path, **tables: pd.DataFrame) -> dict[str, str]:
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return {name: f"{name}.csv" for name in tables}


def test_nothing_is_read_again_while_nothing_changed(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame
) -> None:
    tables = write(tmp_path, orders=orders)
    first = open_folder(tmp_path, tables)
    second = open_folder(tmp_path, tables)
    assert (first.prepared.reused, second.prepared.reused) == (False, True)
    for part in ("reports", "fingerprint", "first_day", "last_day", "lines_without_cost"):
        assert getattr(first.prepared, part) == getattr(second.prepared, part)
    as_of = date(2025, 1, 4)
    pd.testing.assert_frame_equal(first.vectors(as_of).frame, second.vectors(as_of).frame)


def test_a_changed_file_is_read_again(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame
) -> None:
    before = open_folder(tmp_path, write(tmp_path, orders=orders))
    orders.loc[0, "unit_price"] = 11.0
    after = open_folder(tmp_path, write(tmp_path, orders=orders))
    assert not after.prepared.reused
    assert after.prepared.fingerprint != before.prepared.fingerprint
    assert after.vector("ann", date(2025, 1, 4))["revenue_lifetime"] == 11.0


def test_a_file_that_was_only_touched_is_read_again_and_is_the_same(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame
) -> None:
    tables = write(tmp_path, orders=orders)
    before = open_folder(tmp_path, tables)
    os.utime(tmp_path / "orders.csv", (0, 0))
    after = open_folder(tmp_path, tables)
    assert not after.prepared.reused
    assert after.prepared.fingerprint == before.prepared.fingerprint


@pytest.mark.parametrize(
    ("parts", "reused"),
    [
        ({"shop": ShopSettings(margin_rate=0.5)}, False),
        ({"checks": CheckSettings(expected=frozenset({"quantity_zero"}))}, False),
        ({"checks": CheckSettings(tolerance=0.5)}, True),
        ({}, True),
    ],
)
def test_a_changed_setting_rebuilds(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame, parts: dict[str, Any], reused: bool
) -> None:
    tables = write(tmp_path, orders=orders)
    open_folder(tmp_path, tables)
    shop = open_folder(tmp_path, tables, **parts)
    assert shop.prepared.reused == reused
    rate = shop.settings.shop.margin_rate
    assert shop.vector("ann", date(2025, 1, 4))["margin_lifetime"] == 10.0 * rate


def test_a_table_that_is_named_no_longer_leaves_nothing_behind(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame
) -> None:
    seen = pd.DataFrame({"customer_id": ["ann"], "ts": ["2025-01-01"], "event_type": ["view"]})
    tables = write(tmp_path, orders=orders, events=seen)
    assert "views_7d" in open_folder(tmp_path, tables).vectors(date(2025, 1, 4)).names
    shop = open_folder(tmp_path, {"orders": "orders.csv"})
    assert "views_7d" not in shop.vectors(date(2025, 1, 4)).names
    assert not list((tmp_path / ".regulars").glob("*/events/**/*.parquet"))


@pytest.mark.parametrize("damage", ["state.json", "half a state"])
def test_a_workspace_without_a_whole_state_is_rebuilt(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame, damage: str
) -> None:
    tables = write(tmp_path, orders=orders)
    state = open_folder(tmp_path, tables).workspace / "state.json"
    if damage == "state.json":
        state.unlink()
    else:
        state.write_text(state.read_text(encoding="utf-8")[:100], encoding="utf-8")
    assert not open_folder(tmp_path, tables).prepared.reused
    assert open_folder(tmp_path, tables).prepared.reused


def test_the_fingerprint_is_of_the_kept_rows_whatever_their_order(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame, lines: Any
) -> None:
    bad = lines(("4", "ann", "tea", "2025-01-01", 0, 10))
    changed = orders.replace({"product_id": {"jam": "Jam"}})
    variants = {
        "plain": orders,
        "reordered": orders.iloc[::-1],
        "with a bad row": pd.concat([bad, orders]),
        "changed": changed,
        "a row twice": pd.concat([orders, orders.iloc[[0]]]),
        "a row less": orders.iloc[1:],
    }
    prints = {}
    for name, frame in variants.items():
        (tmp_path / name).mkdir()
        tables = write(tmp_path / name, orders=frame)
        shop = open_folder(tmp_path / name, tables, checks=CheckSettings(tolerance=0.5))
        prints[name] = shop.prepared.fingerprint
    assert prints["plain"] == prints["reordered"] == prints["with a bad row"]
    assert len(set(prints.values())) == 4


def test_strangers_to_a_table_are_kept_and_noticed(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame
) -> None:
    customers = pd.DataFrame({"customer_id": ["ann"], "country": ["Kenya"]})
    products = pd.DataFrame({"product_id": ["tea", "jam"], "category": ["drinks", "food"]})
    tables = write(tmp_path, orders=orders, customers=customers, products=products)
    shop = open_folder(tmp_path, tables)
    assert {report.table: report.notices for report in shop.prepared.reports} == {
        "orders": (),
        "customers": (
            "2 order lines name 1 customers that the customers table does not know: they are "
            "kept, without profile",
        ),
        "products": (
            "1 order lines name 1 products that the products table does not know: they are "
            "kept, without category and cost",
        ),
    }
    bob = shop.vector("bob", date(2025, 1, 4))
    assert bob["revenue_lifetime"] == 40.0
    assert bob["categories_bought"] == 2  # food, and the one of products unknown
    assert pd.isna(bob["country"])
    assert open_folder(tmp_path, tables).prepared.reports == shop.prepared.reports


def test_postage_is_no_stranger_to_the_products(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame, lines: Any
) -> None:
    products = pd.DataFrame({"product_id": ["tea", "mug", "jam"]})
    postage = lines(("3", "bob", "POST", "2025-01-03", 1, 4))
    tables = write(tmp_path, orders=pd.concat([orders, postage]), products=products)
    shop = open_folder(tmp_path, tables, checks=CheckSettings(product_id_pattern="^[a-z]+$"))
    assert [report.notices for report in shop.prepared.reports] == [(), ()]
    assert shop.prepared.reports[0].adjustments == 1


def test_lines_of_unknown_cost_are_all_counted(
    tmp_path: Path, open_folder: Any, lines: Any
) -> None:
    costs = {"tea": None, "mug": 4.0, "jam": None, "pot": None, "cup": 2.0}
    rows = [(f"of {name}", name, name, "2025-01-01", 1, 9) for name in costs]
    tables = write(tmp_path, orders=lines(*rows, unit_cost=list(costs.values())))
    assert open_folder(tmp_path, tables).prepared.lines_without_cost == 3


def test_a_new_file_is_compared_with_the_other_sources_of_its_table(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame
) -> None:
    """Two exports that overlap: what one says again is found although only one of them grew."""
    tolerant = {"checks": CheckSettings(tolerance=0.9)}
    orders.to_csv(tmp_path / "old.csv", index=False)
    orders.iloc[[2]].to_csv(tmp_path / "new-0.csv", index=False)
    tables = {"orders": [{"path": "old.csv"}, {"path": "new-*.csv"}]}
    before = open_folder(tmp_path, tables, **tolerant)
    assert before.prepared.reports[0].rows_kept == 3
    orders.iloc[[0]].to_csv(tmp_path / "new-1.csv", index=False)
    after = open_folder(tmp_path, tables, **tolerant)
    assert after.prepared.work["orders"] == "rebuilt"
    assert after.prepared.reports[0].rows_kept == 3
    assert after.vector("ann", date(2025, 1, 4))["revenue_lifetime"] == 10.0


def test_a_new_file_of_a_table_with_a_key_is_compared_with_the_files_before(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame
) -> None:
    orders.to_csv(tmp_path / "orders.csv", index=False)
    tables = {"orders": "orders.csv", "customers": "customers-*.csv"}
    tolerant = {"checks": CheckSettings(tolerance=0.9)}
    for number, country in enumerate(("Kenya", "Peru")):
        frame = pd.DataFrame({"customer_id": ["ann", f"c{number}"], "country": country})
        frame.to_csv(tmp_path / f"customers-{number}.csv", index=False)
        shop = open_folder(tmp_path, tables, **tolerant)
        assert shop.prepared.work["customers"] == "rebuilt"
    known = shop.clean("customers").set_index("customer_id")["country"].to_dict()
    assert known == {"ann": "Kenya", "c0": "Kenya", "c1": "Peru"}


def test_an_empty_table_beside_the_orders_is_no_error(
    tmp_path: Path, open_folder: Any, orders: pd.DataFrame
) -> None:
    costs = pd.DataFrame(columns=["customer_id", "ts", "cost_kind", "amount"])
    shop = open_folder(tmp_path, write(tmp_path, orders=orders, costs=costs))
    assert shop.vector("ann", date(2025, 1, 4))["revenue_lifetime"] == 10.0


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ({"order": {"path": "x.csv"}}, r"tables\.order: no such table; known: orders, products"),
        (
            {"orders": {"path": "x.csv", "columns": {"customer": "c"}}},
            r"tables\.orders\.columns\.customer: no such column; orders knows: .*customer_id",
        ),
        ({"products": {"path": "x.csv"}}, r"tables\.orders is missing"),
        ({"orders": {"file": "x.csv"}}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_name_what_is_not_there_are_refused(
    tables: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        DataSettings.model_validate({"tables": tables})
