"""Reasons are true: every figure is what counting by hand gives."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.newcomers import Newcomers
from models.recommend.reasons import (
    Ledger,
    bought_together,
    like_viewed,
    own_purchases,
    popular_among_newcomers,
    together_share,
    usual_gaps,
)
from models.recommend.wording import long_date, percent

AS_OF = date(2026, 6, 1)
EPOCH = date(1970, 1, 1)
AS_OF_DAY = (AS_OF - EPOCH).days
NAMES = np.array([f"product {k}" for k in range(8)])


def shop(seed: int, n_lines: int = 150) -> tuple[Interactions, list[tuple[int, int, int, int]]]:
    """Purchases, and the same as plain (customer, product, order, day) tuples."""
    random = np.random.default_rng(seed)
    lines = [
        (int(c), int(p), int(o), AS_OF_DAY - 100 + 9 * int(o))
        for c, p, o in zip(
            random.integers(0, 5, n_lines),
            random.integers(0, 8, n_lines),
            random.integers(0, 10, n_lines),
            strict=True,
        )
    ]
    customers, products, orders, days = zip(*lines, strict=True)
    coded = Interactions.from_arrays(
        [f"{k}" for k in customers], [f"{k}" for k in products], [f"{k}" for k in orders],
        days, AS_OF,
    )  # fmt: skip
    assert coded.n_customers == 5
    assert coded.n_products == 8
    return coded, lines


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_shares_of_baskets_are_counted_right(seed: int) -> None:
    coded, lines = shop(seed)
    baskets: dict[tuple[int, int], set[int]] = {}
    for customer, product, order, _ in lines:
        baskets.setdefault((customer, order), set()).add(product)
    ledger = Ledger.of(coded)
    counted = np.zeros((8, 8))
    for product in range(8):
        for other in range(8):
            both = sum({product, other} <= basket for basket in baskets.values())
            of = sum(product in basket for basket in baskets.values())
            assert ledger.together(product, other) == (both, of)
            counted[product, other] = both / of
    pattern = sparse.csr_matrix(np.ones((8, 8)))
    shares = together_share(coded.order_matrix(), pattern).reshape(8, 8)
    np.testing.assert_allclose(shares, counted, rtol=1e-6)
    fact = bought_together(ledger, 3, np.array([0, 5, -1]), NAMES)
    if fact is not None:
        strongest = max((counted[0, 3], 0), (counted[5, 3], -5))
        assert fact.figures["share"] == strongest[0]
        assert percent(strongest[0]) in fact.text
        assert f"product {-strongest[1]} " in fact.text


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_own_purchases_are_counted_right(seed: int) -> None:
    coded, lines = shop(seed, 60)
    ledger = Ledger.of(coded)
    gaps = dict(zip(ledger.pair_keys.tolist(), usual_gaps(ledger).tolist(), strict=True))
    for customer in range(5):
        for product in range(8):
            days = sorted({d for c, p, _, d in lines if (c, p) == (customer, product)})
            fact = own_purchases(ledger, product, customer)
            if not days:
                assert fact is None
                continue
            assert fact is not None
            assert fact.figures["times"] == len(days)
            assert long_date(EPOCH + timedelta(days=days[-1])) in fact.text
            if len(days) >= 3:
                gap = float(np.median(np.diff(days)))
                assert fact.figures["gap_days"] == gaps[customer * 8 + product] == gap
                assert f"about every {gap:.0f} days" in fact.text
            else:
                assert "about" not in fact.text
                assert np.isnan(gaps[customer * 8 + product])


def test_the_sentences_read_as_a_shopkeeper_would_say_them() -> None:
    days = [AS_OF_DAY - 89, AS_OF_DAY - 59, AS_OF_DAY - 29]
    rows = [("a", p, str(d), d) for d in days for p in ("0", "1")] + [("b", "0", "x", days[0])]
    customers, products, orders, when = zip(*rows, strict=True)
    coded = Interactions.from_arrays(customers, products, orders, when, AS_OF)
    ledger, names = Ledger.of(coded), np.array(["tea", "mug"])
    own = own_purchases(ledger, 0, 0)
    together = bought_together(ledger, 1, np.array([0]), names)
    assert own is not None
    assert together is not None
    assert own.text == "you buy this about every 30 days; last on 3 May 2026"
    assert together.text == "bought together with tea in 75 % of baskets"
    newcomers = Newcomers().fit(coded, ["", ""])
    first = popular_among_newcomers(newcomers, 1)
    assert first is not None
    assert first.text == "popular among new customers: in 50 % of first orders"


def test_two_orders_of_one_day_are_one_purchase() -> None:
    days = [AS_OF_DAY - 30, AS_OF_DAY - 30, AS_OF_DAY - 10, AS_OF_DAY - 10]
    coded = Interactions.from_arrays(["a"] * 4, ["x"] * 4, ["1", "2", "3", "4"], days, AS_OF)
    fact = own_purchases(Ledger.of(coded), 0, 0)
    assert fact is not None
    assert fact.text == "you bought this twice, last on 22 May 2026"
    assert np.isnan(usual_gaps(Ledger.of(coded))).all()


def test_what_does_not_hold_is_not_said() -> None:
    coded, _ = shop(0, 60)
    ledger = Ledger.of(coded)
    assert own_purchases(ledger, 0, -1) is None
    assert bought_together(ledger, 0, np.array([], dtype=np.int64), NAMES) is None
    assert like_viewed(sparse.csr_matrix((8, 8)), 0, np.array([1, -1]), NAMES) is None
    twice = Interactions.from_arrays(
        ["a", "b"] * 2, ["x", "x", "y", "y"], ["1", "2"] * 2, [AS_OF_DAY - 1] * 4, AS_OF
    )
    two_baskets = bought_together(Ledger.of(twice), 0, np.array([1]), NAMES)
    assert two_baskets is None, "two baskets are no custom"
    empty = Interactions.from_arrays([], [], [], [], AS_OF)
    assert own_purchases(Ledger.of(empty), 0, 0) is None
    assert usual_gaps(Ledger.of(empty)).size == 0


def test_the_most_alike_of_what_was_viewed_is_named() -> None:
    likeness = sparse.csr_matrix(np.array([[0, 0, 0.2], [0, 0, 0.7], [0, 0, 1.0]]))
    fact = like_viewed(likeness, 2, np.array([0, 1, 2, -1]), NAMES)
    assert fact is not None
    assert fact.text == "similar to product 1, which you viewed"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.414, "41 %"), (0.004, "0.4 %"), (0.996, "99.6 %"), (1.0, "100 %"), (0.0001, "under 0.1 %")],
)
def test_percentages_have_about_two_digits(share: float, text: str) -> None:
    assert percent(share) == text
