"""The job on a labelled table: judged on rows not seen, tracked, promoted or kept aside."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from features.errors import DataError
from features.progress import silent
from features.settings import ShopSettings
from models import registry
from models.given_label.model import GivenLabelModel
from models.registry import Client
from training.given_label.job import LabelledReport, train_given_label
from training.given_label.judge import OURS, cross_validate, hold_out_later, later_from
from training.given_label.record import record_given_label
from training.given_label.scores import SCORE_COLUMNS, score_table
from training.given_label.settings import LabelledSettings
from training.given_label.table import LabelledTable, check_table

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TODAY = date(2026, 11, 1)
SHOP = ShopSettings(name="phone company")


def raw(n: int = 500, seed: int = 0, **extra: Any) -> pd.DataFrame:
    """A table as it is read: who leaves depends on months and plan, and on nothing else."""
    rng = np.random.default_rng(seed)
    months, plan = rng.integers(1, 60, n), rng.choice(["basic", "plus", "pro"], n)
    left = rng.random(n) < expit(0.6 - 0.05 * months + 1.2 * (plan == "basic"))
    frame = pd.DataFrame(
        {
            "who": [f"c{i:04}" for i in range(n)],
            "months": months,
            "plan": plan,
            "noise": rng.normal(size=n),
            "noise too": rng.normal(size=n),
            "left": np.where(left, "Yes", "No"),
            "day": pd.date_range("2024-01-01", periods=n),
        }
    )
    return frame.assign(source_file="t.csv", source_row=np.arange(1, n + 1), **extra)


def settings(**changed: Any) -> LabelledSettings:
    named = {"path": "t.csv", "customer_id": "who", "label": "left", "positive": "Yes",
             "leave_out": ("day",), "folds": 3}  # fmt: skip
    return LabelledSettings(**{**named, **changed})


def checked(frame: pd.DataFrame, how: LabelledSettings) -> LabelledTable:
    return check_table(frame, how, 0.0)


def run(frame: pd.DataFrame, how: LabelledSettings) -> LabelledReport:
    return train_given_label(checked(frame, how), how, TODAY, 0, silent)


@pytest.fixture(scope="module")
def found() -> LabelledReport:
    return run(raw(), settings())


@pytest.fixture(scope="module")
def leaking() -> LabelledReport:
    frame = raw()
    with_reasons = frame.assign(reason=np.where(frame["left"] == "Yes", "price", None))
    return run(with_reasons, settings(folds=2))


@pytest.fixture(scope="module")
def by_time() -> LabelledReport:
    how = settings(time="day", leave_out=())
    return run(raw(300).sample(frac=1, random_state=1), how)


def test_the_report_beats_its_baselines_and_says_how_it_was_judged(found: LabelledReport) -> None:
    card = found.report.scorecard
    assert list(card.index) == [OURS, "logistic_regression", "best_column", "base_rate"]
    assert card.loc[OURS, "roc_auc"] > card.loc["best_column", "roc_auc"] > 0.55
    assert card.loc[OURS, "ece"] < 0.08
    assert found.suspects == ()
    assert found.report.definition["label"] == "churned = 1: left is Yes"
    assert found.report.definition["split"] == (
        "every row held out once, 3 folds stratified by the label"
    )
    assert (found.report.as_of, found.report.test) == (TODAY, TODAY)
    assert any("day: left out by the settings" in note for note in found.report.notes)


def test_labels_at_random_cannot_be_told_apart() -> None:
    """Were anything learned outside the folds, the noise would be remembered."""
    rng = np.random.default_rng(0)
    frame = raw(400).assign(left=rng.permutation(np.repeat(["Yes", "No"], 200)))
    names = [f"n{i}" for i in range(8)]
    frame[names] = rng.choice(list("abcdefghijklmnopqrst"), (400, 8))
    table = checked(frame, settings())
    judged = cross_validate(table.features, table.outcomes, table.kinds, 3, 1, 0)
    for model in judged.scorecard.index:
        assert abs(judged.scorecard.loc[model, "roc_auc"] - 0.5) < 0.09, model
    assert judged.scorecard.loc[OURS, "ece"] < 0.09


def test_repetitions_have_new_folds_and_are_averaged() -> None:
    table = checked(raw(100), settings())
    rows = (table.features, table.outcomes, table.kinds)
    cards = [cross_validate(*rows, 2, 1, seed).scorecard for seed in (0, 1)]
    ticks: list[int] = []
    both = cross_validate(*rows, 2, 2, 0, lambda: ticks.append(1)).scorecard
    assert len(ticks) == 4
    # The second repeat deals as seed 1 does, and its models are seeded by 0.
    assert both.loc["base_rate", "brier"] == pytest.approx(
        (cards[0].loc["base_rate", "brier"] + cards[1].loc["base_rate", "brier"]) / 2
    )
    assert cards[0].loc[OURS, "roc_auc"] != cards[1].loc[OURS, "roc_auc"]


def test_the_latest_fifth_is_judged_by_what_came_before(by_time: LabelledReport) -> None:
    report = by_time.report
    assert report.parameters["judged_rows"] == 60
    assert report.contest.customer_ids[0] == "c0240"
    assert report.test == date(2024, 1, 1) + timedelta(days=240)
    assert report.as_of == date(2024, 1, 1) + timedelta(days=300)
    assert not any(note.startswith("drift") for note in report.notes)


def test_rows_of_one_time_are_not_split() -> None:
    times = np.repeat([1.0, 2.0, 3.0], [5, 4, 3])
    assert later_from(12, times) == 9
    assert later_from(12, np.repeat([1.0, 2.0, 3.0], [5, 2, 5])) == 7
    assert later_from(10, None) == 8


def test_a_rate_that_jumps_in_the_latest_fifth_is_noticed() -> None:
    frame = raw(1_000)
    rng = np.random.default_rng(1)
    frame.loc[800:, "left"] = rng.choice(["Yes", "No"], 200, p=[0.85, 0.15])
    table = checked(frame, settings(rows_in_time_order=True))
    judged = hold_out_later(table.features, table.outcomes, table.kinds, None, 0)
    assert judged.drift is not None
    assert "the label's rate goes from" in judged.drift.notes[0]
    assert judged.drift.rate_now > 0.8


def test_a_leaking_column_is_named_and_its_model_kept_aside(
    leaking: LabelledReport, client: Client, mlruns: Path
) -> None:
    assert [suspect.column for suspect in leaking.suspects] == ["reason"]
    assert "Column 'reason' may give the outcome away" in leaking.report.notes[0]
    outcome = record_given_label(
        client, leaking, mlruns, SHOP, "f1", datetime.combine(date(2026, 7, 1), time())
    )
    assert outcome.status == "kept"
    assert "'reason'" in outcome.verdict.reason
    assert registry.champion(client, "phone company.churn") is None
    run_of_it = client.get_run(outcome.run_id)
    assert run_of_it.data.params["suspicious_columns"] == "reason"


def test_an_honest_model_is_promoted_and_reads_back(
    found: LabelledReport, client: Client, mlruns: Path
) -> None:
    outcome = record_given_label(
        client, found, mlruns, SHOP, "f1", datetime.combine(date(2026, 7, 1), time())
    )
    assert outcome.status == "promoted"
    champion = registry.champion(client, "phone company.churn")
    assert champion is not None
    model = GivenLabelModel.load(champion.model_folder)
    table = checked(raw(), settings())
    expected = GivenLabelModel(table.kinds).fit(table.features, table.outcomes)
    np.testing.assert_array_equal(
        model.predict_proba(table.features), expected.predict_proba(table.features)
    )
    # Trained again on the same rows: a champion that may have seen them is not asked.
    assert found.report.contest.rerun(champion.model_folder) is None


def test_an_older_model_says_its_part_of_later_rows(
    by_time: LabelledReport, tmp_path: Path
) -> None:
    newer = by_time.report
    older = checked(raw(300), settings(time="day", leave_out=()))
    GivenLabelModel(older.kinds).fit(older.features, older.outcomes).save(tmp_path)
    predictions = newer.contest.rerun(tmp_path)
    assert predictions is not None
    assert len(predictions) == len(newer.contest.actual)
    odd = GivenLabelModel({"months": "number", "gone": "number"})
    odd.fit(raw(60).assign(gone=np.arange(60)), np.tile([0.0, 1.0], 30)).save(tmp_path / "odd")
    assert newer.contest.rerun(tmp_path / "odd") is None


def test_every_row_is_scored_with_its_drivers_whether_labelled_or_not() -> None:
    table = checked(raw(), settings())
    model = GivenLabelModel(table.kinds).fit(table.features, table.outcomes)
    fresh = raw(30, seed=9)
    fresh.loc[3, "left"] = None
    scored = score_table(fresh, model, settings())
    assert tuple(scored.columns) == SCORE_COLUMNS
    assert scored["customer_id"].tolist() == fresh["who"].tolist()
    assert scored["churn_probability"].between(0, 1).all()
    assert scored["label"].isna().tolist() == [i == 3 for i in range(30)]
    assert scored["drivers"].str.contains('"feature": "months"').mean() > 0.8
    unlabelled = score_table(fresh.drop(columns="left"), model, settings())
    pd.testing.assert_frame_equal(unlabelled.drop(columns="label"), scored.drop(columns="label"))
    with pytest.raises(DataError, match="column 'plan', which the model reads"):
        score_table(fresh.drop(columns="plan"), model, settings())
    with pytest.raises(DataError, match="column 'who'"):
        score_table(fresh.drop(columns="who"), model, settings())
