"""Windows of evaluation: what is known, what is to be named, and no way for one into the other."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from features.errors import DataError
from models.recommend.interactions import Interactions
from models.recommend.orders import OrderTable
from models.recommend.protocols import Window, given_next, last_basket, rolling, time_split

AS_OF = date(1970, 4, 11)
AS_OF_DAY = 100

# customer, product, order, day
LINES = [
    ("ada", "apple", "1", 10),
    ("ada", "bread", "1", 10),
    ("ada", "apple", "2", 40),
    ("ada", "cream", "3", 90),
    ("ben", "bread", "4", 20),
    ("ben", "dates", "5", 50),
    ("cyd", "apple", "6", 95),
]


def coded(lines: list[tuple[str, str, str, int]]) -> Interactions:
    return Interactions.from_arrays(*zip(*lines, strict=True), as_of=AS_OF)


def random_shop(seed: int) -> Interactions:
    random = np.random.default_rng(seed)
    days = random.integers(0, AS_OF_DAY, 200)
    return Interactions.from_arrays(
        random.integers(0, 15, 200), random.integers(0, 20, 200), days // 5, days, AS_OF
    )


def held(window: Window) -> dict[str, set[str]]:
    known = window.known
    return {
        str(known.customer_ids[customer]): set(known.product_ids[window.truth[row].indices])
        for row, customer in enumerate(window.customers)
    }


def bought(interactions: Interactions) -> set[tuple[int, int, int]]:
    parts = (interactions.customers, interactions.products, interactions.days)
    return set(zip(*(part.tolist() for part in parts), strict=True))


def test_the_last_basket_of_everyone_with_two_is_held_out() -> None:
    window = last_basket(coded(LINES))
    assert held(window) == {"ada": {"cream"}, "ben": {"dates"}}
    assert window.known.n_orders == 4
    assert held(last_basket(coded(LINES), least_orders=3)) == {"ada": {"cream"}}


def test_one_basket_earlier_is_the_last_basket_of_what_is_known() -> None:
    window = last_basket(last_basket(coded(LINES)).known)
    assert held(window) == {"ada": {"apple"}}


def test_a_time_split_asks_for_the_first_order_within_the_horizon() -> None:
    window = time_split(coded(LINES), cutoff_day=30, horizon_days=30)
    assert held(window) == {"ada": {"apple"}, "ben": {"dates"}}
    assert window.known.as_of_day == 30
    assert held(time_split(coded(LINES), cutoff_day=30, horizon_days=15)) == {"ada": {"apple"}}


def test_an_order_on_the_cutoff_is_asked_for_and_not_known() -> None:
    window = time_split(coded(LINES), cutoff_day=40, horizon_days=1)
    assert held(window) == {"ada": {"apple"}}
    assert window.known.days.max() < 40


def test_rolling_windows_are_time_splits() -> None:
    windows = list(rolling(coded(LINES), [30, 60], 40))
    assert [held(window) for window in windows] == [
        {"ada": {"apple"}, "ben": {"dates"}},
        {"ada": {"cream"}},
    ]


@given(st.integers(0, 500))
def test_nothing_judged_is_known(seed: int) -> None:
    shop = random_shop(seed)
    for window in (last_basket(shop), time_split(shop, 60, 30)):
        after = OrderTable.from_interactions(window.known)
        assert bought(window.known) <= bought(shop)
        assert window.truth.shape == (window.customers.size, shop.n_products)
        # Whoever is judged has lost at least one order to the truth.
        before = OrderTable.from_interactions(shop)
        assert (after.counts[window.customers] < before.counts[window.customers]).all()


def test_a_test_basket_planted_in_the_training_data_is_refused() -> None:
    honest = last_basket(coded(LINES))
    leaked = [*LINES, ("ada", "cream", "planted", 91)]
    known = coded(leaked)
    places = OrderTable.from_interactions(known).counts - 1
    with pytest.raises(DataError, match="test basket is in the training data") as raised:
        Window(known, honest.customers, honest.truth, honest.truth_places, places)
    assert "out of what is known" in raised.value.remedy


def test_next_orders_may_come_as_a_table_of_their_own() -> None:
    known, numbers = coded(LINES), np.array([3, 2, 1])
    future = [("ada", "bread", 4), ("ada", "dates", 4), ("cyd", "apple", 2)]
    window = given_next(known, numbers, *zip(*future, strict=True))
    assert held(window) == {"ada": {"bread", "dates"}, "cyd": {"apple"}}
    # Ada's fourth order, were it known: the same table is then refused.
    with pytest.raises(DataError, match="history of 1 customers reaches"):
        given_next(known, np.array([4, 2, 1]), *zip(*future, strict=True))
    with pytest.raises(DataError, match="without a history"):
        given_next(known, numbers, ["eve"], ["apple"], [1])


def test_a_judged_day_within_the_history_is_refused() -> None:
    known = coded(LINES)
    truth = sparse.csr_matrix(np.ones((1, known.n_products)))
    reached = np.array([90, 50, 95])
    Window(known, np.array([0]), truth, np.array([91]), reached)
    with pytest.raises(DataError):
        Window(known, np.array([0]), truth, np.array([90]), reached)


def test_orders_are_numbered_by_day_within_each_customer() -> None:
    orders = OrderTable.from_interactions(coded([*LINES, ("ada", "apple", "0", 60)]))
    of_ada = orders.customers == 0
    assert sorted(zip(orders.days[of_ada], orders.numbers[of_ada], strict=True)) == [
        (10, 0),
        (40, 1),
        (60, 2),
        (90, 3),
    ]
    assert orders.counts.tolist() == [4, 2, 1]
    assert orders.last_days.tolist() == [90, 50, 95]
    assert orders.lags()[of_ada].sum() == 0 + 1 + 2 + 3
