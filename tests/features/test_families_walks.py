"""Columns that take a short cut say the same as a walk through all that was known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.families import contacts, loyalty, relationship

CUTOFFS = [date(2025, 1, 1) + timedelta(days) for days in (1, 3, 10, 20, 30, 37, 45, 60, 400)]
CUSTOMERS = [f"C{number}" for number in range(40)]
FAMILIES = [contacts.FAMILY, loyalty.FAMILY, relationship.FAMILY]
DAY = pd.Timedelta(days=1)
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def frames(lines: Any) -> Frames:
    """Some of everything, of few customers on few days, so that much of it meets."""
    rng, n = np.random.default_rng(4), 400
    customer = {"customer_id": rng.choice(CUSTOMERS, n)}

    def up_to(days: int) -> pd.Series[Any]:
        return pd.Series(pd.to_timedelta(rng.integers(0, days, n), unit="D"))

    booked, sent, starts = (pd.Timestamp("2025-01-01") + up_to(days) for days in (30, 30, 300))
    points = pd.DataFrame(customer).assign(
        # No two of a customer at one second: then the order needs no choice.
        ts=booked + pd.to_timedelta(np.arange(n), unit="s"),
        movement="earned",
        points=1.0,
        level=rng.choice(["silver", "gold", None], n, p=[0.5, 0.3, 0.2]),
        available_at=(booked + up_to(15)).where(rng.random(n) < 0.4),
    )
    contacted = pd.DataFrame(customer).assign(
        campaign_id="M1",
        ts=sent,
        treated=rng.random(n) < 0.8,
        opened_at=(sent + up_to(20)).where(rng.random(n) < 0.2),
        accepted_at=(sent + up_to(20)).where(rng.random(n) < 0.1),
    )
    contracts = pd.DataFrame(customer).assign(
        contract_id=[f"K{number:03d}" for number in range(n)],
        product_id=rng.choice(["net", "tv", None], n),
        level=rng.choice(["S", "M"], n),
        starts_at=starts,
        ends_at=(starts + up_to(90)).where(rng.random(n) < 0.7),
    )
    orders = lines(*((name, name, "tea", "2024-12-31", 1, 10) for name in CUSTOMERS))
    return {"orders": orders, "points": points, "contacts": contacted, "contracts": contracts}


@pytest.fixture(scope="module")
def vectors(open_lasting_shop: Any, frames: Frames) -> pd.DataFrame:
    frame = open_lasting_shop(frames).vectors(*CUTOFFS, families=FAMILIES).frame
    return frame.set_index(["customer_id", "as_of"])


def walked(
    frame: pd.DataFrame, walk: Callable[[pd.DataFrame, pd.Timestamp], dict[str, Any]]
) -> pd.DataFrame:
    """What a walk through each customer's records says at each cutoff, where it says something."""
    found = {
        (customer, as_of): walk(own, pd.Timestamp(as_of))
        for customer, own in frame.groupby("customer_id")
        for as_of in CUTOFFS
    }
    return pd.DataFrame.from_dict({key: row for key, row in found.items() if row}, orient="index")


def assert_walked(vectors: pd.DataFrame, expected: pd.DataFrame) -> None:
    found = vectors[expected.columns].dropna(how="all")
    assert len(expected) > 100
    assert found.to_dict("index") == expected.to_dict("index")


def test_levels(vectors: pd.DataFrame, frames: Frames) -> None:
    def walk(own: pd.DataFrame, as_of: pd.Timestamp) -> dict[str, Any]:
        known = own[own["level"].notna() & (own[["ts", "available_at"]].max(axis=1) < as_of)]
        known = known.sort_values("ts")
        if known.empty:
            return {}
        new = known[known["level"] != known["level"].shift()]
        return {
            "loyalty_level": known["level"].iloc[-1],
            "loyalty_level_changes": len(new) - 1,
            "loyalty_level_days": (as_of - new["ts"].iloc[-1].normalize()).days,
        }

    assert_walked(vectors, walked(frames["points"], walk))


def test_contacts_since_the_last_answer(vectors: pd.DataFrame, frames: Frames) -> None:
    def walk(own: pd.DataFrame, as_of: pd.Timestamp) -> dict[str, Any]:
        sent = own[own["treated"] & (own["ts"] < as_of)]
        answers = pd.concat([sent["opened_at"], sent["accepted_at"]])
        last = answers[answers < as_of].max()
        unanswered = sent["ts"] > last if pd.notna(last) else sent["ts"].notna()
        return {} if sent.empty else {"contacts_unanswered": unanswered.sum()}

    assert_walked(vectors, walked(frames["contacts"], walk))


def test_contracts_that_follow_others(vectors: pd.DataFrame, frames: Frames) -> None:
    def walk(own: pd.DataFrame, as_of: pd.Timestamp) -> dict[str, Any]:
        own = own[own["starts_at"] < as_of].sort_values(["starts_at", "contract_id"])
        renewals, changes, levels = 0, 0, {}
        for start, product, level in zip(
            own["starts_at"], own["product_id"].fillna(""), own["level"], strict=True
        ):
            ended = own["ends_at"][own["starts_at"] < start]
            renewals += ended.between(start - 30 * DAY, start).any()
            changes += levels.get(product, level) != level
            levels[product] = level
        counts = {"contract_renewals": renewals, "contract_level_changes": changes}
        return {} if own.empty else counts

    assert_walked(vectors, walked(frames["contracts"], walk))
