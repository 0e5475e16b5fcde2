"""Interactions: coding, counting, fading, and the refusal of the future."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.errors import DataError
from features.vocabulary import Columns as C
from models.recommend.interactions import DAY, Interactions

AS_OF = date(1970, 4, 11)
AS_OF_DAY = 100


def lines(*rows: tuple[str, str, str, int], quantity: float = 1.0) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[C.CUSTOMER_ID, C.PRODUCT_ID, C.ORDER_ID, DAY])
    return frame.assign(**{C.QUANTITY: quantity})


def purchases() -> Interactions:
    return Interactions.from_lines(
        lines(
            ("bo", "tea", "1", 90),
            ("bo", "tea", "1", 90),
            ("bo", "tea", "2", 80),
            ("ann", "jam", "1", 99),
            ("ann", "tea", "1", 99),
        ),
        AS_OF,
    )


def test_ids_are_sorted_and_codes_point_at_them() -> None:
    coded = purchases()
    assert coded.customer_ids.tolist() == ["ann", "bo"]
    assert coded.product_ids.tolist() == ["jam", "tea"]
    assert coded.as_of_day == AS_OF_DAY
    assert coded.customer_index(["bo", "cy", "", "ann"]).tolist() == [1, -1, -1, 0]
    assert coded.product_index(["tea", "zest"]).tolist() == [1, -1]


def test_a_product_counts_once_per_order() -> None:
    assert purchases().customer_matrix().toarray().tolist() == [[1, 1], [0, 2]]
    assert purchases().popularity().tolist() == [1, 3]


def test_an_order_number_used_by_two_customers_is_two_orders() -> None:
    coded = purchases()
    assert coded.n_orders == 3
    assert coded.order_matrix().toarray().tolist() == [[1, 1], [0, 1], [0, 1]]


def test_a_purchase_fades_by_half_in_a_half_life() -> None:
    faded = purchases().customer_matrix(half_life_days=10.0).toarray()
    np.testing.assert_allclose(faded[1], [0, 1 / 2 + 1 / 4])
    np.testing.assert_allclose(purchases().popularity(10.0).sum(), 3 / 4 + 2 * 2 ** (-1 / 10))


def test_the_order_of_lines_is_irrelevant() -> None:
    frame = lines(*[(f"c{i % 7}", f"p{i % 5}", f"o{i % 3}", i % 90) for i in range(200)])
    one = Interactions.from_lines(frame, AS_OF)
    two = Interactions.from_lines(frame.sample(frac=1, random_state=1), AS_OF)
    for field in ("customers", "products", "orders", "days"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


@pytest.mark.parametrize("day", [AS_OF_DAY, AS_OF_DAY + 1])
def test_a_purchase_on_or_after_the_cutoff_is_refused(day: int) -> None:
    with pytest.raises(DataError, match="1 purchases happened on or after the cutoff 1970-04-11"):
        Interactions.from_lines(lines(("ann", "tea", "1", 99), ("bo", "tea", "2", day)), AS_OF)


@pytest.mark.parametrize("quantity", [0.0, -1.0])
def test_returns_are_refused(quantity: float) -> None:
    with pytest.raises(DataError, match="returns"):
        Interactions.from_lines(lines(("ann", "tea", "1", 9), quantity=quantity), AS_OF)


def test_missing_columns_and_values_are_refused() -> None:
    good = lines(("ann", "tea", "1", 9))
    with pytest.raises(DataError, match=C.ORDER_ID):
        Interactions.from_lines(good.drop(columns=C.ORDER_ID), AS_OF)
    with pytest.raises(DataError, match="missing values"):
        Interactions.from_lines(good.assign(**{C.CUSTOMER_ID: None}), AS_OF)


def test_no_purchases_are_a_shop_without_customers() -> None:
    coded = Interactions.from_lines(lines(("ann", "tea", "1", 9)).iloc[:0], AS_OF)
    assert (coded.n_customers, coded.n_products, coded.n_orders) == (0, 0, 0)
    assert coded.customer_matrix(30.0).shape == (0, 0)
    assert coded.customer_index(["ann"]).tolist() == [-1]
