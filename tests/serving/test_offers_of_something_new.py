"""Offers of what a customer does not hold yet: what holding more keeps, and what is taken next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.progress import silent
from models.bundle.folder import Bundle
from models.uplift.breadth import BreadthEffect
from serving.catalogue import Catalogue, open_catalogue
from serving.decisions.bulk.decide import Situation, decide
from serving.decisions.inputs import DecisionInputs, open_decision_inputs
from serving.decisions.next_best_offer import next_best_offer
from serving.decisions.offer_outcome import Decider, OfferAsk, OfferOutcome
from serving.decisions.offers import Offer, OfferBook
from serving.decisions.terms import Terms
from serving.events import check_events
from serving.products.shoppers import Shopper, Shoppers

NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)
HOME = Offer("o-home", "Something for the home", category="home")
MUG = Offer("o-mug", "A mug", product_id="p5")
FOOD = Offer("o-food", "Food week", category="food")
ANYTHING = Offer("o-all", "Anything at all")
BOOK = OfferBook((FOOD, HOME, MUG))
PROVEN = BreadthEffect(
    what="categories", held=1, customers=900, raw=-0.2, raw_low=-0.22, raw_high=-0.18,
    adjusted=-0.05, adjusted_low=-0.08, adjusted_high=-0.02, overlap_auc=0.7, share_outside=0.1,
    evidence="observational", because="adjusted", retention=0.05,
)  # fmt: skip
HELD = {"categories_bought": [1.0, 1.0, None, 1.0, 1.0, 3.0]}
# Of p4, the toaster, nothing can be sold; dan would take the mug, and so would eve.
NEXT = {
    "next_product": [None, "p5", None, "p5", "p4", None],
    "next_product_probability": [None, 0.4, None, 0.3, 0.9, None],
}
RATE = 0.1


@pytest.fixture(scope="module")
def shop(
    tiny_bundle: Callable[..., Bundle], bundle_of: Callable[[Bundle], Bundle]
) -> Callable[..., DecisionInputs]:
    """Open the small shop with what is said of breadth and of next products."""

    def opened(
        step: BreadthEffect | None = None,
        rate: float | None = None,
        following: Mapping[str, Any] = NEXT,
    ) -> DecisionInputs:
        bundle = tiny_bundle()
        tables = [
            pa.table({name: table.column(name) for name in table.column_names} | more)
            for table, more in ((bundle.customers, following), (bundle.vectors, _held(step)))
        ]
        manifest = replace(
            bundle.manifest, breadth=(step,) if step else (), further_product_rate=rate
        )
        made = replace(bundle, manifest=manifest, customers=tables[0], vectors=tables[1])
        return open_decision_inputs(open_catalogue(bundle_of(made))).with_book(BOOK)

    return opened


def _held(step: BreadthEffect | None) -> dict[str, Any]:
    if step is None or step.what == "categories":
        return HELD
    return {"products_held": HELD["categories_bought"]}


def decided(
    inputs: DecisionInputs, customer: str, shopper: Shopper | None = None, n: int = 20
) -> OfferOutcome:
    return next_best_offer(inputs, shopper or Shopper(), OfferAsk(customer, n), Decider("d", NOON))


def terms_of(
    inputs: DecisionInputs, customer: str, offer_id: str, shopper: Shopper | None = None
) -> Terms:
    entries = decided(inputs, customer, shopper).trace(offer_id)
    (entry,) = entries
    assert entry.terms is not None, entry
    return entry.terms


def test_what_is_new_keeps_customers_as_far_as_it_is_proven(
    shop: Callable[..., DecisionInputs],
) -> None:
    # Ada, who stays with chance 0.8, bought food alone; of the home she may be shown the kettle.
    terms = terms_of(shop(PROVEN), "ada", "o-home")
    remaining = 200 * (90 / 365) / 0.8
    assert terms.breadth_effect == 0.05
    assert terms.breadth_remaining_value == pytest.approx(remaining)
    assert terms.breadth == pytest.approx(terms.p_accept * 0.05 * remaining)
    bounds = [terms.p_accept * end * remaining for end in (0.02, 0.08)]
    assert [terms.breadth_lower, terms.breadth_upper] == pytest.approx(bounds)
    assert terms.breadth_evidence == "observational"
    assert terms.offer_value == pytest.approx(terms.p_accept * terms.margin + terms.breadth)
    assert terms.offer_value_lower == pytest.approx(terms.offer_value - terms.breadth + bounds[0])


def test_more_of_the_same_is_not_something_new(shop: Callable[..., DecisionInputs]) -> None:
    terms = terms_of(shop(PROVEN), "ada", "o-food")
    assert (terms.breadth_effect, terms.breadth, terms.breadth_evidence) == (None, 0.0, None)


@pytest.mark.parametrize("held", [2, 4])
def test_a_step_that_the_customer_does_not_take_says_nothing(
    shop: Callable[..., DecisionInputs], held: int
) -> None:
    assert terms_of(shop(replace(PROVEN, held=held)), "ada", "o-home").breadth == 0.0


def test_where_the_interval_holds_zero_nothing_counts(shop: Callable[..., DecisionInputs]) -> None:
    unsure = replace(PROVEN, adjusted_high=0.01, retention=0.0)
    assert terms_of(shop(unsure), "ada", "o-home").breadth == 0.0


def test_what_was_bought_since_is_no_longer_new(shop: Callable[..., DecisionInputs]) -> None:
    kettle = Shopper(purchases={"p3": {"order": 20_000}})
    assert terms_of(shop(PROVEN), "ada", "o-home", kettle).breadth == 0.0


def test_the_next_product_under_contract_is_accepted_at_the_base_rate(
    shop: Callable[..., DecisionInputs],
) -> None:
    # Ben's next order says nothing of the mug: margin 5.
    terms = terms_of(shop(rate=RATE), "ben", "o-mug")
    assert (terms.p_buys, terms.p_product_given_buys) == pytest.approx((RATE, 0.4))
    assert terms.acceptance_basis == "next_product"
    assert terms.evidence == "risk_only"
    assert terms.offer_value == pytest.approx(RATE * 0.4 * 5)


def test_what_orders_say_comes_first(shop: Callable[..., DecisionInputs]) -> None:
    # Cleo may order the mug and has no next product; nobody's toaster can be sold.
    assert terms_of(shop(rate=RATE), "cleo", "o-mug").acceptance_basis == "orders"
    (toaster,) = decided(
        shop(rate=RATE).with_book(OfferBook((replace(MUG, product_id="p4"),))), "eve"
    ).trace()
    assert toaster.code == "nothing_to_show"


def test_without_a_rate_the_next_product_is_not_priced(shop: Callable[..., DecisionInputs]) -> None:
    (entry,) = decided(shop(), "ben").trace("o-mug")
    assert entry.code == "nothing_to_show"


@pytest.mark.parametrize("following", [[None] * 6, [None, "p4", None, "p4", "p4", None]])
def test_where_no_next_product_can_be_sold_none_is_priced(
    shop: Callable[..., DecisionInputs], following: list[str | None]
) -> None:
    products = pa.array(following, pa.large_string())
    inputs = shop(rate=RATE, following=NEXT | {"next_product": products})
    assert inputs.plan.next_products is None
    assert decided(inputs, "ben").trace("o-mug")[0].code == "nothing_to_show"


def test_what_is_excluded_is_no_next_product_either(shop: Callable[..., DecisionInputs]) -> None:
    ask = OfferAsk("ben", 20, exclude=["p5"])
    outcome = next_best_offer(shop(rate=RATE), Shopper(), ask, Decider("d", NOON))
    (entry,) = outcome.trace("o-mug")
    assert entry.code == "nothing_to_show"


def test_one_more_product_keeps_holders(shop: Callable[..., DecisionInputs]) -> None:
    terms = terms_of(shop(replace(PROVEN, what="products"), RATE), "ben", "o-mug")
    remaining = 10 * (90 / 365) / 0.1
    assert terms.breadth == pytest.approx(RATE * 0.4 * 0.05 * remaining)


@pytest.mark.parametrize("what", ["categories", "products"])
@pytest.mark.parametrize("book", [BOOK, OfferBook((ANYTHING,))], ids=["goods", "anything"])
@pytest.mark.parametrize("buyer", ["dan", "ada"])
def test_one_is_decided_on_as_among_many(
    shop: Callable[..., DecisionInputs], what: str, book: OfferBook, buyer: str
) -> None:
    inputs = shop(replace(PROVEN, what=what), RATE).with_book(book)
    bought = {"event_id": "e", "type": "purchase", "customer_id": buyer, "product_id": "p3"}
    events, _ = check_events([bought | {"ts": NOON.isoformat()}], NOON, lambda: "id")
    shoppers = Shoppers(events.values())
    ids: list[str] = inputs.catalogue.bundle.customers.column("customer_id").to_pylist()
    (rows,) = decide(inputs, np.arange(len(ids)), Situation("web", NOON, shoppers, {}), silent)
    breadths = 0
    for row in rows.to_dict("records"):
        customer = row["customer_id"]
        alone = decided(inputs, customer, shoppers.find(customer), 1).items[0]
        assert (row["action"], row["acceptance_basis"]) == (
            alone.action, alone.terms.acceptance_basis,
        )  # fmt: skip
        for name in ("p_buys", "p_accept", "breadth", "offer_value", "offer_value_upper"):
            assert row[name] == pytest.approx(getattr(alone.terms, name)), name
        breadths += alone.terms.breadth > 0
    assert (rows["breadth"] > 0).sum() == breadths


def test_the_trace_shows_every_term(shop: Callable[..., DecisionInputs]) -> None:
    entries = {each.offer_id: each for each in decided(shop(PROVEN), "ada").trace()}
    home = entries["o-home"]
    assert home.terms is not None
    assert home.terms.offer_value == home.offer_value
    assert entries["o-mug"].terms is None  # there is no mug to show her


def test_what_an_offer_is_on_has_the_category_of_its_product(tiny: Catalogue) -> None:
    """Of the first product as of any other; nothing is known of p7 and of a category nobody has."""
    on = ("p0", None), ("p5", None), ("p7", None), (None, "home"), (None, "garden"), (None, None)
    offers = (Offer(f"o{k}", "", product_id=p, category=c) for k, (p, c) in enumerate(on))
    plan = open_decision_inputs(tiny).with_book(OfferBook(tuple(offers))).plan
    food, home = (tiny.category_codes[name] for name in ("food", "home"))
    assert plan.category.tolist() == [food, home, -1, home, -1, -1]
    assert plan.product.tolist() == [0, 5, 7, -1, -1, -1]


def test_the_catalogue_is_of_the_bundle(tiny: Catalogue) -> None:
    """A bundle made before any of this prices as it did."""
    plan = open_decision_inputs(tiny).plan
    assert (plan.breadth, plan.next_products) == (None, None)
