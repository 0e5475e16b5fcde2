"""A finished job is recorded, registered and judged, on a real MLflow database."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.settings import ShopSettings
from models import registry
from models.churn_value.churn import ChurnModel
from models.registry import CARD, Client
from training.record import Outcome, record
from training.report import JobReport
from training.tracking import card, track

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SHOP = ShopSettings(name="corner shop")
Record = Callable[..., Outcome]


@pytest.fixture
def recorded(client: Client, mlruns: Path) -> Record:
    def settle(report: JobReport, data: str = "data-1") -> Outcome:
        return record(
            client, report, mlruns, SHOP, data, datetime.combine(date(2026, 7, 1), time())
        )

    return settle


@pytest.fixture
def churn(reports: dict[str, JobReport]) -> JobReport:
    return reports["churn"]


def closeness(actual: np.ndarray, predicted: np.ndarray) -> float:
    return -float(np.mean((actual - predicted) ** 2))


def saying(report: JobReport, ours: np.ndarray, champion: np.ndarray | None = None) -> JobReport:
    """The same report without pictures, had its models predicted something else."""
    contest = replace(
        report.contest,
        headline="closeness",
        metric=closeness,
        predicted={**report.contest.predicted, report.name: ours},
        rerun=report.contest.rerun if champion is None else lambda _: champion,
    )
    return replace(report, contest=contest, figures={}, judgement=None)


def test_a_run_has_everything_in_the_report(client: Client, mlruns: Path, churn: JobReport) -> None:
    noted = replace(churn, notes=("few customers",))
    pages = {"scorecard.html": "<p>a page</p>"}
    run_id, folder = track(client, noted, mlruns, SHOP.name, "data-1", pages)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    stated = {**churn.definition, **churn.parameters, "data_fingerprint": "data-1"}
    assert run.data.params == {name: str(value) for name, value in stated.items()}
    for name, value in churn.scorecard.loc["churn"].items():
        assert run.data.metrics[name] == pytest.approx(value)
    for baseline in ("base_rate", "recency", "logistic_regression"):
        value = churn.scorecard.loc[baseline, "roc_auc"]
        assert run.data.metrics[f"{baseline}.roc_auc"] == pytest.approx(value)
    assert run.data.tags["note_0"] == "few customers"
    assert run.data.tags["as_of"] == str(churn.as_of)
    artifacts = {entry.path for entry in client.list_artifacts(run_id)}
    assert artifacts == {"model", "plots", "scorecard.csv", "scorecard.html"}
    plots = {Path(entry.path).stem for entry in client.list_artifacts(run_id, "plots")}
    assert plots == set(churn.figures)
    assert json.loads((folder / CARD).read_text()) == card(noted, "data-1")


def test_the_folder_holds_both_models_and_no_pickle(
    client: Client, mlruns: Path, churn: JobReport
) -> None:
    _, folder = track(client, churn, mlruns, SHOP.name, "data-1")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".npz", ".txt"}
    assert folder.is_relative_to(mlruns)
    for part, model in (("model", churn.model), ("judged", churn.judged)):
        loaded = ChurnModel.load(folder / part)
        assert loaded.curve_.levels_ == model.curve_.levels_


def test_metrics_that_are_no_numbers_are_left_out(
    client: Client, mlruns: Path, reports: dict[str, JobReport]
) -> None:
    value = reports["value"]
    assert math.isnan(value.scorecard.loc["mean", "spearman"])
    run_id, _ = track(client, value, mlruns, SHOP.name, "data-1")
    metrics = client.get_run(run_id).data.metrics
    assert "mean.spearman" not in metrics
    assert "mean.normalised_gini" in metrics


def test_runs_of_one_job_share_an_experiment(
    client: Client, mlruns: Path, churn: JobReport
) -> None:
    first, second = (track(client, churn, mlruns, SHOP.name, data)[0] for data in ("one", "two"))
    experiment = client.get_experiment_by_name("corner shop.churn")
    found = client.search_runs([experiment.experiment_id])
    assert {run.info.run_id for run in found} == {first, second}


def test_the_first_good_model_becomes_champion(
    client: Client, recorded: Record, churn: JobReport
) -> None:
    outcome = recorded(saying(churn, churn.contest.actual))
    assert outcome.verdict.promote
    found = registry.champion(client, "corner shop.churn")
    assert found == outcome.registered
    assert found is not None
    assert found.card["test"] == str(churn.test)
    tags = client.get_model_version(found.name, found.version).tags
    assert tags == {"promoted": outcome.verdict.reason}


def test_the_same_again_is_kept_with_the_reason(
    client: Client, recorded: Record, churn: JobReport
) -> None:
    good = saying(churn, _nearly(churn))
    first = recorded(good)
    second = recorded(saying(churn, _nearly(churn), champion=_nearly(churn)))
    assert not second.verdict.promote
    assert registry.champion(client, first.registered.name) == first.registered
    tags = client.get_model_version(second.registered.name, second.registered.version).tags
    assert tags == {"kept": second.verdict.reason}
    assert "does not clearly beat the champion" in tags["kept"]


def test_a_clear_winner_takes_over(client: Client, recorded: Record, churn: JobReport) -> None:
    recorded(saying(churn, _nearly(churn)))
    second = recorded(saying(churn, churn.contest.actual, champion=_nearly(churn)))
    assert second.verdict.promote
    found = registry.champion(client, second.registered.name)
    assert found is not None
    assert found.version == "2"


@pytest.mark.parametrize(
    ("later_days", "data", "promoted"),
    [(0, "data-1", False), (0, "data-2", True), (30, "data-1", True)],
    ids=["same data", "other records", "later cutoff of the same records"],
)
def test_newer_data_win_a_draw(
    recorded: Record, churn: JobReport, later_days: int, data: str, promoted: bool
) -> None:
    recorded(saying(churn, _nearly(churn)))
    later = timedelta(days=later_days)
    draw = saying(churn, _nearly(churn), champion=_nearly(churn))
    again = replace(draw, as_of=churn.as_of + later, test=churn.test + later)
    assert recorded(again, data).verdict.promote is promoted


def test_a_champion_is_asked_by_the_model_that_had_not_seen_the_window(
    recorded: Record, churn: JobReport
) -> None:
    """Its full model where the window is wholly later, else the one that was judged."""
    asked: list[Path] = []

    def rerun(folder: Path) -> np.ndarray:
        asked.append(folder)
        return _nearly(churn)

    first = recorded(saying(churn, _nearly(churn)))
    good = saying(churn, _nearly(churn))
    watching = replace(good, contest=replace(good.contest, rerun=rerun))
    recorded(watching)
    recorded(replace(watching, as_of=churn.as_of + timedelta(days=60), test=churn.as_of))
    assert asked == [first.registered.judged_folder, first.registered.model_folder]


@pytest.mark.parametrize("change", ["horizon", "earlier"])
def test_a_champion_that_cannot_be_compared_is_not_asked(
    recorded: Record, churn: JobReport, change: str
) -> None:
    good = saying(churn, _nearly(churn))
    recorded(good)

    def never(folder: Path) -> np.ndarray:
        raise AssertionError(folder)

    other = replace(good, contest=replace(good.contest, rerun=never))
    if change == "horizon":
        other = replace(other, definition={**churn.definition, "horizon_days": 30})
    else:
        other = replace(other, as_of=date(2026, 1, 1), test=date(2025, 11, 1))
    reason = recorded(other).verdict.reason
    assert ("cannot be compared" if change == "horizon" else "no champion") in reason


@pytest.mark.parametrize("worse", [False, True], ids=["as good as a baseline", "clearly worse"])
def test_a_champion_of_other_features_gives_way_as_if_there_were_none(
    client: Client, recorded: Record, churn: JobReport, worse: bool
) -> None:
    """It can score nobody any more, so that a model which merely draws has to serve."""
    recorded(saying(churn, _nearly(churn)))
    draw = churn.contest.predicted["logistic_regression"]
    predicted = 1.0 - churn.contest.actual if worse else draw
    outcome = recorded(replace(saying(churn, predicted), vector_fingerprint="other features"))
    assert outcome.status == ("kept" if worse else "promoted")
    assert not outcome.is_first
    found = registry.champion(client, outcome.registered.name)
    assert found is not None
    assert found.version == ("1" if worse else "2")


def _nearly(report: JobReport) -> np.ndarray:
    """Predictions that beat every baseline by far and are not perfect."""
    noise = np.random.default_rng(0).normal(0, 0.2, len(report.contest.actual))
    return np.asarray(report.contest.actual + noise)


def test_a_backtest_leaves_the_champion_and_serves_its_own_day(
    client: Client, recorded: Record, churn: JobReport
) -> None:
    champion = recorded(replace(churn, figures={}))
    earlier = replace(churn, figures={}, as_of=churn.as_of - timedelta(days=60))
    backtest = recorded(earlier)
    assert (champion.status, backtest.status) == ("promoted", "backtest")
    assert (champion.is_first, backtest.is_first) == (True, False)
    name = champion.registered.name
    now = registry.champion(client, name)
    assert now is not None
    assert now.version == champion.registered.version
    then = registry.known_by(client, name, churn.as_of - timedelta(days=1))
    assert then is not None
    assert then.version == backtest.registered.version
    assert registry.known_by(client, name, churn.as_of - timedelta(days=61)) is None
