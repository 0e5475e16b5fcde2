"""The retention list: gains in closed form, limits and consent kept, and honesty without data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.progress import Tick, silent
from models.bundle.folder import Bundle
from models.offers.declarations import Caps, Channel, Policy
from serving.catalogue import open_catalogue
from serving.decisions.bulk.budget import Limits
from serving.decisions.bulk.decide import Situation, decide
from serving.decisions.bulk.retention_list import RetentionList, retention_list
from serving.decisions.gates.contact_policy import Contact, ContactHistories, ContactHistory
from serving.decisions.gates.stops import Stop
from serving.decisions.inputs import DecisionInputs, open_decision_inputs
from serving.decisions.offers import Offer, OfferBook
from serving.products.shoppers import Shoppers

NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)
EVERYONE = np.arange(6)
DRIVERS = '[{"text": "has not ordered for 74 days", "direction": "raises"}]'
EFFECTS = {
    "email_consent": [True, True, True, False, True, None],
    "uplift": [0.05, 0.10, -0.02, 0.20, None, 0.20],
    "uplift_lower": [0.01, 0.04, -0.06, 0.04, None, -0.03],
    "uplift_upper": [0.09, 0.16, 0.02, 0.36, None, 0.43],
    "p_orders": [0.4, 0.1, 0.2, 0.2, None, 0.7],
    "value_if_orders": [30.0, 20.0, 25.0, 25.0, None, 40.0],
    "drivers": [DRIVERS, *[None] * 5],
}
HELLO = Offer("o-hello", "Hello", contact_cost=0.12, channels=("email",))
BREAD = Offer(
    "o-bread", "Bread at half price", product_id="p0", discount_rate=0.5, contact_cost=0.12,
    channels=("email",),
)  # fmt: skip


@pytest.fixture(scope="module")
def inputs_of(
    tiny_bundle: Callable[..., Bundle], bundle_of: Callable[[Bundle], Bundle]
) -> Callable[..., DecisionInputs]:
    """Open the small shop with some offers, after campaigns by lot or without any."""

    def opened(
        *offers: Offer, policy: Policy | None = None, treated: bool = True
    ) -> DecisionInputs:
        bundle = tiny_bundle()
        names = [n for n in bundle.customers.column_names if n not in EFFECTS]
        columns = {name: bundle.customers.column(name) for name in names}
        added = EFFECTS if treated else {"email_consent": EFFECTS["email_consent"]}
        said = bundle.manifest
        if treated:
            said = replace(said, evidence="randomised", response_days=14, contact_cost=0.25)
        customers = pa.table({**columns, **added})
        catalogue = open_catalogue(bundle_of(replace(bundle, manifest=said, customers=customers)))
        return open_decision_inputs(catalogue).with_book(OfferBook(offers, policy or Policy()))

    return opened


def drawn(
    inputs: DecisionInputs, limits: Limits | None = None, history: ContactHistories | None = None
) -> RetentionList:
    limits = limits or Limits(contacts=6)
    return retention_list(inputs, EVERYONE, limits, NOON, Shoppers(), history or {}, silent)


def row_of(found: RetentionList, customer: str) -> pd.Series:
    return found.rows.set_index("customer_id").loc[customer]


def test_the_gain_is_the_definition(inputs_of: Callable[..., DecisionInputs]) -> None:
    ada = row_of(drawn(inputs_of(BREAD)), "ada")
    # Half of the bread's price of 2 goes to half of all her orders, won or not.
    incentive = 0.5 * 0.5 * 2.0
    p0, p1, v = 0.4, 0.45, 30.0
    assert ada["expected_gain"] == pytest.approx(p1 * (v - incentive) - 0.12 - p0 * v)
    assert ada["expected_cost"] == pytest.approx(p1 * incentive + 0.12)
    low, high = (0.4 + u for u in (0.01, 0.09))
    assert ada["expected_gain_lower"] == pytest.approx(low * (v - incentive) - 0.12 - p0 * v)
    assert ada["expected_gain_upper"] == pytest.approx(high * (v - incentive) - 0.12 - p0 * v)
    assert (ada["evidence"], ada["channel"], ada["offer_id"]) == ("randomised", "email", "o-bread")


def test_the_list_has_only_customers_who_gain_and_agreed_best_first(
    inputs_of: Callable[..., DecisionInputs],
) -> None:
    rows = drawn(inputs_of(HELLO)).rows
    # Cleo is put off, dan did not agree, eve is not scored, of änne nobody knows.
    assert rows["customer_id"].tolist() == ["ben", "ada"]
    assert rows["expected_gain"].tolist() == pytest.approx([2.0 - 0.12, 1.5 - 0.12])
    assert rows["rank"].tolist() == [1, 2]


def test_contacts_are_counted_by_what_stopped_them(
    inputs_of: Callable[..., DecisionInputs],
) -> None:
    nobody_new = replace(HELLO, offer_id="o-none", ends_on=NOON.date())
    assert drawn(inputs_of(HELLO, nobody_new)).stopped == {
        Stop.PASSED: 4,
        Stop.NO_CONSENT: 1,
        Stop.CONSENT_UNKNOWN: 1,
        Stop.ENDED: 6,
    }


def test_what_any_channel_allows_did_not_stop(inputs_of: Callable[..., DecisionInputs]) -> None:
    policy = Policy(channels={"letter": Channel(consent="true")})
    anywhere = replace(HELLO, channels=("email", "letter"))
    assert drawn(inputs_of(anywhere, policy=policy)).stopped == {Stop.PASSED: 6}


def test_an_empty_list_was_not_stopped_by_gates_where_money_is_short(
    inputs_of: Callable[..., DecisionInputs],
) -> None:
    poor = drawn(inputs_of(HELLO), Limits(money=0.1))
    assert poor.rows.empty
    assert poor.stopped[Stop.PASSED] == 4


def test_the_limits_are_kept(inputs_of: Callable[..., DecisionInputs]) -> None:
    inputs = inputs_of(HELLO)
    assert drawn(inputs, Limits(contacts=1)).rows["customer_id"].tolist() == ["ben"]
    assert drawn(inputs, Limits(money=0.2)).rows["customer_id"].tolist() == ["ben"]
    assert drawn(inputs, Limits(money=0.1)).rows.empty
    assert len(drawn(inputs_of(replace(HELLO, budget=0.2))).rows) == 1


def test_who_was_contacted_enough_is_left_in_peace(
    inputs_of: Callable[..., DecisionInputs],
) -> None:
    sent = Contact("k", "ben", "o-hello", "email", NOON - timedelta(hours=3))
    inputs = inputs_of(HELLO, policy=Policy(caps=Caps(day=1)))
    rows = drawn(inputs, history={"ben": ContactHistory((sent,))}).rows
    assert rows["customer_id"].tolist() == ["ada"]


def test_without_an_offer_that_goes_out_the_contact_itself_is_the_action(
    inputs_of: Callable[..., DecisionInputs],
) -> None:
    rows = drawn(inputs_of(replace(HELLO, channels=("web",)))).rows
    assert set(rows["offer_id"]) == {"contact"}
    # At the cost that past contacts had.
    assert rows["expected_gain"].tolist() == pytest.approx([2.0 - 0.25, 1.5 - 0.25])


def test_each_is_reached_by_the_first_way_that_goes_out_and_may_be_used(
    inputs_of: Callable[..., DecisionInputs],
) -> None:
    # The same offer stands on a page: that reaches nobody who did not come.
    rows = drawn(inputs_of(replace(HELLO, channels=("web", "email")))).rows
    assert dict(zip(rows["customer_id"], rows["channel"], strict=True)) == {
        "ben": "email", "ada": "email",
    }  # fmt: skip
    anyone = Policy(channels={"sms": Channel(consent="true")})
    rows = drawn(inputs_of(replace(HELLO, channels=("sms", "email")), policy=anyone)).rows
    assert dict(zip(rows["customer_id"], rows["channel"], strict=True)) == {
        "änne": "sms", "dan": "sms", "ben": "email", "ada": "email",
    }  # fmt: skip


def test_reasons_are_in_words(inputs_of: Callable[..., DecisionInputs]) -> None:
    said = row_of(drawn(inputs_of(HELLO)), "ada")["reasons"]
    assert said.startswith("has not ordered for 74 days; ")
    assert "in 14 days from 40 % to 45 %" in said


def test_without_treatment_data_it_is_risk_times_value_and_says_so(
    inputs_of: Callable[..., DecisionInputs],
) -> None:
    found = drawn(inputs_of(HELLO, treated=False), Limits(contacts=3))
    rows = found.rows
    assert rows["customer_id"].tolist() == ["ben", "ada", "cleo"]
    assert rows["value_at_risk"].tolist() == [90.0, 50.0, 50.0]
    assert set(rows["evidence"]) == {"risk_only"}
    gains = ["expected_gain", "expected_gain_lower", "expected_gain_upper"]
    assert rows[gains].isna().all(axis=None)
    assert rows["reasons"].str.contains("no effect of a contact was learned").all()
    # Nor is it known what a contact costs, where there is no offer to say it.
    plain = drawn(inputs_of(treated=False)).rows
    assert set(plain["offer_id"]) == {"contact"}
    assert plain["expected_cost"].tolist() == [0.0] * 3


def test_as_many_steps_are_announced_as_are_taken(inputs_of: Callable[..., DecisionInputs]) -> None:
    left: Counter[str] = Counter()

    def progress(phrase: str, total: int) -> Tick:
        left[phrase] += total
        return lambda: left.subtract([phrase])

    history: ContactHistories = {}
    for budget in (None, 1.0):
        inputs = inputs_of(replace(HELLO, budget=budget))
        list(decide(inputs, EVERYONE, Situation("email", NOON, Shoppers(), history), progress))
    retention_list(inputs, EVERYONE, Limits(), NOON, Shoppers(), history, progress)
    assert set(left.values()) == {0}
    assert len(left) == 4
