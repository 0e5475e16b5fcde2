"""Refresh: new files touch only what they say, and the result is that of a rebuild."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.settings import CheckSettings

CUTOFFS = (date(2026, 5, 10), date(2026, 5, 15), date(2026, 5, 22))
LOGS = ("orders", "events", "surveys", "contacts", "costs", "points")
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def frames(simulated_frames: dict[str, Frames]) -> Frames:
    return simulated_frames["all_tables"]


def write_until(folder: Path, frames: Frames, *days: str) -> dict[str, str]:
    """Write each table as files of what happened before each day and since the one before."""
    for name, frame in frames.items():
        if name not in LOGS:
            frame.to_parquet(folder / f"{name}.parquet", index=False)
            continue
        since = pd.Timestamp.min
        for number, day in enumerate(pd.to_datetime(days)):
            rows = frame[(frame["ts"] >= since) & (frame["ts"] < day)]
            path = folder / f"{name}-{number}.parquet"
            if not path.exists() and len(rows):
                rows.to_parquet(path, index=False)
            since = day
    return {name: f"{name}-*.parquet" if name in LOGS else f"{name}.parquet" for name in frames}


def assert_same_vectors(one: Any, other: Any) -> None:
    assert_frame_equal(one.vectors(*CUTOFFS).frame, other.vectors(*CUTOFFS).frame)


@pytest.mark.parametrize("buckets", [1, 3])
def test_days_that_are_appended_give_the_vectors_of_a_rebuild(
    tmp_path: Path, open_folder: Any, frames: Frames, buckets: int
) -> None:
    engine = {"threads": 1, "buckets": buckets}
    days = ["2026-05-01", "2026-05-08", "2026-05-12", "2026-05-20", "2026-12-01"]
    for count in range(1, len(days) + 1):
        tables = write_until(tmp_path, frames, *days[:count])
        refreshed = open_folder(tmp_path, tables, engine=engine)
        wanted = "rebuilt" if count == 1 else "appended"
        assert refreshed.prepared.work["orders"] == refreshed.prepared.work["rollups"] == wanted
    rebuilt = open_folder(tmp_path, tables, engine=engine, workspace="anew")
    assert_same_vectors(refreshed, rebuilt)
    for part in ("fingerprint", "first_day", "last_day", "lines_without_cost"):
        assert getattr(refreshed.prepared, part) == getattr(rebuilt.prepared, part)
    counts = [
        [(r.rows_read, r.rows_kept) for r in s.prepared.reports] for s in (refreshed, rebuilt)
    ]
    assert counts[0] == counts[1]


def test_the_number_of_buckets_changes_nothing(open_shop: Any, frames: Frames) -> None:
    one, five = (open_shop(frames, engine={"threads": 1, "buckets": n}) for n in (1, 5))
    assert five.prepared.rollups.buckets == 5
    assert_same_vectors(one, five)
    assert_frame_equal(one.labels(*CUTOFFS), five.labels(*CUTOFFS))
    some = frames["orders"]["customer_id"].drop_duplicates().head(7)
    chosen = [shop.vectors(*CUTOFFS, customers=some).frame for shop in (one, five)]
    assert_frame_equal(*chosen)


@pytest.fixture
def grown(tmp_path: Path, open_folder: Any, lines: Any) -> Callable[..., Any]:
    """Open a shop of daily files after adding one; the first call writes three orders."""
    first = lines(
        ("1", "ann", "tea", "2025-01-01", 2, 10),
        ("2", "bob", "mug", "2025-01-02", 1, 30),
        ("3", "bob", "jam", "2025-01-03", 2, 5),
    )

    def grow(*rows: tuple[Any, ...], **parts: Any) -> Any:
        files = len(list(tmp_path.glob("orders-*.csv")))
        day = lines(*rows) if files else first
        if rows or not files:
            day.to_csv(tmp_path / f"orders-{files}.csv", index=False)
        return open_folder(tmp_path, {"orders": "orders-*.csv"}, **parts)

    return grow


def test_a_return_of_an_earlier_order_restates_that_order_alone(grown: Any) -> None:
    grown()
    shop = grown(("2", "bob", "mug", "2025-01-05", -1, 30))
    restated = shop.rollup("../restated/order_states")
    assert restated["order_id"].tolist() == ["2"]
    assert shop.vector("bob", date(2025, 1, 5))["orders_lifetime"] == 2
    assert shop.vector("bob", date(2025, 1, 6))["orders_lifetime"] == 1
    again = grown(("2", "bob", "mug", "2025-01-07", 1, 30))
    assert again.vector("bob", date(2025, 1, 6))["orders_lifetime"] == 1
    assert again.vector("bob", date(2025, 1, 8))["orders_lifetime"] == 2


def test_only_new_files_are_read(tmp_path: Path, grown: Any) -> None:
    grown()
    first = tmp_path / "orders-0.csv"
    state = first.stat()
    noise = b"#" * state.st_size
    first.write_bytes(noise)
    os.utime(first, ns=(state.st_atime_ns, state.st_mtime_ns))
    shop = grown(("4", "cat", "tea", "2025-01-06", 1, 10))
    assert shop.prepared.work == {"orders": "appended", "rollups": "appended"}
    assert shop.vectors(date(2025, 1, 7)).frame["customer_id"].tolist() == ["ann", "bob", "cat"]


def test_nothing_new_is_no_work(grown: Any) -> None:
    grown()
    assert set(grown().prepared.work.values()) == {"kept"}


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_a_file_that_changed_makes_its_table_anew(
    tmp_path: Path, grown: Any, lines: Any, change: str
) -> None:
    grown()
    grown(("4", "cat", "tea", "2025-01-06", 1, 10))
    if change == "edited":
        edited = lines(("4", "cat", "tea", "2025-01-06", 3, 10))
        edited.to_csv(tmp_path / "orders-1.csv", index=False)
    else:
        (tmp_path / "orders-1.csv").unlink()
    shop = grown()
    assert shop.prepared.work == {"orders": "rebuilt", "rollups": "rebuilt"}
    frame = shop.vectors(date(2025, 1, 7)).frame.set_index("customer_id")
    assert frame["units_per_order"].to_dict() == (
        {"ann": 2, "bob": 1.5} | ({"cat": 3} if change == "edited" else {})
    )


def test_bad_rows_of_a_new_file_join_the_report(grown: Any) -> None:
    tolerant = {"checks": CheckSettings(tolerance=0.9)}
    grown(**tolerant)
    bad = ("4", "cat", "tea", "2025-01-06", 0, 10)
    shop = grown(bad, ("5", "cat", "tea", "2025-01-06", 1, 10), **tolerant)
    [report] = shop.prepared.reports
    assert (report.rows_read, report.rows_kept) == (5, 4)
    assert [(count.rule, count.rows) for count in report.rules] == [("quantity_zero", 1)]
    assert Path(report.rules[0].first_file).name == "orders-1.csv"
    shop = grown(("6", "cat", "tea", "2025-01-07", 0, 10), **tolerant)
    assert [(count.rule, count.rows) for count in shop.prepared.reports[0].rules] == [
        ("quantity_zero", 2)
    ]
    assert len(shop.quarantine()) == 2


def test_a_catalogue_that_says_otherwise_of_goods_sold_rolls_all_up_anew(
    tmp_path: Path, open_folder: Any, lines: Any
) -> None:
    lines(("1", "ann", "tea", "2025-01-01", 1, 10)).to_csv(tmp_path / "orders.csv", index=False)
    catalogue = pd.DataFrame({"product_id": ["tea"], "category": ["drinks"], "stock": [5]})

    def prepared(products: pd.DataFrame) -> Any:
        products.to_csv(tmp_path / "products.csv", index=False)
        shop = open_folder(tmp_path, {"orders": "orders.csv", "products": "products.csv"})
        return shop.prepared.work["rollups"], shop.rollup("customer_product_day")["category"][0]

    assert prepared(catalogue) == ("rebuilt", "drinks")
    assert prepared(catalogue.assign(stock=4)) == ("kept", "drinks")
    new = pd.DataFrame({"product_id": ["jam"], "category": ["food"], "stock": [1]})
    assert prepared(pd.concat([catalogue, new])) == ("kept", "drinks")
    assert prepared(catalogue.assign(category="hot drinks")) == ("rebuilt", "hot drinks")


def test_a_catalogue_that_learns_of_goods_sold_before_rolls_all_up_anew(
    tmp_path: Path, open_folder: Any, lines: Any
) -> None:
    lines(("1", "ann", "tea", "2025-01-01", 1, 10)).to_csv(tmp_path / "orders.csv", index=False)
    tables = {"orders": "orders.csv", "products": "products.csv"}
    frame = pd.DataFrame({"product_id": ["jam"], "category": ["food"]})
    frame.to_csv(tmp_path / "products.csv", index=False)
    open_folder(tmp_path, tables)
    frame = pd.DataFrame({"product_id": ["jam", "tea"], "category": ["food", "drinks"]})
    frame.to_csv(tmp_path / "products.csv", index=False)
    shop = open_folder(tmp_path, tables)
    assert shop.prepared.work["rollups"] == "rebuilt"
    assert shop.rollup("customer_product_day")["category"].tolist() == ["drinks"]


def test_costs_that_come_alone_are_added_to_existing_money(
    tmp_path: Path, open_folder: Any, lines: Any
) -> None:
    bought = lines(("1", "ann", "tea", "2025-01-01", 2, 10), unit_cost=[4.0])
    bought.to_csv(tmp_path / "orders.csv", index=False)
    margins = []
    for number, amount in enumerate((1.0, 2.0)):
        cost = ["ann", "2025-01-02", "support", amount]
        frame = pd.DataFrame([cost], columns=["customer_id", "ts", "cost_kind", "amount"])
        frame.to_csv(tmp_path / f"costs-{number}.csv", index=False)
        shop = open_folder(tmp_path, {"orders": "orders.csv", "costs": "costs-*.csv"})
        margins.append(shop.vector("ann", date(2025, 1, 3))["margin_lifetime"])
    assert margins == [12.0 - 1.0, 12.0 - 1.0 - 2.0]
    assert shop.prepared.work == {"orders": "kept", "costs": "appended", "rollups": "appended"}


def test_a_new_rollup_is_made_from_the_existing_ones(tmp_path: Path, grown: Any) -> None:
    """As after an upgrade that brought one."""
    shop = grown()
    before = shop.vectors(date(2025, 1, 7)).frame
    path = tmp_path / ".regulars" / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    del state["rollups"]["order_states"], state["rollups"]["customer_day_firsts"]
    path.write_text(json.dumps(state), encoding="utf-8")
    again = grown()
    assert again.prepared.work == {"orders": "kept", "rollups": "rebuilt"}
    assert_frame_equal(again.vectors(date(2025, 1, 7)).frame, before)


def test_left_overs_of_an_interruption_do_not_count(tmp_path: Path, grown: Any) -> None:
    shop = grown()
    lost = tmp_path / ".regulars" / "rollups" / "customer_day" / "bucket=0"
    [whole] = lost.glob("*.parquet")
    (lost / "part999999-0.parquet").write_bytes(whole.read_bytes())
    before = shop.vectors(date(2025, 1, 7)).frame
    assert_frame_equal(grown().vectors(date(2025, 1, 7)).frame, before)
