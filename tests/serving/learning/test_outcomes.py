"""Outcomes of decisions whose truth is known: which event counts for what, and what it earned."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from serving.decisions.learning.log_reader import event_frame, shown_frame
from serving.decisions.learning.outcomes import join_outcomes, with_margins

START = datetime(2026, 6, 1, 12)  # noqa: DTZ001  frames are in naive UTC
DAY = timedelta(days=1)
PRODUCTS = pd.DataFrame(
    {
        "product_id": ["p1", "p2", "p3"],
        "category": ["food", "food", None],
        "price": [10.0, 20.0, None],
        "margin": [4.0, 5.0, None],
    }
)


def shown(decision_id: str, after: timedelta = 0 * DAY, **item: Any) -> dict[str, Any]:
    """Return an item shown to ada: the product p1, unless said otherwise."""
    usual = {
        "decision_id": decision_id, "kind": "next_best_offer", "ts": START + after,
        "customer_id": "ada", "model_version": "v1", "variant": "champion", "rank": 1,
        "action": "product", "product_id": "p1", "contact_cost": 0.0,
    }  # fmt: skip
    return usual | item


def event(kind: str, after: timedelta, **fields: Any) -> dict[str, Any]:
    """Return what ada did so long after the start, with the product p1."""
    usual = {"event_type": kind, "ts": START + after, "customer_id": "ada", "product_id": "p1"}
    return usual | fields


def join(
    items: list[dict[str, Any]], events: list[dict[str, Any]], now: datetime = START + 30 * DAY
) -> pd.DataFrame:
    sent = [{"event_id": f"e{k}"} | each for k, each in enumerate(events)]
    outcomes = join_outcomes(shown_frame(items), event_frame(sent), PRODUCTS, 7, now)
    assert len(outcomes) == len(items)
    return outcomes


def test_a_purchase_counts_for_what_was_shown_and_earns_its_margin() -> None:
    outcome = join([shown("d1")], [event("purchase", DAY, quantity=2.0)]).iloc[0]
    assert outcome["accepted"] == 1
    assert outcome["earned"] == pytest.approx(2 * 4.0)
    assert outcome["accepted_at"] == START + DAY


def test_the_price_paid_counts_where_it_is_known() -> None:
    paid = [event("purchase", DAY, quantity=2.0, unit_price=7.5)]
    assert join([shown("d1")], paid)["earned"].tolist() == pytest.approx([2 * (7.5 - 6.0)])


def test_without_a_known_cost_nothing_is_earned() -> None:
    sold = [event("purchase", DAY, product_id=id_, unit_price=5.0) for id_ in ("p3", "unheard of")]
    sent = event_frame([{"event_id": f"e{k}"} | each for k, each in enumerate(sold)])
    assert with_margins(sent, PRODUCTS)["margin"].tolist() == [0.0, 0.0]
    outcome = join([shown("d1", product_id="p3", named_margin=9.0)], sold[:1]).iloc[0]
    assert (outcome["accepted"], outcome["earned"]) == (1, 0.0)


def test_a_return_takes_the_margin_back_but_not_the_acceptance() -> None:
    events = [event("purchase", DAY, quantity=3.0), event("return", 2 * DAY, quantity=1.0)]
    outcome = join([shown("d1")], events).iloc[0]
    assert (outcome["accepted"], outcome["earned"]) == (1, pytest.approx(2 * 4.0))


def test_a_contact_costs_whether_or_not_it_is_accepted() -> None:
    assert join([shown("d1", contact_cost=0.5)], [])["earned"].tolist() == [-0.5]


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        (timedelta(0), 1),
        (7 * DAY - timedelta(microseconds=1), 1),
        (7 * DAY, 0),
        (-timedelta(microseconds=1), 0),
    ],
)
def test_the_window_is_half_open(after: timedelta, counts: int) -> None:
    assert join([shown("d1")], [event("purchase", after)])["accepted"].tolist() == [counts]


def test_of_two_answers_before_a_purchase_the_later_one_gets_it() -> None:
    items = [shown("d1"), shown("d2", 2 * DAY), shown("d3", 4 * DAY)]
    assert join(items, [event("purchase", 3 * DAY)])["accepted"].tolist() == [0, 1, 0]


def test_an_event_that_names_its_answer_belongs_to_it() -> None:
    items = [shown("d1"), shown("d2", 2 * DAY)]
    named = event("purchase", 3 * DAY, decision_id="d1")
    assert join(items, [named])["accepted"].tolist() == [1, 0]
    # To none, where its window is over: another answer did not bring it about.
    late = event("purchase", 8 * DAY, decision_id="d1")
    assert join(items, [late])["accepted"].tolist() == [0, 0]


def test_an_event_that_names_its_answer_came_after_it_whatever_its_clock_says() -> None:
    early = event("accept", -timedelta(minutes=5), decision_id="d1")
    assert join([shown("d1")], [early])["accepted"].tolist() == [1]


def test_within_an_answer_the_item_named_gets_the_event() -> None:
    items = [
        shown("d1"),
        shown("d1", rank=2, product_id="p2"),
        shown("d1", rank=3, action="offer", product_id=None, offer_id="o1"),
    ]

    def accepted(**fields: Any) -> list[int]:
        named = {"decision_id": "d1", "product_id": None} | fields
        return list(join(items, [event("accept", DAY, **named)])["accepted"])

    assert accepted(product_id="p2") == [0, 1, 0]
    assert accepted(offer_id="o1") == [0, 0, 1]
    assert accepted(offer_id="o1", product_id="p2") == [0, 0, 1]
    # Something else that the answer led to: the first place gets it.
    assert accepted(product_id="p3") == [1, 0, 0]


def test_within_an_answer_the_product_itself_is_closer_than_its_category() -> None:
    wide = shown("d1", action="offer", product_id=None, offer_id="o1", category="food")
    items = [wide, shown("d1", rank=2)]
    assert join(items, [event("purchase", DAY)])["accepted"].tolist() == [0, 1]
    assert join(items, [event("purchase", DAY, decision_id="d1")])["accepted"].tolist() == [0, 1]
    other = event("purchase", DAY, product_id="p2")
    assert join(items, [other])["accepted"].tolist() == [1, 0]


def test_no_customer_is_credited_with_anothers_events() -> None:
    other = {"customer_id": "ben"}
    events = [
        event("purchase", DAY, **other),
        event("purchase", DAY, **other, decision_id="d1"),
        event("purchase", DAY, **other, session_id="s1"),
    ]
    assert join([shown("d1", session_id="s1")], events)["accepted"].tolist() == [0]


def test_a_visit_that_became_known_is_one_shopper() -> None:
    anonymous = shown("d1", customer_id=None, session_id="s1")
    bought = event("purchase", DAY, session_id="s1")
    assert join([anonymous], [bought])["accepted"].tolist() == [1]
    elsewhere = event("purchase", DAY, session_id="s2")
    assert join([anonymous], [elsewhere])["accepted"].tolist() == [0]


def test_an_offer_on_a_category_is_accepted_by_any_of_its_products() -> None:
    offer = shown("d1", action="offer", product_id=None, offer_id="o1", category="food")
    assert join([offer], [event("purchase", DAY, product_id="p2")])["accepted"].tolist() == [1]
    assert join([offer], [event("purchase", DAY, product_id="p3")])["accepted"].tolist() == [0]
    # An offer on one product is not on its whole category.
    narrow = {**offer, "product_id": "p1"}
    assert join([narrow], [event("purchase", DAY, product_id="p2")])["accepted"].tolist() == [0]


def test_an_acceptance_without_a_purchase_earns_what_the_answer_named() -> None:
    item = shown("d1", named_margin=9.0, contact_cost=1.0)
    accepted = event("accept", DAY)
    assert join([item], [accepted])["earned"].tolist() == [8.0]
    bought = event("purchase", DAY)
    assert join([item], [accepted, bought])["earned"].tolist() == [3.0]


def test_clicks_and_rejections_are_outcomes_but_no_acceptance() -> None:
    events = [event("click", 2 * DAY), event("click", DAY), event("reject", 3 * DAY)]
    outcome = join([shown("d1")], events).iloc[0]
    assert outcome["clicked_at"] == START + DAY
    assert outcome["rejected_at"] == START + 3 * DAY
    assert (outcome["accepted"], outcome["earned"]) == (0, 0.0)


def test_an_outcome_is_final_once_the_window_is_over() -> None:
    for now, over in ((START + 7 * DAY, True), (START + 6 * DAY, False)):
        assert join([shown("d1")], [], now)["is_over"].tolist() == [over]


def test_the_order_of_events_is_irrelevant() -> None:
    items = [shown("d1"), shown("d2", DAY, product_id="p2"), shown("d2", DAY, rank=2)]
    events = [
        event("purchase", 2 * DAY, quantity=2.0),
        event("purchase", DAY / 2, product_id="p1"),
        event("click", 2 * DAY, product_id="p2"),
        event("accept", 3 * DAY, decision_id="d1"),
    ]
    pd.testing.assert_frame_equal(join(items, events), join(items, events[::-1]))
