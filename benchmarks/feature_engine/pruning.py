"""Which columns of each roll-up some families' columns depend on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from features.family import AS_OF_DAY, Family
from features.pruning import columns_read
from features.refresh import build_rollups
from features.rollup import Rollup, Rollups
from features.settings import ShopSettings
from features.vectors import with_history
from features.vocabulary import TABLES


def rollup_columns(
    families: Sequence[Family], wanted: Sequence[Rollup], shop: ShopSettings
) -> dict[str, set[str]]:
    """Return the columns of each wanted roll-up that families, or other roll-ups, depend on."""
    made: dict[str, ir.Table] = {}

    def write(rollup: Rollup, expression: ir.Table) -> ir.Table:
        made[rollup.name] = expression
        return ibis.table(expression.schema(), rollup.name)

    specs = (TABLES[name] for name in ("orders", "products", "customers"))
    raw = {t.name: ibis.table({c.name: c.type for c in t.columns}, t.name) for t in specs}
    build_rollups(raw, shop, wanted, write)
    rollups = Rollups({name: ibis.table(each.schema(), name) for name, each in made.items()})
    cutoffs = ibis.table({AS_OF_DAY: "int32"}, "cutoffs")
    needed: dict[str, set[str]] = defaultdict(set)

    def need(expression: ir.Table) -> None:
        for name, columns in columns_read(expression).items():
            needed[name] |= columns

    need(with_history(rollups, cutoffs))
    for family in families:
        if all(name in rollups for name in family.reads):
            need(family.compute(rollups, cutoffs))
    for name, expression in reversed(made.items()):
        need(expression.select(*needed[name]))
    return needed
