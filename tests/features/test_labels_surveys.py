"""Next survey scores: the first answer in the horizon, of those who answer."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from features.errors import TrainingError
from features.labels import next_survey_scores
from features.rollup import Rollups

AS_OF = date(2025, 3, 1)
HORIZON_DAYS = 30


def day(days: int) -> date:
    """The day that lies so many days after the cutoff."""
    return AS_OF + timedelta(days=days)


# (customer, survey, days from the cutoff, score, days until known)
ANSWERS = [
    ("ann", "nps", -1, 0, 0),
    ("ann", "nps", 0, 9, 0),
    ("ann", "nps", 3, 2, 0),
    ("ann", "csat", 29, 4, 0),
    ("ann", "ces", 30, 7, 0),
    ("bob", "csat", 7, 2, 40),  # known long after the horizon
    ("bob", "csat", 8, 5, 0),
    ("cid", "csat", 5, 1, 0),  # about three aspects on one day
    ("cid", "csat", 5, 2, 0),
    ("cid", "csat", 5, 5, 0),
    ("new", "nps", 5, 10, 0),  # not of the population: no order before the cutoff
]


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    """Kept in two shares of the customers."""
    buyers = ["ann", "bob", "cid", "dot"]
    orders = lines(*((name, name, "tea", str(day(-10)), 1, 10) for name in buyers))
    answers = pd.DataFrame(
        {
            "customer_id": [answer[0] for answer in ANSWERS],
            "survey": [answer[1] for answer in ANSWERS],
            "ts": pd.to_datetime([day(answer[2]) for answer in ANSWERS]),
            "score": [float(answer[3]) for answer in ANSWERS],
            "available_at": pd.to_datetime([day(answer[2] + answer[4]) for answer in ANSWERS]),
        }
    )
    tables = {"orders": orders, "surveys": answers}
    return open_lasting_shop(tables, engine={"buckets": 2})


def scores(shop: Any, *cutoffs: date, lookback_days: int = 365) -> pd.DataFrame:
    return next_survey_scores(
        shop.engine, shop.prepared.rollups, cutoffs, HORIZON_DAYS, lookback_days=lookback_days
    )


@pytest.fixture(scope="module")
def answers(shop: Any) -> pd.DataFrame:
    return scores(shop, AS_OF).set_index("customer_id")


@pytest.mark.parametrize(
    ("customer", "survey", "score", "answered_on"),
    [
        ("ann", "nps", 9.0, day(0)),
        ("ann", "csat", 4.0, day(29)),
        ("bob", "csat", 2.0, day(7)),
        ("cid", "csat", 8 / 3, day(5)),
    ],
)
def test_the_first_answer_in_the_horizon_counts(
    answers: pd.DataFrame, customer: str, survey: str, score: float, answered_on: date
) -> None:
    assert answers.loc[customer, f"{survey}_next"] == pytest.approx(score)
    assert answers.loc[customer, f"{survey}_next_day"] == answered_on


def test_no_answer_is_missing_and_no_low_score(answers: pd.DataFrame) -> None:
    assert list(answers.index) == ["ann", "bob", "cid", "dot"]
    assert answers.drop(columns="as_of").loc["dot"].isna().all()
    assert answers.loc["ann", ["ces_next", "ces_next_day"]].isna().all()  # at the end: too late
    assert answers.loc["bob", ["nps_next", "nps_next_day"]].isna().all()


def test_the_population_ordered_within_the_look_back(shop: Any) -> None:
    assert scores(shop, AS_OF, lookback_days=9).empty
    assert len(scores(shop, AS_OF, lookback_days=10)) == 4


def test_several_cutoffs_are_the_same_as_one_at_a_time(shop: Any) -> None:
    cutoffs = [day(-5), AS_OF, day(6)]
    single = pd.concat([scores(shop, cutoff) for cutoff in cutoffs])
    single = single.sort_values(["customer_id", "as_of"], ignore_index=True)
    together = scores(shop, *cutoffs)
    pd.testing.assert_frame_equal(together, single, check_exact=True)
    first = together.set_index(["customer_id", "as_of"])
    assert first.loc[("ann", day(-5)), "nps_next"] == 0.0
    assert first.loc[("bob", day(6)), "csat_next"] == 2.0
    assert first.loc[("ann", day(6)), "ces_next"] == 7.0


def test_a_shop_without_surveys_learns_what_is_missing(shop: Any) -> None:
    orders = Rollups({"order_states": shop.prepared.rollups["order_states"]})
    with pytest.raises(TrainingError, match=r"no surveys table(?s:.*)\[\[tables\.surveys\]\]"):
        next_survey_scores(shop.engine, orders, [AS_OF], HORIZON_DAYS, lookback_days=365)
