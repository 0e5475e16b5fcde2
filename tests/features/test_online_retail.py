"""The public Online Retail II data through the example's own settings: counts known beforehand."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from features.engine import open_engine
from features.prepare import Prepared, prepare
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
    now = datetime(2026, 1, 1)  # noqa: DTZ001  the room counts in naive UTC
    with open_engine(data.engine, folder / "spill") as engine:
        yield engine, prepare(engine, data, now)


@pytest.fixture(scope="module")
def prepared(shop: Any) -> Prepared:
    return shop[1]


def test_every_line_is_kept_or_set_aside_for_a_named_reason(prepared: Prepared) -> None:
    [report] = prepared.reports
    assert report.rows_read == 1_067_370
    assert report.rows_kept == 805_888
    assert {count.rule: count.rows for count in report.rules} == {
        "customer_id_missing": 243_007,
        "repeated_across_sources": 22_523,
        "not_a_product": 6_092,
        "unit_price_negative": 5,
    }


def test_only_what_nobody_expected_counts_as_bad(prepared: Prepared) -> None:
    [report] = prepared.reports
    bad = {count.rule for count in report.rules if not count.expected}
    assert bad == {"unit_price_negative"}
    assert report.rows_unexpectedly_bad == 5


def test_the_history_is_two_years_of_a_shop_without_costs(prepared: Prepared) -> None:
    assert (prepared.first_day, prepared.last_day) == (date(2009, 12, 1), date(2011, 12, 9))
    assert prepared.lines_without_cost == prepared.reports[0].rows_kept


def test_both_exports_name_customers_alike(shop: Any) -> None:
    engine, prepared = shop
    orders = prepared.clean["orders"]
    ids = engine.frame(orders.select("customer_id").distinct())["customer_id"]
    assert len(ids) == 5_876
    assert ids.str.fullmatch(r"\d{5}").all()


def test_revenue_of_the_rollups_is_that_of_the_lines(shop: Any) -> None:
    engine, _ = shop
    lines = "SELECT sum(quantity * unit_price) FROM clean_orders"
    days = "SELECT sum(revenue) FROM rollup_customer_day"
    ((by_day,),) = engine.execute(days).fetchall()
    ((by_line,),) = engine.execute(lines).fetchall()
    assert by_day == pytest.approx(by_line, rel=1e-12)
