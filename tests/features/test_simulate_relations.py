"""Passes held, customers brought and attributes declared, and what they tell of the truth."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from features.simulate import ShopPlan, SimulatedChunk, simulate, true_churn_probability
from features.vocabulary import Columns as C

PLAN = ShopPlan(n_customers=6_000, seed=3, days=1_000)
START, END = pd.Timestamp(PLAN.start), pd.Timestamp(PLAN.end)
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def shop() -> SimulatedChunk:
    return next(simulate(PLAN))


@pytest.fixture(scope="module")
def sales(shop: SimulatedChunk) -> pd.DataFrame:
    orders = shop.tables["orders"]
    return orders[orders[C.QUANTITY] > 0]


@pytest.fixture(scope="module")
def terms(shop: SimulatedChunk) -> pd.DataFrame:
    """Contracts beside the truth about them, each with its next term if there is one."""
    contracts = shop.tables["contracts"].merge(shop.truth["renewals"])
    contracts = contracts.merge(shop.truth["customers"], on=C.CUSTOMER_ID)
    same_pass = contracts.groupby([C.CUSTOMER_ID, C.PRODUCT_ID])
    return contracts.assign(
        next_start=same_pass[C.STARTS_AT].shift(-1), next_level=same_pass[C.LEVEL].shift(-1)
    )


def z_score(happened: pd.Series, chance: pd.Series) -> float:
    return float((happened - chance).sum() / np.sqrt((chance * (1 - chance)).sum()))


def test_about_a_third_hold_a_pass_or_two(shop: SimulatedChunk, terms: pd.DataFrame) -> None:
    held = terms.groupby(C.CUSTOMER_ID)[C.PRODUCT_ID].nunique()
    assert 0.30 < len(held) / PLAN.n_customers < 0.45
    assert 0.1 < (held == 2).mean() < 0.4
    assert set(terms[C.PRODUCT_ID]) == {"pass-delivery", "pass-care"}
    assert terms[C.LEVEL].value_counts(normalize=True).between(0.2, 0.8).all()


def test_a_pass_begins_on_the_day_of_an_order_or_before_the_history(
    shop: SimulatedChunk, sales: pd.DataFrame, terms: pd.DataFrame
) -> None:
    first = terms.drop_duplicates([C.CUSTOMER_ID, C.PRODUCT_ID])
    within = first[first[C.STARTS_AT] >= START]
    ordered = sales[[C.CUSTOMER_ID]].assign(starts_at=sales[C.TS].dt.normalize())
    assert len(within.merge(ordered.drop_duplicates())) == len(within) < len(first)
    signed_up = shop.tables["customers"].set_index(C.CUSTOMER_ID)[C.SIGNED_UP_AT].dt.normalize()
    assert (terms[C.STARTS_AT] >= terms[C.CUSTOMER_ID].map(signed_up)).all()
    assert terms[C.ENDS_AT].min() >= START
    assert terms[C.STARTS_AT].max() < END


def test_a_term_is_a_year_and_the_next_follows_without_a_gap(terms: pd.DataFrame) -> None:
    assert (terms[C.ENDS_AT] - terms[C.STARTS_AT] == 364 * DAY).all()
    renewed = terms["next_start"].notna()
    assert (terms.loc[renewed, "next_start"] == terms.loc[renewed, C.ENDS_AT] + DAY).all()
    assert terms.loc[renewed, C.CANCELLED_AT].isna().all()
    over = terms[terms[C.ENDS_AT] + DAY < END]
    lapsed = over["next_start"].isna() & over[C.CANCELLED_AT].isna()
    assert 0.01 < lapsed.sum() / over["keeps"].sum() < 0.08  # declined cards
    assert not lapsed[~over["keeps"]].any()


def test_notice_is_given_in_the_weeks_before_the_end_and_never_after_today(
    terms: pd.DataFrame,
) -> None:
    notice = terms.dropna(subset=C.CANCELLED_AT)
    assert (notice[C.CANCELLED_AT] < END).all()
    ahead = notice[C.ENDS_AT] - notice[C.CANCELLED_AT]
    assert ahead.between(18 * DAY, 60 * DAY).all()
    decided = terms["decided_day"] < PLAN.days
    assert (terms[C.CANCELLED_AT].notna() == (decided & ~terms["keeps"])).all()
    day = (notice[C.CANCELLED_AT] - START).dt.days
    assert (day == notice["decided_day"]).all()


def test_passes_are_kept_as_often_as_the_truth_says(terms: pd.DataFrame) -> None:
    """By those still there the more the more satisfied; by the others rarely."""
    decided = terms[terms["decided_day"].between(0, PLAN.days - 1)]
    gone = decided["died_day"] <= decided["decided_day"]
    there, left = decided[~gone], decided[gone]
    assert min(len(there), len(left)) > 500
    assert abs(z_score(there["keeps"], there["keep_alive"])) < 4
    assert abs(z_score(left["keeps"], left["keep_dropped_out"])) < 4
    assert there["keeps"].mean() > left["keeps"].mean() + 0.4
    satisfied = there["satisfaction"] > there["satisfaction"].median()
    assert there.loc[satisfied, "keeps"].mean() > there.loc[~satisfied, "keeps"].mean() + 0.1


def test_some_change_level_when_a_term_ends_by_how_often_they_ordered(
    sales: pd.DataFrame, terms: pd.DataFrame
) -> None:
    renewed = terms.dropna(subset="next_start").reset_index()
    orders = sales.drop_duplicates(C.ORDER_ID)[[C.CUSTOMER_ID, C.TS]]
    placed = renewed[["index", C.CUSTOMER_ID, C.STARTS_AT, "next_start"]].merge(orders)
    within = placed[C.TS].between(placed[C.STARTS_AT], placed["next_start"], inclusive="left")
    count = placed[within].groupby("index").size().reindex(renewed["index"]).fillna(0).to_numpy()
    renewed = renewed[renewed[C.STARTS_AT] >= START].assign(
        orders=count[renewed[C.STARTS_AT] >= START]
    )
    changed = renewed[renewed[C.LEVEL] != renewed["next_level"]]
    assert 0.1 < len(changed) / len(renewed) < 0.3
    assert ((changed["next_level"] == "plus") == (changed["orders"] >= 4)).all()


def test_a_decision_weighs_in_the_truth_by_bayes_rule() -> None:
    """Silence t, a decision s days into it, visits at rate v, dropout m: the closed form.

    Alive now: a exp(-(v + m) t). Dropped out before the decision:
    d m / (v + m) (1 - exp(-(v + m) s)), after it: a m / (v + m) (exp(-(v + m) s) -
    exp(-(v + m) t)), where a and d are how likely the decision was if alive, if not.
    """
    visit, dropout, t, s = 0.05, 0.01, 60, 35
    truth = pd.DataFrame(
        {
            C.CUSTOMER_ID: ["keeps", "leaves", "none"],
            "purchase_rate": 1e-7,
            "dropout_rate": dropout,
            "session_rate": visit,
            "campaign_effect": 0.0,
            "born_day": 10.5,
        }
    )
    renewals = pd.DataFrame(
        {
            C.CUSTOMER_ID: ["keeps", "leaves", "leaves"],
            "decided_day": [500 - t + s, 500 - t + s, 500],  # the last is not known yet
            "keeps": [True, False, True],
            "keep_alive": 0.8,
            "keep_dropped_out": 0.25,
        }
    )

    def churn(silent_days: int) -> pd.Series:
        last = START + pd.Timedelta(days=500 - silent_days - 1, hours=12)
        seen = pd.Series(last, index=truth[C.CUSTOMER_ID])
        as_of = PLAN.start + timedelta(days=500)
        return true_churn_probability(PLAN, truth, seen, as_of, 200, renewals)

    alive = (1 - churn(t)) / (1 - churn(0))
    rate = visit + dropout
    for customer, a, d in (("keeps", 0.8, 0.25), ("leaves", 0.2, 0.75), ("none", 1.0, 1.0)):
        now = a * np.exp(-rate * t)
        before = d * dropout / rate * -np.expm1(-rate * s)
        since = a * dropout / rate * (np.exp(-rate * s) - np.exp(-rate * t))
        assert alive[customer] == pytest.approx(now / (now + before + since), rel=1e-3)


def test_renewals_say_nothing_of_those_seen_since() -> None:
    plan = ShopPlan(n_customers=500, seed=4)
    truth = next(simulate(plan)).truth
    seen = pd.Series(
        pd.Timestamp(plan.end) - pd.Timedelta(hours=1), index=truth["customers"][C.CUSTOMER_ID]
    )
    without = true_churn_probability(plan, truth["customers"], seen, plan.end, 90)
    told = true_churn_probability(plan, truth["customers"], seen, plan.end, 90, truth["renewals"])
    pd.testing.assert_series_equal(told, without)


def test_referred_customers_were_brought_by_one_who_had_ordered_lately(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    referrals, customers = shop.tables["referrals"], shop.tables["customers"]
    people = customers.set_index(C.CUSTOMER_ID)
    referred = people.loc[referrals[C.REFERRED_CUSTOMER_ID]]
    assert referred.index.is_unique
    assert (referred[C.ACQUISITION_CHANNEL] == "referral").all()
    assert (referred[C.SIGNED_UP_AT].to_numpy() == referrals[C.TS].to_numpy()).all()
    orders = sales.drop_duplicates(C.ORDER_ID)[[C.CUSTOMER_ID, C.TS]]
    before = referrals.merge(orders, on=C.CUSTOMER_ID, suffixes=("", "_order"))
    lately = (before[C.TS] - before["ts_order"]).between(2 * DAY, 120 * DAY)
    assert set(before.loc[lately, C.REFERRED_CUSTOMER_ID]) == set(referred.index)
    arrived = (people[C.ACQUISITION_CHANNEL] == "referral") & (people[C.SIGNED_UP_AT] >= START)
    assert len(referrals) / arrived.sum() > 0.97


def test_the_satisfied_bring_others(shop: SimulatedChunk) -> None:
    truth = shop.truth["customers"].set_index(C.CUSTOMER_ID)
    brought = shop.tables["referrals"][C.CUSTOMER_ID].value_counts()
    satisfaction = truth["satisfaction"]
    assert satisfaction[brought.index].mean() > satisfaction.mean() + 0.5
    assert 0.03 < len(brought) / PLAN.n_customers < 0.12
    assert brought.max() < 25


def test_some_declare_household_income_and_lifestyle(shop: SimulatedChunk) -> None:
    people = shop.tables["customers"]
    shares = people[[C.HOUSEHOLD_SIZE, C.INCOME, C.LIFESTYLE]].notna().mean()
    assert shares.to_list() == pytest.approx([0.60, 0.35, 0.45], abs=0.03)
    assert people[C.HOUSEHOLD_SIZE].dropna().between(1, 6).all()
    assert people[C.INCOME].dropna().between(5_000, 400_000).all()
    assert people[C.LIFESTYLE].value_counts(normalize=True).between(0.1, 0.3).all()


def test_what_is_declared_leans_on_what_is_bought(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    people = shop.tables["customers"].merge(shop.truth["customers"], on=C.CUSTOMER_ID)
    bought = sales.merge(shop.tables["products"][[C.PRODUCT_ID, C.CATEGORY]], on=C.PRODUCT_ID)
    bought = bought.merge(people, on=C.CUSTOMER_ID)
    for lifestyle, category in (
        ("family", "Baby"),
        ("gourmet", "Pantry"),
        ("homemaker", "Cleaning"),
        ("wellness", "Beauty"),
    ):
        share = (bought[C.CATEGORY] == category).groupby(bought[C.LIFESTYLE]).mean()
        assert share.idxmax() == lifestyle
        assert share[lifestyle] < 2.5 * share.drop(lifestyle).mean()  # a hint, no more
    thrift = people.groupby(C.LIFESTYLE)["price_sensitivity"].mean()
    assert thrift["thrifty"] > thrift.drop("thrifty").max() + 0.08
    assert -0.6 < people[C.INCOME].corr(people["price_sensitivity"], method="spearman") < -0.2
    for_children = bought[C.CATEGORY].isin(["Baby", "Toys"])
    of_size = for_children.groupby(bought[C.HOUSEHOLD_SIZE] > 2).mean()
    assert of_size[True] > of_size[False] + 0.03
