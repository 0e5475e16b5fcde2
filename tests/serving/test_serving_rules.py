"""What must never come out, on any path, whatever the bundle and the request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.catalogue import Catalogue
from serving.decisions.inputs import open_decision_inputs
from serving.decisions.next_best_offer import next_best_offer
from serving.decisions.offer_outcome import Decider, OfferAsk
from serving.products.recommend import Ask, complete_cart, recommend
from serving.products.shoppers import Interest, Shopper

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    products = st.integers(0, 40).map(lambda k: f"p{k:03}")
    few = st.lists(products, max_size=6)
    return {
        "place": draw(st.integers(0, 5)),
        "customer_id": draw(st.none() | st.integers(0, 25).map(lambda k: f"c{k:03}")),
        "items": draw(few),
        "exclude": draw(few),
        "dismissed": draw(few),
        "category": draw(st.sampled_from([None, "a", "b", "unheard of"])),
        "min_price": draw(st.none() | st.integers(0, 20).map(float)),
        "max_price": draw(st.none() | st.integers(0, 20).map(float)),
        "n": draw(st.integers(1, 100)),
        "diversity": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "interests": {
            f"e{k}": interest for k, interest in enumerate(draw(st.lists(interests(), max_size=6)))
        },
        "purchases": {id_: {"o1": 20_606} for id_ in draw(few)},
    }


@st.composite
def interests(draw: st.DrawFn) -> Interest:
    kind = draw(st.sampled_from(["view", "cart_add", "search"]))
    what = draw(st.integers(0, 40).map(lambda k: f"p{k:03}"))
    return Interest(kind, what, NOW - timedelta(hours=draw(st.integers(0, 200))))


def allowed(catalogue: Catalogue, situation: dict[str, Any]) -> set[str]:
    """Products that the rules leave, from the bundle's own rows, one by one."""
    left = set()
    for row in catalogue.bundle.products.to_pylist():
        fits = (
            row["in_stock"]
            and not row["retired"]
            and row["product_id"] not in situation["exclude"]
            and row["product_id"] not in situation["items"]
            and row["product_id"] not in situation["dismissed"]
            and situation["category"] in (None, row["category"])
            and (situation["min_price"] is None or row["price"] >= situation["min_price"])
            and (situation["max_price"] is None or row["price"] <= situation["max_price"])
        )
        if fits:
            left.add(row["product_id"])
    return left


@settings(max_examples=150, deadline=None)
@given(situation=situations())
def test_shelves_hold_allowed_products_only_and_are_as_full_as_can_be(
    random_catalogues: list[Catalogue], situation: dict[str, Any]
) -> None:
    catalogue = random_catalogues[situation["place"]]
    shopper = Shopper(
        dismissed_products=set(situation["dismissed"]),
        purchases=situation["purchases"],
        interests=situation["interests"],
    )
    names = ("n", "customer_id", "items", "exclude", "category", "min_price", "max_price")
    ask = Ask(**{name: situation[name] for name in (*names, "diversity")})
    in_cart = {
        interest.what
        for interest in shopper.interests.values()
        if interest.kind == "cart_add" and NOW - interest.at < timedelta(hours=24)
    } - shopper.purchases.keys()
    outcomes = {
        "recommend": recommend(catalogue, shopper, ask, NOW),
        "complete": complete_cart(catalogue, shopper, ask),
    }
    for path, outcome in outcomes.items():
        fit = allowed(catalogue, situation) - (in_cart if path == "recommend" else set())
        shown = [item.product_id for item in outcome.items]
        assert set(shown) <= fit
        assert len(shown) == len(set(shown)) == min(ask.n, len(fit))
        assert [item.rank for item in outcome.items] == list(range(1, len(shown) + 1))
        missing = 0 if outcome.shortfall is None else outcome.shortfall.missing
        assert len(shown) + missing == ask.n
        order = ["personal", "together", "newcomers", "popular", "catalogue"]
        keys = [(order.index(item.source), -item.score) for item in outcome.items]
        assert keys == sorted(keys) or ask.diversity > 0
        assert all(item.reasons for item in outcome.items)


@settings(max_examples=150, deadline=None)
@given(situation=situations(), dismissed_offers=st.sets(st.sampled_from(["o1", "o2"])))
def test_offers_are_allowed_priced_and_worth_more_than_nothing(
    random_catalogues: list[Catalogue], situation: dict[str, Any], dismissed_offers: set[str]
) -> None:
    catalogue = random_catalogues[situation["place"]]
    shopper = Shopper(set(situation["dismissed"]), dismissed_offers)
    n = min(situation["n"], 20)
    ask = OfferAsk(situation["customer_id"], n, exclude=situation["exclude"])
    outcome = next_best_offer(open_decision_inputs(catalogue), shopper, ask, Decider("d", NOW))
    unfiltered = {"category": None, "min_price": None, "max_price": None, "items": []}
    fit = allowed(catalogue, situation | unfiltered)
    shown = [item.product_id for item in outcome.items if item.product_id is not None]
    assert set(shown) <= fit
    assert len(shown) == len(set(shown))
    assert not dismissed_offers & {item.offer_id for item in outcome.items}
    values = [item.terms.offer_value for item in outcome.items]
    assert values == sorted(values, reverse=True)
    if outcome.items[0].action == "do_nothing":
        assert values == [0.0]
    else:
        assert values[-1] > 0
        assert all(item.action != "do_nothing" for item in outcome.items)
    for item in outcome.items:
        terms = item.terms
        assert 0 <= terms.p_accept == terms.p_buys * terms.p_product_given_buys <= 1
        costs = terms.discount + terms.acceptance_cost + terms.contact_cost
        earned = terms.p_accept * terms.margin + terms.retention
        assert terms.offer_value == pytest.approx(earned - costs)
        assert terms.offer_value_lower <= terms.offer_value <= terms.offer_value_upper


def test_nothing_eligible_leaves_the_shelf_empty_and_says_why(tiny: Catalogue) -> None:
    everything = {f"p{k}" for k in range(8)}
    ask = Ask(n=3, customer_id="ada")
    outcome = recommend(tiny, Shopper(dismissed_products=everything), ask, NOW)
    assert outcome.items == []
    assert outcome.shortfall is not None
    assert (outcome.shortfall.missing, outcome.shortfall.reason) == (3, "filter")
    inputs = open_decision_inputs(tiny)
    offers = next_best_offer(inputs, Shopper(everything), OfferAsk("ada"), Decider("d", NOW))
    assert [item.action for item in offers.items] == ["do_nothing"]
