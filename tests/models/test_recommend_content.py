"""Products are alike by name, category and price; searches find names; newcomers have habits."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from models.recommend.content import Content
from models.recommend.interactions import Interactions
from models.recommend.newcomers import Newcomers

NAMES = ["red lunch bag", "pink lunch bag", "lunch box red", "garden spade", "garden fork", ""]
CATEGORIES = np.array([0, 0, 0, 1, 1, -1])
PRICES = np.array([2.0, 2.1, 8.0, 9.0, 20.0, np.nan])
TIES = np.arange(6)
AS_OF = date(2026, 6, 1)
AS_OF_DAY = AS_OF.toordinal() - date(1970, 1, 1).toordinal()


@pytest.fixture(scope="module")
def content() -> Content:
    return Content().fit(NAMES, TIES, categories=CATEGORIES, prices=PRICES)


def best(row: sparse.csr_matrix[np.float32]) -> int:
    return int(row.indices[np.argmax(row.data)])


def test_the_nearest_product_shares_words_category_and_price(content: Content) -> None:
    near = content.similar(np.arange(6), 6)
    assert [best(near[k]) for k in (0, 1, 3, 4)] == [1, 0, 4, 3]
    assert not near.diagonal().any()
    assert (near.data <= 1 + 1e-6).all()
    assert near[5].nnz == 0
    assert content.similar(np.array([-1]), 3).nnz == 0


def test_prices_alone_fall_off_with_their_ratio() -> None:
    prices = np.array([1.0, 1.05, 1.3, 4.0, np.nan, 0.0])
    near = Content().fit([""] * 6, TIES, prices=prices).similar(np.array([0]), 6).toarray()[0]
    assert near[1] > near[2] > near[3] == 0
    assert near[4] == near[5] == 0


def test_a_new_product_is_offered_to_those_who_like_its_kind(content: Content) -> None:
    histories = sparse.csr_matrix(np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0]], dtype=float))
    new = np.array([2, 4, 5])
    answers = content.score_histories(histories, 3, among=new)
    assert [best(answers[0]), best(answers[1])] == [2, 4]
    assert set(answers.indices.tolist()) <= set(new.tolist())


def test_searches_find_names_even_misspelt_ones(content: Content) -> None:
    found = content.search(["PINK bag", "gardn spade", "zzz", ""], 3)
    assert [best(found[0]), best(found[1])] == [1, 3]
    assert found[2:].nnz == 0


def test_a_saved_content_answers_the_same_to_the_bit(content: Content, tmp_path: Path) -> None:
    content.save(tmp_path)
    loaded = Content.load(tmp_path)
    for asked in (content, loaded):
        assert asked.search(["red"], 4).data.tobytes() == content.search(["red"], 4).data.tobytes()
        similar = asked.similar(np.arange(6), 4)
        assert similar.data.tobytes() == content.similar(np.arange(6), 4).data.tobytes()


@pytest.mark.parametrize("names", [[], ["", ""], ["a"]])
def test_nothing_to_read_gives_nothing(names: list[str], tmp_path: Path) -> None:
    model = Content().fit(names, np.arange(len(names)))
    model.save(tmp_path)
    for content in (model, Content.load(tmp_path)):
        assert content.similar(np.array([-1]), 3).shape == (1, len(names))
        assert content.search(["tea"], 3).nnz == 0


def first_orders() -> tuple[Interactions, list[str]]:
    rows = [
        ("ann", "tea", "1", 10), ("ann", "mug", "2", 20), ("bob", "tea", "1", 12),
        ("cem", "ayran", "1", 14), ("cem", "tea", "1", 14), ("dua", "ayran", "1", 16),
        ("dua", "mug", "2", 17), ("dua", "mug", "3", 18),
    ]  # fmt: skip
    customers, products, orders, ago = zip(*rows, strict=True)
    days = [AS_OF_DAY - 30 + day for day in ago]
    shop = Interactions.from_arrays(customers, products, orders, days, AS_OF)
    return shop, ["uk", "uk", "tr", "tr"]


def test_only_first_orders_count_for_newcomers() -> None:
    shop, segments = first_orders()
    model = Newcomers(half_life_days=None).fit(shop, segments)
    ayran, mug, tea = range(3)
    assert model.first_orders_ == 4
    assert model.shares()[[ayran, mug, tea]].tolist() == [0.5, 0.0, 0.75]


def test_a_small_segment_is_shrunk_to_all_newcomers(tmp_path: Path) -> None:
    shop, segments = first_orders()
    shares = []
    for prior in (0.0, 2.0, 1e9):
        model = Newcomers(half_life_days=None, prior_orders=prior).fit(shop, segments)
        shares.append(model.score(["tr"], 3).toarray()[0])
    np.testing.assert_allclose(shares[0], [1.0, 0.0, 0.5])
    np.testing.assert_allclose(shares[1], [(2 + 1) / 4, 0.0, (1 + 1.5) / 4])
    np.testing.assert_allclose(shares[2], [0.5, 0.0, 0.75], rtol=1e-6)
    model.save(tmp_path)
    asked = ["tr", "uk", "", "fr"]
    saved = Newcomers.load(tmp_path).score(asked, 3)
    assert saved.data.tobytes() == model.score(asked, 3).data.tobytes()
    np.testing.assert_allclose(saved.toarray()[3], [0.5, 0.0, 0.75], rtol=1e-6)


def test_an_empty_shop_has_no_newcomers() -> None:
    shop = Interactions.from_arrays([], [], [], [], AS_OF)
    model = Newcomers().fit(shop, [])
    assert model.score(["uk", ""], 3).shape == (2, 0)
