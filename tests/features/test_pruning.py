"""What an expression depends on is read off it: the rest may be left missing."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd
import pytest

from features.family import AS_OF_DAY, KEYS, discover_families, history
from features.pruning import columns_read, narrow
from features.rollup import Rollups
from features.vectors import available_families, build_vectors

A = ibis.table({"key": "int64", "x": "float64", "y": "float64", "unread": "string"}, "a")
B = ibis.table({"key": "int64", "z": "float64", "unread": "string"}, "b")


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        pytest.param(A.select("x"), {"a": {"x"}}, id="select"),
        pytest.param(A.mutate(v=A.x + A.y).select("v"), {"a": {"x", "y"}}, id="what it is made of"),
        pytest.param(A.filter(A.y > 0).select("x"), {"a": {"x", "y"}}, id="filter"),
        pytest.param(A.order_by("y").limit(1).select("x"), {"a": {"x", "y"}}, id="order"),
        pytest.param(
            A.group_by("key").aggregate(s=A.x.sum(), t=A.y.sum()).select("s"),
            {"a": {"key", "x"}},
            id="groups shape the rows, other sums do not",
        ),
        pytest.param(A.aggregate(n=A.count()), {"a": set()}, id="counting asks for no column"),
        pytest.param(
            A.mutate(before=A.x.lag().over(group_by=A.key, order_by=A.y)).select("before"),
            {"a": {"key", "x", "y"}},
            id="window",
        ),
        pytest.param(
            A.left_join(B, "key").select("x", "z"),
            {"a": {"key", "x"}, "b": {"key", "z"}},
            id="join",
        ),
        pytest.param(
            A.semi_join(B.filter(B.z > 0), "key").select("x"),
            {"a": {"key", "x"}, "b": {"key", "z"}},
            id="semi-join",
        ),
        pytest.param(
            A.union(A.mutate(x=A.y)).select("x"), {"a": {"x", "y"}}, id="rows put under rows"
        ),
        pytest.param(
            A.select("key", "x").distinct().select("x"), {"a": {"key", "x"}}, id="distinct"
        ),
        pytest.param(
            A.select("x", "y").union(A.select("x", "y"), distinct=True).select("x"),
            {"a": {"x", "y"}},
            id="distinct union",
        ),
        pytest.param(
            A.filter(A.x > B.z.max().as_scalar()).select("y"),
            {"a": {"x", "y"}, "b": {"z"}},
            id="a number of another table",
        ),
    ],
)
def test_an_expression_depends_on(expression: Any, read: dict[str, set[str]]) -> None:
    assert columns_read(expression) == read


def test_narrowed_columns_keep_their_place_and_hold_nothing() -> None:
    few = narrow(A, {"key"})
    assert few.schema() == A.schema()
    assert columns_read(few) == {"a": {"key"}}


@pytest.mark.parametrize("family", discover_families(), ids=lambda family: family.name)
def test_a_family_needs_no_other_columns_than_those_it_is_said_to_read(
    simulated_shops: dict[str, Any], family: Any
) -> None:
    shop = simulated_shops["all_tables"]
    whole = shop.prepared.rollups
    assert available_families([family], whole)
    stand_ins = Rollups({name: ibis.table(t.schema(), name) for name, t in whole.tables.items()})
    cutoffs = ibis.table({AS_OF_DAY: "int32"}, "cutoffs")
    read = columns_read(family.compute(stand_ins, cutoffs))
    assert read.keys() - {"cutoffs"} == set(family.reads)
    everyone = columns_read(history(stand_ins["customer_day"], cutoffs).select(*KEYS))
    read["customer_day"] = read.get("customer_day", set()) | everyone["customer_day"]
    few = Rollups({name: narrow(t, read.get(name, ())) for name, t in whole.tables.items()})
    days = (date(2026, 3, 1), date(2026, 5, 15))
    built = [build_vectors(shop.engine, each, [family], days) for each in (whole, few)]
    assert built[0].frame[list(built[0].names)].notna().any().any()
    pd.testing.assert_frame_equal(built[0].frame, built[1].frame)
