"""Offers priced in money: closed forms on the small bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import pytest

from models.bundle.folder import Bundle
from serving.answers import OfferItem
from serving.catalogue import Catalogue, open_catalogue
from serving.decisions.gates.stops import Stop
from serving.decisions.inputs import open_decision_inputs
from serving.decisions.next_best_offer import next_best_offer
from serving.decisions.offer_outcome import Decider, OfferAsk, OfferOutcome
from serving.decisions.offers import Offer, OfferBook
from serving.products.shoppers import Shopper

TODAY = date(2026, 6, 2)


def decider(today: date = TODAY, refused: Mapping[str, Stop] | None = None) -> Decider:
    return Decider("d-1", datetime.combine(today, time(12), UTC), refused=refused or {})


def decided(
    catalogue: Catalogue, ask: OfferAsk, today: date = TODAY, book: OfferBook | None = None
) -> OfferOutcome:
    inputs = open_decision_inputs(catalogue)
    inputs = inputs if book is None else inputs.with_book(book)
    return next_best_offer(inputs, Shopper(), ask, decider(today))


def offers(
    catalogue: Catalogue, customer_id: str | None, n: int = 20, book: OfferBook | None = None
) -> list[OfferItem]:
    return decided(catalogue, OfferAsk(customer_id, n), book=book).items


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
    on_food = OfferBook((Offer("o-food", "Food week", category="food"),))
    item = by_what(offers(tiny, "ada", book=on_food))["o-food"]
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
    offered = {offer.offer_id: offer for offer in open_decision_inputs(tiny).book.offers}
    kettle_only = OfferBook((offered["o-kettle"],))
    outcome = decided(tiny, OfferAsk("ada"), today, kettle_only)
    # Nothing, kettle, bread, butter, and the offer if it holds.
    assert outcome.considered == 4 + among


def test_each_product_is_shown_once_under_its_best_terms(tiny: Catalogue) -> None:
    kettles = [item for item in offers(tiny, "ada") if item.product_id == "p3"]
    assert [item.action for item in kettles] == ["product"]


def test_nothing_beats_nothing(tiny: Catalogue) -> None:
    loss = replace(tiny, margin=np.full(8, -1.0))
    outcome = decided(loss, OfferAsk("ada", 2))
    (item,) = outcome.items
    assert item.action == "do_nothing"
    assert item.terms.offer_value == 0.0
    assert outcome.shortfall is not None
    assert (outcome.shortfall.missing, outcome.shortfall.reason) == (2, "value")


def test_a_product_of_unknown_margin_is_not_priced(tiny: Catalogue) -> None:
    assert "p7" not in by_what(offers(tiny, "ben"))


def test_an_unknown_customer_is_priced_at_base_rates(tiny: Catalogue) -> None:
    outcome = decided(tiny, OfferAsk("nobody"))
    assert outcome.fallback == "new_customer"
    (tea,) = outcome.items
    assert tea.product_id == "p6"
    assert tea.terms.p_buys == pytest.approx(np.mean([0.8, 0.1, 0.5, 0.5, 0.9]))
    assert tea.terms.p_product_given_buys == pytest.approx(0.3)
    assert [reason.code for reason in tea.reasons] == ["newcomers"]


@pytest.mark.parametrize(
    ("customer", "fallback"), [("eve", "no_churn_score"), ("dan", "no_candidates"), ("ada", None)]
)
def test_the_fallback_says_what_was_missing(
    tiny: Catalogue, customer: str, fallback: str | None
) -> None:
    assert decided(tiny, OfferAsk(customer)).fallback == fallback


@pytest.mark.parametrize(("measured", "p_buys"), [(0.04, 0.04), (None, 0.56)])
def test_who_has_lapsed_buys_as_often_as_the_lapsed_come_back(
    tiny_bundle: Callable[..., Bundle],
    bundle_of: Callable[[Bundle], Bundle],
    measured: float | None,
    p_buys: float,
) -> None:
    """As often as the average customer only where no lapsed customers have been seen yet."""
    bundle = tiny_bundle()
    manifest = replace(bundle.manifest, reactivation_rate=measured)
    catalogue = open_catalogue(bundle_of(replace(bundle, manifest=manifest)))
    (offer, *_) = decided(catalogue, OfferAsk("eve")).items
    assert offer.terms.p_buys == pytest.approx(p_buys)
    (newcomer,) = decided(catalogue, OfferAsk("nobody")).items
    assert newcomer.terms.p_buys == pytest.approx(0.56)


def test_without_a_churn_model_nothing_can_be_priced(tiny: Catalogue) -> None:
    unscored = replace(tiny, churn_probability=np.full(6, np.nan), average_p_buys=None)
    outcome = decided(unscored, OfferAsk("ada"))
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


def test_a_trace_is_there_when_asked_for(reader: Any) -> None:
    asked = reader.get("/v1/customers/ada/next-best-offer?trace=true").json()
    said = {entry["offer_id"]: entry["code"] for entry in asked["trace"]}
    assert said == {
        "o-ended": "ended", "o-home": "worth_less", "o-kettle": "same_product",
        "o-tea": "nothing_to_show",
    }  # fmt: skip
    body = {"customer_id": "ada", "why_not": "o-ended"}
    (why,) = reader.post("/v1/next-best-offer", json=body).json()["trace"]
    assert "before 2026-06-02" in why["reason"]
    assert reader.get("/v1/customers/ada/next-best-offer").json()["trace"] is None


def test_what_the_contact_log_refuses_is_decided_again_without_it(tiny: Catalogue) -> None:
    inputs = open_decision_inputs(tiny)
    ask = OfferAsk("ada", 20)
    refused = decider(refused={"o-home": Stop.CUSTOMER_CAP_DAY})
    outcome = next_best_offer(inputs, Shopper(), ask, refused)
    assert "o-home" not in by_what(outcome.items)
    stopped = {entry.offer_id: entry.gate for entry in outcome.trace()}
    assert stopped["o-home"] == "contact_policy"
