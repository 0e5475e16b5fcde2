"""Which contacts the uplift job learns from: a shop of a few customers, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.engines import open_engine
from features.prepare import prepare
from features.settings import DataSettings, EngineSettings
from features.vocabulary import Columns as C
from training.horizons import Horizons
from training.settings import TrainingSettings
from training.task import TrainingTask
from training.uplift.campaigns import ORDERED, Campaigns, load_campaigns
from training.uplift.job import mean_contact_cost

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
SENT = date(2025, 3, 1)
RESPONSE_DAYS = 14

# (customer, days from the first campaign); the last order is the end of the data.
ORDERS = [("ada", -40), ("ada", 3), ("bob", -30), ("bob", 15), ("cyd", -5), ("dan", 70)]
# (customer, campaign, treated, days from the first campaign).
CONTACTS = [
    ("ada", "spring", True, 0), ("bob", "spring", False, 0), ("cyd", "spring", True, 0),
    # Held out of one campaign and in another on the same day: the contact reached her.
    ("ada", "coffee", False, 0),
    # Nothing is known of Dan yet: without him, nobody was held out.
    ("bob", "easter", True, 30), ("cyd", "easter", True, 30), ("dan", "easter", False, 30),
    # The response days are not over.
    ("ada", "late", True, 60), ("bob", "late", False, 60),
]  # fmt: skip


def moment(days: int) -> pd.Timestamp:
    return pd.Timestamp(SENT + timedelta(days=days)) + pd.Timedelta(hours=9)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingTask]:
    base = tmp_path_factory.mktemp("campaigns")
    write_tables(base)
    tables = {name: {"path": f"{name}.parquet"} for name in ("orders", "contacts")}
    settings = DataSettings(tables=tables, base=base, engine=EngineSettings(threads=1))
    with open_engine(settings.engine, base / "spill") as engine:
        prepared = prepare(engine, settings, NOW)
        yield TrainingTask(
            engine,
            prepared,
            settings.shop,
            TrainingSettings(response_days=RESPONSE_DAYS),
            Horizons(60, "fixed", 60, "fixed"),
            prepared.today,
        )


@pytest.fixture(scope="module")
def campaigns(task: TrainingTask) -> Campaigns:
    return load_campaigns(task)


def write_tables(folder: Path) -> None:
    customers, days = zip(*ORDERS, strict=True)
    pd.DataFrame(
        {
            C.ORDER_ID: [f"o{number}" for number in range(len(ORDERS))],
            C.CUSTOMER_ID: customers,
            C.PRODUCT_ID: "tea",
            C.TS: [moment(number) for number in days],
            C.QUANTITY: 1.0,
            C.UNIT_PRICE: 10.0,
        }
    ).to_parquet(folder / "orders.parquet", index=False)
    customers, names, treated, days = zip(*CONTACTS, strict=True)
    pd.DataFrame(
        {
            C.CUSTOMER_ID: customers,
            C.CAMPAIGN_ID: names,
            C.TS: [moment(number) for number in days],
            C.TREATED: treated,
            C.COST: [
                (0.1 if day == 0 else 0.4) if sent else None
                for sent, day in zip(treated, days, strict=True)
            ],
        }
    ).to_parquet(folder / "contacts.parquet", index=False)


def test_who_was_contacted_and_who_ordered_in_time(campaigns: Campaigns) -> None:
    rows = campaigns.rows
    assert rows[C.CUSTOMER_ID].tolist() == ["ada", "bob", "cyd"]
    assert set(rows[C.AS_OF]) == {SENT}
    assert campaigns.treated.tolist() == [1, 0, 1]
    assert rows[ORDERED].tolist() == [1, 0, 0]
    assert campaigns.designed_propensity == pytest.approx([2 / 3] * 3)


def test_vectors_are_of_the_days_before_the_contact(campaigns: Campaigns) -> None:
    assert campaigns.rows["orders_lifetime"].tolist() == [1, 1, 1]
    assert campaigns.rows["recency_days"].tolist() == [40, 30, 5]


def test_a_contact_costs_what_those_made_so_far_did(task: TrainingTask) -> None:
    def cost(days: int) -> float | None:
        return mean_contact_cost(task.engine, task.prepared, SENT + timedelta(days=days))

    assert cost(0) is None
    assert cost(10) == pytest.approx(0.1)
    assert cost(40) == pytest.approx((2 * 0.1 + 2 * 0.4) / 4)
