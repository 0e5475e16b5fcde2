"""`regulars offers`: rules checked and read back, who passes, and offers put into the bundle."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.bundle.folder import (
    Bundle,
    SparseRows,
    activate,
    current_version,
    read_bundle,
    write_bundle,
)
from models.bundle.manifest import Manifest
from models.bundle.schema import MATRICES
from serving.decisions.offers import open_offer_book

SETTINGS = """
[tables]
orders = { path = "orders.csv" }

[serving]
offers = "offers.toml"
"""
OFFERS = """
[policy.context]
cart_value = "number"

[[offers]]
offer_id = "coffee"
name = "Coffee for less"
category = "drinks"
discount_rate = 0.1
contact_cost = 0.2
channels = ["email"]
eligible = "orders >= 2"
applicable = "recency_days < 100 or recency_days is missing"
suitable = 'tier in ["top_1", "top_5"]'
caps = { week = 1 }

[[offers]]
offer_id = "delivery"
name = "Free delivery"
acceptance_cost = 3.9
applicable = "context.cart_value > 20"

[[offers]]
offer_id = "survey"
name = "Tell us"
eligible = "nps_last > 5"
"""


def small_bundle() -> Bundle:
    """Five customers, one product and an offer of the table; nothing is recommended."""
    ids = pa.array([f"c{number}" for number in range(5)], pa.large_string())
    now = datetime(2026, 6, 1, tzinfo=UTC)
    horizons: dict[str, Any] = {"horizon_days": 90, "value_horizon_days": 365, "discount_rate": 0.1}
    manifest = Manifest(
        version="v1", created_at=now, as_of=date(2026, 6, 1), currency="EUR", shop="shop",
        population="all", margin_assumed=None, models={}, data_fingerprint="d",
        vector_fingerprint="v", **horizons,
    )  # fmt: skip

    def empty(name: str, rows: int) -> SparseRows:
        return SparseRows.from_rows([{}] * rows, dict.fromkeys(MATRICES[name], np.float32))

    heights = {"candidates": 5, "bought": 5}
    return Bundle(
        manifest=manifest,
        customers=pa.table(
            {
                "customer_id": ids,
                "orders": [1, 2, 3, 4, None],
                "tier": ["top_1", "top_1", "rest", "top_5", "top_5"],
                "email_consent": [True, False, True, True, True],
            }
        ),
        vectors=pa.table({"customer_id": ids, "recency_days": [5.0, 5.0, 5.0, None, 500.0]}),
        products=pa.table(
            {"product_id": ["p"], "category": ["drinks"], "in_stock": [True], "retired": [False]}
        ),
        offers=pa.table(
            {"offer_id": ["sale"], "offer_name": ["Sale"], "discount_rate": [0.2],
             "contact_cost": [0.0]}
        ),
        directions=np.zeros((1, 2), dtype=np.float32),
        **{name: empty(name, heights.get(name, 1)) for name in MATRICES},
    )  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "regulars.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "offers.toml").write_text(OFFERS, encoding="utf-8")
    return tmp_path / "regulars.toml"


def with_bundle(shop: Path) -> Path:
    bundles = shop.parent / ".regulars" / "bundles"
    write_bundle(bundles, small_bundle())
    activate(bundles, "v1")
    return bundles


def test_offers_are_shown_and_their_rules_read_back(regulars: Any, shop: Path) -> None:
    printed = regulars("offers", "check", "--config", shop)
    assert printed.code == 0
    for words in (
        "3 offers",
        "10% off, 0.2 a contact",
        "1 in 7 d",
        "offer coffee, eligible: orders >= 2",
        'offer coffee, suitable: tier in ["top_1", "top_5"]',
        "publish a bundle first",
    ):
        assert words in printed.one_line


def test_who_passes_each_gate_is_counted(regulars: Any, shop: Path) -> None:
    with_bundle(shop)
    printed = regulars("offers", "check", "--config", shop)
    lines = [line.split("│")[1:-1] for line in printed.out.splitlines() if "│" in line]
    counts = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines[-4:]}
    assert counts == {
        # Orders: three of five. Days: all of them. Tier: two. Consent: one.
        "coffee": ["email", "3", "3", "2", "1"],
        "delivery": ["web", "5", "0", "0", "0"],
        "sale": ["web", "5", "5", "5", "5"],
        "survey": ["web", "0", "0", "0", "0"],
    }
    assert "delivery, applicable: context.cart_value comes with each request" in printed.one_line
    assert "survey, eligible: nps_last is missing for all" in printed.one_line


def test_changed_offers_are_put_into_the_current_bundle(regulars: Any, shop: Path) -> None:
    bundles = with_bundle(shop)
    printed = regulars("offers", "apply", "--config", shop)
    assert "4 offers, published as" in printed.one_line
    version = current_version(bundles)
    assert version is not None
    assert version.startswith("v1-offers-")
    book = open_offer_book(read_bundle(bundles / version))
    assert [offer.offer_id for offer in book.offers] == ["coffee", "delivery", "sale", "survey"]
    assert str(book.offers[0].eligible) == "orders >= 2"


@pytest.mark.parametrize(
    ("wrong", "right", "problem", "remedy"),
    [
        ("orders >= 2", "order >= 2", "offer coffee, eligible: there is no order", "orders"),
        ('"top_5"', '"gold"', 'tier is never "gold"', "it is one of top_1"),
        ("discount_rate", "discont_rate", "offer coffee.discont_rate: no such setting", "keys"),
        ("[policy.context]", "[policy]", "policy.cart_value: no such setting", "keys"),
    ],
)
def test_a_mistake_is_reported_with_its_remedy(
    regulars: Any, shop: Path, wrong: str, right: str, problem: str, remedy: str
) -> None:
    (shop.parent / "offers.toml").write_text(OFFERS.replace(wrong, right), encoding="utf-8")
    for command in ("check", "apply"):
        printed = regulars("offers", command, "--config", shop)
        assert printed.code == 1
        assert problem in printed.err
        assert remedy in printed.err.partition("Remedy:")[2]
    # Before an hour of training, not after it.
    assert problem in regulars("train", "--config", shop).err


def test_without_offers_or_bundle_the_next_step_is_named(regulars: Any, shop: Path) -> None:
    assert "there is no bundle" in regulars("offers", "apply", "--config", shop).err
    shop.write_text(SETTINGS.partition("[serving]")[0], encoding="utf-8")
    for command in ("check", "apply"):
        printed = regulars("offers", command, "--config", shop)
        assert (printed.code, "name no file of offers" in printed.err) == (1, True)
    shop.write_text(SETTINGS.replace("offers.toml", "none.toml"), encoding="utf-8")
    assert "there is no file of offers" in regulars("offers", "check", "--config", shop).err
