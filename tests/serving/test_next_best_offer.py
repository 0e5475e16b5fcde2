"""Offers priced in money: closed forms on the small bundle."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from serving.answers import OfferItem
from serving.catalogue import Catalogue
from serving.next_best_offer import OfferAsk, next_best_offer
from serving.shoppers import Shopper

TODAY = date(2026, 6, 2)


def offers(
    catalogue: Catalogue, customer_id: str | None, n: int = 20, today: date = TODAY
) -> list[OfferItem]:
    return next_best_offer(catalogue, Shopper(), OfferAsk(customer_id, n), today).items


def by_what(items: list[OfferItem]) -> dict[str | None, OfferItem]:
    return {item.offer_id or item.product_id: item for item in items}


def test_a_product_is_worth_its_chance_times_its_margin(tiny: Catalogue) -> None:
    kettle = by_what(offers(tiny, "ada"))["p3"]
    assert kettle.action == "product"
    assert kettle.terms.p_buys == pytest.approx(0.8)
    assert kettle.terms.p_product_given_buys == pytest.approx(0.1)
    assert kettle.terms.offer_value == pytest.approx(0.8 * 0.1 * 15)
    assert kettle.terms.currency == "EUR"
    assert kettle.terms.evidence == "risk_only"


def test_an_offer_pays_for_its_discount_and_its_contact(tiny: Catalogue) -> None:
    # The kettle is ada's only eligible candidate of the category home.
    home = by_what(offers(tiny, "ada"))["o-home"]
    assert home.terms.discount == pytest.approx(0.8 * 0.1 * 0.1 * 40)
    assert home.terms.offer_value == pytest.approx(0.8 * 0.1 * (15 - 4) - 0.05)


def test_a_category_is_accepted_when_any_of_its_products_is(tiny: Catalogue) -> None:
    on_food = replace(tiny.offers[1], category="food", discount_rate=0.0, contact_cost=0.0)
    item = by_what(offers(replace(tiny, offers=(on_food,)), "ada"))["o-home"]
    # Bread (0.5, margin 1) and butter (0.4, margin 1.5); jam is out of stock.
    assert item.terms.p_product_given_buys == pytest.approx(1 - 0.5 * 0.6)
    assert item.terms.margin == pytest.approx((0.5 * 1 + 0.4 * 1.5) / 0.9)


@pytest.mark.parametrize(
    ("today", "among"),
    [
        (date(2026, 6, 1), False),
        (date(2026, 6, 2), True),  # starts_on is the first day
        (date(2026, 6, 3), False),  # ends_on is the first day no longer
    ],
)
def test_an_offer_holds_from_its_first_day_to_before_its_last(
    tiny: Catalogue, today: date, among: bool
) -> None:
    kettle_only = replace(tiny, offers=tuple(o for o in tiny.offers if o.offer_id == "o-kettle"))
    outcome = next_best_offer(kettle_only, Shopper(), OfferAsk("ada"), today)
    # Nothing, kettle, bread, butter, and the offer if it holds.
    assert outcome.considered == 4 + among


def test_each_product_is_shown_once_under_its_best_terms(tiny: Catalogue) -> None:
    kettles = [item for item in offers(tiny, "ada") if item.product_id == "p3"]
    assert [item.action for item in kettles] == ["product"]


def test_nothing_beats_nothing(tiny: Catalogue) -> None:
    loss = replace(tiny, margin=np.full(8, -1.0))
    outcome = next_best_offer(loss, Shopper(), OfferAsk("ada", 2), TODAY)
    (item,) = outcome.items
    assert item.action == "do_nothing"
    assert item.terms.offer_value == 0.0
    assert outcome.shortfall is not None
    assert (outcome.shortfall.missing, outcome.shortfall.reason) == (2, "value")


def test_a_product_of_unknown_margin_is_not_priced(tiny: Catalogue) -> None:
    assert "p7" not in by_what(offers(tiny, "ben"))


def test_an_unknown_customer_is_priced_at_base_rates(tiny: Catalogue) -> None:
    outcome = next_best_offer(tiny, Shopper(), OfferAsk("nobody"), TODAY)
    assert outcome.fallback == "new_customer"
    (tea,) = outcome.items
    assert tea.product_id == "p6"
    assert tea.terms.p_buys == pytest.approx(np.mean([0.8, 0.1, 0.5, 0.5, 0.9]))
    assert tea.terms.p_product_given_buys == pytest.approx(0.3)
    assert [reason.code for reason in tea.reasons] == ["popular"]


@pytest.mark.parametrize(
    ("customer", "fallback"), [("eve", "no_churn_score"), ("dan", "no_candidates"), ("ada", None)]
)
def test_the_fallback_says_what_was_missing(
    tiny: Catalogue, customer: str, fallback: str | None
) -> None:
    assert next_best_offer(tiny, Shopper(), OfferAsk(customer), TODAY).fallback == fallback


def test_without_a_churn_model_nothing_can_be_priced(tiny: Catalogue) -> None:
    unscored = replace(tiny, churn_probability=np.full(6, np.nan), average_p_buys=None)
    outcome = next_best_offer(unscored, Shopper(), OfferAsk("ada"), TODAY)
    assert [item.action for item in outcome.items] == ["do_nothing"]
    assert outcome.fallback == "no_churn_model"
    assert outcome.shortfall is not None
    assert outcome.shortfall.reason == "candidates"


def test_placements_are_filled_in_order(reader: Any) -> None:
    body = {"customer_id": "ada", "placements": ["banner", "footer"], "n": 2}
    answer = reader.post("/v1/next-best-offer", json=body).json()
    placed = [(item["rank"], item["placement"]) for item in answer["items"]]
    assert placed == [(1, "banner"), (2, "banner"), (3, "footer"), (4, "footer")]
    assert answer["decision_id"]
    assert answer["definition"]["churn_horizon_days"] == 90


def test_get_and_post_agree(reader: Any) -> None:
    got = reader.get("/v1/customers/ada/next-best-offer?n=3").json()
    posted = reader.post("/v1/next-best-offer", json={"customer_id": "ada", "n": 3}).json()
    assert got["items"] == posted["items"]
    assert [item["product_id"] or item["offer_id"] for item in got["items"]] == [
        "p3",
        "o-home",
        "p1",
    ]
