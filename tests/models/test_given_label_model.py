"""The model of a plain table: calibrated, explained, saved as text, and never at a loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit

from features.errors import DataError, TrainingError
from models.boosting import BoostingParameters
from models.given_label.drivers import row_drivers
from models.given_label.folds import forward_folds, stratified_folds
from models.given_label.model import FIT_STEPS, GivenLabelModel, fit_blend
from models.given_label.schema import infer_kinds, read_as
from models.given_label.splines import SplineLogistic

QUICK = BoostingParameters(rounds=8, leaves=3, members=1, min_rows_in_leaf=10)


def customers(n: int, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Customers whose log-odds to leave are known: younger contracts and fibre leave more."""
    rng = np.random.default_rng(seed)
    months = rng.integers(0, 72, n).astype(np.float64)
    net = rng.choice(["dsl", "fibre", "none"], n)
    spend = rng.lognormal(4, 0.5, n)
    true = expit(1.0 - 0.06 * months + 1.2 * (net == "fibre"))
    left = (rng.random(n) < true).astype(np.float64)
    table = pd.DataFrame({"months": months, "net": net, "spend": spend})
    table.loc[rng.random(n) < 0.1, "spend"] = np.nan
    return table.assign(true=true), left


@pytest.fixture(scope="module")
def fitted() -> GivenLabelModel:
    table, left = customers(2_000)
    kinds, _ = infer_kinds(table.drop(columns="true"))
    return GivenLabelModel(kinds).fit(table, left)


def test_it_finds_the_true_probabilities(fitted: GivenLabelModel) -> None:
    fresh, _ = customers(4_000, seed=1)
    says = fitted.predict_proba(fresh)[:, 1]
    assert np.abs(says - fresh["true"]).mean() < 0.04
    slope = np.polyfit(logit(says), logit(fresh["true"]), 1)[0]
    assert 0.85 < slope < 1.15


def test_a_saved_model_says_the_same_and_holds_no_pickle(
    fitted: GivenLabelModel, tmp_path: Path
) -> None:
    fresh, _ = customers(300, seed=2)
    fitted.save(tmp_path)
    again = GivenLabelModel.load(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(fresh), fitted.predict_proba(fresh))
    pd.testing.assert_frame_equal(again.contributions(fresh), fitted.contributions(fresh))
    assert {file.suffix for file in tmp_path.rglob("*.*")} == {".json", ".npz", ".txt"}


def test_the_same_seed_gives_the_same_model(fitted: GivenLabelModel) -> None:
    table, left = customers(2_000)
    again = GivenLabelModel(fitted.kinds).fit(table, left)
    np.testing.assert_array_equal(again.predict_proba(table), fitted.predict_proba(table))


def test_contributions_add_up_to_the_difference_between_customers(
    fitted: GivenLabelModel,
) -> None:
    fresh, _ = customers(200, seed=3)
    logits = logit(fitted.predict_proba(fresh)[:, 1])
    total = fitted.contributions(fresh).sum(axis=1)
    np.testing.assert_allclose(logits - logits[0], total - total[0], atol=1e-9)


def test_drivers_say_the_customers_own_values(fitted: GivenLabelModel) -> None:
    rows = pd.DataFrame({"months": [1.0], "net": ["fibre"], "spend": [np.nan]})
    (told,) = row_drivers(fitted.contributions(rows), read_as(rows, fitted.kinds, "t"))
    assert '"text": "months is 1 (raises)"' in told
    assert '"text": "net is fibre (raises)"' in told
    assert '"feature": "spend", "value": null' in told


def test_an_unknown_category_and_wild_numbers_are_scored(fitted: GivenLabelModel) -> None:
    odd = pd.DataFrame({"months": [1e12, -5.0, np.inf], "net": ["satellite", None, "dsl"],
                        "spend": ["12.5", " ", "n/a"]})  # fmt: skip
    says = fitted.predict_proba(odd)
    assert np.isfinite(says).all()
    np.testing.assert_allclose(says.sum(axis=1), 1.0)


def test_no_rows_and_one_row_are_scored(fitted: GivenLabelModel) -> None:
    fresh, _ = customers(5, seed=4)
    assert fitted.predict_proba(fresh.iloc[:0]).shape == (0, 2)
    assert fitted.contributions(fresh.iloc[:0]).shape == (0, 3)
    alone = fitted.predict_proba(fresh.iloc[[2]])
    np.testing.assert_allclose(alone, fitted.predict_proba(fresh)[[2]], rtol=1e-12)


def test_a_missing_column_is_named_with_its_likeness(fitted: GivenLabelModel) -> None:
    fresh, _ = customers(5)
    with pytest.raises(DataError, match="column 'months', which the model reads") as raised:
        fitted.predict_proba(fresh.rename(columns={"months": "month"}))
    assert "'month' looks like it" in raised.value.problem
    assert 'leave_out = ["months"]' in raised.value.remedy


def test_one_outcome_alone_teaches_nothing() -> None:
    table, _ = customers(50)
    with pytest.raises(TrainingError, match="0 of 50 rows"):
        GivenLabelModel({"months": "number"}).fit(table, np.zeros(50))


def test_columns_that_say_the_same_of_everyone_teach_nothing() -> None:
    table = pd.DataFrame({"a": np.ones(40)})
    with pytest.raises(TrainingError, match="no column"):
        GivenLabelModel({"a": "number"}).fit(table, np.tile([0.0, 1.0], 20))


@pytest.mark.parametrize("in_time_order", [False, True])
def test_progress_is_reported_step_by_step(in_time_order: bool) -> None:
    table, left = customers(120)
    steps: list[int] = []
    model = GivenLabelModel({"months": "number"}, in_time_order=in_time_order, shapes=[QUICK])
    model.fit(table, left, lambda: steps.append(1))
    assert len(steps) == FIT_STEPS


VALUES = st.sampled_from(
    ["", " ", "a", "b", "1", "2.5", "-3", "nan", "True", "1e308", "2024-01-01"]
)


@settings(max_examples=25, deadline=None)
@given(
    outcomes=arrays(np.float64, st.integers(6, 40), elements=st.sampled_from([0.0, 1.0])),
    data=st.data(),
)
def test_whatever_the_table_probabilities_are_probabilities(outcomes: Any, data: Any) -> None:
    n = len(outcomes)
    outcomes[:2], outcomes[2:4] = 1.0, 0.0
    table = pd.DataFrame(
        {
            "text": data.draw(st.lists(VALUES, min_size=n, max_size=n)),
            "number": data.draw(
                arrays(np.float64, n, elements=st.floats(width=32, allow_subnormal=False))
            ),
            "code": data.draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)),
        }
    )
    kinds, left_out = infer_kinds(table)
    assert set(kinds) | set(left_out) == set(table)
    if not kinds:
        return
    model = GivenLabelModel(kinds, shapes=[QUICK]).fit(table, outcomes)
    says = model.predict_proba(table)
    assert np.isfinite(says).all()
    assert ((says >= 0) & (says <= 1)).all()
    assert np.isfinite(model.contributions(table).to_numpy()).all()


def test_kinds_are_the_same_in_a_csv_file_and_in_parquet() -> None:
    typed = pd.DataFrame(
        {
            "number": [1.5, np.nan, 3.0],
            "flag": [True, False, True],
            "since": pd.to_datetime(["2024-01-01", None, "2024-03-01"]),
            "name": ["x", None, "y"],
        }
    )
    written = pd.DataFrame(
        {
            "number": ["1.5", " ", "3"],
            "flag": ["True", "FALSE", "true"],
            "since": ["2024-01-01", "", "2024-03-01"],
            "name": ["x", "  ", " y "],
        }
    )
    kinds, _ = infer_kinds(typed)
    assert kinds == infer_kinds(written)[0]
    assert kinds == {"number": "number", "flag": "category", "since": "date", "name": "category"}
    pd.testing.assert_frame_equal(read_as(typed, kinds, "t"), read_as(written, kinds, "t"))
    assert read_as(typed, kinds, "t")["since"][0] == 19_723


def test_what_cannot_teach_is_left_out_with_the_reason() -> None:
    n = 100
    table = pd.DataFrame(
        {
            "id": [f"C{i:04}" for i in range(n)],
            "nothing": [""] * n,
            "same": ["x"] * n,
            "few typos": [*["7"] * 3, "?", *map(str, range(n - 4))],
        }
    )
    kinds, left_out = infer_kinds(table)
    assert kinds == {"few typos": "number"}
    assert "identifier" in left_out["id"]
    assert "empty" in left_out["nothing"]
    assert "the same" in left_out["same"]


@given(st.integers(2, 60), st.integers(2, 60), st.integers(2, 10), st.integers(0, 5))
def test_each_row_is_held_out_once_and_outcomes_are_dealt_evenly(
    zeros: int, ones: int, folds: int, seed: int
) -> None:
    outcomes = np.r_[np.zeros(zeros), np.ones(ones)]
    dealt = stratified_folds(outcomes, folds, seed)
    held = np.sort(np.concatenate([rows for _, rows in dealt]))
    np.testing.assert_array_equal(held, np.arange(len(outcomes)))
    counts = [outcomes[rows].sum() for _, rows in dealt]
    assert max(counts) - min(counts) <= 1
    for past, rows in dealt:
        assert not set(past) & set(rows)
        assert set(outcomes[past]) == {0.0, 1.0}


@given(st.integers(2, 200), st.integers(1, 6))
def test_forward_folds_never_learn_from_later_rows(rows: int, folds: int) -> None:
    for past, held in forward_folds(rows, folds):
        assert past.max() < held.min()


def test_the_blend_believes_the_part_that_is_right_and_sets_its_slope() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20_000)
    happened = (rng.random(20_000) < expit(truth)).astype(np.float64)
    blend = fit_blend(rng.normal(size=20_000), truth / 2 - 1, happened)
    assert blend.trees == pytest.approx(2.0, abs=0.1)
    assert blend.regression == pytest.approx(0.0, abs=0.05)
    assert blend.level == pytest.approx(2.0, abs=0.1)


def test_splines_bend_where_the_truth_does_and_stay_level_beyond_what_was_seen() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, 20_000)
    y = (rng.random(20_000) < expit(np.abs(x) * 1.5 - 2)).astype(np.float64)
    model = SplineLogistic.fit(x[:, None], y, (0,), 3.0)
    at = np.array([[-2.5], [0.0], [2.5], [3.0], [1e9]])
    says = model.raw_score(at)
    np.testing.assert_allclose(says[:3], [1.75, -2.0, 1.75], atol=0.35)
    assert says[4] == pytest.approx(says[3], abs=1e-2)
