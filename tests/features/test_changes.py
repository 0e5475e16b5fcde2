"""What a refresh has to do: nothing, append what is new, or rebuild; judged by parts alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.changes import Change, plan_changes, possible, read_by
from features.rollup import Rollup, discover_rollups
from features.store import Store, TableState

SETTINGS = "settings"
BY_NAME: dict[str, Rollup] = {rollup.name: rollup for rollup in discover_rollups()}
# Roll-ups that read one another: lines, moves of orders, states of orders; and costs beside them.
WATCHED = ("customer_day", "order_moves", "order_states")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A shop whose roll-ups were just made: two parts of orders, one of costs and products."""
    parts = {"orders": ["o1", "o2"], "products": ["p1"], "costs": ["c1"]}
    tables = {name: TableState(SETTINGS, [name], own) for name, own in parts.items()}
    store = Store(tmp_path, tables=tables)
    done(store)
    return store


def planned(store: Store, definition: str = SETTINGS, *, unchanged: bool = True) -> list[Change]:
    return plan_changes(store, definition, catalogue_unchanged=unchanged)


def done(store: Store) -> None:
    """Note every change as made."""
    for change in planned(store):
        known = store.rollups.get(change.rollup.name)
        kept = known.parts if known is not None and change.new is not None else []
        made = TableState(SETTINGS, [change.inputs], [*kept, change.part])
        store.rollups[change.rollup.name] = made


def news(store: Store) -> dict[str, dict[str, list[str]] | None]:
    """What is planned for the watched roll-ups: the parts to append, None for a rebuild."""
    return {
        change.rollup.name: change.new for change in planned(store) if change.rollup.name in WATCHED
    }


def test_what_was_just_made_needs_nothing(store: Store) -> None:
    assert planned(store) == []


def test_only_what_the_shop_has_tables_for_is_made(store: Store) -> None:
    names = set(store.rollups)
    assert names.issuperset(WATCHED)
    assert "customer_day_points" not in names
    assert names == {r.name for r in BY_NAME.values() if r.stored and possible(store, r)}


def test_new_parts_are_appended_to_what_reads_them_and_to_nothing_else(store: Store) -> None:
    store.tables["costs"].parts.append("c2")
    assert news(store) == {"customer_day": {"costs": ["c2"]}}
    store.tables["orders"].parts.append("o3")
    both = {"costs": ["c2"], "orders": ["o3"]}
    orders = {"orders": ["o3"]}
    assert news(store) == {"customer_day": both, "order_moves": orders, "order_states": orders}


@pytest.mark.parametrize(
    "parts",
    [["o3"], ["o1", "o9"], ["o1"], ["o2", "o1"], ["o1", "o9", "o3"]],
    ids=["made anew", "one replaced", "one gone", "in another order", "replaced and grown"],
)
def test_parts_that_are_not_only_added_to_mean_a_rebuild(store: Store, parts: list[str]) -> None:
    store.tables["orders"].parts = parts
    assert news(store) == dict.fromkeys(WATCHED)


def test_a_table_that_comes_or_goes_rebuilds_what_may_read_it(store: Store) -> None:
    costs = store.tables.pop("costs")
    assert news(store) == {"customer_day": None}
    done(store)
    store.tables["costs"] = costs
    assert news(store) == {"customer_day": None}


def test_a_catalogue_is_judged_by_its_content_and_not_by_its_parts(store: Store) -> None:
    store.tables["products"].parts = ["p2"]
    assert planned(store) == []
    rebuilt = planned(store, unchanged=False)
    assert {change.rollup.name for change in rebuilt} == set(store.rollups)
    assert all(change.new is None for change in rebuilt)


def test_other_settings_rebuild_everything(store: Store) -> None:
    rebuilt = planned(store, "other settings")
    assert {change.rollup.name for change in rebuilt} == set(store.rollups)
    assert all(change.new is None for change in rebuilt)


def test_what_reads_a_rebuilt_roll_up_is_rebuilt_after_it(store: Store) -> None:
    del store.rollups["order_moves"]
    assert news(store) == dict.fromkeys(WATCHED)
    names = [change.rollup.name for change in planned(store)]
    assert names.index("order_moves") < names.index("order_states")


def test_after_forty_parts_a_roll_up_becomes_one_again(store: Store) -> None:
    store.rollups["order_states"].parts = [f"part{number}" for number in range(39)]
    store.tables["orders"].parts.append("o3")
    assert news(store)["order_states"] == {"orders": ["o3"]}
    done(store)
    assert len(store.rollups["order_states"].parts) == 40
    store.tables["orders"].parts.append("o4")
    assert news(store)["order_states"] is None
    done(store)
    assert len(store.rollups["order_states"].parts) == 1


def test_every_change_writes_a_part_of_its_own(store: Store) -> None:
    store.tables["orders"].parts.append("o3")
    parts = [change.part for change in planned(store)]
    assert len(set(parts)) == len(parts)
    known = {part for state in store.rollups.values() for part in state.parts}
    assert known.isdisjoint(parts)


def test_steps_that_are_not_stored_are_read_through(store: Store) -> None:
    changes = {change.rollup.name: change for change in planned(store, "other settings")}
    assert read_by([changes["order_moves"]]) == {"orders", "products"}
    assert read_by([changes["customer_day"]]) == {"order_moves", "costs"}
