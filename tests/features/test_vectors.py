"""Vectors: all families side by side, and the fingerprint of what they mean."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from typing import Any

import ibis.expr.types as ir
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.family import discover_families
from features.rollup import Rollups
from features.vectors import Vectors

FAMILIES = discover_families()
CUTOFF, LATER = date(2026, 3, 1), date(2026, 5, 15)


@pytest.fixture(scope="module")
def shop(simulated_shops: dict[str, Any]) -> Any:
    return simulated_shops["all_tables"]


@pytest.fixture(scope="module")
def vectors(shop: Any) -> Vectors:
    return shop.vectors(CUTOFF, LATER)


def test_the_vectors_have_every_column_of_every_family_once_and_in_order(vectors: Vectors) -> None:
    declared = [column.name for family in FAMILIES for column in family.columns]
    assert vectors.names == declared
    assert len(set(declared)) == len(declared)
    assert list(vectors.frame.columns) == ["customer_id", "as_of", *declared]
    keys = vectors.frame[["customer_id", "as_of"]]
    assert not keys.duplicated().any()
    assert_frame_equal(keys, keys.sort_values(["customer_id", "as_of"], ignore_index=True))


def test_many_cutoffs_in_one_pass_are_the_same_as_one_at_a_time(
    shop: Any, vectors: Vectors
) -> None:
    many = shop.vectors(CUTOFF, date(2026, 4, 1), date(2026, 4, 20), LATER)
    assert many.frame["as_of"].nunique() == 4
    for together in (many, vectors):
        for cutoff in (CUTOFF, LATER):
            alone = shop.vectors(cutoff)
            rows = together.frame.query("as_of == @cutoff").reset_index(drop=True)
            assert_frame_equal(rows, alone.frame, check_exact=True)
            assert together.fingerprint == alone.fingerprint


def test_a_customer_without_history_has_no_row(shop: Any, simulated_frames: Any) -> None:
    customers = simulated_frames["all_tables"]["customers"]
    unseen = customers[customers["signed_up_at"] >= pd.Timestamp(CUTOFF)]["customer_id"]
    assert len(unseen) > 3
    alone = shop.vectors(CUTOFF, customers=[*unseen, "nobody"])
    assert alone.frame.empty
    assert list(alone.frame.columns[2:]) == alone.names


def test_a_shop_without_a_table_lacks_its_families_alone(
    vectors: Vectors, simulated_shops: dict[str, Any]
) -> None:
    alone = simulated_shops["orders_only"]
    lacking = set(vectors.names) - set(alone.vectors(CUTOFF).names)
    missed = [f for f in FAMILIES if not all(name in alone.prepared.rollups for name in f.reads)]
    assert {"engagement", "contacts", "loyalty"} <= {family.name for family in missed}
    assert lacking == {column.name for family in missed for column in family.columns}


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    """Ibis keeps some names in sets, and Python orders those anew in every process."""
    program = (
        "import ibis\n"
        "from features.vectors import sorted_sql\n"
        "t = ibis.table({name: 'int64' for name in 'abcdefgh'}, name='t')\n"
        "print(sorted_sql(t.drop('c', 'e', 'a')))"
    )
    prints = {
        subprocess.run(  # noqa: S603  our own program
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in range(4)
    }
    assert len(prints) == 1


def test_the_fingerprint_changes_with_a_definition(shop: Any) -> None:
    returns = next(family for family in FAMILIES if family.name == "returns")
    reworded = replace(returns.columns[0], meaning="another meaning")
    lines, *others = returns.columns

    def doubled(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
        table = returns.compute(rollups, cutoffs)
        return table.mutate((2 * table[lines.name]).name(lines.name))

    variants = [
        returns,
        replace(returns, columns=(reworded, *others)),
        replace(returns, columns=tuple(others)),
        replace(returns, compute=doubled),
    ]
    prints = {shop.vectors(CUTOFF, families=[variant]).fingerprint for variant in variants}
    assert len(prints) == len(variants)
