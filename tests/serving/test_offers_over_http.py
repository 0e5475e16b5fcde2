"""Offers that go out: every contact is written down before the answer, and caps hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from models.bundle.folder import Bundle, activate, write_bundle
from models.offers.declarations import Caps, Declaration, Policy

HELLO = Declaration(offer_id="o-hello", name="Hello", channels=("email",))
BREAD = Declaration(offer_id="o-bread", name="Bread", product_id="p0", channels=("email", "web"))


@pytest.fixture
def mail(shop: Any, tiny_bundle: Callable[..., Bundle]) -> Iterator[Any]:
    """The small shop with two offers by e-mail, of which a customer may get one a day."""
    bundle = tiny_bundle("v2")
    columns = {name: bundle.customers.column(name) for name in bundle.customers.column_names}
    offers = (BREAD, HELLO)
    table = {
        "offer_id": [offer.offer_id for offer in offers],
        "offer_name": [offer.name for offer in offers],
        "discount_rate": [0.0] * 2,
        "contact_cost": [0.0] * 2,
        "declaration": [offer.model_dump_json() for offer in offers],
    }
    policy = Policy(caps=Caps(day=1)).model_dump(mode="json")
    changed = replace(
        bundle,
        manifest=replace(bundle.manifest, offer_policy=policy),
        customers=pa.table({**columns, "email_consent": [True] * 6}),
        offers=pa.table(table),
    )
    write_bundle(shop.folder / "bundles", changed)
    activate(shop.folder / "bundles", "v2")
    with shop.open() as client:
        yield client


def asked(client: Any, channel: str = "email", **more: Any) -> dict[str, Any]:
    body = {"customer_id": "ada", "channel": channel, **more}
    answer: dict[str, Any] = client.post("/v1/next-best-offer", json=body).json()
    return answer


def test_the_second_contact_of_a_day_is_not_made_and_the_trace_says_why(mail: Any) -> None:
    first = asked(mail)["items"][0]
    assert first["offer_id"] == "o-hello"
    again = asked(mail, trace=True)
    assert [item["action"] for item in again["items"]] == ["do_nothing"]
    assert {entry["gate"] for entry in again["trace"]} == {"contact_policy"}
    assert {entry["code"] for entry in again["trace"]} == {"customer_cap_day"}


def test_a_page_that_the_customer_opens_is_no_contact(mail: Any) -> None:
    asked(mail)
    assert asked(mail, "web")["items"][0]["action"] in {"offer", "product"}


def test_two_of_one_answer_count_as_two(mail: Any) -> None:
    items = asked(mail, n=2)["items"]
    assert [item["action"] for item in items] == ["offer"]


def test_however_many_ask_at_the_same_time_one_contact_is_made(mail: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: asked(mail), range(16)))
    made = [item for answer in answers for item in answer["items"] if item["action"] == "offer"]
    assert len(made) == 1
