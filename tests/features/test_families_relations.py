"""What customers answer: contacts, surveys and calls for help, worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from math import nan
from typing import Any

import pandas as pd
import pytest

from features.family import discover_families

AS_OF = date(2025, 7, 1)
DAYS = [date(2025, 6, 4) + timedelta(days) for days in range(40)]
NAMES = ("complaints", "contacts", "satisfaction")
FAMILIES = [family for family in discover_families() if family.name in NAMES]


def records(names: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
    """A table of records; a day's or moment's column is called ``ts`` or ``..._at``."""
    frame = pd.DataFrame(rows, columns=names.split())
    moments = [name for name in frame if name == "ts" or name.endswith("_at")]
    return frame.assign(**{n: pd.to_datetime(frame[n], format="ISO8601") for n in moments})


@pytest.fixture(scope="module")
def orders(lines: Any) -> pd.DataFrame:
    return lines(
        ("A1", "ann", "tea", "2024-01-01", 1, 10),
        ("A2", "ann", "tea", "2025-05-01", 1, 10),
        ("A3", "ann", "tea", "2025-06-01", 1, 10),
        ("A4", "ann", "tea", "2025-06-10", 1, 10),
        ("A5", "ann", "tea", "2025-06-01", 1, 10),
        ("A4", "ann", "tea", "2025-06-20", -1, 10),
        ("B1", "bob", "tea", "2025-01-01", 1, 10),
        ("C1", "cid", "tea", "2025-01-01", 1, 10),
        ("C1", "cid", "tea", "2025-01-09", -1, 10),
    )


@pytest.fixture(scope="module")
def vectors(open_lasting_shop: Any, orders: pd.DataFrame) -> pd.DataFrame:
    """By customer and day, of these families alone."""
    contacts = records(
        "customer_id campaign_id ts treated channel cost opened_at accepted_at",
        ("ann", "M1", "2024-06-30", True, "email", 0.1, "2024-07-02", None),
        ("ann", "M2", "2025-01-01", True, "email", 0.1, "2025-01-03", "2025-01-05"),
        ("ann", "M3", "2025-04-02", True, "phone", 2.0, None, "2025-04-02"),
        ("ann", "M4", "2025-06-01", True, "email", 0.1, None, None),
        ("ann", "M5", "2025-06-10", True, "email", None, "2025-07-01", None),
        ("ann", "M6", "2025-06-20", False, "email", 9.0, None, "2025-06-21"),
        ("ann", "M7", "2025-07-01", True, "email", 0.1, None, None),
        ("bob", "M6", "2025-06-20", False, "email", 9.0, None, "2025-06-21"),
        ("cid", "M4", "2025-06-01", True, "post", None, "2025-06-03", None),
        ("cid", "M5", "2025-06-05", True, "app", None, "2025-06-04", None),
        ("cid", "M6", "2025-06-06", True, None, None, "2025-06-06", "2025-06-06"),
    )
    surveys = records(
        "customer_id ts survey score aspect available_at",
        ("ann", "2024-01-10", "nps", 9, None, None),
        ("ann", "2025-03-01 09:00", "nps", 4, None, None),
        ("ann", "2025-03-01 17:00", "nps", 6, None, None),
        ("ann", "2025-04-01", "nps", 10, "Price", None),
        ("ann", "2025-04-02", "ces", 3, None, None),
        ("ann", "2025-05-01", "csat", 2, None, None),
        ("ann", "2025-05-01", "csat", 3, "price", None),
        ("ann", "2025-05-01", "csat", 5, "quality", None),
        ("ann", "2025-06-29", "nps", 1, None, "2025-07-02"),
        ("ann", "2025-07-01", "csat", 1, None, None),
        ("cid", "2025-06-01", "ces", 7, "service", None),
    )
    costs = records(
        "customer_id ts cost_kind amount available_at",
        ("ann", "2024-06-30", "support", 3.0, None),
        ("ann", "2025-04-01", "support", 5.0, None),
        ("ann", "2025-06-01 08:00", "support", 4.0, None),
        ("ann", "2025-06-01 16:00", "support", 6.0, None),
        ("ann", "2025-06-15", "shipping", 3.0, None),
        ("ann", "2025-06-25", "support", 7.0, "2025-07-05"),
        ("ann", "2025-07-01", "support", 8.0, None),
        ("bob", "2025-06-15", "shipping", 3.0, None),
        ("bob", "2025-06-15", "payment", 3.0, None),
        ("cid", "2025-06-15", "support", 2.0, None),
    )
    tables = {"orders": orders, "contacts": contacts, "surveys": surveys, "costs": costs}
    frame = open_lasting_shop(tables).vectors(*DAYS, families=FAMILIES).frame
    return frame.set_index(["customer_id", "as_of"])


@pytest.fixture(scope="module")
def ann(vectors: pd.DataFrame) -> pd.Series[Any]:
    return vectors.loc["ann", AS_OF]


@pytest.fixture(scope="module")
def bob(vectors: pd.DataFrame) -> pd.Series[Any]:
    return vectors.loc["bob", AS_OF]


@pytest.fixture(scope="module")
def cid(vectors: pd.DataFrame) -> pd.Series[Any]:
    return vectors.loc["cid", AS_OF]


def assert_values(vector: pd.Series[Any], **expected: Any) -> None:
    words = {name: value for name, value in expected.items() if isinstance(value, str)}
    numbers = {name: value for name, value in expected.items() if name not in words}
    assert {name: vector[name] for name in words} == words
    found = {name: vector[name] for name in numbers}
    assert found == pytest.approx(numbers, abs=1e-6, rel=0, nan_ok=True)


def test_only_contacts_that_reached_someone_count(ann: pd.Series[Any], bob: pd.Series[Any]) -> None:
    assert_values(ann, contacts_30d=2, contacts_90d=3, contacts_365d=4, last_contact_days=21)
    assert_values(bob, contacts_30d=nan, contacts_365d=nan, last_offer_accepted_days=nan)
    assert_values(bob, contact_cost_365d=nan, preferred_channel=nan)


def test_openings_and_acceptances_count_on_their_own_day(ann: pd.Series[Any]) -> None:
    # M1 was sent 366 days ago and opened 364 days ago.
    assert_values(
        ann,
        contacts_opened_30d=0,
        contacts_opened_90d=0,
        contacts_opened_365d=2,
        offers_accepted_30d=0,
        offers_accepted_90d=1,
        offers_accepted_365d=2,
        last_contact_opened_days=179,
        last_offer_accepted_days=90,
    )


def test_rates_are_shares_of_the_contacts_sent_in_the_year(ann: pd.Series[Any]) -> None:
    # Of M2 to M5, M2 was opened; M2 and M3 were accepted.
    assert_values(ann, contact_open_rate_365d=1 / 4, offer_acceptance_rate_365d=2 / 4)


def test_an_opening_after_the_cutoff_is_not_known_before(
    vectors: pd.DataFrame, ann: pd.Series[Any]
) -> None:
    assert_values(ann, contacts_unanswered=2)  # M4 and M5 since M3
    after = vectors.loc["ann", date(2025, 7, 2)]
    # M7 was sent on the day on which M5 was opened, not after it.
    assert_values(after, contacts_opened_30d=1, last_contact_opened_days=1, contacts_unanswered=0)
    assert_values(after, contact_open_rate_365d=2 / 5)


def test_an_outcome_before_its_contact_is_known_with_the_contact(vectors: pd.DataFrame) -> None:
    before = vectors.loc["cid", date(2025, 6, 5)]  # M5 was "opened" on the 4th, sent on the 5th
    assert_values(before, contacts_opened_30d=1, last_contact_opened_days=2)
    after = vectors.loc["cid", date(2025, 6, 6)]
    assert_values(after, contacts_opened_30d=2, last_contact_opened_days=2)


def test_pressure_is_against_the_usual_month(ann: pd.Series[Any], cid: pd.Series[Any]) -> None:
    # Two in 30 days; two in the 335 days before.
    assert_values(ann, contact_pressure=2 / (2 * 30 / 335))
    assert_values(cid, contact_pressure=nan, contacts_30d=3)


def test_no_month_is_usual_after_less_than_thirty_days(vectors: pd.DataFrame) -> None:
    # On 9 July cid's first contact is 38 days old, the others 34 and 33.
    vector = vectors.loc["cid", date(2025, 7, 9)]
    assert_values(vector, contacts_30d=0, contact_pressure=0)
    # On 2 July the first is 31 days old: one contact in at least 30 days, two in the last 30.
    assert_values(vectors.loc["cid", date(2025, 7, 2)], contact_pressure=2 / 1)


def test_costs_of_contacts_are_those_known(ann: pd.Series[Any], cid: pd.Series[Any]) -> None:
    assert_values(ann, contact_cost_365d=2.2)
    assert_values(cid, contact_cost_365d=nan)


def test_the_preferred_channel_has_most_answers_then_the_first_name(
    ann: pd.Series[Any], cid: pd.Series[Any]
) -> None:
    # Ann answered e-mail three times and the phone once; Cid post and app once each.
    assert_values(ann, preferred_channel="email")
    assert_values(cid, preferred_channel="app")


def test_scores_of_one_day_are_one_word(ann: pd.Series[Any]) -> None:
    assert_values(
        ann,
        nps_last=(4 + 6) / 2,
        nps_mean=(9 + 4 + 6) / 3,
        nps_trend=5 - 9,
        nps_promoter_share=1 / 3,
        nps_detractor_share=2 / 3,
        csat_last=2,
        csat_mean=2,
        csat_trend=nan,
        ces_last=3,
        ces_trend=nan,
    )


def test_aspects_share_one_scale(ann: pd.Series[Any], cid: pd.Series[Any]) -> None:
    assert_values(ann, price_satisfaction_mean=(10 / 10 + 2 / 4) / 2, quality_satisfaction_mean=1)
    assert_values(ann, service_satisfaction_mean=nan, image_satisfaction_mean=nan)
    assert_values(cid, service_satisfaction_mean=1, ces_mean=nan, nps_promoter_share=nan)


def test_low_scores_and_silence(
    ann: pd.Series[Any], bob: pd.Series[Any], cid: pd.Series[Any]
) -> None:
    # CES 3 is 90 days old. Since 1 May A3 and A5 were placed; A4 was sent back.
    assert_values(ann, low_scores_90d=2, survey_answers=8, survey_answers_365d=7)
    assert_values(ann, last_survey_answer_days=61, orders_since_survey_answer=2)
    assert_values(bob, low_scores_90d=nan, survey_answers=nan, orders_since_survey_answer=nan)
    assert_values(cid, low_scores_90d=0, survey_answers=1, orders_since_survey_answer=0)


def test_an_answer_counts_from_when_it_could_be_read(vectors: pd.DataFrame) -> None:
    at_first, later = (vectors.loc["ann", date(2025, 7, day)] for day in (2, 3))
    assert_values(at_first, nps_last=5, csat_last=1, csat_trend=1 - 2)
    assert_values(later, nps_last=1, nps_trend=1 - 19 / 3, survey_answers=10)
    assert_values(later, last_survey_answer_days=2)


def test_support_tickets_count_as_complaints(
    ann: pd.Series[Any], bob: pd.Series[Any], cid: pd.Series[Any]
) -> None:
    assert_values(
        ann,
        support_tickets_30d=2,
        support_tickets_90d=2,
        support_tickets_365d=3,
        support_tickets_lifetime=4,
        support_tickets_per_order=4 / 4,
        last_support_ticket_days=30,
        support_cost_365d=15,
        support_cost_lifetime=18,
    )
    assert_values(bob, support_tickets_30d=nan, support_cost_lifetime=nan)
    assert_values(cid, support_tickets_lifetime=1, support_tickets_per_order=nan)


def test_a_ticket_counts_from_when_it_could_be_read(vectors: pd.DataFrame) -> None:
    vector = vectors.loc["ann", date(2025, 7, 6)]
    assert_values(vector, support_tickets_lifetime=6, last_support_ticket_days=5)
    assert_values(vectors.loc["ann", date(2025, 7, 5)], support_tickets_lifetime=5)
