"""The next product to hold, against a bank in which it is known what follows what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.errors import DataError, TrainingError
from features.family import Column
from models.next_product import NEXT_PRODUCT_BOOSTING, NextProductModel, hide_each

Booleans = NDArray[np.bool_]
PRODUCTS = ("account", "card", "loan", "fund", "safe")
COLUMNS = (Column("age", "years", "years"), Column("region", "where", "", kind="category"))
QUICK = replace(NEXT_PRODUCT_BOOSTING, rounds=30, learning_rate=0.3)


def bank(n: int, seed: int) -> tuple[pd.DataFrame, Booleans]:
    """Everyone holds an account; the young add a loan, the old a fund, one in ten another."""
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 80, n)
    held = np.zeros((n, 5), dtype=np.bool_)
    held[:, 0] = True
    usual = np.where(age < 50, 2, 3)
    second = np.where(rng.random(n) < 0.1, rng.choice([1, 4], n), usual)
    held[np.arange(n), second] = rng.random(n) < 0.8
    region = pd.Series(rng.choice(["north", "south"], n), dtype="str")
    return pd.DataFrame({"age": age, "region": region}), held


@pytest.fixture(scope="module")
def model() -> NextProductModel:
    return NextProductModel(boosting=QUICK).fit(*bank(3_000, 0), PRODUCTS, COLUMNS)


def test_the_young_get_the_loan_and_the_old_the_fund(model: NextProductModel) -> None:
    profiles = pd.DataFrame({"age": [25, 70], "region": pd.Series(["north", "south"], dtype="str")})
    held = np.array([[True, False, False, False, False]] * 2)
    chances = model.predict_proba(profiles, held)
    assert [PRODUCTS[place] for place in chances.argmax(axis=1)] == ["loan", "fund"]
    np.testing.assert_allclose(chances.max(axis=1), 0.9, atol=0.05)
    np.testing.assert_allclose(chances[:, [1, 4]], 0.05, atol=0.04)


def test_probabilities_of_unseen_customers_are_calibrated(model: NextProductModel) -> None:
    profiles, held = bank(3_000, 1)
    hidden = hide_each(held)
    chances = model.predict_proba(profiles.iloc[hidden.customer], hidden.remaining(held))
    for product in range(5):
        said = hidden.weight @ chances[:, product]
        was = hidden.weight @ (hidden.product == product)
        assert said == pytest.approx(was, abs=0.02 * hidden.weight.sum())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=6))
def test_rows_sum_to_one_and_nobody_is_offered_what_is_held(
    model: NextProductModel, held: list[list[bool]]
) -> None:
    table = np.array(held)
    profiles, _ = bank(len(held), 2)
    chances = model.predict_proba(profiles, table)
    assert (chances[table] == 0).all()
    assert (chances[~table] > 0).all()
    np.testing.assert_allclose(chances.sum(axis=1), (~table.all(axis=1)).astype(float), atol=1e-12)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=10))
def test_each_product_of_those_with_two_is_hidden_once(held: list[list[bool]]) -> None:
    table = np.array(held)
    hidden = hide_each(table)
    several = table.sum(axis=1) >= 2
    assert hidden.weight.sum() == pytest.approx(several.sum())
    assert len(hidden.product) == table[several].sum()
    left = hidden.remaining(table)
    np.testing.assert_array_equal(left.sum(axis=1), table[hidden.customer].sum(axis=1) - 1)
    assert not left[np.arange(len(left)), hidden.product].any()


def test_a_saved_model_says_the_same_to_the_bit(model: NextProductModel, tmp_path: Path) -> None:
    profiles, held = bank(40, 3)
    model.save(tmp_path)
    loaded = NextProductModel.load(tmp_path)
    said = model.predict_proba(profiles, held)
    assert loaded.predict_proba(profiles, held).tobytes() == said.tobytes()
    assert loaded.products_ == PRODUCTS
    files = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {".json", ".npz", ".txt"}


def test_one_alone_gets_the_answer_of_the_batch_and_nobody_none(model: NextProductModel) -> None:
    profiles, held = bank(30, 4)
    together = model.predict_proba(profiles, held)
    alone = model.predict_proba(profiles.iloc[[11]], held[[11]])
    assert alone.tobytes() == together[[11]].tobytes()
    assert model.predict_proba(profiles.head(0), held[:0]).shape == (0, 5)


def test_unknown_names_still_get_an_answer(model: NextProductModel) -> None:
    strange = pd.DataFrame({"age": [np.nan], "region": pd.Series(["elsewhere"], dtype="str")})
    chances = model.predict_proba(strange, np.zeros((1, 5), dtype=np.bool_))
    assert chances.sum() == pytest.approx(1.0)


def test_other_products_than_learned_are_refused(model: NextProductModel) -> None:
    profiles, held = bank(3, 5)
    with pytest.raises(DataError, match="shape"):
        model.predict_proba(profiles, held[:, :4])


def test_customers_of_one_product_teach_nothing() -> None:
    profiles, held = bank(200, 6)
    held[:, 1:] = False
    with pytest.raises(TrainingError, match="two products"):
        NextProductModel().fit(profiles, held, PRODUCTS, COLUMNS)


def test_progress_is_reported_as_often_as_promised() -> None:
    told = []
    boosting = replace(QUICK, rounds=2)
    NextProductModel(boosting=boosting).fit(
        *bank(300, 7), PRODUCTS, COLUMNS, on_round=lambda: told.append(1)
    )
    assert len(told) == 3 * 2
