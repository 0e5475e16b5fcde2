"""What every feature family owes: it knows nothing of the future, nor of the order of rows.

Families are discovered, so a new file in ``features/families`` is tested as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest

from features.family import AS_OF_DAY, KEYS, Column, Family, discover_families
from features.rollup import DAY, Rollups

Frames = dict[str, pd.DataFrame]
Rewrite = Callable[[Frames, pd.Timestamp], Frames]

FAMILIES = discover_families()
CUTOFF, LATER = date(2026, 3, 1), date(2026, 5, 15)
SHOPS = ("all_tables", "orders_only")
NIGHT = pd.Timedelta(hours=30)


@pytest.fixture(scope="session")
def shop(simulated_shops: dict[str, Any]) -> Any:
    return simulated_shops["all_tables"]


# What the same record comes to say later: known from its own day, not from the record's.
OUTCOMES = {"contacts": ("opened_at", "accepted_at"), "contracts": ("cancelled_at", "ends_at")}


def happened_at(name: str) -> str:
    """The column that says when a table's records began; products and offers have none."""
    return {"customers": "signed_up_at", "contracts": "starts_at"}.get(name, "ts")


def known_at(name: str, frame: pd.DataFrame) -> pd.Series[Any]:
    """When each record could first be read; never, for tables that are about no moment."""
    moments = [m for m in (happened_at(name), "available_at") if m in frame]
    return frame[moments].max(axis=1) if moments else pd.Series(pd.NaT, index=frame.index)


def with_outcomes(
    name: str, frame: pd.DataFrame, midnight: pd.Timestamp, new: Callable[..., pd.Series[Any]]
) -> pd.DataFrame:
    """Retell the outcomes that were yet to come; the end of a contract came with its notice."""
    told, retold = frame.get("cancelled_at", pd.Series(pd.NaT, frame.index)) < midnight, {}
    for outcome in OUTCOMES.get(name, ()):
        to_come = frame[outcome] >= midnight
        retold[outcome] = frame[outcome].mask(to_come & ~told, new(frame[outcome]))
    return frame.assign(**retold)


def deleted(frames: Frames, midnight: pd.Timestamp) -> Frames:
    rewritten = {}
    for name, frame in frames.items():
        earlier = frame[~(known_at(name, frame) >= midnight)]
        rewritten[name] = with_outcomes(name, earlier, midnight, lambda old: old.where(old.isna()))
    return rewritten


def changed(frames: Frames, midnight: pd.Timestamp) -> Frames:
    """Give every later record other values and another time, many exactly at midnight."""

    def at_midnight(old: pd.Series[Any]) -> pd.Series[Any]:
        return old.where(np.arange(len(old)) % 3 > 0, midnight)

    def swapped(one: str, other: str) -> Rewrite:
        return lambda old: old.map({one: other}).fillna(one)

    def shuffled(old: pd.Series[Any]) -> Any:
        return old.sample(frac=1, random_state=1).to_numpy()

    values = {
        "quantity": lambda old: -3 * old,
        **dict.fromkeys(("unit_price", "points", "cost", "income"), lambda old: old + 7.0),
        "discount": lambda old: old * 0.0,
        "amount": lambda old: old * 10.0,
        "score": lambda old: old.clip(upper=1.0),
        "birth_year": lambda old: old - 30,
        "treated": lambda old: ~old,
        "event_type": swapped("view", "cart_add"),
        "movement": swapped("earned", "redeemed"),
        "cost_kind": swapped("support", "shipping"),
        **dict.fromkeys(("product_id", "session_id", "referred_customer_id"), shuffled),
        **dict.fromkeys(
            ("country", "channel", "query", "level"), lambda old: old.mask(old.notna(), "Atlantis")
        ),
        "aspect": lambda old: old.fillna("image"),
        **dict.fromkeys(("ts", "starts_at"), at_midnight),
        **dict.fromkeys(("available_at", "signed_up_at", "expires_at"), lambda old: old + NIGHT),
    }
    rewritten = {}
    for name, frame in frames.items():
        later = (known_at(name, frame) >= midnight).to_numpy()
        new = frame[later].copy()
        # What arrived late keeps its time: moved to midnight it would only be late no longer.
        in_time = new["ts"] >= midnight if "ts" in new else slice(None)
        for column in values.keys() & set(new.columns):
            rows = in_time if column == "ts" else slice(None)
            new.loc[rows, column] = values[column](new.loc[rows, column])
        earlier = with_outcomes(name, frame[~later], midnight, lambda old: at_midnight(old + NIGHT))
        rewritten[name] = pd.concat([earlier, new])
    return rewritten


def added(frames: Frames, midnight: pd.Timestamp) -> Frames:
    """Copy earlier records: once to midnight sharp, once as if they had arrived at midnight.

    Order lines are copied into their own orders, as more goods and as their whole return. What
    had no outcome gets one at midnight.
    """
    rewritten = dict(frames)
    for name in frames.keys() - {"customers", "products", "offers"}:
        frame = frames[name]
        earlier = frame[known_at(name, frame) < midnight]
        copies = [earlier.assign(**{happened_at(name): midnight})]
        if "available_at" in frame:
            late = earlier.assign(ts=earlier["ts"] - 3 * NIGHT, available_at=midnight)
            copies = [copies[0].assign(available_at=pd.NaT), late]
        if name == "orders":
            copies = [copy.assign(country="Atlantis") for copy in copies]
            copies += [copy.assign(quantity=-copy["quantity"]) for copy in copies]
        if name == "events":
            copies = [copy.assign(event_id=None) for copy in copies]
        if name == "contracts":
            new = {"contract_id": earlier["contract_id"] + "-again", "ends_at": pd.NaT}
            copies = [copy.assign(**new) for copy in copies]
        outcomes = {
            outcome: frame[outcome].fillna(midnight)
            for outcome in OUTCOMES.get(name, ())
            if outcome != "ends_at"
        }
        rewritten[name] = pd.concat([frame.assign(**outcomes), *copies]).astype(frame.dtypes)
    return rewritten


REWRITES: Mapping[str, Rewrite] = {"deleted": deleted, "changed": changed, "added": added}


def columns_that_differ(left: pd.DataFrame, right: pd.DataFrame) -> set[str]:
    """Names of the columns that are not the same to the bit; the keys, where rows differ."""
    left, right = (frame.set_index(["customer_id", "as_of"]) for frame in (left, right))
    differ = set() if left.index.equals(right.index) else {"customer_id"}
    both = left.index.intersection(right.index)
    left, right = left.loc[both], right.loc[both]
    return differ | {name for name in left.columns if not left[name].equals(right[name])}


@pytest.fixture(scope="session")
def columns_that_see() -> Callable[..., set[str]]:
    """The checker: names of the columns at a cutoff that tell one shop from another."""
    computed: dict[tuple[Any, ...], pd.DataFrame] = {}

    def at(shop: Any, families: Sequence[Family], cutoff: date) -> pd.DataFrame:
        key = (shop, *families)
        if key not in computed:
            computed[key] = shop.vectors(CUTOFF, LATER, families=families).frame
        frame = computed[key]
        return frame[frame["as_of"] == cutoff].reset_index(drop=True)

    def check(one: Any, other: Any, families: Sequence[Family], cutoff: date) -> set[str]:
        return columns_that_differ(at(one, families, cutoff), at(other, families, cutoff))

    return check


@pytest.fixture(scope="session")
def rewritten(simulated_frames: dict[str, Frames], open_lasting_shop: Any) -> Callable[..., Any]:
    """The shop whose records from ``CUTOFF`` on were rewritten; made once."""
    made: dict[tuple[str, str], Any] = {}

    def rewrite(shop: str, how: str) -> Any:
        if (shop, how) not in made:
            frames = REWRITES[how](simulated_frames[shop], pd.Timestamp(CUTOFF))
            made[shop, how] = open_lasting_shop(frames)
        return made[shop, how]

    return rewrite


@pytest.mark.parametrize("how", REWRITES)
@pytest.mark.parametrize("name", SHOPS)
def test_no_column_knows_the_future(
    simulated_shops: dict[str, Any], rewritten: Any, columns_that_see: Any, name: str, how: str
) -> None:
    assert columns_that_see(rewritten(name, how), simulated_shops[name], FAMILIES, CUTOFF) == set()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_what_was_rewritten_is_seen_later(
    shop: Any, rewritten: Any, columns_that_see: Any, family: Family
) -> None:
    """Else the battery would not touch the records that this family reads."""
    changes = columns_that_see(rewritten("all_tables", "changed"), shop, FAMILIES, LATER)
    assert changes & {column.name for column in family.columns}


def peeking(rollup: str, sees: Callable[[ir.Table], ir.BooleanValue]) -> Family:
    """A family that counts facts without going through ``history``."""
    name = f"peeked_{rollup}"

    def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
        paired = rollups[rollup].cross_join(cutoffs)
        seen = paired.filter(sees(paired))
        return seen.group_by(*KEYS).aggregate(seen.count().name(name))

    return Family(name, "cheats", (rollup,), (Column(name, "facts", "facts"),), compute)


PEEKS = {
    "at everything": (lambda t: t[DAY] > 0, {"deleted", "added"}),
    "at midnight": (lambda t: t[DAY] <= t[AS_OF_DAY], {"deleted", "changed", "added"}),
    "at what arrived late": (lambda t: t[DAY] < t[AS_OF_DAY], {"deleted", "added"}),
}


@pytest.mark.parametrize("look", PEEKS)
def test_a_family_that_peeks_is_caught(
    shop: Any, rewritten: Any, columns_that_see: Any, look: str
) -> None:
    sees, catches = PEEKS[look]
    cheats = [
        peeking(name, sees) for name in ("order_states", "customer_day", "customer_day_events")
    ]
    for how in catches:
        caught = columns_that_see(rewritten("all_tables", how), shop, cheats, CUTOFF)
        assert caught == {cheat.name for cheat in cheats}


@pytest.mark.parametrize("name", SHOPS)
def test_the_order_of_the_rows_is_irrelevant(
    simulated_shops: dict[str, Any],
    simulated_frames: dict[str, Frames],
    open_shop: Any,
    columns_that_see: Any,
    name: str,
) -> None:
    frames = simulated_frames[name]
    mixed = {table: frame.sample(frac=1, random_state=5) for table, frame in frames.items()}
    mixed_shop = open_shop(mixed)
    for cutoff in (CUTOFF, LATER):
        assert columns_that_see(mixed_shop, simulated_shops[name], FAMILIES, cutoff) == set()
