"""The figures that reasons state are what counting by hand gives."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.reasons import (
    Ledger,
    together_share,
    usual_gaps,
)
from models.recommend.wording import percent

AS_OF = date(2026, 6, 1)
EPOCH = date(1970, 1, 1)
AS_OF_DAY = (AS_OF - EPOCH).days


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
    counted = np.zeros((8, 8))
    for product in range(8):
        for other in range(8):
            both = sum({product, other} <= basket for basket in baskets.values())
            counted[product, other] = both / sum(product in basket for basket in baskets.values())
    pattern = sparse.csr_matrix(np.ones((8, 8)))
    shares = together_share(coded.order_matrix(), pattern).reshape(8, 8)
    np.testing.assert_allclose(shares, counted, rtol=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_gaps_between_own_purchases_are_counted_right(seed: int) -> None:
    coded, lines = shop(seed, 60)
    ledger = Ledger.of(coded)
    gaps = dict(zip(ledger.pair_keys.tolist(), usual_gaps(ledger).tolist(), strict=True))
    for customer in range(5):
        for product in range(8):
            days = sorted({d for c, p, _, d in lines if (c, p) == (customer, product)})
            usual = gaps.pop(customer * 8 + product, None)
            if not days:
                assert usual is None
            elif len(days) >= 3:
                assert usual == np.median(np.diff(days))
            else:
                assert np.isnan(usual)
    assert not gaps


def test_two_orders_of_one_day_are_one_purchase() -> None:
    days = [AS_OF_DAY - 30, AS_OF_DAY - 30, AS_OF_DAY - 10, AS_OF_DAY - 10]
    coded = Interactions.from_arrays(["a"] * 4, ["x"] * 4, ["1", "2", "3", "4"], days, AS_OF)
    assert np.isnan(usual_gaps(Ledger.of(coded))).all()


def test_without_purchases_there_are_no_gaps() -> None:
    assert usual_gaps(Ledger.of(Interactions.from_arrays([], [], [], [], AS_OF))).size == 0


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.414, "41 %"), (0.004, "0.4 %"), (0.996, "99.6 %"), (1.0, "100 %"), (0.0001, "under 0.1 %")],
)
def test_percentages_have_about_two_digits(share: float, text: str) -> None:
    assert percent(share) == text
