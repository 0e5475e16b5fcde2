"""The uplift job on a small simulated shop whose e-mails are sent by lot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.engines import open_engine
from features.errors import TrainingError
from features.prepare import prepare
from features.settings import DataSettings, EngineSettings
from features.simulate import ShopPlan, write_shop
from features.vocabulary import Columns as C
from models.uplift.overlap import effective_sample_size
from models.uplift.response import ResponseModel
from training.horizons import Horizons
from training.settings import TrainingSettings
from training.task import TrainingTask
from training.uplift.campaigns import (
    Campaigns,
    latest_days,
    load_campaigns,
    split_by_time,
    with_both_arms,
)
from training.uplift.job import UpliftReport, train_uplift

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
PLAN = ShopPlan(n_customers=800, seed=5, days=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uplift_shop")
    write_shop(PLAN, folder / "data")
    return folder


@pytest.fixture(scope="module")
def task(folder: Path) -> Iterator[TrainingTask]:
    names = ("orders", "products", "customers", "contacts")
    tables: dict[str, Any] = {name: {"path": f"data/{name}/*.parquet"} for name in names}
    settings = DataSettings(
        tables=tables, base=folder, engine=EngineSettings(threads=1, memory_limit="1GB")
    )
    with open_engine(settings.engine, folder / "tmp") as engine:
        prepared = prepare(engine, settings, NOW)
        yield TrainingTask(
            engine,
            prepared,
            settings.shop,
            TrainingSettings(response_days=14),
            Horizons(60, "fixed", 60, "fixed"),
            prepared.today,
        )


@pytest.fixture(scope="module")
def report(task: TrainingTask) -> UpliftReport:
    return train_uplift(task)


def test_random_assignment_is_recognised_and_reported(report: UpliftReport) -> None:
    assert report.definition["evidence"] == "randomised"
    assert "14 days" in str(report.definition["outcome"])


def test_ours_is_compared_with_the_response_model_and_random(report: UpliftReport) -> None:
    assert list(report.scorecard.index) == ["uplift", "response", "random"]
    assert report.scorecard.loc["random", "qini"] == pytest.approx(0.0, abs=1e-9)
    assert (report.scorecard["low"] <= report.scorecard["high"]).all()


def test_the_rival_answers_how_likely_contacted_customers_of_the_past_ordered(
    task: TrainingTask, report: UpliftReport
) -> None:
    past, latest = split_by_time(load_campaigns(task))
    contacted = past.treated == 1
    rival = ResponseModel(seed=task.settings.seed)
    rival.fit(past.rows[contacted], past.ordered[contacted], past.columns)
    expected = rival.predict_proba(latest.rows)[:, 1]
    assert report.scores["response"] == pytest.approx(expected)


def test_the_judged_model_saw_the_past_and_the_served_one_everything(
    task: TrainingTask, report: UpliftReport
) -> None:
    campaigns = load_campaigns(task)
    past, latest = split_by_time(campaigns)
    assert report.judged_from == min(latest.rows[C.AS_OF])
    for model, known in ((report.judged, past), (report.model, campaigns)):
        # Customers are weighed by their chance to be contacted on their own campaign's day.
        weights = 1 / known.designed_propensity[known.treated == 1]
        assert weights.std() > 0
        expected = effective_sample_size(weights)
        assert model.overlap_.effective_treated == pytest.approx(expected, rel=1e-12)


def test_the_average_effect_is_near_the_true_one(report: UpliftReport, folder: Path) -> None:
    """The simulator knows both outcomes of every contact; ours compares the arms."""
    truth = pd.read_parquet(folder / "data" / "truth" / "campaign_effects")
    both = truth["probability_treated"] - truth["probability_held_out"]
    assert report.average_effect == pytest.approx(both.mean(), abs=0.05)


def test_the_judged_model_learned_from_campaigns_that_were_over() -> None:
    days = [date(2026, 1, 1) + timedelta(days=30 * number) for number in range(8)]
    campaigns = Campaigns(pd.DataFrame({C.AS_OF: days}), (), "", response_days=45)
    past, latest = split_by_time(campaigns)
    assert min(latest.rows[C.AS_OF]) == days[6]
    assert max(past.rows[C.AS_OF]) == days[4]
    for few in (days[:1], days[:0]):
        with pytest.raises(TrainingError, match="too few"):
            split_by_time(Campaigns(pd.DataFrame({C.AS_OF: few}), (), "", response_days=45))


def test_a_day_without_one_of_the_arms_compares_nobody() -> None:
    contacts = pd.DataFrame({"day": [1, 1, 2, 2, 3], C.TREATED: [True, False, True, True, False]})
    assert with_both_arms(contacts, "day")["day"].tolist() == [1, 1]
    assert with_both_arms(contacts[:0], "day").empty


@pytest.mark.parametrize(
    ("every_days", "contacts", "expected"),
    [
        (30, 1_000_000, 24),  # two years of months, whatever the size
        (7, 1_000_000, 24),
        (7, 6_000, 50),  # 300,000 contacts are afforded
        (7, 100, 104),  # two years of weeks, however few
        (30, 100, 104),
    ],
)
def test_the_latest_campaigns_are_learned_from_as_many_as_can_be_afforded(
    every_days: int, contacts: int, expected: int
) -> None:
    days = [date(2015, 1, 5) + timedelta(days=every_days * number) for number in range(120)]
    assert latest_days(dict.fromkeys(days, contacts)) == days[-expected:]


def test_a_shop_without_campaigns_has_no_days_to_learn_from() -> None:
    assert latest_days({}) == []


def test_without_anyone_held_out_it_says_what_to_do(task: TrainingTask) -> None:
    early = task.prepared.first_day + timedelta(days=10)
    with pytest.raises(TrainingError) as raised:
        train_uplift(replace(task, as_of=early))
    assert "hold out customers" in raised.value.remedy


def test_effects_are_finite_for_everyone(report: UpliftReport) -> None:
    customers = pd.DataFrame({name: [np.nan] for name in report.model.encoder_.columns})
    for name in report.model.encoder_.categories:
        customers[name] = pd.Series([None], dtype="str")
    assert np.isfinite(report.model.effect(customers)).all()
