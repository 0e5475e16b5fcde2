"""The truth beside the simulated tables agrees with what happens in them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from features.errors import DataError
from features.simulate import (
    ShopPlan,
    SimulatedChunk,
    campaign_outcomes,
    simulate,
    true_churn_probability,
)
from features.simulation.seasons import season
from features.vocabulary import Columns as C

PLAN = ShopPlan()
HORIZON_DAYS = 90


@pytest.fixture(scope="module")
def shop() -> SimulatedChunk:
    return next(simulate(PLAN, PLAN.n_customers))


@pytest.fixture(scope="module")
def sales(shop: SimulatedChunk) -> pd.DataFrame:
    orders = shop.tables["orders"]
    return orders.loc[orders[C.QUANTITY] > 0, [C.CUSTOMER_ID, C.ORDER_ID, C.PRODUCT_ID, C.TS]]


def last_activity(shop: SimulatedChunk, sales: pd.DataFrame, cutoff: pd.Timestamp) -> pd.Series:
    columns = [C.CUSTOMER_ID, C.TS]
    activity = pd.concat([sales[columns], shop.tables["events"][columns]])
    return activity[activity[C.TS] < cutoff].groupby(C.CUSTOMER_ID)[C.TS].max()


def predicted_and_churned(
    shop: SimulatedChunk, sales: pd.DataFrame, days_before_end: int
) -> pd.DataFrame:
    as_of = PLAN.end - timedelta(days=days_before_end)
    cutoff = pd.Timestamp(as_of)
    activity = last_activity(shop, sales, cutoff)
    predicted = true_churn_probability(PLAN, shop.truth["customers"], activity, as_of, HORIZON_DAYS)
    look_back = sales[sales[C.TS].between(cutoff - pd.Timedelta(days=365), cutoff, "left")]
    later = sales[sales[C.TS].between(cutoff, cutoff + pd.Timedelta(days=HORIZON_DAYS), "left")]
    rows = pd.DataFrame({"predicted": predicted, "last_activity": activity})
    rows = rows[rows.index.isin(look_back[C.CUSTOMER_ID])]
    return rows.assign(churned=~rows.index.isin(later[C.CUSTOMER_ID]))


def z_score(observed: pd.Series, probability: pd.Series) -> float:
    spread = np.sqrt((probability * (1 - probability)).sum())
    return float((observed.sum() - probability.sum()) / spread)


def customers(**rates: float) -> pd.DataFrame:
    truth = {
        "purchase_rate": 0.02,
        "dropout_rate": 1e-9,
        "session_rate": 0.05,
        "campaign_effect": 0.0,
        "born_day": 10.5,
    }
    return pd.DataFrame([{C.CUSTOMER_ID: "C1"} | truth | rates])


def seen_on(day: int) -> pd.Series:
    return pd.Series([pd.Timestamp(PLAN.start) + pd.Timedelta(days=day, hours=12)], index=["C1"])


def test_the_shop_is_of_the_size_and_habit_that_was_meant(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    orders = sales[C.ORDER_ID].nunique()
    assert 150_000 < len(sales) < 250_000
    assert 4 < orders / PLAN.n_customers < 6
    assert 0.50 < predicted_and_churned(shop, sales, 90)["churned"].mean() < 0.65


@pytest.mark.parametrize("days_before_end", [90, 270])
def test_true_churn_probability_is_calibrated(
    shop: SimulatedChunk, sales: pd.DataFrame, days_before_end: int
) -> None:
    rows = predicted_and_churned(shop, sales, days_before_end)
    bins = pd.qcut(rows["predicted"], 10, labels=False)
    scores = [z_score(each["churned"], each["predicted"]) for _, each in rows.groupby(bins)]
    assert len(scores) == 10
    assert max(np.abs(scores)) < 4
    assert np.sum(np.square(scores)) < 29.6  # chi-squared, 10 degrees of freedom, 0.1 %


def test_true_churn_probability_ranks_well_but_not_perfectly(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    rows = predicted_and_churned(shop, sales, 90)
    known = roc_auc_score(rows["churned"], rows["predicted"])
    recency = roc_auc_score(rows["churned"], -rows["last_activity"].astype("int64"))
    assert 0.80 < known < 0.88
    assert known > recency + 0.05  # there is something to learn beyond recency


def test_without_dropout_churn_is_the_poisson_zero_term() -> None:
    as_of_day = 600
    probability = true_churn_probability(
        PLAN, customers(), seen_on(590), PLAN.start + timedelta(days=as_of_day), HORIZON_DAYS
    )
    exposure = season(PLAN, np.arange(as_of_day, as_of_day + HORIZON_DAYS)).sum()
    assert probability["C1"] == pytest.approx(np.exp(-0.02 * exposure), rel=1e-5)


def test_every_campaign_tosses_a_fair_coin_of_its_own() -> None:
    """Without dropout, each window contributes the mean of its two arms, independently."""
    first, second, end = 195, 225, 255  # two campaigns, 30 days apart
    as_of = PLAN.start + timedelta(days=first)
    truth = customers(campaign_effect=1.5)
    probability = true_churn_probability(PLAN, truth, seen_on(first - 1), as_of, end - first)
    expected = 1.0
    for start in (first, second):
        window = 0.02 * season(PLAN, np.arange(start, start + 14)).sum()
        rest = 0.02 * season(PLAN, np.arange(start + 14, start + 30)).sum()
        expected *= np.exp(-rest) * (np.exp(-window) + np.exp(-2.5 * window)) / 2
    assert probability["C1"] == pytest.approx(expected, rel=1e-6)


def test_p_alive_is_the_pareto_nbd_closed_form_where_only_visits_count() -> None:
    """1 / (1 + m / (v + m) (exp((v + m) t) - 1)): visits at rate v, dropout m, silence t.

    Orders are too rare to matter before the cutoff. P(no order | alive) is the same for the
    silent as for the just seen, so it drops out of their ratio.
    """
    visit, dropout, purchase, silence = 0.05, 0.01, 1e-7, 60
    truth = customers(purchase_rate=purchase, dropout_rate=dropout, session_rate=visit)
    as_of = PLAN.start + timedelta(days=500)
    silent = true_churn_probability(PLAN, truth, seen_on(500 - silence - 1), as_of, 200)
    fresh = true_churn_probability(PLAN, truth, seen_on(499), as_of, 200)
    alive = (1 - silent["C1"]) / (1 - fresh["C1"])
    rate = visit + dropout
    closed_form = 1 / (1 + dropout / rate * np.expm1(rate * silence))
    assert alive == pytest.approx(closed_form, rel=1e-3)


def test_activity_after_the_cutoff_is_refused() -> None:
    as_of = PLAN.start + timedelta(days=200)
    with pytest.raises(DataError, match="at or after the cutoff"):
        true_churn_probability(PLAN, customers(), seen_on(200), as_of, HORIZON_DAYS)


@settings(max_examples=40, deadline=None)
@given(
    purchase=st.floats(1e-4, 0.2),
    dropout=st.floats(1e-4, 0.1),
    visit=st.floats(0.0, 0.3),
    effect=st.floats(-0.6, 2.5),
    silence=st.integers(1, 80),
)
def test_more_silence_is_more_churn_and_a_longer_horizon_less(
    purchase: float, dropout: float, visit: float, effect: float, silence: int
) -> None:
    truth = customers(
        purchase_rate=purchase, dropout_rate=dropout, session_rate=visit, campaign_effect=effect
    )
    as_of = PLAN.start + timedelta(days=200)

    def churn(silent_days: int, horizon_days: int) -> float:
        last = seen_on(200 - 1 - silent_days)
        return float(true_churn_probability(PLAN, truth, last, as_of, horizon_days)["C1"])

    base = churn(silence, 60)
    assert 0 <= base <= 1
    assert churn(silence + 30, 60) >= base - 1e-9
    assert churn(silence, 90) <= base + 1e-9


def test_contacts_are_randomised(shop: SimulatedChunk) -> None:
    contacts = shop.tables["contacts"].merge(shop.truth["customers"], on=C.CUSTOMER_ID)
    consent = shop.tables["customers"].set_index(C.CUSTOMER_ID)[C.EMAIL_CONSENT]
    assert contacts[C.CUSTOMER_ID].map(consent).all()
    treated = contacts[C.TREATED]
    assert abs(treated.sum() - len(treated) / 2) < 4 * np.sqrt(len(treated) / 4)
    for trait in ("purchase_rate", "dropout_rate", "campaign_effect", "satisfaction"):
        gap = contacts.loc[treated, trait].mean() - contacts.loc[~treated, trait].mean()
        assert abs(gap) < 4 * contacts[trait].std() / np.sqrt(len(contacts) / 4), trait


def test_only_the_treated_cost_open_or_accept(shop: SimulatedChunk, sales: pd.DataFrame) -> None:
    contacts = shop.tables["contacts"]
    held_out = contacts[~contacts[C.TREATED]]
    assert held_out[[C.OPENED_AT, C.ACCEPTED_AT]].isna().all(axis=None)
    assert (held_out[C.COST] == 0).all()
    assert (contacts.loc[contacts[C.TREATED], C.COST] > 0).all()
    accepted = contacts.dropna(subset=C.ACCEPTED_AT)
    assert len(accepted) > 1_000
    assert (accepted[C.TS] <= accepted[C.OPENED_AT]).all()
    assert (accepted[C.OPENED_AT] < accepted[C.ACCEPTED_AT]).all()
    assert (accepted[C.ACCEPTED_AT] - accepted[C.TS] < pd.Timedelta(days=14)).all()
    orders = sales.drop_duplicates(C.ORDER_ID)[[C.CUSTOMER_ID, C.TS]]
    found = accepted.merge(
        orders, left_on=[C.CUSTOMER_ID, C.ACCEPTED_AT], right_on=[C.CUSTOMER_ID, C.TS]
    )
    assert len(found) == len(accepted)


def test_treated_and_held_out_buy_as_often_as_the_truth_says(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    contacts, truth = shop.tables["contacts"], shop.truth["campaign_effects"]
    keys = [C.CUSTOMER_ID, C.CAMPAIGN_ID]
    assert (contacts[keys] == truth[keys]).all(axis=None)
    sent = contacts.groupby(C.CAMPAIGN_ID)[C.TS].min().dt.normalize()
    whole = contacts[C.CAMPAIGN_ID].map(sent) + pd.Timedelta(days=14) <= pd.Timestamp(PLAN.end)
    rows = truth.assign(treated=contacts[C.TREATED], day=contacts[C.TS].dt.normalize())[whole]
    bought = sales.drop_duplicates(C.ORDER_ID).merge(
        rows.reset_index()[[C.CUSTOMER_ID, "day", "index"]], on=C.CUSTOMER_ID
    )
    since = bought[C.TS] - bought["day"]
    within = (since >= pd.Timedelta(0)) & (since < pd.Timedelta(days=14))
    rows = rows.assign(bought=rows.index.isin(bought.loc[within, "index"]))

    persuadable = rows["campaign_effect"] > 0.5
    put_off = rows["campaign_effect"] < -0.1
    for group in (persuadable, put_off, ~persuadable & ~put_off):
        treated, held_out = rows[group & rows["treated"]], rows[group & ~rows["treated"]]
        assert abs(z_score(treated["bought"], treated["probability_treated"])) < 4
        assert abs(z_score(held_out["bought"], held_out["probability_held_out"])) < 4
    lift = rows["probability_treated"] - rows["probability_held_out"]
    assert lift[persuadable & rows["alive"]].mean() > 0.03
    assert lift[put_off].mean() < -0.01
    assert lift[put_off | persuadable].abs().max() > 0.15


def test_the_effect_of_e_mails_can_be_learned_from_the_profile(shop: SimulatedChunk) -> None:
    people = shop.tables["customers"].merge(shop.truth["customers"], on=C.CUSTOMER_ID)
    people = people[people[C.EMAIL_CONSENT]]
    means = people.groupby(C.ACQUISITION_CHANNEL)["campaign_effect"].mean()
    assert means["social"] > means["search"] + 0.3 > means["direct"] + 0.4
    assert people["campaign_effect"].corr(people["purchase_rate"], method="spearman") < -0.3
    assert 0.02 < (people["campaign_effect"] < -0.1).mean() < 0.25


def test_campaign_outcomes_without_dropout_are_poisson() -> None:
    outcomes = campaign_outcomes(PLAN, customers(campaign_effect=0.5), 735).loc["C1"]
    exposure = season(PLAN, np.arange(735, 749)).sum()
    assert outcomes["probability_held_out"] == pytest.approx(1 - np.exp(-0.02 * exposure))
    assert outcomes["probability_treated"] == pytest.approx(1 - np.exp(-0.03 * exposure))


def test_complements_are_added_about_as_often_as_the_truth_says(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    """Observed P(complement | anchor) is the stated chance, or the complement's own popularity."""
    truth = shop.truth["complements"]
    assert truth[C.PRODUCT_ID].nunique() == 60
    assert truth["probability"].between(0.2, 0.5).all()
    assert not set(truth["complement_id"]) & set(truth[C.PRODUCT_ID])
    orders_of = {product: set(each) for product, each in sales.groupby(C.PRODUCT_ID)[C.ORDER_ID]}
    n_orders = sales[C.ORDER_ID].nunique()
    excess, checked = 0.0, 0
    for anchor, complement, chance in truth.itertuples(index=False):
        with_anchor, with_complement = orders_of[anchor], orders_of[complement]
        n = len(with_anchor)
        if n < 100:
            continue
        both = len(with_anchor & with_complement)
        alone = (len(with_complement) - both) / (n_orders - n)
        expected = chance + (1 - chance) * alone
        assert abs(both / n - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n) + 0.02
        excess += both / n - expected
        checked += 1
    assert checked > 50
    assert abs(excess / checked) < 0.02


def test_nobody_acts_before_birth_or_after_death(shop: SimulatedChunk, sales: pd.DataFrame) -> None:
    truth = shop.truth["customers"]
    for table in (sales, shop.tables["events"]):
        acts = table[[C.CUSTOMER_ID, C.TS]].merge(truth, on=C.CUSTOMER_ID)
        day = (acts[C.TS] - pd.Timestamp(PLAN.start)).dt.days
        assert (day >= np.floor(acts["born_day"])).all()
        assert ((day <= np.floor(acts["died_day"])) | acts["died_day"].isna()).all()


def test_a_year_of_seasons_is_about_one_with_a_peak_before_christmas() -> None:
    year = season(PLAN, np.arange(365))
    assert year.mean() == pytest.approx(1, abs=0.03)
    weekly = np.convolve(year, np.ones(7) / 7, mode="same")
    peak = PLAN.start + timedelta(days=int(weekly[3:-3].argmax()) + 3)
    assert (peak.month, peak.year) == (12, 2024)
    assert weekly.max() > 1.5
