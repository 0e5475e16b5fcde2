"""From campaigns to the bundle: the uplift job judged, kept, and written for every customer."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.vectors import Vectors
from models.registry import RegisteredModel
from models.uplift.evidence import Grade
from models.uplift.trial import Trial
from training.publishing.champions import UPLIFT, Champions
from training.uplift.effects import score_effects
from training.uplift.report import area_over_random, transformed_outcome

N = 4_000


def trial_of(effect: np.ndarray, seed: int = 0) -> Trial:
    """A trial by lot, three in ten treated, whose effects are known."""
    rng = np.random.default_rng(seed)
    treated = (rng.random(len(effect)) < 0.3).astype(float)
    outcome = (rng.random(len(effect)) < 0.4 + treated * effect).astype(float)
    return Trial(np.zeros((len(effect), 1)), treated, outcome, np.full(len(effect), 0.3))


def test_the_transformed_outcome_averages_to_the_effect() -> None:
    trial = trial_of(np.full(200_000, 0.1))
    assert transformed_outcome(trial).mean() == pytest.approx(0.1, abs=0.01)


def test_a_ranking_by_the_effect_has_area_and_none_has_not() -> None:
    effect = np.repeat([0.3, -0.1], N)
    score = transformed_outcome(trial_of(effect))
    # Half the customers above the other half: the mean of effect x (place - 1/2).
    assert area_over_random(score, effect) == pytest.approx(0.05, abs=0.02)
    assert area_over_random(score, -effect) == pytest.approx(-0.05, abs=0.02)
    assert area_over_random(score, np.zeros(2 * N)) == pytest.approx(0.0, abs=1e-12)


def champions(uplift: Any, fingerprint: str = "v", **changed: Any) -> Champions:
    definition = {
        "response_days": 10, "contact_cost": 0.3, "order_margin": {"mean": 8.0, "pull": 3.0},
    }  # fmt: skip
    card = {"vector_fingerprint": fingerprint, "definition": definition | changed}
    curve = SimpleNamespace(
        horizons_days=(10, 30), predict=lambda rows: np.tile([0.8, 0.5], (len(rows), 1))
    )
    cards = {} if uplift is None else {UPLIFT: RegisteredModel("up", "1", Path(), card)}
    churn: Any = SimpleNamespace(curve_=curve)
    nobody: Any = None
    return Champions(churn, nobody, nobody, cards, uplift)


UPLIFT_MODEL: Any = SimpleNamespace(
    grade_=Grade("randomised", "by lot"),
    effect=lambda rows: np.full(len(rows), 0.05),
    effect_interval=lambda rows: (np.full(len(rows), 0.01), np.full(len(rows), 0.09)),
)
VECTORS = Vectors(
    pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "as_of": [date(2026, 1, 1)] * 2,
            "orders_lifetime": [1.0, 0.0],
            "margin_per_order": [20.0, np.nan],
        }
    ),
    (),
    "v",
)
SCORED = pd.DataFrame({"churn_probability": [0.3, np.nan]})


def test_effects_are_written_for_scored_customers() -> None:
    effects = score_effects(champions(UPLIFT_MODEL), VECTORS, SCORED)
    assert (effects.evidence, effects.response_days, effects.contact_cost) == (
        "randomised", 10, 0.3,
    )  # fmt: skip
    assert effects.columns["uplift"].tolist() == pytest.approx([0.05, np.nan], nan_ok=True)
    assert effects.columns["uplift_lower"][0] == pytest.approx(0.01)
    assert effects.columns["p_orders"][0] == pytest.approx(0.2)
    # One order of 20 against a shop's mean of 8 that weighs as much as three.
    assert effects.columns["value_if_orders"][0] == pytest.approx(8 + (20 - 8) / 4)


@pytest.mark.parametrize(
    ("champion", "phrase"),
    [
        (champions(None), "no effect of a contact was learned"),
        (champions(UPLIFT_MODEL, "other"), "the features have changed"),
        (champions(UPLIFT_MODEL, order_margin=None), "learned by a version that did not say"),
        (
            champions(SimpleNamespace(grade_=Grade("risk_only", "the groups do not overlap"))),
            "the groups do not overlap",
        ),
    ],
)
def test_without_evidence_nothing_is_claimed_and_the_reason_is_given(
    champion: Champions, phrase: str
) -> None:
    effects = score_effects(champion, VECTORS, SCORED)
    assert effects.evidence == "risk_only"
    assert not effects.columns
    assert effects.response_days is None
    assert phrase in effects.because
