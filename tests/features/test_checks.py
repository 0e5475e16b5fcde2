"""Checks: every bad row is set aside with all its reasons, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import DataError
from features.settings import CheckSettings

HEADER = "order_id,customer_id,product_id,ts,quantity,unit_price"
GOOD = "1,ann,tea,2025-01-01,1,10"
ALL_MAY_BE_BAD = CheckSettings(tolerance=1.0)


def write(folder: Path, *rows: str, name: str = "orders.csv", header: str = HEADER) -> str:
    (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return name


def reasons(quarantine: pd.DataFrame) -> list[tuple[int, set[str]]]:
    """Row numbers with the names of the rules that each fails."""
    rows = sorted(zip(quarantine["source_row"], quarantine["reasons"], strict=True))
    return [(row, set(named.rstrip(";").split(";"))) for row, named in rows]


def test_every_failing_rule_is_named_for_every_row(tmp_path: Path, open_folder: Any) -> None:
    header = f"{HEADER},discount,unit_cost,available_at"
    name = write(
        tmp_path,
        f"{GOOD},,,",
        "1,ann,tea,yesterday,1,10,,,",
        "1,ann,tea,2025-01-01,1,-10,,,",
        "1,,tea,2025-01-01,0,10,,,",
        " , nan ,NULL,,many,cheap,lots,nothing,soon",
        "1,ann,tea,2031-01-01,1,10,,,",
        "1,ann,tea,1969-12-31,1,10,,,2031-01-01",
        "1,ann,tea,2025-01-01,2,10,20.02,-1,",
        f"{GOOD},10,4,2025-01-02",
        header=header,
    )
    shop = open_folder(tmp_path, {"orders": name}, checks=ALL_MAY_BE_BAD)
    assert reasons(shop.quarantine()) == [
        (2, {"ts_unreadable"}),
        (3, {"unit_price_negative"}),
        (4, {"customer_id_missing", "quantity_zero"}),
        (
            5,
            {
                *(
                    f"{column}_missing"
                    for column in ("order_id", "customer_id", "product_id", "ts")
                ),
                *(
                    f"{column}_unreadable"
                    for column in (
                        "quantity",
                        "unit_price",
                        "discount",
                        "unit_cost",
                        "available_at",
                    )
                ),
            },
        ),
        (6, {"ts_impossible"}),
        (7, {"ts_impossible", "available_at_impossible"}),
        (8, {"discount_above_price", "unit_cost_negative"}),
    ]
    assert len(shop.clean("orders")) == 2


def test_the_quarantine_keeps_the_file_the_row_and_what_it_said(
    tmp_path: Path, open_folder: Any
) -> None:
    name = write(tmp_path, GOOD, "2,ann,tea,31.12.2025,a few,10")
    shop = open_folder(tmp_path, {"orders": name}, checks=ALL_MAY_BE_BAD)
    [row] = shop.quarantine().to_dict("records")
    assert Path(row["source_file"]) == tmp_path / "orders.csv"
    assert (row["source_row"], row["ts"], row["quantity"]) == (2, "31.12.2025", "a few")
    assert (row["order_id"], row["customer_id"]) == ("2", "ann")
    assert shop.clean("orders")["order_id"].tolist() == ["1"]


def test_the_report_counts_each_rule_and_shows_the_first_row(
    tmp_path: Path, open_folder: Any
) -> None:
    name = write(tmp_path, GOOD, "2,ann,tea,soon,1,-5", "3,ann,tea,2025-01-01,1,-7", GOOD)
    shop = open_folder(tmp_path, {"orders": name}, checks=ALL_MAY_BE_BAD)
    [report] = shop.prepared.reports
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (4, 2, 2)
    assert {count.rule: (count.rows, count.example()) for count in report.rules} == {
        "ts_unreadable": (1, "first: row 2 of orders.csv holds 'soon'"),
        "unit_price_negative": (2, "first: row 2 of orders.csv holds '-5'"),
    }


def test_too_many_bad_rows_stop_the_run_and_say_what_to_do(
    tmp_path: Path, open_folder: Any
) -> None:
    name = write(tmp_path, *[GOOD] * 8, "2,ann,tea,next week,1,10", "3,ann,tea,2025-01-01,1,-5")
    with pytest.raises(DataError) as raised:
        open_folder(tmp_path, {"orders": name})
    message = str(raised.value)
    assert "orders: 20.0% of 10 rows are bad, above the tolerance of 1.0%" in message
    assert "1 row: ts is not a date [ts_unreadable]" in message
    assert "first: row 9 of orders.csv holds 'next week'; write ts as a date" in message
    assert "1 row: unit_price is below zero [unit_price_negative]" in message
    quarantine = tmp_path / ".regulars" / "quarantine" / "orders"
    assert 'add "ts_unreadable" to checks.expected; or raise checks.tolerance' in message
    assert f"all bad rows are listed in {quarantine}" in message
    assert [row for row, _ in reasons(pd.read_parquet(quarantine))] == [9, 10]


def test_a_row_that_fails_two_rules_is_one_bad_row(tmp_path: Path, open_folder: Any) -> None:
    name = write(tmp_path, *[GOOD] * 8, ",ann,tea,2025-01-01,0,10", "2,,tea,2025-01-01,1,10")
    checks = CheckSettings(tolerance=0.1, expected=frozenset({"customer_id_missing"}))
    [report] = open_folder(tmp_path, {"orders": name}, checks=checks).prepared.reports
    assert (report.rows_quarantined, report.rows_unexpectedly_bad) == (2, 1)


def test_expected_rules_do_not_count_but_an_expected_row_may_be_bad_besides(
    tmp_path: Path, open_folder: Any
) -> None:
    name = write(tmp_path, *[GOOD] * 6, *["1,,tea,2025-01-01,1,10"] * 3, "1,,tea,2025-01-01,0,10")
    expected = frozenset({"customer_id_missing"})
    with pytest.raises(DataError, match=r"10\.0% of 10 rows are bad.*\n.*quantity is zero"):
        open_folder(tmp_path, {"orders": name}, checks=CheckSettings(expected=expected))
    checks = CheckSettings(expected=expected | {"quantity_zero"})
    shop = open_folder(tmp_path, {"orders": name}, checks=checks)
    assert shop.prepared.reports[0].rows_kept == 6
    assert len(shop.quarantine()) == 4


def test_where_no_row_is_left_the_run_stops_even_if_that_was_expected(
    tmp_path: Path, open_folder: Any
) -> None:
    name = write(tmp_path, "1,,tea,2025-01-01,1,10")
    checks = CheckSettings(tolerance=1.0, expected=frozenset({"customer_id_missing"}))
    with pytest.raises(DataError, match="none of 1 row can be used") as raised:
        open_folder(tmp_path, {"orders": name}, checks=checks)
    assert "customer_id is missing [customer_id_missing]" in str(raised.value)


def test_only_a_line_that_is_no_product_may_have_a_negative_price(
    tmp_path: Path, open_folder: Any
) -> None:
    rows = [f"1,ann,{code},2025-01-01,1,{price}" for code in ("12345A", "M") for price in (1, -1)]
    checks = CheckSettings(product_id_pattern="^[0-9]{5}", tolerance=1)
    shop = open_folder(tmp_path, {"orders": write(tmp_path, *rows)}, checks=checks)
    assert reasons(shop.quarantine()) == [(2, {"unit_price_negative"})]
    [report] = shop.prepared.reports
    assert (report.rows_kept, report.adjustments) == (3, 2)


PRODUCTS = "product_id,product_name,unit_cost"


def test_of_rows_with_one_key_the_first_good_one_is_kept(tmp_path: Path, open_folder: Any) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path / "a", "tea,late,4", "mug,first,9", name="2.csv", header=PRODUCTS)
    rows = ["jam,bad,-1", "jam,good,1", "tea,first,4", "tea,second,4"]
    write(tmp_path / "a", *rows, name="1.csv", header=PRODUCTS)
    tables = {"orders": write(tmp_path, GOOD), "products": "a/*.csv"}
    shop = open_folder(tmp_path, tables, checks=ALL_MAY_BE_BAD)
    kept = shop.clean("products").set_index("product_id")["product_name"]
    assert kept.to_dict() == {"jam": "good", "tea": "first", "mug": "first"}
    assert reasons(shop.quarantine("products")) == [
        (1, {"key_repeated"}),
        (1, {"unit_cost_negative", "key_repeated"}),
        (4, {"key_repeated"}),
    ]


def test_overlapping_exports_are_matched_copy_by_copy(tmp_path: Path, open_folder: Any) -> None:
    twice, once = GOOD, "2,ann,tea,2025-01-02,1,10"
    exports = [
        write(tmp_path, twice, twice, once, name="january.csv"),
        write(tmp_path, once, twice, twice, twice, "3,ann,tea,2025-01-03,1,10", name="june.csv"),
    ]
    shop = open_folder(tmp_path, {"orders": [{"path": path} for path in exports]})
    kept = shop.clean("orders")["order_id"].value_counts()
    assert kept.to_dict() == {"1": 3, "2": 1, "3": 1}
    assert reasons(shop.quarantine()) == [(row, {"repeated_across_sources"}) for row in (1, 2, 3)]
    [report] = shop.prepared.reports
    assert report.rows_unexpectedly_bad == 0
    assert [(count.rows, count.expected) for count in report.rules] == [(3, True)]


def test_a_line_that_one_export_repeats_is_two_lines(tmp_path: Path, open_folder: Any) -> None:
    other = "1,bob,tea,2025-01-01,1,10"
    shop = open_folder(tmp_path, {"orders": write(tmp_path, GOOD, other, GOOD, GOOD)})
    assert len(shop.clean("orders")) == 4
    assert shop.quarantine().empty
    (report,) = shop.prepared.reports
    assert report.repetitions == 2


def test_a_bad_copy_does_not_push_out_a_good_one(tmp_path: Path, open_folder: Any) -> None:
    header = f"{HEADER},unit_cost"
    exports = [
        write(tmp_path, f"{GOOD},-4", name="1.csv", header=header),
        write(tmp_path, f"{GOOD},4", name="2.csv", header=header),
    ]
    sources = [{"path": path} for path in exports]
    shop = open_folder(tmp_path, {"orders": sources}, checks=ALL_MAY_BE_BAD)
    assert shop.clean("orders")["unit_cost"].tolist() == [4.0]


def test_each_table_has_its_own_rules(tmp_path: Path, open_folder: Any) -> None:
    tables = {
        "orders": [GOOD],
        "customers": ["ann,1990,true", "bob,190,true", "cid,1990,maybe", "dot,,"],
        "events": ["ann,2025-01-01,view", "ann,2025-01-01,purchase"],
        "surveys": ["ann,2025-01-01,nps,10", "ann,2025-01-01,csat,6", "ann,2025-01-01,nps,11",
                    "ann,2025-01-01,ces,0", "ann,2025-01-01,mood,1"],
        "points": ["ann,2025-01-01,earned,5", "ann,2025-01-01,lost,5", "ann,2025-01-01,expired,-5"],
        "offers": ["1,Sale,0.2,2025-01-01,2025-02-01", "2,Gift,20,2025-01-01,2025-01-01"],
        "contracts": ["ann,1,2025-01-01,2025-01-01", "ann,2,2025-01-02,2025-01-01"],
    }  # fmt: skip
    headers = {
        "orders": HEADER,
        "customers": "customer_id,birth_year,email_consent",
        "events": "customer_id,ts,event_type",
        "surveys": "customer_id,ts,survey,score",
        "points": "customer_id,ts,movement,points",
        "offers": "offer_id,offer_name,discount_rate,starts_at,ends_at",
        "contracts": "customer_id,contract_id,starts_at,ends_at",
    }
    files = {
        table: write(tmp_path, *rows, name=f"{table}.csv", header=headers[table])
        for table, rows in tables.items()
    }
    shop = open_folder(tmp_path, files, checks=ALL_MAY_BE_BAD)
    assert {table: reasons(shop.quarantine(table)) for table in tables if table != "orders"} == {
        "customers": [(2, {"birth_year_outside"}), (3, {"email_consent_unreadable"})],
        "events": [(2, {"event_type_unknown"})],
        "surveys": [
            (2, {"score_outside"}),
            (3, {"score_outside"}),
            (4, {"score_outside"}),
            (5, {"survey_unknown"}),
        ],
        "points": [(2, {"movement_unknown"}), (3, {"points_negative"})],
        "offers": [(2, {"discount_rate_outside", "ends_before_start"})],
        "contracts": [(2, {"ends_before_start"})],
    }
