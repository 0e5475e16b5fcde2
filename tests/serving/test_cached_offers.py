"""Offers asked for again: the same answer, each a decision of its own, until something happens."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest

from models.bundle.folder import Bundle, write_bundle
from models.bundle.manifest import activate
from models.offers.bundling import with_offers
from models.offers.declarations import Channel, Declaration, Declarations, Policy
from serving.decisions.policies.settings import PolicySettings

URL = "/v1/customers/ada/next-best-offer"


def without_id(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "decision_id"}


def test_asked_again_the_answer_is_the_same_and_logged_again(shop: Any) -> None:
    with shop.open() as client:
        first, second = (client.get(URL).json() for _ in range(2))
    assert without_id(first) == without_id(second)
    assert first["decision_id"] != second["decision_id"]
    with sqlite3.connect(shop.folder / "events.db") as connection:
        rows = connection.execute("SELECT id, choices FROM decisions").fetchall()
    connection.close()
    assert {id_ for id_, _ in rows} == {first["decision_id"], second["decision_id"]}
    assert len({choices for _, choices in rows}) == 1


@pytest.mark.parametrize("changed", ["?n=2", "?trace=true", "?why_not=o-home"])
def test_another_question_has_another_answer(shop: Any, changed: str) -> None:
    with shop.open() as client:
        plain = client.get(URL).json()
        assert without_id(client.get(URL + changed).json()) != without_id(plain)
        assert without_id(client.get(URL).json()) == without_id(plain)


def test_another_customer_has_another_answer(shop: Any) -> None:
    with shop.open() as client:
        for customer in ("ada", "ben", "cleo", "nobody"):
            answer = client.get(f"/v1/customers/{customer}/next-best-offer").json()
            assert answer["customer_id"] == customer


@pytest.mark.parametrize("kind", ["reject", "purchase"])
def test_what_was_done_since_counts_at_once(shop: Any, kind: str) -> None:
    event = {"event_id": "e1", "type": kind, "customer_id": "ada", "product_id": "p3"}
    with shop.open() as client:
        before = without_id(client.get(URL).json())
        assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
        after = without_id(client.get(URL).json())
    assert after != before


def test_who_was_erased_is_a_stranger(shop: Any) -> None:
    with shop.open() as client:
        assert client.get(URL).json()["fallback"] is None
        assert client.request("DELETE", "/v1/customers/ada").status_code in (200, 204)
        assert client.get(URL).json()["fallback"] == "new_customer"


def test_an_offer_ends_when_its_day_is_over(shop: Any) -> None:
    # Of two days ahead nothing is kept from before: the kettle's offer ends in between.
    now = [shop.now()]
    with replace(shop, now=lambda: now[0]).open() as client:
        ask = {"url": f"{URL}?n=20"}
        before = client.get(**ask).json()
        now[0] += timedelta(days=2)
        after = client.get(**ask).json()
    assert before["considered"] - after["considered"] == 1


def test_quiet_hours_may_begin_within_the_hour(
    shop: Any, tiny_bundle: Callable[..., Bundle], bundle_of: Callable[[Bundle], Bundle]
) -> None:
    rest = Channel(outbound=False, quiet_hours=(time(12, 30), time(13)))
    offer = Declaration(offer_id="o-web", name="On the page", channels=["web"], weight=100)
    declared = Declarations(policy=Policy(channels={"web": rest}), offers=(offer,))
    plain = bundle_of(tiny_bundle())
    bundle = with_offers(replace(plain, offers=plain.offers.slice(0, 0)), declared, shop.now())
    write_bundle(shop.folder / "bundles", bundle)
    activate(shop.folder / "bundles", bundle.manifest.version)
    now = [shop.now()]
    with replace(shop, now=lambda: now[0]).open() as client:
        before = client.get(URL).json()
        now[0] += timedelta(minutes=40)
        after = client.get(URL).json()
    assert before["items"][0]["offer_id"] == "o-web"
    assert after["items"][0]["offer_id"] is None


def test_what_is_left_to_chance_is_drawn_anew(shop: Any) -> None:
    exploring = PolicySettings.model_validate({"exploration": {"share": 1.0, "among": 3}})
    with replace(shop, policies=exploring).open() as client:
        drawn = {str(client.get(URL).json()["items"][0]["product_id"]) for _ in range(30)}
    assert len(drawn) > 1
