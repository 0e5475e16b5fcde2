"""What follows simulated orders: costs, answers to surveys, loyalty points."""

from __future__ import annotations

from collections import deque

import numpy as np
import pandas as pd
import pytest

from features.simulate import ShopPlan, SimulatedChunk, simulate
from features.simulation.points import LEVELS, LEVELS_FROM
from features.vocabulary import Columns as C

PLAN = ShopPlan(n_customers=4_000, seed=3, days=900)
YEAR = pd.Timedelta(days=365)
END = pd.Timestamp(PLAN.end)


@pytest.fixture(scope="module")
def shop() -> SimulatedChunk:
    return next(simulate(PLAN))


@pytest.fixture(scope="module")
def sales(shop: SimulatedChunk) -> pd.DataFrame:
    orders = shop.tables["orders"]
    return orders[orders[C.QUANTITY] > 0]


@pytest.fixture(scope="module")
def order_value(sales: pd.DataFrame) -> pd.Series:
    net = sales[C.QUANTITY] * sales[C.UNIT_PRICE] - sales[C.DISCOUNT]
    return net.groupby(sales[C.ORDER_ID]).sum()


@pytest.fixture(scope="module")
def first_return(shop: SimulatedChunk) -> pd.Series:
    orders = shop.tables["orders"]
    return orders[orders[C.QUANTITY] < 0].groupby(C.ORDER_ID)[C.TS].min()


def answers(shop: SimulatedChunk, survey: str, aspect: str | None = None) -> pd.DataFrame:
    table = shop.tables["surveys"]
    asked = table[C.ASPECT].isna() if aspect is None else table[C.ASPECT] == aspect
    return table[(table[C.SURVEY] == survey) & asked]


def test_the_oldest_points_are_spent_first_and_lapse_after_a_year(shop: SimulatedChunk) -> None:
    """Every movement is booked by the rules, one by one; the last word is the balance."""
    points = shop.tables["points"]
    for _, own in points.groupby(C.CUSTOMER_ID):
        lots: deque[list[object]] = deque()
        for row in own.itertuples():
            if row.movement == "earned":
                lots.append([row.order_id, row.points, row.expires_at])
            elif row.movement == "expired":
                assert lots.popleft() == [row.order_id, row.points, row.ts]
            else:
                left = row.points
                while left > 0:  # an overdrawn account runs out of lots here
                    taken = min(left, lots[0][1])
                    left, lots[0][1] = left - taken, lots[0][1] - taken
                    if lots[0][1] == 0:
                        lots.popleft()
            assert not lots or lots[0][2] >= row.ts
        assert not lots or lots[0][2] >= END


def test_all_ways_of_points_are_seen(shop: SimulatedChunk) -> None:
    points = shop.tables["points"]
    earned = points[C.MOVEMENT] == "earned"
    assert (points[C.POINTS] > 0).all()
    assert points.groupby(C.CUSTOMER_ID)[C.TS].is_monotonic_increasing.all()
    assert (points.loc[earned, C.EXPIRES_AT] == points.loc[earned, C.TS] + YEAR).all()
    assert points.loc[~earned, C.EXPIRES_AT].isna().all()
    total = points.groupby(C.MOVEMENT)[C.POINTS].sum()
    assert 0.2 < total["redeemed"] / total["earned"] < 0.4
    assert 0.2 < total["expired"] / total["earned"] < 0.5


def test_one_point_is_earned_per_unit_of_money(
    shop: SimulatedChunk, order_value: pd.Series
) -> None:
    points = shop.tables["points"]
    earned = points[points[C.MOVEMENT] == "earned"].set_index(C.ORDER_ID)[C.POINTS]
    assert (earned - order_value.reindex(earned.index)).between(-1, 0.001).all()
    assert (order_value.drop(earned.index) < 1.001).all()


def test_the_level_follows_what_was_earned_within_a_year(shop: SimulatedChunk) -> None:
    points = shop.tables["points"]
    earned = points[C.POINTS].where(points[C.MOVEMENT] == "earned", 0.0)
    booked = points.assign(earned=earned).set_index(C.TS)
    within = booked.groupby(C.CUSTOMER_ID)["earned"].rolling("365D").sum().round()
    expected = np.array(LEVELS)[np.searchsorted(LEVELS_FROM, within.to_numpy(), side="right")]
    assert (points[C.LEVEL] == expected).all()
    assert points[C.LEVEL].value_counts(normalize=True).between(0.05, 0.75).all()
    lapsed = points[points[C.MOVEMENT] == "expired"]
    assert lapsed[C.LEVEL].nunique() == 3


def test_parcels_cost_and_store_purchases_do_not(shop: SimulatedChunk, sales: pd.DataFrame) -> None:
    costs = shop.tables["costs"]
    shipped = set(costs.loc[costs[C.COST_KIND] == "shipping", C.ORDER_ID])
    assert shipped == set(sales.loc[sales[C.CHANNEL] != "store", C.ORDER_ID])
    assert (costs[C.AMOUNT] > 0).all()


def test_every_order_bears_one_payment_fee(
    shop: SimulatedChunk, sales: pd.DataFrame, order_value: pd.Series
) -> None:
    costs = shop.tables["costs"]
    fees = costs[costs[C.COST_KIND] == "payment"].set_index(C.ORDER_ID)
    assert fees.index.is_unique
    assert (fees[C.TS] == sales.groupby(C.ORDER_ID)[C.TS].first().reindex(fees.index)).all()
    expected = 0.25 + 0.014 * order_value
    np.testing.assert_allclose(fees[C.AMOUNT].reindex(expected.index), expected, atol=0.0051)


def test_surveys_answer_for_some_orders_and_fall_with_returns(
    shop: SimulatedChunk, order_value: pd.Series, first_return: pd.Series
) -> None:
    nps, csat = answers(shop, "nps"), answers(shop, "csat")
    assert (len(nps) + len(csat)) / len(order_value) == pytest.approx(0.15, abs=0.02)
    assert nps[C.SCORE].isin(range(11)).all()
    assert csat[C.SCORE].isin(range(1, 6)).all()
    after_return = nps[C.ORDER_ID].map(first_return) < nps[C.TS]
    assert nps.loc[after_return, C.SCORE].mean() < nps.loc[~after_return, C.SCORE].mean() - 0.5


def test_the_satisfied_stay_longer(shop: SimulatedChunk) -> None:
    scores = answers(shop, "nps").groupby(C.CUSTOMER_ID)[C.SCORE].mean()
    dropout = shop.truth["customers"].set_index(C.CUSTOMER_ID)["dropout_rate"]
    assert scores.corr(dropout.reindex(scores.index), method="spearman") < -0.1


def test_half_of_those_asked_for_satisfaction_rate_all_aspects_in_the_same_sitting(
    shop: SimulatedChunk,
) -> None:
    table, overall = shop.tables["surveys"], answers(shop, "csat")
    rated = table[table[C.ASPECT].notna()]
    assert (rated[C.SURVEY] == "csat").all()
    assert rated[C.SCORE].isin(range(1, 6)).all()
    by_order = rated.groupby(C.ORDER_ID)
    whole = rated[C.TS] < END - pd.Timedelta(minutes=2)
    aspects = by_order[C.ASPECT].agg(sorted)[rated.loc[whole, C.ORDER_ID].unique()]
    assert (aspects.map(tuple) == ("image", "price", "quality", "service")).all()
    assert rated[C.ORDER_ID].nunique() / len(overall) == pytest.approx(0.5, abs=0.05)
    pause = rated[C.TS] - rated[C.ORDER_ID].map(overall.set_index(C.ORDER_ID)[C.TS])
    assert pause.between(pd.Timedelta(seconds=1), pd.Timedelta(minutes=2)).all()


def test_each_aspect_has_reasons_of_its_own(shop: SimulatedChunk, first_return: pd.Series) -> None:
    truth = shop.truth["customers"].set_index(C.CUSTOMER_ID)
    drop, leaning = {}, {}
    for aspect in ("quality", "price", "service", "image"):
        rated = answers(shop, "csat", aspect)
        returned = rated[C.ORDER_ID].map(first_return) < rated[C.TS]
        drop[aspect] = rated.loc[~returned, C.SCORE].mean() - rated.loc[returned, C.SCORE].mean()
        thrift = truth["price_sensitivity"].reindex(rated[C.CUSTOMER_ID]).to_numpy()
        leaning[aspect] = float(np.corrcoef(thrift, rated[C.SCORE])[0, 1])
        satisfaction = truth["satisfaction"].reindex(rated[C.CUSTOMER_ID]).to_numpy()
        assert np.corrcoef(satisfaction, rated[C.SCORE])[0, 1] > 0.3, aspect
    assert drop["quality"] > max(drop["price"], drop["image"]) + 0.3
    assert leaning["price"] < min(leaning["quality"], leaning["image"]) - 0.2


def test_ease_is_asked_for_after_support(shop: SimulatedChunk) -> None:
    eased, costs = answers(shop, "ces"), shop.tables["costs"]
    tickets = costs[costs[C.COST_KIND] == "support"].set_index(C.ORDER_ID)[C.TS]
    wait = eased[C.TS] - eased[C.ORDER_ID].map(tickets)
    assert wait.between(pd.Timedelta(days=0.5), pd.Timedelta(days=4)).all()
    assert len(eased) / len(tickets) == pytest.approx(0.3, abs=0.06)
    assert eased[C.SCORE].isin(range(1, 8)).all()
    satisfaction = shop.truth["customers"].set_index(C.CUSTOMER_ID)["satisfaction"]
    assert eased[C.SCORE].corr(eased[C.CUSTOMER_ID].map(satisfaction)) > 0.3


def test_only_answers_on_paper_and_carriers_invoices_come_late(shop: SimulatedChunk) -> None:
    late_tables = {name for name, table in shop.tables.items() if C.AVAILABLE_AT in table}
    assert late_tables == {"surveys", "costs"}
    surveys, costs = shop.tables["surveys"], shop.tables["costs"]
    assert set(costs.loc[costs[C.AVAILABLE_AT].notna(), C.COST_KIND]) == {"shipping"}
    for table, most_days, share in ((surveys, 14, 0.04), (costs, 30, 0.02)):
        late = table.dropna(subset=C.AVAILABLE_AT)
        assert len(late) / len(table) == pytest.approx(share, abs=0.01)
        days = (late[C.AVAILABLE_AT] - late[C.TS]) / pd.Timedelta(days=1)
        assert days.between(1, most_days).all()
