"""What every feature family owes: the declared columns, once for each customer and cutoff.

Families are discovered, so a new file in ``features/families`` is tested as it stands.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.family import KEYS, Family, discover_families
from features.vectors import Vectors, register_cutoffs

FAMILIES = discover_families()
CUTOFF, LATER = date(2026, 3, 1), date(2026, 5, 15)
SHOPS = ("all_tables", "orders_only")


@pytest.fixture(scope="session")
def shop(simulated_shops: dict[str, Any]) -> Any:
    return simulated_shops["all_tables"]


@pytest.fixture(scope="session")
def both(simulated_shops: dict[str, Any]) -> dict[str, Vectors]:
    """Vectors at both cutoffs."""
    return {name: shop.vectors(CUTOFF, LATER) for name, shop in simulated_shops.items()}


def test_a_shop_with_all_tables_has_all_families(both: dict[str, Vectors]) -> None:
    declared = [column for family in FAMILIES for column in family.columns]
    assert list(both["all_tables"].columns) == declared
    assert len({column.name for column in declared}) == len(declared)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_one_row_per_customer_and_cutoff_with_the_declared_columns(
    shop: Any, family: Family
) -> None:
    cutoffs = register_cutoffs(shop.engine, [CUTOFF, LATER])
    computed = shop.engine.frame(family.compute(shop.prepared.rollups, cutoffs))
    assert list(computed.columns) == [*KEYS, *(column.name for column in family.columns)]
    assert len(computed) > 10
    assert not computed.duplicated(list(KEYS)).any()


@pytest.mark.parametrize("name", SHOPS)
def test_everyone_with_a_record_before_the_cutoff_has_a_row(
    both: dict[str, Vectors], simulated_frames: dict[str, dict[str, pd.DataFrame]], name: str
) -> None:
    frames = simulated_frames[name]
    records = pd.concat([frames[table] for table in ("orders", "costs") if table in frames])
    known_at = records[["ts", "available_at"]].max(axis=1)
    for cutoff in (CUTOFF, LATER):
        seen = records[known_at < pd.Timestamp(cutoff)]
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


def test_the_meaning_before_its_colon_identifies_a_column() -> None:
    """What follows the colon explains, and is left out where a column is put into a sentence."""
    columns = [column for family in FAMILIES for column in family.columns]
    said = Counter(column.meaning.split(": ")[0] for column in columns)
    assert [meaning for meaning, times in said.items() if times > 1] == []


def test_a_customer_alone_is_the_same_as_in_a_batch(both: dict[str, Vectors], shop: Any) -> None:
    batch = both["all_tables"].frame
    ids = batch["customer_id"].unique()
    for some in ([ids[0]], list(ids[7:30])):
        alone = shop.vectors(CUTOFF, LATER, customers=some)
        expected = batch[batch["customer_id"].isin(some)]
        pd.testing.assert_frame_equal(
            alone.frame, expected.reset_index(drop=True), check_exact=True
        )
        assert alone.fingerprint == both["all_tables"].fingerprint
