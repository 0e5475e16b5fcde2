"""The named rules that a good row keeps, one place per table.

A rule is true where the row is *bad*. Comparisons with a missing value are never true, so
each rule applies only to rows that have the value it judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import ibis
import ibis.expr.types as ir

from features.adjustments import is_product
from features.engine import SOURCE_FILE, SOURCE_ROW
from features.settings import CheckSettings
from features.sources import SOURCE_INDEX
from features.vocabulary import Columns as C
from features.vocabulary import TableSpec

REASONS = "reasons"
NTH_COPY = "nth_copy"
_EARLIEST = datetime(1970, 1, 2)  # noqa: DTZ001  all times are naive UTC inside the engine


@dataclass(frozen=True)
class Rule:
    """One way for a row to be bad, the column to look at, and what to do about it."""

    name: str
    column: str
    is_bad: Callable[[ir.Table], ir.BooleanValue]
    problem: str
    remedy: str


def rules_for(spec: TableSpec, checks: CheckSettings, now: datetime) -> list[Rule]:
    """Return the rules that judge each row of a table by itself.

    Parameters
    ----------
    now
        Naive UTC; a record dated later is impossible.
    """
    rules = [*_time_rules(spec, now), *_TABLE_RULES.get(spec.name, ())]
    if spec.name == "orders":
        rules.append(_product_price_rule(checks))
    return rules


def copy_rules_for(spec: TableSpec, sources: int) -> list[Rule]:
    """Return the rules that look for duplicates of a row; they need its ``reasons`` so far.

    Parameters
    ----------
    sources
        Number of sources of the table: two or more may overlap.
    """
    if spec.key:
        return [_key_rule(spec)]
    return [_overlap_rule(spec)] if sources > 1 else []


def _time_rules(spec: TableSpec, now: datetime) -> list[Rule]:
    def outside(column: str) -> Callable[[ir.Table], ir.BooleanValue]:
        return lambda t: (t[column] < ibis.literal(_EARLIEST)) | (t[column] > ibis.literal(now))

    return [
        Rule(
            f"{name}_impossible",
            name,
            outside(name),
            f"{name} lies in the future or before 1970",
            f"correct the dates; times are read as UTC and now is {now:%Y-%m-%d %H:%M}",
        )
        for name in (C.TS, C.AVAILABLE_AT)
        if any(column.name == name for column in spec.columns)
    ]


def _key_rule(spec: TableSpec) -> Rule:
    def repeated(t: ir.Table) -> ir.BooleanValue:
        return _is_copy(t, list(spec.key))

    key = ", ".join(spec.key)
    return Rule(
        "key_repeated",
        spec.key[0],
        repeated,
        f"{key} is another row's; the first good row is kept",
        f"keep one row per {key}",
    )


def number_copies(table: ir.Table, spec: TableSpec) -> ir.Table:
    """Add ``nth_copy``: the number of earlier equal lines in the same source."""
    groups = [table[name] for name in (*spec.required, SOURCE_INDEX)]
    within = ibis.window(group_by=groups, order_by=[table[SOURCE_FILE], table[SOURCE_ROW]])
    return table.mutate(ibis.row_number().over(within).name(NTH_COPY))


def _is_copy(t: ir.Table, group_by: list[str]) -> ir.BooleanValue:
    """Return whether a row is not the one to keep of its group, which is the first good one."""
    groups = [t[name] for name in group_by]
    order = [t[REASONS] != "", t[SOURCE_INDEX], t[SOURCE_FILE], t[SOURCE_ROW]]
    return ibis.row_number().over(ibis.window(group_by=groups, order_by=order)) > 0


def _overlap_rule(spec: TableSpec) -> Rule:
    """Build the rule that finds lines present in two exports of the same period.

    The n-th copy of a line in one source matches the n-th copy in another, so repetitions within
    a single source are all kept. Only the required columns are compared, because descriptions
    may be edited between exports.
    """
    content = list(spec.required)

    def overlaps(t: ir.Table) -> ir.BooleanValue:
        return _is_copy(t, [*content, NTH_COPY])

    return Rule(
        "repeated_across_sources",
        spec.columns[0].name,
        overlaps,
        "the same line was read from an earlier source; the first is kept",
        "nothing to do when two exports overlap; else look for a file read twice",
    )


def _negative(column: str) -> Rule:
    return Rule(
        f"{column}_negative",
        column,
        lambda t: t[column] < 0,
        f"{column} is below zero",
        f"correct {column}; a return is a line of negative quantity at a positive price",
    )


def _product_price_rule(checks: CheckSettings) -> Rule:
    """Build the rule against negative prices of goods; a credit may be written as one."""
    rule = _negative(C.UNIT_PRICE)
    return replace(rule, is_bad=lambda t: rule.is_bad(t) & is_product(t, checks))


def _one_of(column: str, allowed: tuple[str, ...]) -> Rule:
    return Rule(
        f"{column}_unknown",
        column,
        lambda t: ~t[column].isin(allowed),
        f"{column} is none of {', '.join(allowed)}",
        f"rename the values to {', '.join(allowed)}",
    )


def _outside(column: str, low: float, high: float) -> Rule:
    return Rule(
        f"{column}_outside",
        column,
        lambda t: (t[column] < low) | (t[column] > high),
        f"{column} is outside {low:g} to {high:g}",
        f"correct {column}",
    )


def _score_outside(t: ir.Table) -> ir.BooleanValue:
    low = ibis.ifelse(t[C.SURVEY] == "nps", 0, 1)
    high = ibis.cases((t[C.SURVEY] == "nps", 10), (t[C.SURVEY] == "csat", 5), else_=7)
    return (t[C.SCORE] < low) | (t[C.SCORE] > high)


_TABLE_RULES: dict[str, tuple[Rule, ...]] = {
    "orders": (
        _negative(C.UNIT_COST),
        Rule(
            "quantity_zero",
            C.QUANTITY,
            lambda t: t[C.QUANTITY] == 0,
            "quantity is zero",
            "remove the line or give it its quantity",
        ),
        Rule(
            "discount_above_price",
            C.DISCOUNT,
            lambda t: t[C.DISCOUNT].abs() > (t[C.QUANTITY] * t[C.UNIT_PRICE]).abs() + 0.01,
            "the discount is larger than the line",
            "discount is money off the whole line, not a percentage",
        ),
    ),
    "products": (_negative(C.LIST_PRICE), _negative(C.UNIT_COST)),
    "customers": (_outside(C.BIRTH_YEAR, 1900, 2100), _negative(C.ACQUISITION_COST)),
    "events": (_one_of(C.EVENT_TYPE, ("view", "search", "cart_add")),),
    "surveys": (
        _one_of(C.SURVEY, ("nps", "csat", "ces")),
        Rule(
            "score_outside",
            C.SCORE,
            _score_outside,
            "score is outside the survey's scale",
            "nps is 0 to 10, csat 1 to 5, ces 1 to 7",
        ),
    ),
    "contacts": (_negative(C.COST),),
    "points": (_one_of(C.MOVEMENT, ("earned", "redeemed", "expired")), _negative(C.POINTS)),
    "offers": (
        _outside(C.DISCOUNT_RATE, 0, 1),
        _negative(C.CONTACT_COST),
        Rule(
            "ends_before_start",
            C.ENDS_AT,
            lambda t: t[C.ENDS_AT] <= t[C.STARTS_AT],
            "the offer ends before it starts",
            "correct starts_at or ends_at",
        ),
    ),
    "contracts": (
        Rule(
            "ends_before_start",
            C.ENDS_AT,
            lambda t: t[C.ENDS_AT] < t[C.STARTS_AT],
            "the contract ends before it starts",
            "correct starts_at or ends_at",
        ),
    ),
}
