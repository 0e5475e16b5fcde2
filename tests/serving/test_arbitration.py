"""Arbitration in money: every term in closed form, and one customer the same as among many."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.progress import silent
from models.bundle.folder import Bundle, ModelCard, SparseRows
from models.offers.declarations import Policy
from models.offers.rules import Rule
from serving.catalogue import Catalogue, open_catalogue
from serving.customers.rescored import Rescored
from serving.decisions.bulk.batch import price_blocks
from serving.decisions.bulk.decide import Situation, decide
from serving.decisions.inputs import DecisionInputs, open_decision_inputs
from serving.decisions.next_best_offer import next_best_offer
from serving.decisions.offer_outcome import Decider, OfferAsk, OfferOutcome
from serving.decisions.offers import Offer, OfferBook
from serving.decisions.terms import Terms
from serving.events import check_events
from serving.products.shoppers import Shopper, Shoppers
from tests.serving.example_bundles import CANDIDATES, MATRIX, POPULAR

NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)
CONSENT = [True, True, True, False, True, None]
EFFECTS = {
    "email_consent": CONSENT,
    "uplift": [0.05, 0.10, -0.02, 0.10, None, 0.01],
    "uplift_lower": [0.01, 0.04, -0.06, 0.04, None, -0.03],
    "uplift_upper": [0.09, 0.16, 0.02, 0.16, None, 0.05],
    "p_orders": [0.4, 0.1, 0.2, 0.2, None, 0.7],
    "value_if_orders": [30.0, 20.0, 25.0, 25.0, None, 40.0],
}
MUG = Offer(
    "o-mug", "A mug by post", category="home", discount_rate=0.1, points=50.0,
    acceptance_cost=0.2, contact_cost=0.5, channels=("email", "web"),
)  # fmt: skip
ANYTHING = Offer("o-all", "Anything at all", acceptance_cost=0.01, weight=10.0)
POLICY = Policy(point_value=0.01, redemption_rate=0.8)


@pytest.fixture(scope="module")
def treated(tiny_bundle: Callable[..., Bundle], bundle_of: Callable[[Bundle], Bundle]) -> Catalogue:
    """The small shop after campaigns by lot, its churn model's calibration measured."""
    bundle = tiny_bundle()
    columns = {name: bundle.customers.column(name) for name in bundle.customers.column_names}
    said = replace(
        bundle.manifest,
        evidence="randomised",
        response_days=14,
        models={"churn": ModelCard("7", {"ece": 0.02})},
    )
    customers = pa.table({**columns, **EFFECTS})
    return open_catalogue(bundle_of(replace(bundle, manifest=said, customers=customers)))


@pytest.fixture(scope="module")
def inputs(treated: Catalogue) -> DecisionInputs:
    return open_decision_inputs(treated).with_book(OfferBook((MUG,), POLICY))


def decided(inputs: DecisionInputs, customer: str | None, n: int = 20, **ask: Any) -> OfferOutcome:
    return next_best_offer(inputs, Shopper(), OfferAsk(customer, n, **ask), Decider("d", NOON))


def terms_of(outcome: OfferOutcome, offer_id: str) -> Terms:
    return next(item.terms for item in outcome.items if item.offer_id == offer_id)


def test_every_term_of_a_contact(inputs: DecisionInputs) -> None:
    # Of the category home ada has the kettle alone: margin 15, price 40, chance 0.1.
    terms = terms_of(decided(inputs, "ada", channel="email"), "o-mug")
    p_accept = 0.8 * 0.1
    assert terms.p_accept == pytest.approx(p_accept)
    assert terms.discount == pytest.approx(p_accept * 0.1 * 40)
    # 50 points of 0.01 each, 80 % of them ever redeemed, are owed with the acceptance.
    assert terms.acceptance_cost == pytest.approx(p_accept * (0.2 + 50 * 0.01 * 0.8))
    assert terms.uplift == 0.05
    assert terms.retention == pytest.approx(0.05 * 30)
    assert (terms.retention_lower, terms.retention_upper) == pytest.approx((0.01 * 30, 0.09 * 30))
    assert terms.evidence == "randomised"
    parts = p_accept * 15 + terms.retention - terms.discount - terms.acceptance_cost - 0.5
    assert terms.offer_value == pytest.approx(parts)


def test_the_bounds_are_those_of_the_measured_errors(inputs: DecisionInputs) -> None:
    terms = terms_of(decided(inputs, "ada", channel="email"), "o-mug")
    per_acceptance = 15 - 4 - 0.2 - 0.4
    half = 0.02 * 0.1 * per_acceptance
    assert terms.offer_value_upper - terms.offer_value == pytest.approx(half + 0.04 * 30)
    assert terms.offer_value - terms.offer_value_lower == pytest.approx(half + 0.04 * 30)


def test_where_nobody_is_contacted_no_effect_of_a_contact_is_claimed(
    inputs: DecisionInputs,
) -> None:
    terms = terms_of(decided(inputs, "ada", channel="web"), "o-mug")
    assert (terms.uplift, terms.retention, terms.evidence) == (None, 0.0, "risk_only")


def test_scores_made_since_the_bundle_price_a_contact(inputs: DecisionInputs) -> None:
    def terms(scores: dict[str, float | None]) -> Terms:
        vector = json.dumps([None] * (len(inputs.catalogue.bundle.vectors.column_names) - 1))
        new = Rescored("ada", "v1", date(2026, 6, 3), NOON, json.dumps(scores), vector, "[]")
        ask, decider = OfferAsk("ada", 20, channel="email"), Decider("d", NOON, rescored=new)
        (entry,) = next_best_offer(inputs, Shopper(), ask, decider).trace("o-mug")
        assert entry.terms is not None
        return entry.terms

    churned = {"churn_probability": 0.5, "email_consent": True}
    effect = {"uplift": 0.3, "uplift_lower": 0.1, "uplift_upper": 0.4, "value_if_orders": 100.0}
    known = terms(churned | effect)
    assert known.p_accept == pytest.approx(0.5 * 0.1)
    assert (known.uplift, known.retention) == pytest.approx((0.3, 30.0))
    assert (known.retention_lower, known.retention_upper) == pytest.approx((10.0, 40.0))
    unknown = terms(churned | dict.fromkeys(effect))
    assert (unknown.uplift, unknown.retention, unknown.evidence) == (None, 0.0, "risk_only")


def test_a_contact_that_puts_off_may_lose_to_doing_nothing(inputs: DecisionInputs) -> None:
    outcome = decided(inputs, "cleo", channel="email")
    (entry,) = outcome.trace()
    assert (entry.code, entry.made) == ("worth_nothing", False)
    assert entry.offer_value is not None
    assert entry.offer_value < 0
    assert all(item.action != "offer" for item in outcome.items)


def test_a_weight_moves_the_order_and_no_money(treated: Catalogue) -> None:
    bread = Offer("o-bread", "Bread", product_id="p0")
    butter = Offer("o-butter", "Butter", product_id="p1", weight=0.1)
    inputs = open_decision_inputs(treated).with_book(OfferBook((bread, butter)))
    outcome = decided(inputs, "ada")
    assert [e.code for e in outcome.trace()] == ["same_product", "same_product"]
    dear = inputs.with_book(OfferBook((bread, replace(butter, weight=10.0))))
    best = decided(dear, "ada").items[0]
    assert best.offer_id == "o-butter"
    assert best.terms.offer_value == pytest.approx(0.8 * 0.4 * 1.5)


def test_a_trace_says_of_every_offer_what_became_of_it(treated: Catalogue) -> None:
    rich_only = replace(MUG, offer_id="o-rich", eligible=Rule('tier == "top_1"'))
    nowhere = replace(
        MUG, offer_id="o-toaster", category=None, product_id="p4", availability="retired"
    )
    offers = (MUG, rich_only, nowhere, replace(MUG, offer_id="o-web", channels=("web",)))
    inputs = open_decision_inputs(treated).with_book(OfferBook(offers, POLICY))
    trace = decided(inputs, "ada", channel="email").trace()
    said = {entry.offer_id: (entry.gate, entry.code) for entry in trace}
    assert said == {
        "o-mug": ("arbitration", "made"),
        "o-rich": ("eligible", "not_eligible"),
        "o-toaster": ("eligible", "retired"),
        "o-web": ("applicable", "other_channel"),
    }
    (why,) = decided(inputs, "ada", channel="email").trace("o-rich")
    assert "tier is" in why.reason


def test_placements_show_only_what_may_be_shown_there(treated: Catalogue) -> None:
    footer = replace(MUG, offer_id="o-footer", placements=("footer",))
    inputs = open_decision_inputs(treated).with_book(OfferBook((MUG, footer), POLICY))
    items = decided(inputs, "ada", placements=["banner", "footer"]).items
    placed = {item.offer_id: item.placement for item in items if item.offer_id}
    assert placed == {"o-mug": "banner", "o-footer": "footer"}


def same(inputs: DecisionInputs, channel: str, shoppers: Shoppers) -> None:
    """Assert that deciding for all customers at once is deciding for each."""
    ids = inputs.catalogue.bundle.customers.column("customer_id").to_pylist()
    situation = Situation(channel, NOON, shoppers, {})
    rows = [
        row
        for frame in decide(inputs, np.arange(len(ids)), situation, silent)
        for row in frame.to_dict("records")
    ]
    assert [row["customer_id"] for row in rows] == ids
    for row in rows:
        ask = OfferAsk(row["customer_id"], channel=channel)
        shopper = shoppers.find(row["customer_id"])
        alone = next_best_offer(inputs, shopper, ask, Decider("d", NOON)).items[0]
        assert row["action"] == alone.action
        assert row["offer_value"] == pytest.approx(alone.terms.offer_value)
        assert row["p_accept"] == pytest.approx(alone.terms.p_accept)
        assert row["evidence"] == alone.terms.evidence
        found = {name: row[name] for name in ("offer_id", "product_id")}
        told = {"offer_id": alone.offer_id, "product_id": alone.product_id}
        assert {k: None if isinstance(v, float) else v for k, v in found.items()} == told


@pytest.mark.parametrize("channel", ["web", "email"])
def test_one_customer_is_decided_on_as_among_many(inputs: DecisionInputs, channel: str) -> None:
    same(inputs, channel, Shoppers())


def test_so_on_random_shops(random_catalogues: list[Catalogue]) -> None:
    for catalogue in random_catalogues:
        same(open_decision_inputs(catalogue), "web", Shoppers())


def test_what_was_rejected_is_not_offered_in_bulk_either(
    inputs: DecisionInputs, rejected: Callable[[dict[str, str]], Shoppers]
) -> None:
    shoppers = rejected({"ada": "p3", "änne": "p6", "nobody": "p0"})
    same(inputs, "web", shoppers)
    same(inputs.with_book(OfferBook((ANYTHING,))), "web", shoppers)


def test_what_has_no_margin_is_in_no_offer_in_bulk_either(
    tiny_bundle: Callable[..., Bundle], bundle_of: Callable[[Bundle], Bundle]
) -> None:
    """Of p7 nothing is known; Ben may order it, and here it is what most people buy."""
    popular = SparseRows.from_rows([{7: (9.5, 0.4), **POPULAR[0]}], MATRIX["popular"])
    catalogue = open_catalogue(bundle_of(replace(tiny_bundle(), popular=popular)))
    inputs = open_decision_inputs(catalogue).with_book(OfferBook((ANYTHING,)))
    same(inputs, "web", Shoppers())


def test_of_equal_products_the_more_popular_is_best_in_bulk_too(
    tiny_bundle: Callable[..., Bundle], bundle_of: Callable[[Bundle], Bundle]
) -> None:
    alike = {0: (0.5, 0.75, -1), 6: (0.4, 0.25, -1)}  # margins of 1 and 3
    candidates = SparseRows.from_rows([alike, *CANDIDATES[1:]], MATRIX["candidates"])
    catalogue = open_catalogue(bundle_of(replace(tiny_bundle(), candidates=candidates)))
    inputs = open_decision_inputs(catalogue).with_book(OfferBook(()))
    assert decided(inputs, "ada").items[0].product_id == "p6"
    same(inputs, "web", Shoppers())


@pytest.mark.parametrize("size", [1, 4, 6, 7])
def test_blocks_hold_every_customer_once(inputs: DecisionInputs, size: int) -> None:
    blocks = price_blocks(
        inputs.catalogue, inputs.plan, np.arange(6), Shoppers(), is_contact=False,
        block_customers=size,
    )  # fmt: skip
    assert np.concatenate([block.customers for block in blocks]).tolist() == [*range(6)]


@pytest.fixture(scope="module")
def rejected() -> Callable[[dict[str, str]], Shoppers]:
    def of(products: dict[str, str]) -> Shoppers:
        events, _ = check_events(
            [
                {"event_id": f"e-{c}", "type": "reject", "customer_id": c, "product_id": p,
                 "ts": NOON.isoformat()}
                for c, p in products.items()
            ],
            NOON,
            lambda: "id",
        )  # fmt: skip
        return Shoppers(events.values())

    return of


def test_a_budget_holds_over_all_customers(inputs: DecisionInputs) -> None:
    ids = np.arange(6)
    situation = Situation("email", NOON, Shoppers(), {})

    def offered(budget: float | None) -> list[str]:
        hello = Offer("o-hello", "Hello", contact_cost=0.5, channels=("email",), budget=budget)
        book = OfferBook((hello,))
        (frame,) = decide(inputs.with_book(book), ids, situation, silent)
        return frame.loc[frame["action"] == "offer", "customer_id"].tolist()

    everyone = offered(None)
    assert len(everyone) > 1
    assert offered(0.0) == []
    assert len(offered(0.6)) == 1


def test_a_budget_pays_for_contacts_and_for_what_acceptances_give_away(
    inputs: DecisionInputs,
) -> None:
    def made(budget: float | None) -> pd.DataFrame:
        offer = replace(MUG, contact_cost=0.1, budget=budget)
        situation = Situation("email", NOON, Shoppers(), {})
        book = OfferBook((offer,), POLICY)
        (frame,) = decide(inputs.with_book(book), np.arange(6), situation, silent)
        return frame[frame["action"] == "offer"]

    everyone = made(None)
    costs = everyone[["discount", "acceptance_cost", "contact_cost"]]
    assert (costs > 0).all(axis=None)
    spent = float(costs.to_numpy().sum())
    assert len(made(spent * 1.001)) == len(everyone)
    assert len(made(spent * 0.999)) == len(everyone) - 1


def test_nothing_but_offers_goes_out_to_customers(inputs: DecisionInputs) -> None:
    # Dan's own candidates cannot be sold; änne never said whether she may be written to.
    for customer in ("dan", "änne"):
        items = decided(inputs, customer, channel="email").items
        assert [item.action for item in items] == ["do_nothing"]
        assert decided(inputs, customer, channel="web").items[0].action == "product"
