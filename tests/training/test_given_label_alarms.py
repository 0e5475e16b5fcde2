"""The alarms: columns that give the outcome away, and times that change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from models.given_label.schema import infer_kinds, read_as
from training.given_label.drift import measure_time_drift, order_note
from training.given_label.leaks import find_suspects
from training.given_label.single import group_codes

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def honest(n: int = 3_000, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Six honest columns, none far above the others, and a third of the customers gone."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, 5))
    plan = rng.choice(["basic", "plus", "pro"], n)
    log_odds = numbers @ [0.8, 0.7, 0.5, 0.3, 0.0] - 0.7 + (plan == "basic") * 0.8
    left = (rng.random(n) < expit(log_odds)).astype(np.float64)
    return pd.DataFrame(numbers, columns=[*"abcde"]).assign(plan=plan), left


def suspects(table: pd.DataFrame, outcomes: Any, vouched: tuple[str, ...] = ()) -> dict[str, str]:
    kinds, _ = infer_kinds(table)
    found = find_suspects(read_as(table, kinds, "t"), outcomes, kinds, vouched, 0)
    return {suspect.column: str(suspect) for suspect in found}


def test_honest_columns_raise_no_alarm() -> None:
    assert suspects(*honest()) == {}


@pytest.mark.parametrize("n", [40, 200])
@pytest.mark.parametrize("seed", range(4))
def test_small_honest_tables_raise_no_alarm_by_chance(n: int, seed: int) -> None:
    assert suspects(*honest(n, seed)) == {}


def test_values_that_only_the_gone_have_are_named() -> None:
    table, left = honest()
    rng = np.random.default_rng(1)
    score = np.where(left == 1, rng.integers(1, 4, len(left)), rng.integers(3, 6, len(left)))
    (alarm,) = suspects(table.assign(score=score), left).values()
    gone = int((score < 3).sum())
    assert "Column 'score' may give the outcome away" in alarm
    assert f"of {gone:,} customers with 1, 2, {gone:,} have the positive label" in alarm
    assert 'labelled.leave_out = ["score"]' in alarm
    assert 'labelled.vouched = ["score"]' in alarm


def test_a_column_filled_in_for_the_gone_alone_is_named() -> None:
    table, left = honest()
    reason = np.where(left == 1, np.resize(["price", "service"], len(left)), None)
    (alarm,) = suspects(table.assign(reason=reason), left).values()
    assert "any value (it is missing for the others)" in alarm


def test_a_column_missing_for_the_gone_alone_is_named() -> None:
    table, left = honest()
    renewal = np.where(left == 1, np.nan, np.random.default_rng(2).normal(size=len(left)))
    (alarm,) = suspects(table.assign(renewal=renewal), left).values()
    assert "customers with missing" in alarm


def test_a_column_that_ranks_nearly_perfectly_is_named() -> None:
    table, left = honest()
    noisy = 2.8 * left + np.random.default_rng(3).normal(size=len(left))
    assert set(suspects(table.assign(noisy=noisy), left)) == {"noisy"}


def test_a_column_above_all_others_together_is_named_and_so_is_its_copy() -> None:
    rng = np.random.default_rng(4)
    table, left = honest(6_000)
    table[["a", "b"]] += rng.normal(size=(6_000, 2)) * 2
    seconds = np.exp(1.4 * left + rng.normal(size=6_000))
    assert set(suspects(table.assign(seconds=seconds), left)) == {"seconds"}
    both = suspects(table.assign(seconds=seconds, minutes=seconds / 60), left)
    assert set(both) == {"seconds", "minutes"}
    assert "than all other columns together" in both["minutes"]


def test_the_better_of_two_columns_is_no_suspect() -> None:
    table, left = honest()
    assert suspects(table[["a", "e"]], left) == {}


def test_whom_the_user_vouches_for_is_not_named() -> None:
    table, left = honest()
    leaking = table.assign(score=left, again=left)
    assert set(suspects(leaking, left, ("score",))) == {"again"}


def test_groups_cover_every_row_and_say_what_they_hold() -> None:
    table = pd.DataFrame({"x": [*np.arange(99.0), np.nan], "w": ["b", None, *["a"] * 98]})
    codes, words = group_codes(table, "x", {"x": "number"}, groups=4)
    assert np.bincount(codes).tolist() == [24, 25, 24, 26, 1] or len(words) == 5
    assert words[-1] == "missing"
    codes, words = group_codes(table, "w", {"w": "category"})
    assert words == ["'a'", "'b'", "missing"]
    assert codes[:3].tolist() == [1, 2, 0]


def drift_of(then_rate: float, now_rate: float, n: int = 4_000, *, mean_score: float = 0.2) -> Any:
    rng = np.random.default_rng(0)
    outcomes = (rng.random(2 * n) < np.r_[np.full(n, then_rate), np.full(n, now_rate)]) * 1.0
    scores = np.clip(mean_score + 0.2 * outcomes + rng.normal(0, 0.1, 2 * n), 0, 1)
    table = pd.DataFrame({"x": rng.normal(size=2 * n)})
    return measure_time_drift(table[:n], table[n:], {"x": "number"}, outcomes, scores, scores[n:])


def test_a_label_that_becomes_more_frequent_is_reported() -> None:
    drift = drift_of(0.1, 0.3)
    (note,) = drift.notes
    assert note.startswith("drift: the label's rate goes from 10.4%")
    assert f"expected {drift.expected_now:.1%}" in note


def test_steady_times_say_nothing() -> None:
    assert drift_of(0.2, 0.2).notes == ()
    assert drift_of(0.2, 0.21).notes == ()


def test_ranking_that_is_lost_and_columns_that_moved_are_reported() -> None:
    rng = np.random.default_rng(0)
    outcomes = (rng.random(6_000) < 0.3) * 1.0
    at_random = outcomes + rng.normal(size=6_000)
    table = pd.DataFrame({"x": rng.normal(size=6_000), "y": rng.normal(size=6_000)})
    table.loc[4_000:, "x"] += 2
    kinds: Any = {"x": "number", "y": "number"}
    drift = measure_time_drift(
        table[:4_000], table[4_000:], kinds, outcomes, at_random, rng.random(2_000)
    )
    assert drift.moved == ("x",)
    assert any(
        "a random split of this table makes every model look too good" in note
        for note in drift.notes
    )
    assert "x" in drift.notes[-1]


def test_an_order_of_rows_that_predicts_the_label_is_reported() -> None:
    rng = np.random.default_rng(0)
    outcomes = (rng.random(5_000) < np.linspace(0.05, 0.3, 5_000)) * 1.0
    note = order_note(outcomes)
    assert note is not None
    assert "rows_in_time_order = true" in note
    assert order_note(rng.permutation(outcomes)) is None
    assert order_note(np.zeros(100)) is None
    assert order_note(np.array([0.0, 1.0])) is None


@pytest.mark.real_data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the public data is not in {DATA}")
def test_telco_and_bank_raise_the_alarm_for_what_leaks_and_for_nothing_else() -> None:
    base = pd.read_parquet(DATA / "telco_churn" / "telco_customer_churn.parquet")
    status = pd.read_parquet(DATA / "telco_churn" / "telco_extended_status.parquet")
    left, base = np.where(base["Churn"] == "Yes", 1.0, 0.0), base.drop(columns="Churn")
    assert suspects(base, left) == {}
    known = status.set_index("Customer ID")
    planted = {n: base["customerID"].map(known[n]) for n in ("Satisfaction Score", "Churn Score")}
    assert set(suspects(base.assign(**planted), left)) == set(planted)
    bank = pd.read_parquet(DATA / "bank_marketing" / "bank_full.parquet")
    took, bank = np.where(bank["y"] == "yes", 1.0, 0.0), bank.drop(columns="y")
    assert set(suspects(bank, took)) == {"duration"}
    assert suspects(bank.drop(columns="duration"), took) == {}
