"""Offer responses: what came of each contact, made or held out, by the horizon's end."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from features.errors import TrainingError
from features.labels import offer_responses
from features.rollup import Rollups

AS_OF = date(2025, 3, 1)
HORIZON_DAYS, RESPONSE_DAYS = 30, 7


def day(days: int) -> date:
    """The day that lies so many days after the cutoff."""
    return AS_OF + timedelta(days=days)


# (customer, treated, sent, accepted), in days from the cutoff.
CONTACTS = [
    ("day before", True, -1, 2),
    ("on the cutoff", True, 0, 0),
    ("last day", True, 29, 29),
    ("at the end", True, 30, 31),
    ("accepted last day", True, 2, 29),
    ("accepted at the end", True, 2, 30),
    ("never accepted", True, 2, None),
    ("accepted by another clock", True, 5, 4),
    ("held out, ordered", False, 2, None),
    ("held out, did not", False, 2, None),
    ("ordered before", True, 10, None),
    ("ordered the same day", True, 10, None),
    ("ordered in time", True, 10, None),
    ("ordered too late", True, 10, None),
    ("returned in time", True, 10, None),
    ("learned of late", True, 10, None),
    ("just over", True, 23, None),
    ("not yet over", True, 24, None),
    ("its record came again", True, 1, None),
    ("its record came again", True, 1, 4),
    ("its record came again with other days", True, 3, 35),
    ("its record came again with other days", True, 1, 4),
    ("nameless", True, 1, None),
    ("nameless", True, 9, 10),
]
# (customer, days from the cutoff, quantity, days until known)
ORDERS = [
    ("held out, ordered", 3, 1, 0),
    ("ordered before", 9, 1, 0),
    ("ordered the same day", 10, 1, 0),
    ("ordered in time", 16, 1, 0),
    ("ordered too late", 17, 1, 0),
    ("returned in time", 11, 1, 0),
    ("returned in time", 20, -1, 0),
    ("learned of late", 11, 1, 50),
    ("just over", 24, 1, 0),
    ("not yet over", 25, 1, 0),
]


def contacts() -> pd.DataFrame:
    frame = pd.DataFrame(CONTACTS, columns=["customer_id", "treated", "sent", "accepted"])
    since = pd.Timestamp(AS_OF) + pd.Timedelta(hours=9)
    return frame.assign(
        contact_id=frame["customer_id"].where(frame["customer_id"] != "nameless"),
        campaign_id="spring",
        offer_id="tea-10",
        channel="email",
        ts=since + pd.to_timedelta(frame["sent"], unit="D"),
        accepted_at=since + pd.to_timedelta(frame["accepted"].astype("float64"), unit="D"),
    ).drop(columns=["sent", "accepted"])


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    rows = [(customer, customer, "tea", str(day(when)), n, 10) for customer, when, n, _ in ORDERS]
    known = pd.to_datetime([day(when + late) for _, when, _, late in ORDERS])
    return open_lasting_shop({"orders": lines(*rows, available_at=known), "contacts": contacts()})


def responses(shop: Any, *cutoffs: date) -> pd.DataFrame:
    return offer_responses(
        shop.engine,
        shop.prepared.rollups,
        cutoffs,
        HORIZON_DAYS,
        response_days=RESPONSE_DAYS,
    )


@pytest.fixture(scope="module")
def judged(shop: Any) -> pd.DataFrame:
    return responses(shop, AS_OF).set_index("customer_id")


def test_one_row_per_contact_of_the_horizon_made_or_held_out(judged: pd.DataFrame) -> None:
    outside = {"day before", "at the end"}
    assert set(judged.index) == {name for name, *_ in CONTACTS} - outside
    assert len(judged) == judged.index.nunique() + 1  # two to the nameless
    assert set(judged.index[~judged["treated"]]) == {"held out, ordered", "held out, did not"}


def test_a_contact_keeps_its_campaign_offer_and_channel(judged: pd.DataFrame) -> None:
    assert judged.loc["held out, did not"].to_dict() == {
        "as_of": AS_OF,
        "day": day(2),
        "campaign_id": "spring",
        "contact_id": "held out, did not",
        "offer_id": "tea-10",
        "channel": "email",
        "treated": False,
        "accepted": 0,
        "ordered": 0.0,
    }


@pytest.mark.parametrize(
    ("customer", "accepted"),
    [
        ("on the cutoff", 1),
        ("last day", 1),
        ("accepted last day", 1),
        ("accepted at the end", 0),
        ("never accepted", 0),
        ("accepted by another clock", 1),
        ("held out, ordered", 0),
    ],
)
def test_an_offer_is_accepted_when_taken_up_before_the_end_of_the_horizon(
    judged: pd.DataFrame, customer: str, accepted: int
) -> None:
    assert judged.loc[customer, "accepted"] == accepted


@pytest.mark.parametrize(
    ("customer", "ordered"),
    [
        ("held out, ordered", 1.0),
        ("held out, did not", 0.0),
        ("ordered before", 0.0),
        ("ordered the same day", 1.0),
        ("ordered in time", 1.0),
        ("ordered too late", 0.0),
        ("returned in time", 0.0),
        ("learned of late", 1.0),
    ],
)
def test_an_order_is_a_response_from_the_day_of_the_contact_for_the_response_days(
    judged: pd.DataFrame, customer: str, ordered: float
) -> None:
    assert judged.loc[customer, "ordered"] == ordered


def test_while_the_response_days_are_not_over_the_outcome_is_missing_either_way(
    judged: pd.DataFrame,
) -> None:
    assert judged.loc["just over", "ordered"] == 1.0
    assert judged.loc[["not yet over", "last day"], "ordered"].isna().all()


def test_several_cutoffs_are_the_same_as_one_at_a_time(shop: Any) -> None:
    cutoffs = [day(-7), AS_OF, day(6)]
    single = pd.concat([responses(shop, cutoff) for cutoff in cutoffs])
    keys = ["customer_id", "as_of", "day"]
    single = single.sort_values(keys, ignore_index=True)
    together = responses(shop, *cutoffs)
    pd.testing.assert_frame_equal(together, single, check_exact=True)
    earlier = together.set_index(["customer_id", "as_of"])["accepted"]
    assert earlier["accepted last day", day(-7)] == 0
    assert earlier["accepted last day", AS_OF] == 1


def test_contacts_without_an_id_are_told_apart_by_campaign_and_time(judged: pd.DataFrame) -> None:
    nameless = judged.loc["nameless"]
    assert nameless["contact_id"].nunique() == 2
    assert nameless[["day", "accepted"]].to_numpy().tolist() == [[day(1), 0], [day(9), 1]]


def test_a_contact_whose_record_comes_again_with_its_acceptance_is_one(
    judged: pd.DataFrame,
) -> None:
    contact = judged.loc["its record came again"]
    assert contact[["day", "accepted"]].tolist() == [day(1), 1]


def test_of_records_that_differ_the_first_contact_and_the_first_acceptance_count(
    judged: pd.DataFrame,
) -> None:
    contact = judged.loc["its record came again with other days"]
    assert contact[["day", "accepted"]].tolist() == [day(1), 1]


def test_contacts_of_one_day_are_sorted_by_campaign_and_id(open_shop: Any, lines: Any) -> None:
    same_day = pd.DataFrame(
        [(campaign, f"{number:02}") for number in range(19, -1, -1) for campaign in "ba"],
        columns=["campaign_id", "contact_id"],
    ).assign(customer_id="ann", treated=True, ts=pd.Timestamp(AS_OF), accepted_at=pd.NaT)
    orders = lines(("1", "ann", "tea", str(day(-9)), 1, 10))
    rows = responses(open_shop({"orders": orders, "contacts": same_day}), AS_OF)
    found = list(zip(rows["campaign_id"], rows["contact_id"], strict=True))
    assert len(found) == len(same_day)
    assert found == sorted(found)


def test_a_horizon_without_contacts_is_an_empty_frame(shop: Any) -> None:
    nothing = responses(shop, day(90))
    assert nothing.empty
    assert list(nothing.columns) == list(responses(shop, AS_OF).columns)


def test_a_shop_without_contacts_learns_what_is_missing(shop: Any) -> None:
    orders = Rollups({"order_states": shop.prepared.rollups["order_states"]})
    with pytest.raises(TrainingError, match=r"no contacts table(?s:.*)\[\[tables\.contacts\]\]"):
        offer_responses(shop.engine, orders, [AS_OF], HORIZON_DAYS, response_days=RESPONSE_DAYS)
