"""Which purchase explains a candidate, and which products are similar to a product."""

from __future__ import annotations

from datetime import date
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.recommend.content import Content
from models.recommend.explaining import explaining_products
from models.recommend.interactions import Interactions
from models.recommend.similarity import similar_products
from models.recommend.topk import tie_order

AS_OF = date(2026, 6, 1)
LAST = AS_OF.toordinal() - date(1970, 1, 1).toordinal() - 1


def bought(lines: list[tuple[str, str, str]]) -> Interactions:
    """Code customer, product and order, all on the last day."""
    customers, products, orders = zip(*lines, strict=True)
    return Interactions.from_arrays(customers, products, orders, [LAST] * len(lines), AS_OF)


SHOP = bought(
    [
        ("ada", "bread", "1"), ("ada", "kettle", "2"),
        ("ben", "bread", "3"), ("ben", "butter", "3"), ("ben", "mug", "3"),
        ("cyd", "bread", "4"), ("cyd", "butter", "4"),
        ("dan", "kettle", "5"), ("dan", "tea", "6"),
        ("eva", "bread", "7"), ("eva", "tea", "8"),
        ("fay", "spade", "9"),
    ]
)  # fmt: skip


def explained_by(customer: str, candidate: str) -> str | None:
    wanted = SHOP.product_index([candidate])
    row = sparse.csr_matrix((np.ones(1, "f4"), ([0], wanted)), shape=(1, SHOP.n_products))
    (place,) = explaining_products(SHOP, SHOP.customer_index([customer]), row)
    return None if place < 0 else str(SHOP.product_ids[place])


@pytest.mark.parametrize(
    ("customer", "candidate", "because"),
    [
        ("ada", "butter", "bread"),  # half of bread's baskets hold butter, none of the kettle's
        ("ada", "tea", "kettle"),  # no basket holds both, but 1 of 2 buyers, of bread 1 of 4
        ("ada", "spade", None),  # nobody bought it with anything
        ("ada", "bread", None),  # her own
        ("fay", "bread", None),
        ("nobody", "bread", None),
    ],
)
def test_the_purchase_that_explains_best_is_named(
    customer: str, candidate: str, because: str | None
) -> None:
    assert explained_by(customer, candidate) == because


@st.composite
def shops(draw: st.DrawFn) -> Interactions:
    lines = st.tuples(
        st.integers(0, 5).map(str), st.integers(0, 8).map(str), st.integers(0, 2).map(str)
    )
    return bought(draw(st.lists(lines, min_size=1, max_size=40)))


@settings(max_examples=60, deadline=None)
@given(shop=shops())
def test_whatever_is_named_was_bought_by_the_customer_and_by_a_buyer_of_the_candidate(
    shop: Interactions,
) -> None:
    everyone = np.arange(-1, shop.n_customers)
    shape = (everyone.size, shop.n_products)
    candidates = sparse.csr_matrix(np.ones(shape, dtype=np.float32))
    found = explaining_products(shop, everyone, candidates).reshape(shape)
    owned: list[set[int]] = [set() for _ in everyone]
    for customer, product in zip(shop.customers.tolist(), shop.products.tolist(), strict=True):
        owned[customer + 1].add(product)
    pairs = {pair for own in owned for pair in combinations(sorted(own), 2)}
    for row, own in enumerate(owned):
        for candidate, because in enumerate(found[row].tolist()):
            met = {p for p in own if tuple(sorted((p, candidate))) in pairs and p != candidate}
            assert because == -1 if candidate in own or not met else because in met


def test_a_wider_catalogue_keeps_the_purchases() -> None:
    wide = SHOP.among(["bread", "butter", "hat", "kettle", "mug", "spade", "tea", "zither"])
    assert wide.n_products == 8
    names = wide.product_ids[wide.products].tolist()
    assert names == SHOP.product_ids[SHOP.products].tolist()
    assert wide.popularity()[[2, 7]].tolist() == [0, 0]


def test_similar_are_what_buyers_also_buy_and_new_products_described_alike() -> None:
    lines = [(f"c{k}", name, f"{k}") for k in range(40) for name in ("red teapot", "tea")]
    lines += [(f"d{k}", "red spade", f"{k}") for k in range(40)]
    names = ["red mug", "red spade", "red teapot", "steel teapot", "tea"]
    wide = bought(lines).among(names)
    content = Content().fit(names, tie_order(wide.popularity()))
    rows = similar_products(wide, content, 3)
    assert rows.diagonal().tolist() == [0] * 5

    def nearest(name: str) -> list[str]:
        row = rows[names.index(name)]
        return [names[place] for place in row.indices[np.argsort(-row.data)]]

    # Bought together by all, and of what nobody has bought yet the other teapot.
    assert nearest("red teapot")[:2] == ["tea", "steel teapot"]
    assert nearest("steel teapot")[0] == "red teapot"
    assert "red spade" not in nearest("red teapot")[:2]


def test_directions_approximate_the_similarity_of_descriptions() -> None:
    names = ["red teapot", "blue teapot", "garden spade", "garden fork", ""]
    content = Content().fit(names, np.arange(5))
    points = content.directions(dimensions=3)
    cosines = points @ points.T
    assert np.diag(cosines)[:4] == pytest.approx(1, abs=1e-5)
    assert points[4].tolist() == [0, 0, 0]
    assert cosines[0, 1] > 0.5 > cosines[2, 3] > 0.3 > cosines[0, 2]
    assert Content().fit(["", ""], np.arange(2)).directions().tolist() == [[0], [0]]
