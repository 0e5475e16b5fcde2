"""Judging a policy on the decision log: tables in, estimates and warnings out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.errors import DataError
from training.policy_evaluation import evaluate_policy


def logged(n: int = 3_000, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Show one of two offers by a coin; ``loan`` earns 4 from the young, ``fund`` 2 from all."""
    rng = np.random.default_rng(seed)
    young = rng.random(n) < 0.5
    loan = rng.random(n) < 0.5
    earned = np.where(loan, np.where(young, 4.0, 0.0), 2.0)
    ids = [f"d{number}" for number in range(n)]
    log = pd.DataFrame(
        {
            "decision_id": ids,
            "action": np.where(loan, "loan", "fund"),
            "propensity": 0.5,
            "reward": (rng.random(n) < 0.3) * earned,
        }
    )
    target = pd.DataFrame(
        {"decision_id": ids, "action": np.where(young, "loan", "fund"), "probability": 1.0}
    )
    return log, target, pd.DataFrame({"decision_id": ids, "young": young.astype(np.float64)})


def test_a_better_policy_is_estimated_to_be_better() -> None:
    """To each the offer that earns most: 0.3 x (4 + 2) / 2 = 0.9, against 0.6 as logged."""
    report = evaluate_policy(*logged())
    table = report.table
    assert list(table.index) == ["logged policy, on its own log", "ips", "snips", "dr"]
    assert table["value"].iloc[0] == pytest.approx(0.6, abs=0.06)
    for method in ("ips", "snips", "dr"):
        assert table.loc[method, "low"] <= 0.9 <= table.loc[method, "high"]
        assert table.loc[method, "low"] > table["high"].iloc[0]
    assert len(report.notes) == 3


def test_without_situations_there_is_no_outcome_model() -> None:
    log, target, _ = logged(500)
    assert "dr" not in evaluate_policy(log, target).table.index


def test_row_order_of_the_tables_is_irrelevant() -> None:
    log, target, situations = logged(400)
    here = evaluate_policy(log, target, situations).table
    shuffled = target.sample(frac=1, random_state=0)
    there = evaluate_policy(log, shuffled, situations.sample(frac=1, random_state=1)).table
    pd.testing.assert_frame_equal(here, there)


def test_little_overlap_is_reported() -> None:
    log, target, _ = logged(60)
    assert "too few to rely on" in evaluate_policy(log, target).notes[0]


def test_what_is_missing_is_named() -> None:
    log, target, _ = logged(50)
    with pytest.raises(DataError, match="propensity"):
        evaluate_policy(log.drop(columns="propensity"), target)
    with pytest.raises(DataError, match="logged twice"):
        evaluate_policy(pd.concat([log, log]), target)
    with pytest.raises(DataError, match="no probabilities for 10 of 50"):
        evaluate_policy(log, target.iloc[10:])
