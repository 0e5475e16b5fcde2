"""Whole numbers in place of customers' ids, while vectors are computed.

Text is grouped, ordered and joined by at a multiple of what whole numbers cost, and every family
does so for every cutoff. Families do not notice: the column keeps its name.
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
    """Give everyone with an order line or a cost a number, in the order of their ids."""
    customers = rollups["customer_day"].select(C.CUSTOMER_ID).distinct()
    number = ibis.row_number().over(order_by=customers[C.CUSTOMER_ID]).cast("int32")
    return engine.create(NUMBERS, customers.mutate(number.name(_NUMBER)))


def with_numbers(
    engine: Engine, rollups: Rollups, families: Sequence[Family], numbers: ir.Table
) -> Rollups:
    """Put numbers for ids in the roll-ups that families read.

    What several families read is kept until :func:`forget_numbered`, the rest read where it is.
    """
    # Whoever asks for vectors reads the customers' days too.
    readers = Counter(["customer_day", *(name for family in families for name in family.reads)])
    tables = dict(rollups.tables)
    for name, times in readers.items():
        if C.CUSTOMER_ID in tables[name].columns:
            numbered = _numbered(tables[name].op(), numbers.op())
            tables[name] = engine.create(_kept(name), numbered) if times > 1 else numbered
    return Rollups(tables)


def forget_numbered(engine: Engine, rollups: Rollups) -> None:
    """Drop what :func:`with_numbers` kept."""
    engine.drop(*map(_kept, rollups.tables))


def with_ids(vectors: ir.Table, numbers: ir.Table) -> ir.Table:
    """Put customers' ids again."""
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
