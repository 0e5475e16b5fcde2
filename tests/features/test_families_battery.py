"""What every feature family owes: it knows nothing of the future, and little else matters.

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
from features.vectors import Vectors, register_cutoffs

Frames = dict[str, pd.DataFrame]
Rewrite = Callable[[Frames, pd.Timestamp], Frames]

FAMILIES = discover_families()
CUTOFF, LATER = date(2026, 3, 1), date(2026, 5, 15)
SHOPS = ("all_tables", "orders_only")
NIGHT = pd.Timedelta(hours=30)


@pytest.fixture(scope="session")
def shop(simulated_shops: dict[str, Any]) -> Any:
    return simulated_shops["all_tables"]


@pytest.fixture(scope="session")
def both(simulated_shops: dict[str, Any]) -> dict[str, Vectors]:
    """Vectors at both cutoffs."""
    return {name: shop.vectors(CUTOFF, LATER) for name, shop in simulated_shops.items()}


def known_at(frame: pd.DataFrame) -> pd.Series[Any]:
    """When each record could first be read; never, for tables that are about no moment."""
    if "signed_up_at" in frame:
        return frame["signed_up_at"]
    if "ts" not in frame:
        return pd.Series(pd.NaT, index=frame.index)
    late = frame["available_at"] if "available_at" in frame else frame["ts"]
    return pd.concat([frame["ts"], late], axis=1).max(axis=1)


def deleted(frames: Frames, midnight: pd.Timestamp) -> Frames:
    return {name: frame[~(known_at(frame) >= midnight)] for name, frame in frames.items()}


def changed(frames: Frames, midnight: pd.Timestamp) -> Frames:
    """Give every later record other values and another time, many exactly at midnight."""
    values = {
        "quantity": lambda old: -3 * old,
        "unit_price": lambda old: old + 7.0,
        "discount": lambda old: old * 0.0,
        "amount": lambda old: old * 10.0,
        "score": lambda old: old.clip(upper=1.0),
        "event_type": lambda old: old.map({"view": "cart_add"}).fillna("view"),
        "product_id": lambda old: old.sample(frac=1, random_state=1).to_numpy(),
        "country": lambda old: old.map(lambda _: "Atlantis"),
        "birth_year": lambda old: old - 30,
        "ts": lambda old: old.where(np.arange(len(old)) % 3 > 0, midnight),
        "available_at": lambda old: old + NIGHT,
        "signed_up_at": lambda old: old + NIGHT,
    }
    rewritten = {}
    for name, frame in frames.items():
        later = (known_at(frame) >= midnight).to_numpy()
        new = frame[later].copy()
        # What arrived late keeps its time: moved to midnight it would only be late no longer.
        in_time = new["ts"] >= midnight if "ts" in new else slice(None)
        for column in values.keys() & set(new.columns):
            rows = in_time if column == "ts" else slice(None)
            new.loc[rows, column] = values[column](new.loc[rows, column])
        rewritten[name] = pd.concat([frame[~later], new])
    return rewritten


def added(frames: Frames, midnight: pd.Timestamp) -> Frames:
    """Copy earlier records: once to midnight sharp, once as if they had arrived at midnight.

    Order lines are copied into their own orders, as more goods and as their whole return.
    """
    rewritten = dict(frames)
    for name in frames.keys() & {"orders", "events", "costs", "surveys"}:
        frame = frames[name]
        earlier = frame[known_at(frame) < midnight]
        sharp = earlier.assign(ts=midnight, available_at=pd.NaT)
        late = earlier.assign(ts=earlier["ts"] - 3 * NIGHT, available_at=midnight)
        copies = [sharp, late]
        if name == "orders":
            copies = [copy.assign(country="Atlantis") for copy in copies]
            copies += [copy.assign(quantity=-copy["quantity"]) for copy in copies]
        if name == "events":
            copies = [copy.assign(event_id=None) for copy in copies]
        rewritten[name] = pd.concat([frame, *copies]).astype(frame.dtypes)
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
    cheats = [peeking(name, sees) for name in ("order_states", "customer_day", "customer_day_events")]
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


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_one_row_per_customer_and_cutoff_with_the_declared_columns(
    shop: Any, family: Family
) -> None:
    cutoffs = register_cutoffs(shop.engine, [CUTOFF, LATER])
    computed = shop.engine.frame(family.compute(shop.prepared.rollups, cutoffs))
    assert list(computed.columns) == [*KEYS, *(column.name for column in family.columns)]
    assert len(computed) > 100
    assert not computed.duplicated(list(KEYS)).any()


@pytest.mark.parametrize("name", SHOPS)
def test_everyone_with_a_record_before_the_cutoff_has_a_row(
    both: dict[str, Vectors], simulated_frames: dict[str, Frames], name: str
) -> None:
    frames = simulated_frames[name]
    records = [frames[table] for table in ("orders", "costs") if table in frames]
    for cutoff in (CUTOFF, LATER):
        seen = pd.concat([frame[known_at(frame) < pd.Timestamp(cutoff)] for frame in records])
        rows = both[name].frame.query("as_of == @cutoff")
        assert set(rows["customer_id"]) == set(seen["customer_id"])


@pytest.mark.parametrize("name", SHOPS)
def test_numbers_are_finite_floats_or_missing_and_categories_are_text(
    both: dict[str, Vectors], name: str
) -> None:
    for column in both[name].columns:
        values = both[name].frame[column.name]
        if column.kind == "number":
            assert values.dtype == np.float64, column.name
            assert not np.isinf(values).any(), column.name
        else:
            assert values.dtype == "str", column.name
            assert not values.isin(["None", "nan", ""]).any(), column.name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_column_says_what_it_means(family: Family) -> None:
    assert family.meaning
    assert family.reads
    for column in family.columns:
        assert column.name.isidentifier()
        assert column.name == column.name.lower()
        assert all((column.meaning.strip(), column.unit.strip(), column.missing.strip()))


def test_a_customer_alone_is_the_same_as_in_a_batch(both: dict[str, Vectors], shop: Any) -> None:
    batch = both["all_tables"].frame
    ids = batch["customer_id"].unique()
    for some in ([ids[0]], list(ids[7:30])):
        alone = shop.vectors(CUTOFF, LATER, customers=some)
        expected = batch[batch["customer_id"].isin(some)]
        assert columns_that_differ(alone.frame, expected) == set()
        assert alone.fingerprint == both["all_tables"].fingerprint


def test_several_cutoffs_in_one_pass_are_the_same_as_one_at_a_time(
    both: dict[str, Vectors], shop: Any
) -> None:
    for cutoff in (CUTOFF, LATER):
        single = shop.vectors(cutoff)
        assert (
            columns_that_differ(single.frame, both["all_tables"].frame.query("as_of == @cutoff"))
            == set()
        )
        assert single.fingerprint == both["all_tables"].fingerprint
