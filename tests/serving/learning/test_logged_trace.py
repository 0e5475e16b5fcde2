"""What became of every offer, kept with the decision, and put into words again later."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from models.bundle.folder import Bundle, write_bundle
from models.bundle.manifest import activate
from models.offers.bundling import with_offers
from models.offers.declarations import Caps, Channel, Declaration, Declarations, Policy
from serving.decisions.gates.moment import Context
from serving.decisions.learning.logged_choices import read_choices, read_trace_record
from serving.decisions.offers import OfferBook, open_offer_book
from serving.decisions.traces.logged_trace import read_trace

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
POLICY = Policy(
    context={"cart_value": "number"}, channels={"email": Channel(consent="churn_probability < 0.6")}
)
OFFERS = (
    Declaration(offer_id="a-kettle", name="Kettle", product_id="p3", discount_rate=0.2),
    Declaration(offer_id="b-food", name="Food", category="food"),
    Declaration(offer_id="c-loyal", name="Loyal", eligible='orders > 20 and tier == "top_1"'),
    Declaration(offer_id="d-cart", name="Cart", applicable="context.cart_value > 10 or nps > 20"),
    Declaration(offer_id="e-mail", name="Mail", channels=("email",), contact_cost=0.1),
    Declaration(offer_id="f-banner", name="Banner", placements=("banner",), weight=0.1),
    Declaration(offer_id="g-capped", name="Once", category="home", caps=Caps(month=1)),
    Declaration(offer_id="h-dear", name="Dear", category="food", acceptance_cost=1000),
)


@pytest.fixture
def bundle(
    shop: Any, tiny_bundle: Callable[..., Bundle], bundle_of: Callable[[Bundle], Bundle]
) -> Bundle:
    declared = Declarations(policy=POLICY, offers=OFFERS)
    made = with_offers(bundle_of(tiny_bundle()), declared, NOW)
    write_bundle(shop.folder / "bundles", made)
    activate(shop.folder / "bundles", made.manifest.version)
    return made


ASKED: list[dict[str, Any]] = [
    {"customer_id": "ada"},
    {"customer_id": "ada", "n": 20},
    {"customer_id": "ben", "channel": "email", "context": {"cart_value": 12}},
    {"customer_id": "cleo", "placements": ["footer", "banner"], "n": 2, "context": {"x": 1}},
    {"customer_id": "ada", "channel": "email", "n": 3},
    {"customer_id": "ada", "exclude": ["p0", "p1"], "context": {"cart_value": 50}, "n": 2},
    {"customer_id": "ada", "placements": ["footer"], "context": {"cart_value": 5}},
    {"customer_id": None, "n": 3},
]


def logged(folder: Path, decision_id: str) -> dict[str, Any]:
    with sqlite3.connect(folder / "events.db") as connection:
        connection.row_factory = sqlite3.Row
        wanted = "SELECT * FROM decisions WHERE id = ?"
        row = dict(connection.execute(wanted, [decision_id]).fetchone())
    connection.close()
    return row


def told_again(book: OfferBook, row: dict[str, Any]) -> list[dict[str, Any]]:
    said = json.loads(row["context"])
    context = Context(said.get("channel", "web"), (said.get("placements") or [None])[0], said)
    record = read_trace_record(row["choices"])
    assert record is not None
    at = datetime.fromisoformat(row["ts"]).replace(tzinfo=UTC)
    entries = read_trace(book, record, context, at, json.loads(row["answer"])["items"], "EUR")
    words: list[dict[str, Any]] = orjson.loads(orjson.dumps(entries))
    return words


def test_the_logged_trace_equals_the_answers(shop: Any, bundle: Bundle) -> None:
    book, codes = open_offer_book(bundle), set()
    with shop.open() as client:
        answers = [
            client.post("/v1/next-best-offer", json={**body, "trace": True}).json()
            for body in ASKED
        ]
    for answer in answers:
        row = logged(shop.folder, answer["decision_id"])
        assert json.loads(row["answer"]) == answer
        for ours, theirs in zip(told_again(book, row), answer["trace"], strict=True):
            # Of what was not shown, its value is kept and not each term of it.
            terms, expected = ours.pop("terms"), theirs.pop("terms")
            assert terms in (None, expected)
            assert ours == theirs
            assert (terms is not None) == ours["made"]
            codes.add(ours["code"])
    assert {
        "not_eligible", "not_applicable", "applicability_unknown", "other_channel", "no_consent",
        "other_placement", "made", "worth_less", "worth_nothing", "nothing_to_show", "nobody",
    } <= codes  # fmt: skip


def test_the_trace_is_logged_even_if_not_requested(shop: Any, bundle: Bundle) -> None:
    with shop.open() as client:
        quiet = client.get("/v1/customers/ada/next-best-offer").json()
        told = client.get("/v1/customers/ada/next-best-offer?trace=true").json()
    assert quiet["trace"] is None
    again = told_again(open_offer_book(bundle), logged(shop.folder, quiet["decision_id"]))
    assert [(e["offer_id"], e["code"], e["reason"]) for e in again] == [
        (e["offer_id"], e["code"], e["reason"]) for e in told["trace"]
    ]


def test_decisions_logged_before_are_still_read() -> None:
    before = [
        {
            "placement": None, "rank": 1, "action": "offer:o1", "propensity": 0.75,
            "candidates": [["offer:o1", 1.5, 0.2, 0.75], ["do_nothing", 0.0, 0.0, 0.25]],
        }
    ]  # fmt: skip
    written = json.dumps(before)
    (choice,) = read_choices(written)
    assert [each.id for each in choice.candidates] == ["offer:o1", "do_nothing"]
    assert choice.candidates[0].probability == 0.75
    assert read_trace_record(written) is None
