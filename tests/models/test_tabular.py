"""From vectors to matrices: names become codes, what is unknown stays missing."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from features.family import Column
from models.tabular import Encoder

NUMBER = Column("orders", "orders so far", "orders")
FLAT = Column("flat", "always the same", "none")
NAME = Column("country", "country", "name", kind="category")


def frame(countries: list[str | None], orders: list[float] | None = None) -> pd.DataFrame:
    numbers = orders if orders is not None else [float(i) for i in range(len(countries))]
    return pd.DataFrame(
        {"orders": numbers, "flat": 1.0, "country": pd.Series(countries, dtype="str")}
    )


def test_commonest_names_come_first_and_ties_go_by_name() -> None:
    encoder = Encoder.fit(frame(["b", "c", "a", "b", None, "c", "d"]), [NUMBER, NAME])
    assert encoder.categories == {"country": ("b", "c", "a", "d")}
    matrix = encoder.transform(frame(["a", "b", "zz", None]))
    np.testing.assert_array_equal(matrix[:, 1], [2.0, 0.0, np.nan, np.nan])


def test_columns_that_do_not_vary_are_left_out() -> None:
    encoder = Encoder.fit(frame(["a", "a"]), [FLAT, NUMBER, NAME])
    assert encoder.columns == ("orders",)
    assert encoder.categorical_positions == []


def test_present_or_missing_is_a_difference_but_missing_throughout_is_none() -> None:
    gaps = Encoder.fit(frame(["a", None], [1.0, np.nan]), [NUMBER, NAME])
    assert gaps.columns == ("orders", "country")
    assert Encoder.fit(frame([None, None], [np.nan] * 2), [NUMBER, NAME]).columns == ()


def test_only_the_commonest_names_keep_a_code() -> None:
    names = [f"n{number:03d}" for number in range(60) for _ in range(60 - number)]
    encoder = Encoder.fit(frame(names), [NAME])
    assert encoder.categories["country"] == tuple(f"n{number:03d}" for number in range(32))
    assert np.isnan(encoder.transform(frame(["n059"]))).all()


def test_category_positions_are_those_of_the_matrix() -> None:
    assert Encoder.fit(frame(["a", "b"]), [NAME, NUMBER]).categorical_positions == [0]
    assert Encoder.fit(frame(["a", "b"]), [NUMBER, NAME]).categorical_positions == [1]


def test_numbers_pass_as_they_are() -> None:
    encoder = Encoder.fit(frame(["a", "b"]), [NUMBER])
    matrix = encoder.transform(frame(["a", "b", "c"], [0.1, np.nan, -1e300]))
    np.testing.assert_array_equal(matrix[:, 0], [0.1, np.nan, -1e300])


def test_it_comes_back_from_json_text() -> None:
    encoder = Encoder.fit(frame(["å", "b", None]), [NUMBER, NAME])
    assert Encoder.from_json(json.loads(json.dumps(encoder.to_json()))) == encoder


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1), st.randoms())
def test_codes_do_not_depend_on_the_order_of_rows(names: list[str | None], random: Random) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)
    one = Encoder.fit(frame(names, [0.0] * len(names)), [NAME])
    assert one == Encoder.fit(frame(shuffled, [0.0] * len(names)), [NAME])
