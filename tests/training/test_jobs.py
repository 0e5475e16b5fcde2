"""The jobs end to end on a simulated shop: what they learn from, and what they beat."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import TrainingError
from features.rollup import to_epoch_day
from features.vocabulary import Columns as C
from models.churn_value.churn import ChurnModel
from models.churn_value.value import ValueModel
from models.metrics.classification import roc_auc
from training.baselines import churn_baselines, value_baselines
from training.dataset import Dataset, build_dataset
from training.run import run_job
from training.task import TrainingTask
from training.windows import Windows, plan_windows

SUPERVISED = ("churn", "value")


@pytest.fixture(scope="module")
def windows(task: TrainingTask) -> Windows:
    return task.windows(task.horizons.churn_days)


@pytest.fixture(scope="module")
def data(task: TrainingTask, windows: Windows) -> Dataset:
    return build_dataset(task, windows)


def test_churn_ranks_better_than_everyone_alike(reports: dict[str, Any]) -> None:
    card = reports["churn"].scorecard
    assert card.index[0] == "churn"
    assert set(card.index[1:]) == {"base_rate", "recency", "logistic_regression", "bg_nbd"}
    assert card.loc["base_rate", "roc_auc"] == 0.5
    assert card.loc["churn", "roc_auc"] > 0.7
    assert card.loc["churn", "log_loss"] < card.loc["base_rate", "log_loss"]


def test_value_ranks_better_than_last_period_and_than_the_mean(reports: dict[str, Any]) -> None:
    card = reports["value"].scorecard
    assert set(card.index[1:]) == {"last_period", "mean", "bg_nbd_gamma_gamma"}
    assert card.loc["mean", "normalised_gini"] == pytest.approx(0.0, abs=1e-12)
    assert card.loc["value", "normalised_gini"] > card.loc["last_period", "normalised_gini"]


def test_recommendations_beat_what_is_popular(reports: dict[str, Any]) -> None:
    card = reports["recommend"].scorecard
    assert set(card.index[1:]) == {"popular", "personal_frequency", "als"}
    assert card.loc["recommend", "ndcg_at_10"] > 1.5 * card.loc["popular", "ndcg_at_10"]


def test_no_training_row_has_an_outcome_later_than_the_test_cutoff(
    data: Dataset, windows: Windows
) -> None:
    horizon = timedelta(days=windows.horizon_days)
    assert max(data.train.vectors[C.AS_OF]) + horizon <= min(data.test.vectors[C.AS_OF])
    assert set(data.test.vectors[C.AS_OF]) == {windows.test}
    assert max(data.final.vectors[C.AS_OF]) + horizon <= windows.as_of


@pytest.mark.parametrize("job", SUPERVISED)
def test_the_judged_model_has_seen_no_outcome_of_the_test_window(
    reports: dict[str, Any], job: str
) -> None:
    report = reports[job]
    judged, served = (
        (model if job == "churn" else model.buys_) for model in (report.judged, report.model)
    )
    for model, until in ((judged, report.test), (served, report.as_of)):
        levels = model.curve_.levels_
        known = list(zip(levels.days, levels.horizons_days, strict=True))
        ends = [day + horizon for day, horizon in known]
        assert max(ends) <= to_epoch_day(until)
        own = [day for day, horizon in known
               if horizon == model.horizon_days]  # fmt: skip
        assert max(own) + model.horizon_days == to_epoch_day(until)


def test_rows_are_one_customer_and_cutoff_each_with_their_own_outcome(data: Dataset) -> None:
    for rows in (data.train, data.test, data.final):
        assert len(rows) == len(rows.churned) == len(rows.margin)
        assert not rows.vectors.duplicated([C.CUSTOMER_ID, C.AS_OF]).any()
        assert set(rows.churned) == {0.0, 1.0}
        assert (rows.margin[rows.churned == 1] == 0).all()


def test_the_population_ordered_within_the_look_back(task: TrainingTask, data: Dataset) -> None:
    recency = data.test.vectors["recency_days"]
    assert recency.notna().all()
    assert recency.max() <= task.shop.lookback_days


def test_outcomes_planted_at_random_teach_nothing(data: Dataset) -> None:
    """The bench cannot cheat: without truth in the labels there is no skill on the test."""
    random = np.random.default_rng(0)
    planted = random.permutation(data.train.churned)
    model = ChurnModel(60).fit(data.train.vectors, planted, data.columns)
    skill = roc_auc(data.test.churned, model.predict_proba(data.test.vectors)[:, 1])
    assert abs(skill - 0.5) < 0.12


def test_a_test_window_of_one_outcome_judges_nothing(task: TrainingTask, windows: Windows) -> None:
    late = plan_windows(
        task.prepared.first_day, task.as_of + timedelta(days=120), 60,
        step_days=60, warm_up_days=180,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="have the same outcome") as raised:
        build_dataset(task, late)
    assert "training.horizon_days" in raised.value.remedy


def test_a_test_cutoff_without_customers_says_so(task: TrainingTask) -> None:
    far = plan_windows(
        task.prepared.first_day, task.as_of + timedelta(days=900), 60,
        step_days=200, warm_up_days=180,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="no customer ordered in the 365 days") as raised:
        build_dataset(task, far)
    assert "shop.lookback_days" in raised.value.remedy


def test_history_too_short_for_a_horizon_names_the_days(task: TrainingTask) -> None:
    greedy = replace(task, horizons=replace(task.horizons, churn_days=365))
    with pytest.raises(TrainingError, match="1000 are needed"):
        run_job("churn", greedy)


@pytest.mark.parametrize("job", ["churn", "value", "recommend"])
def test_a_report_says_what_its_numbers_mean(
    reports: dict[str, Any], task: TrainingTask, job: str
) -> None:
    report = reports[job]
    assert report.name == job
    assert report.as_of == task.as_of
    assert "population" in report.definition
    window = report.definition.get("horizon_days") or report.definition["window_days"]
    assert report.test + timedelta(days=window) == task.as_of
    assert report.figures
    assert list(report.contest.predicted) == list(report.scorecard.index)
    assert all(
        predicted.shape == report.contest.actual.shape
        for predicted in report.contest.predicted.values()
    )


@pytest.mark.parametrize("job", ["churn", "value", "recommend"])
def test_a_saved_model_can_be_judged_again_on_the_same_window(
    reports: dict[str, Any], tmp_path: Path, job: str
) -> None:
    report = reports[job]
    report.judged.save(tmp_path)
    again = report.contest.rerun(tmp_path)
    np.testing.assert_array_equal(again, report.contest.predicted[job])


@pytest.mark.parametrize("job", SUPERVISED)
def test_a_champion_of_features_that_are_gone_cannot_be_judged(
    reports: dict[str, Any], people: Any, tmp_path: Path, job: str
) -> None:
    kind = {"churn": ChurnModel, "value": ValueModel}[job]
    people(kind).save(tmp_path)
    assert reports[job].contest.rerun(tmp_path) is None


@pytest.fixture
def people(data: Dataset) -> Any:
    """Return a maker of models that read a feature which today's vectors lack."""

    def fit(kind: Any) -> Any:
        old = data.columns[0].name + "_of_old"
        column = replace(data.columns[0], name=old)
        vectors = data.train.vectors.rename(columns={data.columns[0].name: old})
        given = {"vectors": vectors, "churned": data.train.churned, "columns": [column]}
        if kind is ValueModel:
            given["margin"] = data.train.margin
        return kind(60).fit(**given)

    return fit


def test_the_same_job_again_is_the_same_to_the_bit(
    task: TrainingTask, reports: dict[str, Any]
) -> None:
    again = run_job("value", task)
    assert again.scorecard.equals(reports["value"].scorecard)
    for name, predicted in again.contest.predicted.items():
        assert predicted.tobytes() == reports["value"].contest.predicted[name].tobytes()


def test_baselines_are_what_they_say(data: Dataset) -> None:
    encoder = ChurnModel(60).fit(data.train.vectors, data.train.churned, data.columns).encoder_
    baselines = churn_baselines(data.train.vectors, data.train.churned, data.test.vectors, encoder)
    assert (baselines["base_rate"] == data.train.churned.mean()).all()
    order = np.argsort(data.test.vectors["recency_days"].to_numpy(), kind="stable")
    assert (np.diff(baselines["recency"][order]) >= 0).all()
    assert all(((p >= 0) & (p <= 1)).all() for p in baselines.values())
    value = value_baselines(data.test.vectors, 60, mean_margin=7.0)
    assert (value["mean"] == 7.0).all()
    # Of 30 and 90 days, equally near to 60, the longer is taken, two thirds of it.
    np.testing.assert_allclose(value["last_period"], data.test.vectors["margin_90d"] * (60 / 90))


def test_baselines_manage_with_few_customers(data: Dataset) -> None:
    few = data.train.vectors.head(60)
    encoder = ChurnModel(60).fit(few, data.train.churned[:60], data.columns).encoder_
    baselines = churn_baselines(few, data.train.churned[:60], data.test.vectors, encoder)
    assert all(np.isfinite(p).all() for p in baselines.values())
