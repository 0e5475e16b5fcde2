"""Two servers that decide at the same time make no offer more often than its caps allow."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from models.bundle.folder import write_bundle
from models.bundle.manifest import activate
from models.offers.bundling import with_offers
from models.offers.declarations import Declarations, Policy

ASKS = 24


@pytest.fixture
def mailing(shop: Any, offer_shop: Any) -> Any:
    """A shop with two capped offers on everything, worth making to everybody."""
    usual = {"channels": ["email"], "placements": []}
    offers = (
        offer_shop.offer(offer_id="letter", caps={"day": 2}, weight=100, **usual),
        offer_shop.offer(offer_id="note", caps={"week": 3}, weight=50, **usual),
    )
    policy = Policy(caps={"day": 4})
    declared = Declarations(policy=policy, offers=offers)
    bundle = with_offers(offer_shop.bundle, declared, offer_shop.now)
    write_bundle(shop.folder / "bundles", bundle)
    activate(shop.folder / "bundles", bundle.manifest.version)
    return shop


def test_servers_share_their_caps(mailing: Any, offer_shop: Any) -> None:
    def ask(number: int) -> tuple[str, list[str]]:
        customer = ("ada", "cleo")[number % 2]
        body = {"customer_id": customer, "channel": "email", "n": 1}
        answer = servers[number % 3 % 2].post("/v1/next-best-offer", json=body)
        assert answer.status_code == 200
        return customer, [item["offer_id"] for item in answer.json()["items"] if item["offer_id"]]

    with mailing.open() as one, mailing.open() as two:
        servers = (one, two)
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(ask, range(ASKS)))
        made = Counter((who, offer) for who, offers in answers for offer in offers)
        body = {"customer_id": "ada", "channel": "email", "trace": True}
        trace = one.post("/v1/next-best-offer", json=body).json()["trace"]
    # Two letters a day, and then notes until the day's four contacts are used up.
    assert made == {(who, offer): 2 for who in ("ada", "cleo") for offer in ("letter", "note")}
    entry = next(entry for entry in trace if entry["offer_id"] == "letter")
    assert (entry["gate"], entry["made"]) == ("contact_policy", False)
    assert entry["code"] in {"offer_cap_day", "customer_cap_day"}
