"""Churn by contracts, end to end on a simulated shop with contracts: train, judge, score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.engine import Engine
from features.engines import open_engine
from features.errors import TrainingError
from features.labels import GRACE_DAYS, build_contract_labels
from features.prepare import Prepared, prepare
from features.settings import DataSettings, EngineSettings, ShopSettings
from features.simulate import ShopPlan, write_shop
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters
from models.next_purchase import NextPurchaseModel
from models.registry import RegisteredModel
from training.horizons import Horizons
from training.publishing.champions import Champions
from training.publishing.scores import CustomerScores, score_customers
from training.publishing.task import ScoringTask
from training.report import JobReport
from training.run import run_job, tune_job
from training.settings import TrainingSettings
from training.task import TrainingTask

HORIZON_DAYS = 90
TRAINING = TrainingSettings(churn="contracts", step_days=120, warm_up_days=180)
QUICK = BoostingParameters(rounds=30, learning_rate=0.15, members=1)
SHOP = ShopSettings(name="passes")


@dataclass(frozen=True, eq=False)
class Opened:
    engine: Engine
    prepared: Prepared

    @property
    def task(self) -> TrainingTask:
        horizons = Horizons(HORIZON_DAYS, "fixed", HORIZON_DAYS, "fixed")
        return TrainingTask(
            self.engine, self.prepared, SHOP, TRAINING, horizons, self.as_of, tuned=QUICK
        )

    def run(self, job: str) -> JobReport:
        return run_job(job, self.task)

    @property
    def as_of(self) -> date:
        return self.prepared.today


def opened(folder: Path, *tables: str, **elsewhere: str) -> Iterator[Opened]:
    where = dict.fromkeys(tables) | elsewhere
    settings = DataSettings(
        shop=SHOP,
        tables={name: {"path": f"data/{at or name}/*.parquet"} for name, at in where.items()},
        base=folder,
        engine=EngineSettings(threads=1, memory_limit="1GB"),
        workspace=Path("-".join([*tables, *elsewhere.values()])),
    )
    with open_engine(settings.engine, folder / "tmp") as engine:
        yield Opened(engine, prepare(engine, settings, datetime(2026, 12, 1)))  # noqa: DTZ001


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("passes")
    write_shop(ShopPlan(n_customers=1_000, seed=5, days=730), folder / "data")
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Opened]:
    yield from opened(folder, "orders", "products", "contracts")


@pytest.fixture(scope="module")
def report(shop: Opened) -> JobReport:
    return shop.run("churn")


@pytest.fixture(scope="module")
def scored(shop: Opened, report: JobReport, folder: Path) -> CustomerScores:
    value = shop.run("value")
    cards: dict[str, Any] = {
        done.name: RegisteredModel(
            done.name, "1", folder / done.name,
            {"definition": done.definition, "vector_fingerprint": done.vector_fingerprint},
        )
        for done in (report, value)
    }  # fmt: skip
    champions = Champions(report.model, value.model, NextPurchaseModel(), cards)  # type: ignore[arg-type]
    return score_customers(ScoringTask(shop.engine, shop.prepared, champions, SHOP, shop.as_of))


def test_outcomes_are_of_contracts_and_known_when_the_window_ends(
    shop: Opened, report: JobReport
) -> None:
    labels = build_contract_labels(
        shop.engine, shop.prepared.rollups, [report.test], HORIZON_DAYS
    ).set_index(C.CUSTOMER_ID)
    assert report.test == shop.as_of - timedelta(days=HORIZON_DAYS + GRACE_DAYS)
    theirs = labels.loc[list(report.contest.customer_ids), "churned"]
    assert report.contest.actual.tolist() == theirs.tolist()
    assert 0 < report.contest.actual.mean() < 1


def test_it_predicts_who_lets_a_pass_lapse(report: JobReport) -> None:
    assert report.scorecard["roc_auc"].to_dict()["churn"] > 0.6
    assert "contract" in report.definition["label"]


def test_scores_are_for_contract_holders_and_value_for_those_who_order(
    shop: Opened, scored: CustomerScores
) -> None:
    everyone, frame = scored.vectors.frame, scored.frame
    holds = (everyone["contracts_active"] > 0).to_numpy()
    assert 0 < holds.sum() < len(holds)
    assert frame["churn_probability"].notna().tolist() == holds.tolist()
    assert frame["drivers"].notna().tolist() == holds.tolist()
    orders = (everyone["recency_days"] <= SHOP.lookback_days).to_numpy()
    assert frame["clv_predicted"].notna().tolist() == orders.tolist()
    both = frame[holds & orders]
    np.testing.assert_allclose(
        both["value_at_risk"], both["churn_probability"] * both["value_if_retained"]
    )


def test_hyperparameters_are_not_searched_by_another_outcome(shop: Opened) -> None:
    with pytest.raises(TrainingError, match="leave out --tune"):
        tune_job("churn", shop.task, trials=1)


def test_without_contracts_it_says_so(folder: Path) -> None:
    for shop in opened(folder, "orders", "products"):
        with pytest.raises(TrainingError, match="contracts"):
            shop.run("churn")


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "told"),
    [
        # The test cutoff is 3 March 2026; what is learned from ends three months before.
        ("2024-08-01", [None], "learned from, up to 2025-11-03, 0 churned"),
        ("2025-12-01", ["2026-04-01", None], "of 0 contract customers learned from"),
        ("2024-08-01", ["2025-09-01", None], "of the test window from 2026-03-03 0 churned"),
    ],
)
def test_contracts_that_all_went_the_same_way_teach_nothing(
    folder: Path, starts_at: str, ends_at: list[str | None], told: str
) -> None:
    ids = pd.read_parquet(folder / "data" / "customers")[C.CUSTOMER_ID].head(200)
    ends = pd.to_datetime(pd.Series(ends_at * (len(ids) // len(ends_at))))
    contracts = pd.DataFrame(
        {
            C.CUSTOMER_ID: ids,
            C.CONTRACT_ID: "A" + ids,
            C.STARTS_AT: pd.Timestamp(starts_at),
            C.ENDS_AT: ends,
        }
    )
    (folder / "data" / "alike").mkdir(exist_ok=True)
    contracts.to_parquet(folder / "data" / "alike" / "part.parquet")
    for shop in opened(folder, "orders", "products", contracts="alike"):
        with pytest.raises(TrainingError, match=told) as raised:
            shop.run("churn")
        assert "training.horizon_days" in raised.value.remedy
