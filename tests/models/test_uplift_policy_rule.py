"""The rule of one question, against worlds in which the right question is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.family import Column
from models.uplift.learners import UPLIFT_BOOSTING
from models.uplift.policy_rule import arm_scores, learn_rule

ACTIONS = ("nothing", "mail", "call")
COLUMNS = (Column("spend", "money", "money"), Column("place", "where", "", kind="category"))


def customers(n: int = 6_000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    place = pd.Series(rng.choice(["east", "north", "west"], n), dtype="str")
    return pd.DataFrame({"spend": rng.random(n), "place": place})


def test_a_number_is_the_question_where_it_decides() -> None:
    frame = customers()
    low = frame["spend"].to_numpy() <= 0.3
    scores = np.stack([np.full(len(frame), 0.5), np.where(low, 0.6, 0.4), np.where(low, 0.1, 0.7)])
    rule = learn_rule(frame, COLUMNS, scores.T, ACTIONS)
    assert (rule.column, rule.action, rule.otherwise) == ("spend", "mail", "call")
    assert rule.at_most == pytest.approx(0.3, abs=0.01)
    assert rule.says.startswith("mail where spend is at most 0.")
    assert np.mean(np.array(rule.choose(frame)) == np.where(low, "mail", "call")) > 0.98
    assert rule.value == pytest.approx(0.67, abs=0.01)


def test_a_name_is_the_question_where_it_decides() -> None:
    frame = customers()
    north = (frame["place"] == "north").to_numpy()
    scores = np.stack([np.zeros(len(frame)), np.where(north, 1.0, 0.0), np.where(north, 0.0, 1.0)])
    rule = learn_rule(frame, COLUMNS, scores.T, ACTIONS)
    assert rule.says == "mail where place is north, else call"
    assert rule.choose(frame) == np.where(north, "mail", "call").tolist()
    assert rule.value == 1.0
    missing = pd.DataFrame({"spend": [0.5], "place": pd.Series([None], dtype="str")})
    assert rule.choose(missing) == ["call"]


def test_one_action_for_all_where_no_question_helps() -> None:
    frame = customers()
    scores = np.tile([0.1, 0.3, 0.2], (len(frame), 1))
    rule = learn_rule(frame, COLUMNS, scores, ACTIONS)
    assert rule.says == "mail for all"
    assert set(rule.choose(frame)) == {"mail"}
    assert rule.value == pytest.approx(0.3)


def test_sides_too_small_are_not_split_off() -> None:
    frame = customers(600)
    low = frame["spend"].to_numpy() <= 0.3
    scores = np.stack([low, ~low, np.zeros(600)]).T.astype(np.float64)
    assert learn_rule(frame, COLUMNS, scores, ACTIONS).column is None


def test_scores_of_arms_have_the_true_means() -> None:
    """The call works on those who spend; doubly robust scores see it through chance."""
    frame = customers(20_000, seed=1)
    rng = np.random.default_rng(2)
    arm = rng.choice(3, len(frame), p=[0.2, 0.3, 0.5])
    spend = frame["spend"].to_numpy()
    chance = np.stack([np.full(len(frame), 0.2), np.full(len(frame), 0.3), 0.1 + 0.5 * spend])
    outcome = (rng.random(len(frame)) < chance[arm, np.arange(len(frame))]).astype(np.float64)
    propensity = np.tile([0.2, 0.3, 0.5], (len(frame), 1))
    scores = arm_scores(
        spend[:, None], arm, outcome, propensity, categorical=[], parameters=UPLIFT_BOOSTING
    )
    np.testing.assert_allclose(scores.mean(axis=0), [0.2, 0.3, 0.35], atol=0.025)
    rule = learn_rule(frame, COLUMNS[:1], scores, ACTIONS)
    assert (rule.action, rule.otherwise) == ("mail", "call")
    assert rule.at_most == pytest.approx(0.4, abs=0.15)


def test_scores_are_right_on_average_even_where_nothing_was_learned_of_the_outcome() -> None:
    """Who comes anyway is written to more often; the propensities weigh that out."""
    rng = np.random.default_rng(0)
    often = rng.random(40_000) < 0.5
    chance = np.where(often, 0.8, 0.2)
    arm = (rng.random(len(often)) < chance).astype(np.int64)
    outcome = (rng.random(len(often)) < np.where(often, 0.6, 0.2)).astype(np.float64)
    scores = arm_scores(
        often[:, None].astype(np.float64),
        arm,
        outcome,
        np.column_stack([1 - chance, chance]),
        categorical=[],
        parameters=replace(UPLIFT_BOOSTING, rounds=1, learning_rate=1e-6),
    )
    assert scores.mean(axis=0) == pytest.approx([0.4, 0.4], abs=0.02)
