"""Some of a family's columns are the same numbers as beside all others, and read no more."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.family import Family, discover_families, narrowed

CUTOFFS = (date(2026, 3, 1), date(2026, 5, 15))
FAMILIES = {family.name: family for family in discover_families()}


@pytest.fixture(scope="module")
def shop(simulated_shops: dict[str, Any]) -> Any:
    return simulated_shops["orders_only"]


def test_parts_share_out_a_family_s_columns() -> None:
    in_parts = [family for family in FAMILIES.values() if family.parts]
    assert in_parts
    for family in in_parts:
        columns = [column for part in family.parts for column in part.columns]
        assert columns == list(family.columns)
        assert {name for part in family.parts for name in part.reads} == set(family.reads)


@pytest.mark.parametrize(
    ("family", "names", "reads"),
    [
        ("basket", {"top_category_share"}, {"customer_product_day"}),
        ("basket", {"products_bought", "lines_per_order"}, {"customer_day_firsts", "order_states"}),
        ("rhythm", {"gap_mean_days", "overdue_ratio"}, {"order_states"}),
    ],
)
def test_asked_columns_alone_are_what_they_are_among_all(
    shop: Any, family: str, names: set[str], reads: set[str]
) -> None:
    parts: tuple[Family, ...] = narrowed(FAMILIES[family], names)
    assert {name for part in parts for name in part.reads} == reads
    alone = shop.vectors(*CUTOFFS, families=parts)
    assert set(alone.names) == names
    among_all = shop.vectors(*CUTOFFS, families=[FAMILIES[family]])
    assert len(alone.frame) > 100
    pd.testing.assert_frame_equal(alone.frame, among_all.frame[list(alone.frame.columns)])


def test_a_family_without_an_asked_column_is_left_out() -> None:
    assert narrowed(FAMILIES["basket"], {"recency_days"}) == ()
