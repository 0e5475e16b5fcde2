"""Ensembles of boosters: seeded, averaged, kept as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from features.errors import TrainingError
from models.boosting import BoostingParameters, Ensemble

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(600, 3))
Y = 2.0 * X[:, 0] + RANDOM.normal(0, 0.1, 600)
EVERYONE = np.ones(600)
QUICK = BoostingParameters(rounds=20, learning_rate=0.2, members=3, column_share=1.0)


def fitted(parameters: BoostingParameters = QUICK, weight: np.ndarray = EVERYONE) -> Ensemble:
    return Ensemble.fit(
        X, Y, weight=weight, objective="regression", parameters=parameters, categorical=[]
    )


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return fitted()


def test_it_learns_what_is_there_to_learn(ensemble: Ensemble) -> None:
    assert np.corrcoef(ensemble.raw_score(X), Y)[0, 1] > 0.97


def test_the_score_is_the_mean_of_members_that_differ(ensemble: Ensemble) -> None:
    members = [Ensemble((booster,)).raw_score(X) for booster in ensemble.boosters]
    assert len(members) == 3
    assert not np.array_equal(members[0], members[1])
    np.testing.assert_array_equal(ensemble.raw_score(X), np.mean(members, axis=0))


def test_a_member_is_what_its_own_seed_gives(ensemble: Ensemble) -> None:
    second = fitted(replace(QUICK, members=1, seed=1))
    np.testing.assert_array_equal(
        second.raw_score(X), Ensemble(ensemble.boosters[1:2]).raw_score(X)
    )


def test_rows_without_weight_teach_nothing() -> None:
    half = EVERYONE.copy()
    half[X[:, 0] > 0] = 0.0
    upper = X[:, 0] > 1
    assert fitted(weight=half).raw_score(X[upper]).mean() < 0.5 < Y[upper].mean()


def test_few_rows_still_make_leaves() -> None:
    """200 rows a leaf would leave 60 rows without a single split."""
    few = Ensemble.fit(
        X[:60], Y[:60], weight=np.ones(60), objective="regression", parameters=QUICK, categorical=[]
    )
    assert np.ptp(few.raw_score(X)) > 1.0


def test_gain_is_shares_and_falls_to_the_cause(ensemble: Ensemble) -> None:
    gain = ensemble.gain()
    assert gain.sum() == pytest.approx(1.0)
    assert gain[0] > 0.9


def test_nothing_to_learn_is_no_gain() -> None:
    constant = Ensemble.fit(
        X, np.ones(600), weight=EVERYONE, objective="regression", parameters=QUICK, categorical=[]
    )
    assert constant.gain().tolist() == [0.0, 0.0, 0.0]


def test_no_rows_have_no_scores(ensemble: Ensemble) -> None:
    assert ensemble.raw_score(X[:0]).shape == (0,)
    assert ensemble.contributions(X[:0]).shape == (0, 4)


def test_text_keeps_every_bit(ensemble: Ensemble, tmp_path: Path) -> None:
    ensemble.save(tmp_path)
    loaded = Ensemble.load(tmp_path)
    assert loaded.raw_score(X).tobytes() == ensemble.raw_score(X).tobytes()
    np.testing.assert_array_equal(loaded.gain(), ensemble.gain())


def test_eleven_members_come_back_complete(tmp_path: Path) -> None:
    many = fitted(replace(QUICK, rounds=1, members=11))
    many.save(tmp_path)
    loaded = Ensemble.load(tmp_path)
    assert len(loaded.boosters) == 11
    np.testing.assert_array_equal(loaded.raw_score(X), many.raw_score(X))


def test_every_round_is_reported() -> None:
    told: list[None] = []
    Ensemble.fit(
        X, Y, weight=EVERYONE, objective="regression", parameters=replace(QUICK, rounds=4),
        categorical=[], on_round=lambda: told.append(None),
    )  # fmt: skip
    assert len(told) == 4 * 3


def test_parameters_reach_lightgbm_under_its_own_names() -> None:
    booster = fitted(BoostingParameters(rounds=3, leaves=4, members=1, seed=9)).boosters[0]
    assert isinstance(booster, lightgbm.Booster)
    assert booster.num_trees() == 3
    assert max(tree["num_leaves"] for tree in booster.dump_model()["tree_info"]) <= 4
    assert booster.params["seed"] == 9


def test_columns_that_separate_too_few_customers_are_refused_with_a_remedy() -> None:
    nearly_constant = np.zeros((600, 2))
    nearly_constant[0] = 1.0

    def squares(raw: np.ndarray, _: lightgbm.Dataset) -> tuple[np.ndarray, np.ndarray]:
        return raw - Y, EVERYONE

    with pytest.raises(TrainingError, match="tells enough customers apart") as refused:
        Ensemble.fit(
            nearly_constant, Y, objective=lambda: squares, parameters=QUICK, categorical=[]
        )
    assert "more customers" in refused.value.remedy
