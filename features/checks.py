"""Check a table's rows in one pass: keep the good ones, quarantine the bad ones.

Every rule that a row fails is named; nothing is dropped silently. Bad rows are written to
``quarantine/<table>`` with their file, row, values and reasons.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from features.adjustments import without_adjustment_codes
from features.casts import PLACE, flagged, original, type_rules, typed
from features.engine import BUCKET, SOURCE_FILE, SOURCE_ROW, Engine, bucket_of
from features.errors import DataError
from features.rules import REASONS, Rule, copy_rules_for, number_copies, rules_for
from features.settings import CheckSettings
from features.sources import Place, open_places, readable
from features.vocabulary import TABLES, TableSpec
from features.vocabulary import Columns as C
from features.wording import counted


@dataclass(frozen=True)
class RuleCount:
    """How often a rule failed, and the first row where it did."""

    rule: str
    column: str
    rows: int
    expected: bool
    problem: str
    remedy: str
    first_file: str
    first_row: int
    first_value: str | None

    def example(self) -> str:
        """Return where to look, as a phrase."""
        value = "nothing" if self.first_value is None else repr(self.first_value)
        return f"first: row {self.first_row} of {Path(self.first_file).name} holds {value}"


@dataclass(frozen=True)
class TableReport:
    """How many of one table's rows were kept, and why others were not.

    Attributes
    ----------
    rows_unexpectedly_bad
        Bad rows that fail a rule which the settings do not expect to fail.
    content
        Sum of the kept rows' hashes; with ``rows_kept`` it identifies the content.
    adjustments
        Number of kept order lines that are no goods: only their money counts.
    repetitions
        Number of kept order lines that equal an earlier one in every column.
    """

    table: str
    rows_read: int
    rows_kept: int
    rows_unexpectedly_bad: int
    content: int
    rules: tuple[RuleCount, ...] = ()
    notices: tuple[str, ...] = field(default=())
    adjustments: int = 0
    repetitions: int = 0

    @property
    def rows_quarantined(self) -> int:
        """Rows read and not kept."""
        return self.rows_read - self.rows_kept

    @property
    def fingerprint(self) -> str:
        """Changes when any kept row does."""
        return f"{self.rows_kept}-{self.content:x}"

    def __add__(self, later: TableReport) -> TableReport:
        """Return the report of two parts of a table together."""
        rules = {count.rule: count for count in self.rules}
        for count in later.rules:
            before = rules.get(count.rule)
            rules[count.rule] = (
                count
                if before is None
                else RuleCount(**{**vars(before), "rows": before.rows + count.rows})
            )
        return TableReport(
            self.table,
            self.rows_read + later.rows_read,
            self.rows_kept + later.rows_kept,
            self.rows_unexpectedly_bad + later.rows_unexpectedly_bad,
            self.content + later.content,
            tuple(rules.values()),
            self.notices,
            self.adjustments + later.adjustments,
            self.repetitions + later.repetitions,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> TableReport:
        """Rebuild from the result of :meth:`to_json`."""
        rules = tuple(RuleCount(**rule) for rule in stored["rules"])
        return cls(**{**stored, "rules": rules, "notices": tuple(stored["notices"])})


def check_table(
    engine: Engine,
    table: str,
    places: Sequence[Place],
    checks: CheckSettings,
    now: datetime,
    workspace: Path,
    *,
    part: str,
    buckets: int,
) -> TableReport:
    """Check the rows of some places and add them to the table's good and bad ones.

    Parameters
    ----------
    part
        Beginning of the new files' names.
    buckets
        Number of shares of the customers by which good rows are stored.

    Raises
    ------
    DataError
        A required column is missing, or a file cannot be read.
    """
    spec = TABLES[table]
    sources = len({place.index for place in places})
    opened = [typed(raw, spec, place.index) for place, raw in open_places(engine, spec, places)]
    together = functools.reduce(lambda left, right: left.union(right), opened)
    together = number_copies(together, spec) if sources > 1 else together
    row_rules, copy_rules = rules_for(spec, checks, now), copy_rules_for(spec, sources)
    judged = flagged(flagged(together, row_rules), copy_rules)

    clean, quarantine = workspace / "clean" / table, workspace / "quarantine" / table
    is_good = judged[REASONS] == ""
    good = judged.filter(is_good)
    good = without_adjustment_codes(good, checks) if table == "orders" else good
    with readable(spec, ", ".join(sorted({place.source.path for place in places}))):
        _write_good(engine, good, spec, clean, part, buckets)
        read = int(engine.frame(together.aggregate(rows=together.count()))["rows"].iloc[0])
        kept, adjustments, content = _kept(engine, spec, clean, part)
        of_orders = (adjustments, _count_repetitions(engine, spec, clean, part))
        if kept == read:
            return TableReport(table, read, kept, 0, content, (), (), *of_orders)
        engine.write(_as_written(judged.filter(~is_good), spec), quarantine, part)
    bad = engine.open(f"bad_{table}", sorted(quarantine.glob(f"{part}*.parquet")))
    rules = [*type_rules(spec), *row_rules, *copy_rules]
    surprises = [rule for rule in rules if not _is_expected(rule, checks)]
    *failing, surprising = _count_rows(engine, bad, [*([rule] for rule in rules), surprises])
    counts = [
        _rule_count(engine, bad, rule, rows, checks)
        for rule, rows in zip(rules, failing, strict=True)
        if rows
    ]
    return TableReport(table, read, kept, surprising, content, tuple(counts), (), *of_orders)


def _write_good(
    engine: Engine, good: ir.Table, spec: TableSpec, folder: Path, part: str, buckets: int
) -> None:
    """Write the columns of the vocabulary, in shares by customer."""
    chosen = good.select(*(column.name for column in spec.columns))
    if buckets == 1 or C.CUSTOMER_ID not in chosen.columns:
        engine.write(chosen, folder / f"{BUCKET}=0", part)
        return
    share = bucket_of(chosen[C.CUSTOMER_ID], buckets)
    engine.write(chosen.mutate(share.name(BUCKET)), folder, part)
    if not list(folder.glob("**/*.parquet")):
        engine.write(chosen.limit(0), folder / f"{BUCKET}=0", part)


def _as_written(bad: ir.Table, spec: TableSpec) -> ir.Table:
    """Return bad rows with their place, their reasons and the values as the user wrote them."""
    values = {
        name: bad[original(name)].fill_null(bad[name].cast("string"))
        for name in (column.name for column in spec.columns)
    }
    return bad.select(*PLACE, REASONS, **values)


def _kept(engine: Engine, spec: TableSpec, clean: Path, part: str) -> tuple[int, int, int]:
    """Count the good rows and the adjustments among them, and sum the hashes of their content."""
    files = sorted(clean.glob(f"**/{part}*.parquet"))
    if not files:
        return 0, 0, 0
    good = engine.open(f"kept_{spec.name}", files)
    rows = good.count()
    goods = good[C.PRODUCT_ID].count() if spec.name == "orders" else rows
    counts = engine.frame(good.aggregate(rows=rows, goods=goods)).iloc[0]
    kept = int(counts["rows"])
    return kept, kept - int(counts["goods"]), engine.content_hash(good)


def _count_repetitions(engine: Engine, spec: TableSpec, clean: Path, part: str) -> int:
    """Count the good order lines that equal an earlier one in every column.

    An order may hold a line twice, so these lines are kept, but they also come of files read
    twice. Share by share: equal lines are of one customer, and a share fits in memory.
    """
    if spec.name != "orders":
        return 0
    repetitions = 0
    for share in sorted(clean.iterdir()):
        if files := sorted(share.glob(f"{part}*.parquet")):
            lines = engine.open("orders_share", files)
            copies = lines.group_by(lines.columns).aggregate(rows=lines.count())
            more = engine.frame(copies.aggregate(more=(copies.rows - 1).sum()))["more"].iloc[0]
            repetitions += 0 if pd.isna(more) else int(more)
    return repetitions


def _fails(bad: ir.Table, rules: Sequence[Rule]) -> ir.BooleanValue:
    """Return whether a row fails any of some rules."""
    named = ";" + bad[REASONS]
    return functools.reduce(operator.or_, (named.contains(f";{rule.name};") for rule in rules))


def _count_rows(engine: Engine, bad: ir.Table, groups: Sequence[Sequence[Rule]]) -> list[int]:
    """Count the rows that fail any rule of each group."""
    counts = {f"n{i}": _fails(bad, rules).sum() for i, rules in enumerate(groups)}
    return [int(rows) for rows in engine.frame(bad.aggregate(**counts)).iloc[0]]


def _rule_count(
    engine: Engine, bad: ir.Table, rule: Rule, rows: int, checks: CheckSettings
) -> RuleCount:
    failing = bad.filter(_fails(bad, [rule]))
    first = engine.frame(
        failing.select(*PLACE, value=failing[rule.column]).order_by(*PLACE).limit(1)
    ).iloc[0]
    return RuleCount(
        rule.name,
        rule.column,
        rows,
        _is_expected(rule, checks),
        rule.problem,
        rule.remedy,
        str(first[SOURCE_FILE]),
        int(first[SOURCE_ROW]),
        first["value"] if isinstance(first["value"], str) else None,
    )


def _is_expected(rule: Rule, checks: CheckSettings) -> bool:
    return rule.name in checks.expected or rule.name == "repeated_across_sources"


def stop_if_unusable(report: TableReport, checks: CheckSettings, quarantine: Path) -> None:
    """Raise a :class:`DataError` where a table is empty or more of it is bad than tolerated."""
    if report.rows_read == 0 and report.table == "orders":
        raise DataError(
            "orders: the files hold a header and no rows",
            "export the order lines again; everything is learned from them",
        )
    share = report.rows_unexpectedly_bad / max(report.rows_read, 1)
    if report.rows_read == 0 or (report.rows_kept > 0 and share <= checks.tolerance):
        return
    unexpected = [count for count in report.rules if not count.expected]
    worst = sorted(unexpected or report.rules, key=lambda count: -count.rows)[:3]
    listed = "".join(
        f"\n    {counted(count.rows, 'row')}: {count.problem} [{count.rule}]; {count.example()}; "
        f"{count.remedy}"
        for count in worst
    )
    where = f"all bad rows are listed in {quarantine}"
    if report.rows_kept == 0:
        raise DataError(
            f"{report.table}: none of {counted(report.rows_read, 'row')} can be used:{listed}",
            f"correct the rows, or the columns that are mapped; {where}",
        )
    raise DataError(
        f"{report.table}: {share:.1%} of {report.rows_read:,} rows are bad, "
        f"above the tolerance of {checks.tolerance:.1%}:{listed}",
        f"correct the rows; or, where this is how {report.table} is meant to be, "
        f'add "{worst[0].rule}" to checks.expected; or raise checks.tolerance; {where}',
    )
