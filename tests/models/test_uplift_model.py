"""Effects against a known truth: which ranking is chosen, what it says, how it is graded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from features.errors import TrainingError
from features.family import Column
from models.uplift.chooser import NONE, Choice, CrossFitted, choose, choose_from, pseudo_outcomes
from models.uplift.learners import (
    RESPONSE,
    UPLIFT_BOOSTING,
    UPLIFT_LEARNERS,
    EffectModel,
    fit_learners,
)
from models.uplift.model import UpliftModel
from models.uplift.response import ResponseModel
from models.uplift.trial import Trial

Floats = NDArray[np.float64]
COLUMNS = (
    Column("rarity", "moves the effect", ""),
    Column("habit", "moves the outcome alone", ""),
    Column("place", "moves nothing", "", kind="category"),
)


def world(
    n: int, seed: int, *, kind: str = "mixed", share: float = 0.5
) -> tuple[pd.DataFrame, Floats, Floats, Floats]:
    """Draw customers by lot and return their columns, treatment, outcome and true effect.

    ``mixed``: those of high rarity gain, the habitual come anyway; ``flat``: all gain the same;
    ``proportional``: who comes anyway gains most, as an ordinary response model would say.
    """
    rng = np.random.default_rng(seed)
    rarity, habit = rng.random((2, n))
    base = 0.1 + 0.5 * habit
    effect = {
        "mixed": 0.3 * (rarity > 0.5) - 0.05,
        "flat": np.full(n, 0.1),
        "proportional": 0.4 * base,
    }[kind]
    treated = (rng.random(n) < share).astype(np.float64)
    outcome = (rng.random(n) < base + effect * treated).astype(np.float64)
    place = pd.Series(rng.choice(["here", "there"], n), dtype="str")
    frame = pd.DataFrame({"rarity": rarity, "habit": habit, "place": place})
    return frame, treated, outcome, effect


def as_trial(n: int, seed: int, *, kind: str = "mixed", share: float = 0.5) -> tuple[Trial, Floats]:
    frame, treated, outcome, effect = world(n, seed, kind=kind, share=share)
    X = frame[["rarity", "habit"]].to_numpy()
    return Trial(X, treated, outcome, np.full(n, share)), effect


@pytest.fixture(scope="module")
def learned() -> dict[str, EffectModel]:
    return fit_learners(as_trial(12_000, 0, share=0.7)[0], UPLIFT_BOOSTING)


@pytest.mark.parametrize("name", UPLIFT_LEARNERS)
def test_every_learner_finds_who_gains(learned: dict[str, EffectModel], name: str) -> None:
    asked, effect = as_trial(4_000, 1)
    estimated = learned[name].score(asked.X)
    # The effect is a step; a straight line in normal scores follows one to sqrt(2 / pi) at best.
    assert np.corrcoef(estimated, effect)[0, 1] > (0.75 if name == "odds" else 0.8)
    assert estimated.mean() == pytest.approx(effect.mean(), abs=0.04)


def test_the_x_learner_trusts_more_what_was_compared_with_the_larger_arm(
    learned: dict[str, EffectModel],
) -> None:
    """Künzel et al. 2019, equation 9, with seven in ten treated."""
    X = as_trial(100, 2)[0].X
    from_treated, from_held_out = (part.raw_score(X) for part in learned["x"].parts)
    expected = 0.3 * from_treated + 0.7 * from_held_out
    assert learned["x"].score(X) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("name", ["x", RESPONSE])
def test_a_learner_fitted_alone_is_the_same_as_among_all(
    learned: dict[str, EffectModel], name: str
) -> None:
    trial = as_trial(12_000, 0, share=0.7)[0]
    alone = fit_learners(trial, UPLIFT_BOOSTING, [name])
    assert list(alone) == [name]
    X = trial.X[:200]
    assert alone[name].score(X).tobytes() == learned[name].score(X).tobytes()


def test_the_response_model_finds_who_comes_anyway(learned: dict[str, EffectModel]) -> None:
    asked, _ = as_trial(4_000, 1)
    estimated = learned[RESPONSE].score(asked.X)
    assert np.corrcoef(estimated, asked.X[:, 1])[0, 1] > 0.6


@pytest.mark.parametrize("name", [*UPLIFT_LEARNERS, RESPONSE])
def test_a_saved_learner_says_the_same(
    learned: dict[str, EffectModel], name: str, tmp_path: Path
) -> None:
    X = as_trial(200, 2)[0].X
    learned[name].save(tmp_path)
    assert EffectModel.load(tmp_path).score(X).tobytes() == learned[name].score(X).tobytes()


def chosen_in(kind: str, seed: int = 0, n: int = 8_000) -> Choice:
    return choose(as_trial(n, seed, kind=kind)[0], UPLIFT_BOOSTING, folds=3, seed=seed)


def test_an_uplift_learner_is_chosen_where_those_who_gain_are_not_those_who_come() -> None:
    choice = chosen_in("mixed")
    assert choice.chosen in UPLIFT_LEARNERS
    assert choice.line.slope > 0


def test_the_response_model_is_chosen_where_it_is_as_good() -> None:
    choices = [chosen_in("proportional", seed) for seed in range(3)]
    assert sum(choice.chosen == RESPONSE for choice in choices) >= 2
    assert "not ahead" in next(c.because for c in choices if c.chosen == RESPONSE)


def test_no_heterogeneity_is_claimed_where_all_gain_the_same() -> None:
    choices = [chosen_in("flat", seed, 4_000) for seed in range(6)]
    assert sum(choice.chosen == NONE for choice in choices) >= 4
    for choice in choices:
        if choice.chosen == NONE:
            assert choice.line.slope == 0
            assert choice.line.level == pytest.approx(0.1, abs=0.05)


def test_the_line_is_shrunk_by_what_chance_explains_and_wider_away_from_the_middle() -> None:
    """A slope of two standard errors keeps three quarters (James & Stein)."""
    score, noise = np.tile([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]], 100)
    effect = 0.2 + 0.1 * score + noise
    ours = dict.fromkeys(UPLIFT_LEARNERS, score)
    fitted = CrossFitted(
        scores={**ours, RESPONSE: np.zeros(400)},
        ranks={**dict.fromkeys(UPLIFT_LEARNERS, 0.5 + score / 4), RESPONSE: np.full(400, 0.5)},
        pseudo_outcome=effect,
    )
    line = choose_from(fitted).line
    assert (line.level, line.slope) == pytest.approx((0.2, 0.75 * 0.1))
    at_the_middle = np.sqrt(1.01 / 399)
    assert line.error(np.array([0.0, 1.0])) == pytest.approx(
        [at_the_middle, np.hypot(at_the_middle, 0.05)]
    )


def test_pseudo_outcomes_are_unbiased_when_the_outcome_model_is_wrong() -> None:
    trial, effect = as_trial(100_000, 3, share=0.3)
    nonsense = np.full(len(trial), 0.9)
    assert pseudo_outcomes(trial, nonsense, 1 - nonsense).mean() == pytest.approx(
        effect.mean(), abs=0.015
    )


def test_pseudo_outcomes_are_unbiased_when_the_propensity_is_wrong() -> None:
    trial, effect = as_trial(100_000, 4, share=0.3)
    wrong = Trial(trial.X, trial.treated, trial.outcome, np.full(len(trial), 0.6))
    base = 0.1 + 0.5 * trial.X[:, 1]
    assert pseudo_outcomes(wrong, base + effect, base).mean() == pytest.approx(
        effect.mean(), abs=0.01
    )


@pytest.fixture(scope="module")
def model() -> UpliftModel:
    frame, treated, outcome, _ = world(10_000, 5)
    return UpliftModel("randomised", folds=3).fit(frame, treated, outcome, COLUMNS)


def test_effects_are_calibrated_and_inside_their_intervals(model: UpliftModel) -> None:
    frame, _, _, effect = world(4_000, 6)
    estimated = model.effect(frame)
    low, high = model.effect_interval(frame)
    assert (low <= estimated).all()
    assert (estimated <= high).all()
    for gain in (0.25, -0.05):
        assert estimated[effect == gain].mean() == pytest.approx(gain, abs=0.06)
    assert model.grade_.evidence == "randomised"


def test_a_saved_model_says_the_same_to_the_bit(model: UpliftModel, tmp_path: Path) -> None:
    frame = world(100, 7)[0]
    model.save(tmp_path)
    loaded = UpliftModel.load(tmp_path)
    assert loaded.effect(frame).tobytes() == model.effect(frame).tobytes()
    assert loaded.grade_ == model.grade_
    assert loaded.overlap_ == model.overlap_
    assert loaded.choice_ == model.choice_
    files = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {".json", ".npz", ".txt"}


def test_nobody_gets_an_empty_answer_and_one_alone_that_of_the_batch(model: UpliftModel) -> None:
    frame = world(50, 8)[0]
    assert model.effect(frame.head(0)).shape == (0,)
    assert model.effect(frame.iloc[[7]]).tolist() == model.effect(frame)[[7]].tolist()


def test_without_heterogeneity_everyone_gets_the_average(tmp_path: Path) -> None:
    for seed in range(5):
        frame, treated, outcome, _ = world(3_000, seed, kind="flat")
        model = UpliftModel("randomised", folds=3).fit(frame, treated, outcome, COLUMNS)
        if model.choice_.chosen == NONE:
            break
    assert len(set(model.effect(frame).tolist())) == 1
    model.save(tmp_path)
    assert UpliftModel.load(tmp_path).effect(frame).tolist() == model.effect(frame).tolist()


def test_confounded_treatment_is_adjusted_for_and_graded_observational() -> None:
    """The habitual are treated more often: the raw difference is three times the effect."""
    rng = np.random.default_rng(99)
    frame, _, _, _ = world(12_000, 9, kind="flat")
    habit = frame["habit"].to_numpy()
    treated = (rng.random(len(habit)) < 0.15 + 0.7 * habit).astype(np.float64)
    outcome = (rng.random(len(habit)) < 0.1 + 0.5 * habit + 0.1 * treated).astype(np.float64)
    model = UpliftModel("observational", folds=3).fit(frame, treated, outcome, COLUMNS)
    raw = outcome[treated == 1].mean() - outcome[treated == 0].mean()
    assert raw > 0.2
    assert model.effect(frame).mean() == pytest.approx(0.1, abs=0.03)
    assert model.grade_.evidence == "observational"
    # Even where the outcome is not learned at all: the propensities adjust alone.
    unlearned = replace(UPLIFT_BOOSTING, rounds=1, learning_rate=1e-6)
    model = UpliftModel("observational", boosting=unlearned)
    model.fit(frame, treated, outcome, COLUMNS)
    assert model.effect(frame).mean() == pytest.approx(0.1, abs=0.04)


def test_lots_of_different_chances_are_weighed_out_and_stay_randomised() -> None:
    """One campaign treats nine in ten and falls in a season in which all come anyway."""
    rng = np.random.default_rng(12)
    frame, _, _, _ = world(12_000, 12, kind="flat")
    season = np.arange(len(frame)) % 2
    lot = np.where(season == 1, 0.9, 0.3)
    treated = (rng.random(len(lot)) < lot).astype(np.float64)
    outcome = (rng.random(len(lot)) < 0.2 + 0.4 * season + 0.1 * treated).astype(np.float64)
    with_season = frame.assign(rarity=season)
    model = UpliftModel("randomised", folds=3)
    model.fit(with_season, treated, outcome, COLUMNS, propensity=lot)
    assert outcome[treated == 1].mean() - outcome[treated == 0].mean() > 0.25
    assert model.effect(with_season).mean() == pytest.approx(0.1, abs=0.04)
    assert model.grade_.evidence == "randomised"
    assert (
        UpliftModel("randomised", folds=3)
        .fit(with_season, treated, outcome, COLUMNS)
        .grade_.evidence
        == "observational"
    )


@pytest.mark.parametrize("treated", [np.zeros(200), np.ones(200)])
def test_without_anyone_to_compare_with_nothing_is_learned(treated: Floats) -> None:
    frame, _, outcome, _ = world(200, 0)
    with pytest.raises(TrainingError) as raised:
        UpliftModel("randomised").fit(frame, treated, outcome, COLUMNS)
    assert "hold out" in raised.value.remedy


@pytest.mark.parametrize(("arm", "name"), [(1, "treated"), (0, "held out")])
def test_an_arm_without_outcomes_teaches_nothing(arm: int, name: str) -> None:
    trial = as_trial(400, 0)[0]
    outcome = np.where(trial.treated == arm, 0.0, trial.outcome)
    with pytest.raises(TrainingError, match=f"customers were {name}, 0 of them with the outcome"):
        Trial(trial.X, trial.treated, outcome, trial.propensity).require_enough()


def test_too_few_outcomes_teach_nothing() -> None:
    frame, treated, _, _ = world(400, 0)
    with pytest.raises(TrainingError) as raised:
        UpliftModel("randomised").fit(frame, treated, np.zeros(400), COLUMNS)
    assert "too few" in raised.value.problem


def test_responses_are_calibrated_and_kept(tmp_path: Path) -> None:
    frame, _, outcome, _ = world(8_000, 10, kind="flat")
    model = ResponseModel().fit(frame, outcome, COLUMNS)
    asked, _, _, _ = world(4_000, 11, kind="flat")
    chance = 0.1 + 0.5 * asked["habit"].to_numpy() + 0.05
    estimated = model.predict_proba(asked)
    np.testing.assert_allclose(estimated.sum(axis=1), 1.0)
    assert np.sqrt(np.mean((estimated[:, 1] - chance) ** 2)) < 0.07
    model.save(tmp_path)
    assert ResponseModel.load(tmp_path).predict_proba(asked).tobytes() == estimated.tobytes()
    with pytest.raises(TrainingError):
        ResponseModel().fit(frame, np.zeros(len(frame)), COLUMNS)
