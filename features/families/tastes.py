"""Tastes: the categories that a customer buys most of.

By lines bought, so that dear goods count no more than cheap ones; lines that were returned later
count, too. A share says how far a leading category leads. Goods of no known category are left out.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AS_OF_DAY, FIRST_SEEN, KEYS, Column, Family, first_seen
from features.rollup import Rollups
from features.vocabulary import Columns as C

RANKS = ("favourite", "second", "third")
_NO_CATEGORY = "unknown"

COLUMNS = tuple(
    column
    for rank in RANKS
    for column in (
        Column(f"{rank}_category", f"{rank} category by lines bought; ties go to the first by name",
               "name", "bought of fewer categories", kind="category"),
        Column(f"{rank}_category_share", f"share of the bought lines that are of the {rank} "
               "category", "share", "bought of fewer categories"),
    )
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Rank each customer's categories by the lines bought before each cutoff."""
    bought = first_seen(rollups["customer_product_day"], cutoffs)
    named = bought.filter(bought[C.CATEGORY] != _NO_CATEGORY)
    # Summed before it is paired with cutoffs: far fewer rows.
    new = named.group_by(C.CUSTOMER_ID, C.CATEGORY, FIRST_SEEN).aggregate(lines=named.count())
    paired = new.cross_join(cutoffs)
    known = paired.filter(paired[FIRST_SEEN] <= paired[AS_OF_DAY])
    counts = known.group_by(*KEYS, C.CATEGORY).aggregate(lines=known.lines.sum())
    most_first = ibis.window(
        group_by=[counts[key] for key in KEYS],
        order_by=[ibis.desc(counts.lines), ibis.asc(counts[C.CATEGORY])],
    )
    ranked = counts.mutate(place=ibis.row_number().over(most_first))
    total = ranked.lines.sum().cast("float64")
    columns: dict[str, ir.Value] = {}
    for place, rank in enumerate(RANKS):
        at_place = ranked.place == place
        columns[f"{rank}_category"] = ibis.ifelse(at_place, ranked[C.CATEGORY], None).max()
        columns[f"{rank}_category_share"] = ibis.ifelse(at_place, ranked.lines, None).max() / total
    return ranked.group_by(*KEYS).aggregate(**columns)


FAMILY = Family(
    name="tastes",
    meaning="the categories that a customer buys most of",
    reads=("customer_product_day",),
    columns=COLUMNS,
    compute=compute,
)
