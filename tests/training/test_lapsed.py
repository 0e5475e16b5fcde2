"""How many lapsed customers come back, on a shop small enough to count by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from features.engines import open_engine
from features.prepare import prepare
from features.settings import DataSettings, ShopSettings
from training.publishing.lapsed import reactivation_rate

AS_OF, HORIZON_DAYS, LOOKBACK_DAYS = date(2026, 7, 1), 30, 100
ORDERS = {
    "active, orders": ["2026-04-20", "2026-06-10"],
    "active, leaves": ["2026-05-20"],
    "lapsed, comes back": ["2025-11-01", "2026-06-30"],
    "lapsed, comes back too early": ["2025-11-01", "2026-05-31"],  # no longer lapsed
    "lapsed, comes back too late": ["2025-11-01", "2026-07-01"],
    "lapsed for good": ["2025-10-01", "2026-02-01"],
    "lapsed with one order": ["2025-12-01"],
    "a newcomer": ["2026-06-15"],
}
Rate = Callable[[date, int], float | None]


@pytest.fixture(scope="module")
def rate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rate]:
    folder = tmp_path_factory.mktemp("lapsed")
    lines = [(who, day) for who, days in ORDERS.items() for day in days]
    pd.DataFrame(
        {
            "order_id": [str(n) for n in range(len(lines))],
            "customer_id": [who for who, _ in lines],
            "product_id": "tea",
            "ts": [f"{day} 12:00:00" for _, day in lines],
            "quantity": 1.0,
            "unit_price": 5.0,
        }
    ).to_csv(folder / "orders.csv", index=False)
    settings = DataSettings(
        tables={"orders": [{"path": "orders.csv"}]}, base=folder, workspace=Path("workspace")
    )
    with open_engine(settings.engine, folder / "tmp") as engine:
        prepared = prepare(engine, settings, datetime(2026, 12, 1))  # noqa: DTZ001
        shop = ShopSettings(lookback_days=LOOKBACK_DAYS)
        yield lambda as_of, days: reactivation_rate(engine, prepared, shop, as_of, days)


def test_one_of_four_lapsed_customers_orders_within_the_horizon(rate: Rate) -> None:
    assert rate(AS_OF, HORIZON_DAYS) == pytest.approx(1 / 4)


def test_it_is_unknown_where_nobody_could_have_lapsed_yet(rate: Rate) -> None:
    assert rate(date(2026, 1, 20), HORIZON_DAYS) is None
