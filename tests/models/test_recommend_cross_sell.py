"""Carts are completed by what goes with them; complements and substitutes are told apart."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.recommend.carts import leave_one_out
from models.recommend.combining import weighted_sum
from models.recommend.cross_sell import DEFAULT_ANONYMOUS_WEIGHTS, DEFAULT_KNOWN_WEIGHTS, CrossSell
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, entries_in
from models.recommend.relations import lift_bound, tell_apart

AS_OF = date(2026, 6, 1)
AS_OF_DAY = AS_OF.toordinal() - date(1970, 1, 1).toordinal()
PRODUCTS = ["arabica", "bread", "filter", "milk", "robusta", "soap"]
ARABICA, BREAD, FILTER, MILK, ROBUSTA, SOAP = range(6)
CATEGORIES = ["coffee", "food", "coffee", "food", "coffee", "home"]


def coded(lines: list[tuple[str, str, str, int]]) -> Interactions:
    customers, products, orders, days = zip(*lines, strict=True) if lines else ([],) * 4
    return Interactions.from_arrays(customers, products, orders, days, AS_OF)


def kitchen(seed: int = 0) -> Interactions:
    """Coffee of one kind or the other, never both, mostly with filters; the rest by chance."""
    random = np.random.default_rng(seed)
    lines = []
    for customer in range(150):
        for order in range(8):
            basket = set()
            if random.random() < 0.7:
                basket.add(str(random.choice(["arabica", "robusta"])))
                basket |= {"filter"} if random.random() < 0.6 else set()
            basket |= {p for p in ("bread", "milk", "soap") if random.random() < 0.4}
            basket |= {"filter"} if random.random() < 0.1 else set()
            day = AS_OF_DAY - 1 - 10 * order
            lines += [(f"c{customer}", product, f"o{order}", day) for product in sorted(basket)]
    return coded(lines).described(categories=CATEGORIES)


@pytest.fixture(scope="module")
def home() -> Interactions:
    return kitchen()


@pytest.fixture(scope="module")
def fitted(home: Interactions) -> CrossSell:
    return CrossSell().fit(home)


def carts(*baskets: list[int], width: int = 6) -> sparse.csr_matrix[np.float64]:
    dense = np.zeros((len(baskets), width))
    for row, basket in enumerate(baskets):
        dense[row, basket] = 1.0
    return sparse.csr_matrix(dense)


def nobody(n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(n, -1)


def assert_same(left: Candidates, right: Candidates) -> None:
    np.testing.assert_array_equal(left.indptr, right.indptr)
    np.testing.assert_array_equal(left.indices, right.indices)
    assert left.data.tobytes() == right.data.tobytes()


def test_planted_complements_and_substitutes_are_found_and_nothing_else(home: Interactions) -> None:
    relations = tell_apart(home)
    complements = {tuple(pair) for pair in np.argwhere(relations.complements.toarray() > 0)}
    substitutes = {tuple(pair) for pair in np.argwhere(relations.substitutes.toarray() > 0)}
    assert {(ARABICA, FILTER), (FILTER, ARABICA), (ROBUSTA, FILTER)} <= complements
    assert substitutes == {(ARABICA, ROBUSTA), (ROBUSTA, ARABICA)}
    assert complements <= {(c, FILTER) for c in (ARABICA, ROBUSTA)} | {
        (FILTER, c) for c in (ARABICA, ROBUSTA)
    }


def test_substitutes_need_a_category_or_views_in_common(home: Interactions) -> None:
    bare = home.described()
    assert tell_apart(bare).substitutes.nnz == 0
    pairs = np.array([[ARABICA, ROBUSTA]] * 30 + [[BREAD, MILK]] * 3 + [[SOAP, SOAP]] * 60)
    visits = carts(*[list(set(pair.tolist())) for pair in pairs])
    found = np.argwhere(tell_apart(bare, visits).substitutes.toarray() > 0)
    assert {tuple(pair) for pair in found.tolist()} == {(ARABICA, ROBUSTA), (ROBUSTA, ARABICA)}


def test_taste_alone_makes_no_complements() -> None:
    """Half the customers love sweets and half love salt; within an order it is all chance."""
    random = np.random.default_rng(1)
    lines = [
        (f"c{customer}", product, f"o{order}", AS_OF_DAY - 1 - order)
        for customer in range(200)
        for order in range(6)
        for product, loved in (("cake", 0), ("sugar", 0), ("chips", 1), ("nuts", 1))
        if random.random() < (0.6 if customer % 2 == loved else 0.1)
    ]
    assert tell_apart(coded(lines)).complements.nnz == 0


@pytest.mark.parametrize(("met", "expected"), [(0, 40), (10, 10), (100, 10)])
def test_bounds_of_the_lift_contain_the_posterior(met: int, expected: int) -> None:
    draws = np.random.default_rng(0).gamma(met + 1, 1 / (expected + 1), 200_000)
    for errors, share in ((-2.0, 0.02275), (2.0, 0.97725)):
        bound = lift_bound(np.array([met]), np.array([expected]), errors)[0]
        assert float((draws < bound).mean()) == pytest.approx(share, abs=0.012)


def test_a_cart_is_completed_by_its_complement_and_never_by_a_substitute(
    fitted: CrossSell,
) -> None:
    answers = fitted.complete(carts([ARABICA], [ROBUSTA, MILK], []), nobody(3), 6)
    assert answers[0].indices[np.argmax(answers[0].data)] == FILTER
    assert ROBUSTA not in answers[0].indices
    assert not {ROBUSTA, MILK, ARABICA} & set(answers[1].indices.tolist())
    assert answers[2].nnz == 6
    page = fitted.similar(np.array([ARABICA, -1]), 3)
    assert page[0].indices[np.argmax(page[0].data)] == FILTER
    assert ROBUSTA not in page[0].indices
    assert page[1].nnz == 0
    assert fitted.alternatives(np.array([ROBUSTA]), 3).indices.tolist() == [ARABICA]


def test_a_known_customer_gets_their_own_habit() -> None:
    lines = [
        (f"c{customer}", product, f"o{order}", AS_OF_DAY - 1 - 7 * order)
        for customer in range(60)
        for order in range(6)
        for product in ("tea", f"jam{customer % 6}")
    ]
    shop = coded(lines)
    model = CrossSell().choose(shop, window_days=14).fit(shop)
    tea = int(shop.product_index(["tea"])[0])
    cart = carts(*[[tea]] * 12, width=shop.n_products)
    codes = shop.customer_index([f"c{number}" for number in range(12)])
    best = model.complete(cart, codes, 1).indices
    assert [shop.product_ids[place] for place in best] == [f"jam{n % 6}" for n in range(12)]
    assert sum(model.known_weights_.values()) == pytest.approx(1)


@given(st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=1, max_size=8), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_answers_are_few_new_and_the_same_alone_as_in_a_batch(
    baskets: list[list[int]], limit: int
) -> None:
    model = _MODEL
    asked = carts(*baskets)
    customers = np.arange(len(baskets)) - 1
    together = model.complete(asked, customers, limit)
    assert together.shape == asked.shape
    assert (together.data > 0).all()
    assert (np.diff(together.indptr) <= limit).all()
    assert together.has_canonical_format
    assert together.multiply(asked).nnz == 0
    barred = sparse.csr_matrix(asked @ model.substitutes_)
    assert together.multiply(barred).nnz == 0
    for row in range(len(baskets)):
        alone = model.complete(sparse.csr_matrix(asked[row]), customers[row : row + 1], limit)
        assert_same(alone, sparse.csr_matrix(together[row]))


_MODEL = CrossSell().fit(kitchen(2))


def test_a_saved_model_answers_the_same_to_the_bit(home: Interactions, tmp_path: Path) -> None:
    model = CrossSell().choose(home, window_days=20).fit(home)
    model.save(tmp_path)
    loaded = CrossSell.load(tmp_path)
    asked, customers = carts([ARABICA], [MILK, SOAP], []), np.array([3, -1, 149])
    assert_same(loaded.complete(asked, customers, 4), model.complete(asked, customers, 4))
    assert_same(loaded.similar(np.arange(6), 4), model.similar(np.arange(6), 4))


def test_products_too_many_for_ease_are_answered_by_cosine(home: Interactions) -> None:
    model = CrossSell(max_products=4).fit(home)
    assert model.left_out_ == 2
    assert (np.diff(model.weights_.indptr) > 0).all()


def test_an_empty_shop_and_a_single_purchase_are_served() -> None:
    empty = CrossSell().fit(coded([]))
    assert empty.complete(sparse.csr_matrix((2, 0)), nobody(2), 5).shape == (2, 0)
    one = CrossSell().fit(coded([("a", "x", "o", AS_OF_DAY - 1)]))
    assert one.complete(carts([0], [], width=1), np.array([0, -1]), 5).indices.tolist() == [0]
    assert one.similar(np.array([0]), 5).nnz == 0


def test_leaving_one_out_asks_for_what_was_really_there(home: Interactions) -> None:
    first_day = AS_OF_DAY - 25
    asked = leave_one_out(home, first_day, seed=0, per_order=2)
    baskets = {
        (customer, frozenset(np.flatnonzero(row)))
        for customer, row in zip(_owners(home), home.order_matrix().toarray(), strict=True)
    }
    assert (np.diff(asked.truth.indptr) == 1).all()
    assert not entries_in(asked.truth, asked.carts).any(), "nor a stored zero"
    whole = sparse.csr_matrix(asked.carts + asked.truth).toarray()
    for customer, row in zip(asked.customers, whole, strict=True):
        assert (customer, frozenset(np.flatnonzero(row))) in baskets
    late = np.unique(home.orders[home.days >= first_day])
    sizes = np.bincount(home.orders)[late]
    assert asked.truth.shape[0] == np.minimum(sizes[sizes > 1], 2).sum()
    assert leave_one_out(home, first_day, seed=0, most=7).truth.shape[0] == 7


def _owners(shop: Interactions) -> list[int]:
    owner = dict(zip(shop.orders.tolist(), shop.customers.tolist(), strict=True))
    return [owner[order] for order in range(shop.n_orders)]


def test_each_row_is_summed_with_its_own_set_of_weights() -> None:
    first = sparse.csr_matrix(np.array([[4.0, 2.0, 0.0], [0.0, 0.0, 8.0]], dtype=np.float32))
    second = sparse.csr_matrix(np.array([[0.0, 0.0, 5.0], [3.0, 0.0, 0.0]], dtype=np.float32))
    both = {"first": first, "second": second}
    one, other = {"first": 0.5, "second": 0.25}, {"second": 2.0}
    added = weighted_sum(both, one, other, choice=np.array([0, 1])).toarray()
    np.testing.assert_allclose(added, [[0.5, 0.25, 0.25], [2.0, 0.0, 0.0]])


def test_default_weights_sum_to_one() -> None:
    assert sum(DEFAULT_ANONYMOUS_WEIGHTS.values()) == pytest.approx(1)
    assert sum(DEFAULT_KNOWN_WEIGHTS.values()) == pytest.approx(1)
