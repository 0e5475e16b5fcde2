"""What must never come out, on any path, whatever the bundle and the request."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.catalogue import Catalogue
from serving.next_best_offer import OfferAsk, next_best_offer
from serving.recommend import Ask, complete_cart, recommend
from serving.shoppers import Shopper

TODAY = date(2026, 6, 2)


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
    }


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
    shopper = Shopper(dismissed_products=set(situation["dismissed"]))
    names = ("n", "customer_id", "items", "exclude", "category", "min_price", "max_price")
    ask = Ask(**{name: situation[name] for name in names})
    fit = allowed(catalogue, situation)
    for answer in (recommend, complete_cart):
        outcome = answer(catalogue, shopper, ask)
        shown = [item.product_id for item in outcome.items]
        assert set(shown) <= fit
        assert len(shown) == len(set(shown)) == min(ask.n, len(fit))
        assert [item.rank for item in outcome.items] == list(range(1, len(shown) + 1))
        missing = 0 if outcome.shortfall is None else outcome.shortfall.missing
        assert len(shown) + missing == ask.n
        order = ["personal", "together", "popular", "catalogue"]
        keys = [(order.index(item.source), -item.score) for item in outcome.items]
        assert keys == sorted(keys)
        assert all(item.reasons or item.source == "together" for item in outcome.items)


@settings(max_examples=150, deadline=None)
@given(situation=situations(), dismissed_offers=st.sets(st.sampled_from(["o1", "o2"])))
def test_offers_are_allowed_priced_and_worth_more_than_nothing(
    random_catalogues: list[Catalogue], situation: dict[str, Any], dismissed_offers: set[str]
) -> None:
    catalogue = random_catalogues[situation["place"]]
    shopper = Shopper(set(situation["dismissed"]), dismissed_offers)
    n = min(situation["n"], 20)
    ask = OfferAsk(situation["customer_id"], n, exclude=situation["exclude"])
    outcome = next_best_offer(catalogue, shopper, ask, TODAY)
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
        assert terms.offer_value == (
            terms.p_accept * terms.margin - terms.discount - terms.contact_cost
        )


def test_nothing_eligible_leaves_the_shelf_empty_and_says_why(tiny: Catalogue) -> None:
    everything = {f"p{k}" for k in range(8)}
    outcome = recommend(tiny, Shopper(dismissed_products=everything), Ask(n=3, customer_id="ada"))
    assert outcome.items == []
    assert outcome.shortfall is not None
    assert (outcome.shortfall.missing, outcome.shortfall.reason) == (3, "filter")
    offers = next_best_offer(tiny, Shopper(everything), OfferAsk("ada"), TODAY)
    assert [item.action for item in offers.items] == ["do_nothing"]
