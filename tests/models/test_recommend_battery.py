"""What every recommender of the package promises: a new model file is tested with no edit here."""

from __future__ import annotations

from datetime import date
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.recommend.contract import Recommender, discover_recommenders
from models.recommend.interactions import DAY, Interactions
from models.recommend.matrices import Candidates
from models.recommend.topk import ranked_products, tie_order

AS_OF = date(2026, 6, 1)
AS_OF_DAY = (AS_OF - date(1970, 1, 1)).days
MODELS = discover_recommenders()
SEEDED = {name: kind for name, kind in MODELS.items() if "seed" in signature(kind).parameters}
IMPERSONAL = {"popular", "stages"}
COLOURS, PRODUCTS_PER_COLOUR, CUSTOMERS = 2, 8, 80

every_model = pytest.mark.parametrize("model_class", MODELS.values(), ids=MODELS.keys())
Model = type[Recommender]


def shop(seed: int = 0, n_lines: int = 1_500) -> pd.DataFrame:
    """Random purchases in which some products and some customers are much busier than others."""
    random = np.random.default_rng(seed)
    customers = (random.pareto(1.5, n_lines) * 5).astype(int) % 60
    products = (random.pareto(1.2, n_lines) * 4).astype(int) % 40
    days = AS_OF_DAY - 1 - random.integers(0, 300, n_lines)
    return pd.DataFrame(
        {
            C.CUSTOMER_ID: [f"c{customer:02d}" for customer in customers],
            C.PRODUCT_ID: [f"p{product:02d}" for product in products],
            C.ORDER_ID: [f"o{day // 20}" for day in days],
            DAY: days,
            C.QUANTITY: random.integers(1, 5, n_lines).astype(float),
        }
    )


def checkerboard() -> pd.DataFrame:
    """Customers and products of two colours: everybody buys all of their colour but one."""
    lines = [
        (f"c{customer:02d}", f"p{product:02d}", f"o{order}", AS_OF_DAY - 1 - order)
        for customer in range(CUSTOMERS)
        for order in range(4)
        for product in range(COLOURS * PRODUCTS_PER_COLOUR)
        if product % COLOURS == customer % COLOURS
        and product // COLOURS != customer // COLOURS % PRODUCTS_PER_COLOUR
    ]
    columns = [C.CUSTOMER_ID, C.PRODUCT_ID, C.ORDER_ID, DAY]
    return pd.DataFrame(lines, columns=columns).assign(**{C.QUANTITY: 1.0})


def coded(lines: pd.DataFrame) -> Interactions:
    return Interactions.from_lines(lines, AS_OF)


def everybody(interactions: Interactions) -> NDArray[np.int64]:
    return np.arange(interactions.n_customers)


def assert_same(left: Candidates, right: Candidates) -> None:
    """Equal to the bit."""
    assert left.shape == right.shape
    np.testing.assert_array_equal(left.indptr, right.indptr)
    np.testing.assert_array_equal(left.indices, right.indices)
    assert left.data.tobytes() == right.data.tobytes()


def assert_keeps_the_form(candidates: Candidates, rows: int, products: int, limit: int) -> None:
    assert candidates.shape == (rows, products)
    assert candidates.dtype == np.float32
    assert candidates.has_canonical_format
    assert (candidates.data > 0).all()
    assert np.isfinite(candidates.data).all()
    assert (np.diff(candidates.indptr) <= limit).all()


def test_all_models_are_found() -> None:
    expected = {"als", "blend", "cosine", "ease", "frequency", "neighbours", "personal", "popular"}
    expected |= {"repurchase", "stages", "transitions", "two_stage"}
    assert expected <= set(MODELS)


@every_model
@pytest.mark.parametrize("limit", [1, 7, 1_000])
def test_scores_are_few_distinct_and_positive(model_class: Model, limit: int) -> None:
    interactions = coded(shop())
    scores = model_class().fit(interactions).score(everybody(interactions), limit)
    assert_keeps_the_form(scores, interactions.n_customers, interactions.n_products, limit)
    assert scores.nnz > 0


@every_model
def test_similar_products_exclude_the_product_itself(model_class: Model) -> None:
    interactions = coded(shop())
    products = np.arange(interactions.n_products)
    near = model_class().fit(interactions).similar(products, 5)
    assert_keeps_the_form(near, products.size, products.size, 5)
    assert not near.diagonal().any()


@every_model
def test_a_saved_model_answers_the_same_to_the_bit(model_class: Model, tmp_path: Path) -> None:
    interactions = coded(shop())
    model = model_class().fit(interactions)
    model.save(tmp_path / "model")
    loaded = model_class.load(tmp_path / "model")
    asked = np.append(everybody(interactions), -1)
    assert_same(loaded.score(asked, 10), model.score(asked, 10))
    products = np.arange(interactions.n_products)
    assert_same(loaded.similar(products, 10), model.similar(products, 10))


@every_model
def test_unknown_customers_and_products_are_served(model_class: Model) -> None:
    interactions = coded(shop())
    model = model_class().fit(interactions)
    asked = np.array([-1, 3, -1])
    scores = model.score(asked, 5)
    assert_keeps_the_form(scores, 3, interactions.n_products, 5)
    assert_same(scores[0], scores[2])
    assert_same(scores[1], model.score(np.array([3]), 5))
    assert model.similar(np.array([-1]), 5).nnz == 0


@every_model
def test_one_customer_alone_equals_the_same_customer_in_a_batch(model_class: Model) -> None:
    interactions = coded(shop())
    model = model_class().fit(interactions)
    together = model.score(everybody(interactions), 5)
    for customer in (0, 7, interactions.n_customers - 1):
        alone = model.score(np.array([customer]), 5)
        assert alone.indices.tolist() == together[customer].indices.tolist()
        np.testing.assert_allclose(alone.data, together[customer].data, rtol=1e-5)


@every_model
def test_fitting_again_gives_the_same_model_to_the_bit(model_class: Model) -> None:
    interactions, other = coded(shop()), coded(shop(seed=1, n_lines=200))
    once = model_class().fit(interactions)
    again = model_class().fit(other).fit(interactions)
    asked = everybody(interactions)
    assert_same(again.score(asked, 10), once.score(asked, 10))


@pytest.mark.parametrize("model_class", SEEDED.values(), ids=SEEDED.keys())
def test_the_seed_is_the_only_source_of_chance(model_class: Any) -> None:
    interactions = coded(checkerboard())
    asked = everybody(interactions)
    scores = [model_class(seed=seed).fit(interactions).score(asked, 10) for seed in (1, 1, 2)]
    assert_same(scores[0], scores[1])
    assert scores[0].data.tobytes() != scores[2].data.tobytes()


@every_model
def test_the_order_of_the_rows_is_irrelevant(model_class: Model) -> None:
    lines = shop()
    interactions, shuffled = coded(lines), coded(lines.sample(frac=1, random_state=3))
    asked = everybody(interactions)
    assert_same(
        model_class().fit(shuffled).score(asked, 10),
        model_class().fit(interactions).score(asked, 10),
    )


@every_model
def test_nothing_to_learn_from_gives_nothing(model_class: Model) -> None:
    interactions = coded(shop().iloc[:0])
    model = model_class().fit(interactions)
    assert model.score(np.array([-1, -1]), 3).shape == (2, 0)
    assert model.score(np.array([], dtype=np.int64), 3).shape == (0, 0)
    assert model.similar(np.array([-1]), 3).shape == (1, 0)


@every_model
def test_a_single_purchase_is_enough_to_fit(model_class: Model, tmp_path: Path) -> None:
    interactions = coded(shop().iloc[:1])
    model = model_class().fit(interactions)
    model.save(tmp_path)
    for fitted in (model, model_class.load(tmp_path)):
        assert_keeps_the_form(fitted.score(np.array([0, -1]), 3), 2, 1, 3)
        assert fitted.similar(np.array([0]), 3).nnz == 0


@every_model
def test_the_eye_sees_the_answer_of_a_checkerboard(model_class: Model) -> None:
    interactions = coded(checkerboard())
    model = model_class().fit(interactions)
    customers = everybody(interactions)
    scores = model.score(customers, COLOURS * PRODUCTS_PER_COLOUR)
    ties = tie_order(interactions.popularity())
    if model.name in IMPERSONAL:
        for customer in customers:
            assert_same(scores[customer], scores[0])
        return
    ranked = ranked_products(scores, PRODUCTS_PER_COLOUR - 1, ties)
    assert (ranked >= 0).all()
    assert (ranked % COLOURS == customers[:, None] % COLOURS).all()


@every_model
def test_what_is_similar_on_a_checkerboard_has_the_same_colour(model_class: Model) -> None:
    interactions = coded(checkerboard())
    products = np.arange(interactions.n_products)
    near = model_class().fit(interactions).similar(products, PRODUCTS_PER_COLOUR - 1)
    rows = np.repeat(products, np.diff(near.indptr))
    assert (rows % COLOURS == near.indices % COLOURS).all()
