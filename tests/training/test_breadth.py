"""Cross-sell as retention beside churn: raw and adjusted where the truth is known."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from features.family import Column
from models.uplift.breadth import BreadthEffect
from training.breadth import breadth_effects
from training.dataset import Rows
from training.tracking import card

COLUMNS = (
    Column("loyalty", "how loyal", "score", "unknown"),
    Column("categories_bought", "distinct categories ever bought", "categories", "none"),
    Column("category_entropy", "the same in other words", "nats", "none"),
)


def customers(effect: float, n: int = 5_000, seed: int = 1) -> Rows:
    """Loyal customers hold more and leave less; one more category takes ``effect`` off churn."""
    rng = np.random.default_rng(seed)
    loyalty = rng.normal(size=n)
    held = 1 + (rng.random(n) < expit(loyalty)).astype(np.int64)
    chance = np.clip(expit(-0.2 - 0.8 * loyalty) - effect * (held - 1), 0, 1)
    vectors = pd.DataFrame(
        {
            "customer_id": [f"C{number:05}" for number in range(n)],
            "as_of": date(2026, 7, 1),
            "loyalty": loyalty,
            "categories_bought": held.astype(np.float64),
            "category_entropy": np.log(held),
        }
    )
    return Rows(vectors, (rng.random(n) < chance).astype(np.float64), np.zeros(n))


def test_loyalty_alone_counts_for_nothing() -> None:
    (effect,) = breadth_effects(customers(0.0), COLUMNS, "categories")
    assert (effect.held, effect.evidence) == (1, "observational")
    assert effect.raw_high < -0.05
    assert effect.adjusted_low < 0.0 < effect.adjusted_high
    assert effect.retention == 0.0
    assert effect.says.endswith("an offer may count on nothing")


def test_a_true_fall_is_found_and_counts() -> None:
    (effect,) = breadth_effects(customers(0.15), COLUMNS, "categories")
    assert effect.raw < effect.adjusted < 0
    assert effect.adjusted_low < -0.15 < effect.adjusted_high < 0
    assert effect.retention == -effect.adjusted
    assert f"a fall of {effect.retention:.1%}" in effect.says


def test_what_says_the_same_in_other_words_is_not_adjusted_for() -> None:
    """Else nobody could have held another number, and no step could be judged."""
    (effect,) = breadth_effects(customers(0.0), COLUMNS, "categories")
    assert effect.overlap_auc < 0.8
    assert effect.share_outside < 0.2


def test_where_nobody_says_what_is_held_there_is_no_effect() -> None:
    assert breadth_effects(customers(0.0, n=500), COLUMNS, "products") == ()
    alike = customers(0.0, n=500)
    alike.vectors["categories_bought"] = 1.0
    assert breadth_effects(alike, COLUMNS, "categories") == ()


def test_the_churn_job_carries_it_to_its_card(reports: dict[str, Any]) -> None:
    report = reports["churn"]
    assert report.breadth
    assert {effect.what for effect in report.breadth} == {"categories"}
    stored = json.loads(json.dumps(card(report, "data")))["breadth"]
    assert tuple(BreadthEffect(**effect) for effect in stored) == report.breadth
    assert stored == [asdict(effect) for effect in report.breadth]
    for effect in report.breadth:
        assert effect.adjusted_low <= effect.adjusted <= effect.adjusted_high
        assert effect.retention == pytest.approx(0.0) or effect.adjusted_high < 0
