"""Integers in place of customer ids while vectors are computed.

Every family groups, sorts and joins by customer for every cutoff, which costs several times as
much with text as with integers. The column keeps its name, so families do not notice.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir

from features.engine import Engine
from features.family import KEYS, Family
from features.rollup import Rollups
from features.vocabulary import Columns as C

NUMBERS = "customer_numbers"
_NUMBER = "customer_number"


def number_customers(engine: Engine, rollups: Rollups) -> ir.Table:
    """Give a number to everyone with an order line or a cost, in the order of their ids."""
    customers = rollups["customer_day"].select(C.CUSTOMER_ID).distinct()
    number = ibis.row_number().over(order_by=customers[C.CUSTOMER_ID]).cast("int32")
    return engine.create(NUMBERS, customers.mutate(number.name(_NUMBER)))


def with_numbers(
    engine: Engine, rollups: Rollups, families: Sequence[Family], numbers: ir.Table
) -> Rollups:
    """Replace ids by numbers in the roll-ups that families read.

    A roll-up that several families read becomes a temporary table, until :func:`forget_numbered`.
    """
    # Besides the families, the list of customers with vectors reads ``customer_day``.
    readers = Counter(["customer_day", *(name for family in families for name in family.reads)])
    tables = dict(rollups.tables)
    for name, times in readers.items():
        if C.CUSTOMER_ID in tables[name].columns:
            numbered = _numbered(tables[name].op(), numbers.op())
            tables[name] = engine.create(_kept(name), numbered) if times > 1 else numbered
    return Rollups(tables)


def forget_numbered(engine: Engine, rollups: Rollups) -> None:
    """Drop the temporary tables of :func:`with_numbers`."""
    engine.drop(*map(_kept, rollups.tables))


def with_ids(vectors: ir.Table, numbers: ir.Table) -> ir.Table:
    """Replace numbers by the customers' ids again."""
    features = [name for name in vectors.columns if name not in KEYS]
    numbered = vectors.rename({_NUMBER: C.CUSTOMER_ID})
    return numbered.join(numbers, _NUMBER).select(*KEYS, *features)


def _kept(name: str) -> str:
    return f"numbered_{name}"


@functools.lru_cache(maxsize=64)
def _numbered(rollup: Any, numbers: Any) -> ir.Table:
    rows = rollup.to_expr()
    joined = rows.join(numbers.to_expr(), C.CUSTOMER_ID)
    others = [name for name in rows.columns if name != C.CUSTOMER_ID]
    return joined.select(*others, joined[_NUMBER].name(C.CUSTOMER_ID))
