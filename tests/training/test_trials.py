"""Campaigns as trials: by the first contact, of those who could churn, once the horizon is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from features.engine import Engine
from features.engines import open_engine
from features.prepare import Prepared, prepare
from features.settings import DataSettings, EngineSettings
from models.drivers import grade_trials, randomised_causes
from training.uplift.trials import KNOWN_BEFORE, TRIAL_COLUMNS, campaign_trials

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
SENT = date(2025, 3, 1)
HORIZON_DAYS, LOOKBACK_DAYS = 30, 365

# (customer, days from the contact); the last order is the end of the data.
ORDERS = [
    ("ada", -40), ("ada", -10), ("ada", 5),
    ("bob", -30), ("bob", 45),
    ("cyd", -400), ("cyd", 3),
    ("dan", 2),
    ("eve", -5), ("eve", 0),
    ("fay", -20), ("fay", 200),
]  # fmt: skip
# (customer, campaign, treated, days from the first campaign).
CONTACTS = [
    ("ada", "win", True, 0), ("ada", "win", True, 90),
    ("bob", "win", False, 0),
    ("cyd", "win", True, 0),
    ("dan", "win", False, 0),
    ("eve", "win", False, 0),
    ("ada", "blast", True, 0), ("bob", "blast", True, 0),
    ("ada", "late", True, 190), ("bob", "late", False, 190),
]  # fmt: skip


def moment(days: int) -> pd.Timestamp:
    return pd.Timestamp(SENT + timedelta(days=days)) + pd.Timedelta(hours=9)


def orders() -> pd.DataFrame:
    customers, days = zip(*ORDERS, strict=True)
    return pd.DataFrame(
        {
            "order_id": [f"o{number}" for number in range(len(ORDERS))],
            "customer_id": customers,
            "product_id": "tea",
            "ts": [moment(number) for number in days],
            "quantity": 1.0,
            "unit_price": 10.0,
        }
    )


def contacts() -> pd.DataFrame:
    customers, campaigns, treated, days = zip(*CONTACTS, strict=True)
    return pd.DataFrame(
        {
            "customer_id": customers,
            "campaign_id": campaigns,
            "ts": [moment(number) for number in days],
            "treated": treated,
        }
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Prepared]]:
    base = tmp_path_factory.mktemp("campaigns")
    orders().to_parquet(base / "orders.parquet", index=False)
    contacts().to_parquet(base / "contacts.parquet", index=False)
    tables = {name: {"path": f"{name}.parquet"} for name in ("orders", "contacts")}
    settings = DataSettings(tables=tables, base=base, engine=EngineSettings(threads=1))
    with open_engine(settings.engine, base / "spill") as engine:
        yield engine, prepare(engine, settings, NOW)


@pytest.fixture(scope="module")
def trials(shop: tuple[Engine, Prepared]) -> pd.DataFrame:
    engine, prepared = shop
    return campaign_trials(engine, prepared, HORIZON_DAYS, LOOKBACK_DAYS, prepared.today)


def test_only_campaigns_that_held_some_out_and_are_over_are_trials(trials: pd.DataFrame) -> None:
    assert set(trials["campaign_id"]) == {"win"}
    assert tuple(trials.columns) == TRIAL_COLUMNS


def test_who_ordered_in_the_horizon_from_the_first_contact_on_did_not_churn(
    trials: pd.DataFrame,
) -> None:
    by_customer = trials.set_index("customer_id")
    assert by_customer["churned"].to_dict() == {"ada": 0.0, "bob": 1.0, "eve": 0.0}
    assert by_customer["treated"].to_dict() == {"ada": True, "bob": False, "eve": False}


def test_what_was_known_is_of_before_the_contact(trials: pd.DataFrame) -> None:
    by_customer = trials.set_index("customer_id")
    assert by_customer["recency_days"].to_dict() == {"ada": 10.0, "bob": 30.0, "eve": 5.0}
    assert by_customer["orders_lifetime"].to_dict() == {"ada": 2.0, "bob": 1.0, "eve": 1.0}
    assert by_customer["revenue_365d"].to_dict() == {"ada": 20.0, "bob": 10.0, "eve": 10.0}


def test_three_customers_prove_nothing(trials: pd.DataFrame) -> None:
    graded = grade_trials(trials, KNOWN_BEFORE)
    assert graded["grade"].tolist() == ["observational"]
    assert randomised_causes(graded).empty


def test_a_shop_without_campaigns_has_no_trials(shop: tuple[Engine, Prepared]) -> None:
    engine, prepared = shop
    before = SENT - timedelta(days=1)
    none = campaign_trials(engine, prepared, HORIZON_DAYS, LOOKBACK_DAYS, before)
    assert none.empty
    assert tuple(none.columns) == TRIAL_COLUMNS
    assert grade_trials(none, KNOWN_BEFORE).empty
    assert not np.isin("win", none["campaign_id"])
