"""Purchases before a cutoff, and the first order after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pandas as pd
import pytest

from features.engine import Engine
from features.engines import open_engine
from features.errors import TrainingError
from features.rollup import Rollups, to_epoch_day
from features.settings import EngineSettings
from training.recommend.purchases import next_orders, read_purchases

AS_OF = date(2026, 6, 1)
LATER = AS_OF + timedelta(days=30)

# customer, product, order, days from the cutoff, days until the line was known
LINES = [
    ("ada", "apple", "1", -20, 0),
    ("ada", "bread", "1", -20, 0),
    ("ada", "apple", "2", -1, 0),
    ("ben", "bread", "3", -2, 0),
    ("cyd", "cream", "4", -1, 3),  # known after the cutoff: not yet a purchase
    ("ada", "bread", "5", 3, 0),
    ("ada", "apple", "6", 3, 0),  # the same day as order 5
    ("ada", "bread", "7", 9, 0),
    ("ben", "dates", "8", 0, 0),  # a product that nobody had bought
    ("ben", "bread", "8", 0, 0),
    ("ben", "apple", "9", 4, 0),
    ("eva", "apple", "10", 2, 0),  # a customer without history
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=1), tmp_path_factory.mktemp("spill")) as engine:
        yield engine


def rollups(
    engine: Engine,
    lines: list[tuple[str, str, str, int, int]] = LINES,
    returned: tuple[str, ...] = (),
) -> Rollups:
    today = to_epoch_day(AS_OF)
    frame = pd.DataFrame(
        [
            (customer, product, order, today + day, today + day + delay, 1.0)
            for customer, product, order, day, delay in lines
        ],
        columns=["customer_id", "product_id", "order_id", "day", "known_from", "units"],
    )
    orders = frame.groupby(["customer_id", "order_id"], as_index=False).agg(
        day=("day", "min"), known_from=("known_from", "max")
    )
    orders["known_until"] = pd.array([pd.NA] * len(orders), dtype="Int32")
    orders["is_net_positive"] = ~orders["order_id"].isin(returned)
    return Rollups(
        {
            "customer_product_day": engine.register("purchases", frame),
            "order_states": engine.register("orders", orders),
        }
    )


def held(engine: Engine, start: date = AS_OF, end: date = LATER) -> dict[str, set[str]]:
    tables = rollups(engine)
    known = read_purchases(engine, tables, AS_OF)
    customers, truth = next_orders(engine, tables, known, start, end)
    return {
        str(known.customer_ids[customer]): set(known.product_ids[truth[row].indices].tolist())
        for row, customer in enumerate(customers)
    }


def test_only_what_was_known_before_the_cutoff_is_a_purchase(engine: Engine) -> None:
    known = read_purchases(engine, rollups(engine), AS_OF)
    assert known.customer_ids.tolist() == ["ada", "ben"]
    assert known.product_ids.tolist() == ["apple", "bread"]
    assert known.n_orders == 3
    assert known.days.max() < to_epoch_day(AS_OF)


def test_orders_of_one_day_are_one_and_only_the_first_day_counts(engine: Engine) -> None:
    assert held(engine)["ada"] == {"apple", "bread"}
    assert held(engine, start=AS_OF + timedelta(days=4))["ada"] == {"bread"}


def test_an_order_on_the_cutoff_is_the_next_order(engine: Engine) -> None:
    """Of it, only products that could have been named are asked for."""
    assert held(engine)["ben"] == {"bread"}


def test_the_end_of_the_window_is_outside(engine: Engine) -> None:
    assert set(held(engine, end=AS_OF + timedelta(days=3))) == {"ben"}
    assert set(held(engine, end=AS_OF + timedelta(days=4))) == {"ada", "ben"}


def test_customers_without_history_are_not_asked_for(engine: Engine) -> None:
    assert "eva" not in held(engine)


def test_truth_is_ones(engine: Engine) -> None:
    tables = rollups(engine, [*LINES, ("ada", "bread", "5b", 3, 0)])
    known = read_purchases(engine, tables, AS_OF)
    customers, truth = next_orders(engine, tables, known, AS_OF, LATER)
    assert truth.shape == (len(customers), known.n_products)
    assert set(truth.data.tolist()) == {1.0}


def test_nobody_orders_in_an_empty_window(engine: Engine) -> None:
    assert held(engine, start=LATER, end=LATER + timedelta(days=30)) == {}


def test_nothing_bought_is_nothing_to_learn_from(engine: Engine) -> None:
    with pytest.raises(TrainingError, match="nothing was bought before 2020-01-01") as raised:
        read_purchases(engine, rollups(engine), date(2020, 1, 1))
    assert "--as-of" in raised.value.remedy


def test_what_was_sent_back_whole_was_not_bought(engine: Engine) -> None:
    tables = rollups(engine, returned=("2", "5", "6"))
    known = read_purchases(engine, tables, AS_OF)
    assert known.n_orders == 2
    customers, truth = next_orders(engine, tables, known, AS_OF, LATER)
    ada = int(known.customer_index(["ada"])[0])
    row = customers.tolist().index(ada)
    assert known.product_ids[truth[row].indices].tolist() == ["bread"]
