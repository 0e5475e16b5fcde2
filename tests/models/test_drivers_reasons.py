"""Churn reasons: what the model leans on, what customers said, what was tested, never mixed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.drivers import (
    churn_reasons,
    grade_trials,
    randomised_causes,
    stated_among_churners,
    stated_reasons,
)
from models.drivers.tested import difference_interval

VECTORS = pd.DataFrame(
    {
        "customer_id": ["ada", "bob", "cyd", "dan", "eve"],
        "nps_last": [3.0, 9.0, np.nan, 6.0, np.nan],
        "csat_last": [2.0, 5.0, np.nan, 3.0, np.nan],
        "price_satisfaction_mean": [0.25, 1.0, np.nan, 0.4, np.nan],
        "service_satisfaction_mean": [0.75, 0.9, np.nan, 0.4, np.nan],
        "support_tickets_90d": [0.0, 0.0, 2.0, np.nan, np.nan],
        "notices_pending": [np.nan, np.nan, 1.0, np.nan, np.nan],
    }
)


def reasons_of(customer: str, stated: pd.DataFrame) -> list[tuple[str, str, str]]:
    own = stated[stated["customer_id"] == customer]
    return list(own[["source", "reason", "evidence"]].itertuples(index=False, name=None))


def test_low_answers_and_the_lowest_aspect_are_stated_reasons() -> None:
    assert reasons_of("ada", stated_reasons(VECTORS)) == [
        ("survey", "would not recommend the shop", "last NPS 3 of 10"),
        ("survey", "not satisfied", "last CSAT 2 of 5"),
        ("survey", "unhappy with price",
         "rated it 25 of 100, the lowest of 2 aspects asked about"),
    ]  # fmt: skip


def test_aspects_rated_equally_low_are_both_named() -> None:
    told = [reason for _, reason, _ in reasons_of("dan", stated_reasons(VECTORS))]
    assert told == [
        "would not recommend the shop", "unhappy with price", "unhappy with service"
    ]  # fmt: skip


def test_complaints_and_notices_are_stated_reasons() -> None:
    assert reasons_of("cyd", stated_reasons(VECTORS)) == [
        ("complaint", "needed support", "2 support tickets in the last 90 days"),
        ("notice", "gave notice", "1 active contract under notice"),
    ]


def test_the_content_and_the_silent_state_nothing() -> None:
    stated = stated_reasons(VECTORS)
    assert reasons_of("bob", stated) == []
    assert reasons_of("eve", stated) == []


def test_cancellation_codes_are_reported_as_they_were_given() -> None:
    stated = stated_reasons(VECTORS, {"eve": "moved abroad", "nobody": "too dear"})
    assert reasons_of("eve", stated) == [
        ("cancellation code", "moved abroad", "named when cancelling")
    ]
    assert "nobody" not in set(stated["customer_id"])


def test_a_shop_that_asks_nothing_hears_nothing() -> None:
    assert stated_reasons(VECTORS[["customer_id"]]).empty


def test_what_churners_had_stated_beside_those_who_stayed() -> None:
    stated = stated_reasons(VECTORS)
    customers = VECTORS["customer_id"].to_numpy(dtype=str)
    table = stated_among_churners(stated, customers, np.array([1.0, 0.0, 1.0, 0.0, 1.0]))
    recommend = table.set_index("reason").loc["would not recommend the shop"]
    assert (recommend["churners"], recommend["stayers"]) == (1, 1)
    assert recommend["share_of_churners"] == pytest.approx(1 / 3)
    assert recommend["share_of_stayers"] == pytest.approx(1 / 2)
    assert recommend["churn_rate"] == 0.5
    silent = table.iloc[-1]
    assert silent["reason"] == "stated nothing"
    assert (silent["churners"], silent["stayers"]) == (1, 1)


def trial(
    campaign: str, n: int, churn_treated: float, churn_held_out: float, unlike: float = 0.0
) -> pd.DataFrame:
    """Make a campaign with exact churn rates; ``unlike`` shifts what was known of the treated."""
    treated = np.arange(n) % 2 == 0
    place = np.arange(n) // 2
    rate = np.where(treated, churn_treated, churn_held_out)
    return pd.DataFrame(
        {
            "customer_id": [f"{campaign}{number}" for number in range(n)],
            "campaign_id": campaign,
            "treated": treated,
            "churned": (place < rate * (n // 2)).astype(np.float64),
            "recency_days": 30.0 + place % 7 + np.where(treated, unlike, 0.0),
        }
    )


def graded(*trials: pd.DataFrame) -> pd.DataFrame:
    table = grade_trials(pd.concat(trials, ignore_index=True), ["recency_days"])
    return table.set_index("campaign_id", drop=False)


def test_a_balanced_hold_out_is_randomised_and_its_effect_a_cause() -> None:
    table = graded(trial("win", 2_000, 0.3, 0.5), trial("idle", 2_000, 0.4, 0.4))
    assert table["grade"].tolist() == ["randomised", "randomised"]
    assert table.loc["win", "effect"] == pytest.approx(-0.2)
    assert table.loc["win", "high"] < 0
    causes = randomised_causes(table)
    assert causes["campaign_id"].tolist() == ["win"]


def test_arms_that_were_unlike_before_are_observational_whatever_the_effect() -> None:
    table = graded(trial("picked", 2_000, 0.1, 0.9, unlike=5.0))
    assert table["grade"].tolist() == ["observational"]
    assert randomised_causes(table).empty


def test_without_anyone_held_out_there_is_only_risk() -> None:
    everyone = trial("blast", 200, 0.3, 0.5)
    table = graded(everyone[everyone["treated"]])
    assert table["grade"].tolist() == ["risk_only"]
    assert np.isnan(table["effect"].iloc[0])


def test_small_arms_and_nothing_known_before_convince_nobody() -> None:
    assert graded(trial("small", 40, 0.0, 1.0))["grade"].tolist() == ["observational"]
    blind = grade_trials(trial("blind", 2_000, 0.3, 0.5), [])
    assert blind["grade"].tolist() == ["observational"]


def test_of_many_idle_campaigns_none_becomes_a_cause_by_chance() -> None:
    random = np.random.default_rng(0)
    many = []
    for number in range(40):
        one = trial(f"m{number:02d}", 400, 0.5, 0.5)
        many.append(one.assign(churned=(random.random(400) < 0.5).astype(np.float64)))
    table = graded(*many)
    assert ((table["low"] > 0) | (table["high"] < 0)).any()  # chance alone, of forty
    assert randomised_causes(table).empty


def test_the_interval_is_newcombes() -> None:
    """His example of 56 of 70 against 48 of 80: 0.0524 to 0.3339 (1998, table II, a)."""
    effect, low, high = difference_interval(56, 70, 48, 80)
    assert effect == pytest.approx(0.2)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


@settings(max_examples=60)
@given(st.data())
def test_the_interval_holds_the_difference_and_stays_in_bounds(data: st.DataObject) -> None:
    n_1, n_2 = data.draw(st.integers(1, 200)), data.draw(st.integers(1, 200))
    events_1 = data.draw(st.integers(0, n_1))
    events_2 = data.draw(st.integers(0, n_2))
    effect, low, high = difference_interval(events_1, n_1, events_2, n_2)
    assert -1 - 1e-9 <= low <= effect + 1e-9
    assert effect - 1e-9 <= high <= 1 + 1e-9


def test_a_customers_reasons_are_under_three_names() -> None:
    driver = {"feature": "recency_days", "text": "has not ordered for 74 days (raises churn)"}
    trials = trial("win", 2_000, 0.3, 0.5).replace({"customer_id": {"win1": "ada"}})
    tested = randomised_causes(grade_trials(trials, ["recency_days"]))
    told = churn_reasons("ada", json.dumps([driver]), stated_reasons(VECTORS), trials, tested)
    assert set(told.to_json()) == {"model_attribution", "stated_reasons", "tested_causes"}
    assert told.model_attribution == [driver]
    assert [reason["reason"] for reason in told.stated_reasons][-1] == "unhappy with price"
    (cause,) = told.tested_causes
    assert cause["arm"] == "held out"
    assert cause["grade"] == "randomised"
    assert cause["evidence"] == (
        "being contacted lowered churn by 20.0 percentage points (95 % interval 15.8 to 24.1; "
        "1,000 contacted, 1,000 held out)"
    )


def test_without_statements_or_tests_the_reasons_are_empty() -> None:
    told = churn_reasons("eve", None, stated_reasons(VECTORS))
    assert told.to_json() == {"model_attribution": [], "stated_reasons": [], "tested_causes": []}
