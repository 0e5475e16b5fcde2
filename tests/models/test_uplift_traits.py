"""Traits as terms of a sum, and how far effects by them are believed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm

from features.family import Column
from models.tabular import Encoder
from models.uplift.odds import LogOddsChange, fit_log_odds_change
from models.uplift.traits import SHOP_TASTE, EffectColumns, Taste, Trait
from models.uplift.trial import Trial

CATEGORIES = np.array(["Beauty", "Coffee", "Toys"])


def test_a_number_enters_by_its_normal_score_whatever_its_scale() -> None:
    values = np.exp(3 * np.random.default_rng(0).standard_normal(5_000))
    trait = Trait.of_number(0, values)
    score = trait.terms(values[:, None])[:, 0]
    assert np.corrcoef(score, np.log(values))[0, 1] > 0.99
    assert (score.mean(), score.std()) == pytest.approx((0, 1), abs=0.05)
    # Nobody lies further out than those seen.
    extreme = trait.terms(np.array([[1e12], [0.0], [np.nan]]))[:, 0]
    assert extreme.tolist() == [score.max(), score.min(), 0.0]


def test_equal_numbers_share_the_middle_of_their_places() -> None:
    values = np.repeat([3.0, 7.0], 50)
    low, high = Trait.of_number(0, values).terms(np.array([[3.0], [7.0]]))[:, 0]
    assert high == pytest.approx(-low)
    assert high == pytest.approx(norm.ppf(75.5 / 101))


def test_a_name_is_an_indicator_a_rare_one_has_none_and_a_missing_one_adds_nothing() -> None:
    codes = np.repeat([0.0, 1.0, 2.0], [600, 390, 10])
    trait = Trait.of_category(0, codes)
    assert trait.size == 2
    assert trait.terms(codes[:, None]).mean(axis=0) == pytest.approx([0, 0])
    one, missing = trait.terms(np.array([[1.0], [np.nan]]))
    assert one == pytest.approx([-0.6, 0.61])
    assert missing.tolist() == [0, 0]
    # However many are missing, the known ones have the same terms.
    half_missing = np.concatenate([codes, np.full(1_000, np.nan)])
    assert Trait.of_category(0, half_missing) == trait


def shop_of_tastes(n: int, seed: int) -> tuple[pd.DataFrame, Encoder]:
    """Customers with two leading categories, numbered differently in both columns."""
    rng = np.random.default_rng(seed)
    first = rng.choice(3, n, p=[0.2, 0.3, 0.5])
    second = (first + rng.choice([1, 2], n, p=[0.8, 0.2])) % 3
    share = rng.uniform(0.5, 0.9, n)
    frame = pd.DataFrame(
        {
            "favourite_category": CATEGORIES[first],
            "favourite_category_share": share,
            "second_category": CATEGORIES[second],
            "second_category_share": 1 - share,
        }
    )
    return frame, encode(frame)


def encode(frame: pd.DataFrame) -> Encoder:
    names = [name for pair in SHOP_TASTE[:2] for name in pair]
    columns = [
        Column(name, "", "", kind="number" if name.endswith("share") else "category")
        for name in names
    ]
    return Encoder.fit(frame, columns)


def test_a_taste_is_the_share_of_each_category_in_whichever_column_it_is() -> None:
    frame, encoder = shop_of_tastes(2_000, seed=1)
    assert encoder.categories["favourite_category"] != encoder.categories["second_category"]
    X = encoder.transform(frame)
    (taste,) = EffectColumns.of_shop(encoder).fit(X, encoder.categorical_positions)
    expected = np.column_stack(
        [
            frame["favourite_category_share"].where(frame["favourite_category"] == name, 0.0)
            + frame["second_category_share"].where(frame["second_category"] == name, 0.0)
            for name in CATEGORIES
        ]
    )
    assert taste.terms(X) == pytest.approx(expected - expected.mean(axis=0))


def test_a_category_that_only_one_column_names_counts_and_is_saved() -> None:
    frame = pd.DataFrame(
        {
            "favourite_category": ["tea", "mug", "mug"],
            "favourite_category_share": [0.6, 1.0, 0.7],
            "second_category": ["mug", None, "jam"],
            "second_category_share": [0.4, np.nan, 0.3],
        }
    )
    encoder = encode(frame)
    X = encoder.transform(frame)
    taste = Taste.of_columns(encoder, SHOP_TASTE).fit(X)
    shares = np.array([[0.0, 0.4, 0.6], [0.0, 1.0, 0.0], [0.3, 0.7, 0.0]])  # jam, mug, tea
    assert taste.terms(X) == pytest.approx(shares - shares.mean(axis=0))
    change = LogOddsChange(0.1, (taste,), (1.0, 2.0, 3.0))
    stored = json.dumps(change.to_json(), allow_nan=False)
    assert LogOddsChange.from_json(json.loads(stored)) == change


def test_a_taste_has_mean_zero_among_those_who_bought_anything() -> None:
    frame, _ = shop_of_tastes(300, seed=4)
    nothing = pd.DataFrame({name: [None] * 200 for name in frame})
    both = pd.concat([frame, nothing.astype(frame.dtypes)], ignore_index=True)
    encoder = encode(both)
    X = encoder.transform(both)
    terms = Taste.of_columns(encoder, SHOP_TASTE).fit(X).terms(X)
    assert terms[:300].mean(axis=0) == pytest.approx([0, 0, 0])
    assert not terms[300:].any()


def traits_of(favourite: list[str], share: list[float]) -> tuple[Trait | Taste, ...]:
    """Return the traits of customers of whom only the favourite category is known."""
    frame = pd.DataFrame(
        {
            "favourite_category": favourite,
            "favourite_category_share": share,
            "second_category": pd.Series([None] * len(share), dtype="str"),
            "second_category_share": np.nan,
        }
    )
    encoder = encode(frame)
    X = encoder.transform(frame)
    return EffectColumns.of_shop(encoder).fit(X, encoder.categorical_positions)


def test_who_buys_of_one_category_only_differs_by_which() -> None:
    (trait,) = traits_of(["tea", "mug"] * 300, [1.0] * 600)
    assert isinstance(trait, Trait)
    assert (trait.kind, trait.size) == ("category", 2)


def test_where_all_like_the_same_best_they_differ_by_how_much() -> None:
    (trait,) = traits_of(["tea"] * 600, [0.6, 0.8] * 300)
    assert isinstance(trait, Trait)
    assert (trait.kind, trait.size) == ("number", 1)


def test_where_all_buy_the_same_alone_there_is_no_taste() -> None:
    assert traits_of(["tea"] * 600, [1.0] * 600) == ()


def test_where_no_trait_is_known_of_anybody_there_is_one_level_for_all() -> None:
    X = np.full((800, 2), np.nan)
    treated = np.tile([0.0, 1.0], 400)
    outcome = np.tile([1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 100)
    found = fit_log_odds_change(Trial(X, treated, outcome, np.full(800, 0.5)), np.zeros(800))
    # A quarter of those held out and three quarters of those treated: log-odds of -log 3 and log 3.
    assert found.level == pytest.approx(2 * np.log(3))
    assert found.score(X) == pytest.approx(np.full(800, found.level))


def test_the_taste_that_moves_the_effect_is_found_and_saved() -> None:
    frame, encoder = shop_of_tastes(40_000, seed=2)
    rng = np.random.default_rng(2)
    X = encoder.transform(frame)
    columns = EffectColumns.of_shop(encoder)
    (taste,) = columns.fit(X, encoder.categorical_positions)
    delta = 0.2 + taste.terms(X) @ [1.5, 0.0, 0.0]
    treated = rng.integers(0, 2, len(X)).astype(np.float64)
    known = np.full(len(X), -1.0)
    outcome = (rng.random(len(X)) < expit(known + (treated - 0.5) * delta)).astype(np.float64)
    half = np.full(len(X), 0.5)
    trial = Trial(X, treated, outcome, half, encoder.categorical_positions, columns)
    found = fit_log_odds_change(trial, known)
    assert found.level == pytest.approx(0.2, abs=0.07)
    assert np.corrcoef(found.score(X), delta)[0, 1] > 0.95
    again = LogOddsChange.from_json(json.loads(json.dumps(found.to_json())))
    assert again.score(X).tolist() == found.score(X).tolist()


def test_the_names_of_a_trait_are_believed_as_far_as_they_differ_by_more_than_chance() -> None:
    """Empirical Bayes: what is kept of each estimate is 1 - variance by chance / variance."""
    names, each = 60, 200
    rng = np.random.default_rng(0)
    name = np.repeat(np.arange(names), each)
    truth = 0.3 * rng.standard_normal(names)
    treated = rng.integers(0, 2, len(name)).astype(np.float64)
    outcome = (rng.random(len(name)) < expit((treated - 0.5) * truth[name])).astype(np.float64)
    X = name[:, None].astype(np.float64)
    trial = Trial(X, treated, outcome, np.full(len(name), 0.5), [0])
    found = fit_log_odds_change(trial, np.zeros(len(name))).score(X[::each])
    # With even odds, each name's own estimate has the variance 16 / customers.
    own = 16 * ((outcome - 0.5) * (treated - 0.5)).reshape(names, each).mean(axis=1)
    kept = np.cov(found, own)[0, 1] / own.var(ddof=1)
    assert kept == pytest.approx(1 - 16 / each / own.var(), abs=0.05)


def test_most_traits_that_move_nothing_are_switched_off_and_the_one_that_does_is_not() -> None:
    rng = np.random.default_rng(3)
    n, traits = 20_000, 20
    X = rng.standard_normal((n, traits))
    treated = rng.integers(0, 2, n).astype(np.float64)
    delta = 0.3 + 0.4 * X[:, 0]
    outcome = (rng.random(n) < expit(-1 + (treated - 0.5) * delta)).astype(np.float64)
    trial = Trial(X, treated, outcome, np.full(n, 0.5))
    found = fit_log_odds_change(trial, np.full(n, -1.0))
    assert found.weights[0] == pytest.approx(0.4, abs=0.1)
    # Of those left alone, chance would move half by more than 0.022.
    assert np.median(np.abs(found.weights[1:])) < 0.011
