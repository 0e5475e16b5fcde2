"""The public Online Retail II data through the example's own settings: counts known beforehand."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from features.engines import open_engine
from features.family import discover_families
from features.prepare import Prepared, prepare
from features.vectors import build_vectors
from regulars.settings import read_settings

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data" / "online_retail_ii"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the public data is not in {DATA}"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("online_retail")
    settings = read_settings(REPOSITORY / "examples" / "online_retail_ii" / "regulars.toml")
    data = settings.data.model_copy(update={"workspace": folder / "workspace"})
    now = datetime(2026, 1, 1)  # noqa: DTZ001  the code counts in naive UTC
    with open_engine(data.engine, folder / "spill") as engine:
        yield engine, prepare(engine, data, now)


@pytest.fixture(scope="module")
def prepared(shop: Any) -> Prepared:
    return shop[1]


def test_every_line_is_kept_or_set_aside_for_a_named_reason(prepared: Prepared) -> None:
    [report] = prepared.reports
    assert report.rows_read == 1_067_370
    assert report.rows_kept == 809_560
    assert {count.rule: count.rows for count in report.rules} == {
        "customer_id_missing": 243_007,
        "repeated_across_sources": 22_523,
    }
    assert all(count.expected for count in report.rules)
    assert report.rows_unexpectedly_bad == 0


def test_postage_credits_and_corrections_are_kept_as_money(shop: Any) -> None:
    engine, prepared = shop
    assert prepared.reports[0].adjustments == 3_672
    bought = engine.frame(prepared.rollups["customer_product_day"].select("product_id").distinct())
    assert bought["product_id"].str.match(r"\d{5}").all()


def test_the_history_is_two_years_of_a_shop_without_costs(prepared: Prepared) -> None:
    assert (prepared.first_day, prepared.last_day) == (date(2009, 12, 1), date(2011, 12, 9))
    assert prepared.lines_without_cost == prepared.reports[0].rows_kept


def test_both_exports_name_customers_alike(shop: Any) -> None:
    engine, prepared = shop
    orders = prepared.clean["orders"]
    ids = engine.frame(orders.select("customer_id").distinct())["customer_id"]
    # Of 5,942, 66 have nothing but charges and credits: money, and no order.
    assert len(ids) == 5_942
    orders = prepared.rollups["order_states"]
    assert engine.frame(orders.select("customer_id").distinct())["customer_id"].nunique() == 5_876
    assert ids.str.fullmatch(r"\d{5}").all()


def test_a_mistyped_order_and_its_credit_leave_what_was_bought(shop: Any) -> None:
    """Invoice 556444 sold 60 hampers at 649.50 for one: C556445 took 38,970 back as code M."""
    engine, prepared = shop
    families = [family for family in discover_families() if "customer_day" in family.reads]
    cutoffs = (date(2011, 6, 10), date(2011, 6, 11))
    seen = build_vectors(engine, prepared.rollups, families, cutoffs, ["15098"]).frame
    [now] = seen.to_dict("records")
    assert now["as_of"] == date(2011, 6, 11)
    assert now["revenue_lifetime"] == pytest.approx(649.50)
    assert now["margin_lifetime"] == pytest.approx(0.3 * 649.50)
    assert now["refunds_lifetime"] == pytest.approx(38_970 + 60 * 4.95)


def test_everyones_net_revenue_is_that_of_the_files(shop: Any) -> None:
    engine, _ = shop
    older, newer = (f"read_parquet('{file}')" for file in sorted(DATA.glob("*.parquet"))[::-1])
    known = engine.execute(
        "SELECT customer_id, sum(money) FROM ("
        f'SELECT "Customer ID"::int::text AS customer_id, Quantity * Price AS money FROM {older} '
        f"UNION ALL SELECT CustomerID::int::text, Quantity * UnitPrice FROM {newer} "
        f"WHERE InvoiceDate::timestamp > (SELECT max(InvoiceDate::timestamp) FROM {older})"
        ") WHERE customer_id IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    days = "SELECT customer_id, sum(revenue) FROM rollup_customer_day GROUP BY ALL ORDER BY ALL"
    said = engine.execute(days).fetchall()
    assert [name for name, _ in said] == [name for name, _ in known]
    assert [money for _, money in said] == pytest.approx([money for _, money in known], abs=1e-6)


def test_revenue_of_the_rollups_is_that_of_the_lines(shop: Any) -> None:
    engine, _ = shop
    lines = "SELECT sum(quantity * unit_price) FROM clean_orders"
    days = "SELECT sum(revenue) FROM rollup_customer_day"
    ((by_day,),) = engine.execute(days).fetchall()
    ((by_line,),) = engine.execute(lines).fetchall()
    assert by_day == pytest.approx(by_line, rel=1e-12)
