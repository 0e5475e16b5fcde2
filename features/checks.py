"""Give the user's columns their types, keep the good rows, set the bad ones aside.

Every failing rule is named for every row; nothing is lost silently. Bad rows land in
``quarantine/<table>.parquet`` with their file, row, values and reasons.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from features.engine import Engine
from features.errors import DataError
from features.rules import REASONS, Rule, copy_rules_for, number_copies, rules_for
from features.settings import CheckSettings, DataSettings
from features.sources import SOURCE_FILE, SOURCE_INDEX, SOURCE_ROW, open_source, readable
from features.vocabulary import TABLES, ColumnSpec, TableSpec

_PLACE = (SOURCE_INDEX, SOURCE_FILE, SOURCE_ROW)


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
    """What became of one table's rows."""

    table: str
    rows_read: int
    rows_kept: int
    rows_unexpectedly_bad: int
    fingerprint: str
    rules: tuple[RuleCount, ...] = ()
    notices: tuple[str, ...] = field(default=())

    @property
    def rows_quarantined(self) -> int:
        """Rows read and not kept."""
        return self.rows_read - self.rows_kept

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> TableReport:
        """Rebuild from what :meth:`to_json` gave."""
        rules = tuple(RuleCount(**rule) for rule in stored["rules"])
        return cls(**{**stored, "rules": rules, "notices": tuple(stored["notices"])})


def check_table(
    engine: Engine, table: str, settings: DataSettings, now: datetime, base: Path, workspace: Path
) -> TableReport:
    """Check one table and write its good and bad rows as Parquet.

    Raises
    ------
    DataError
        A required column is missing, the table is empty, or more rows are bad than
        ``checks.tolerance`` allows.
    """
    spec = TABLES[table]
    sources = settings.tables[table]
    raw = open_source(engine, spec, sources, base)
    row_rules = [*_type_rules(spec), *rules_for(spec, settings.checks, now)]
    copy_rules = copy_rules_for(spec, len(sources))
    typed = _typed(raw, spec, len(sources))
    flagged = _flagged(_flagged(typed.mutate(reasons=ibis.literal("")), row_rules), copy_rules)
    with readable(spec, ", ".join(source.path for source in sources)):
        staged = engine.create(f"staged_{table}", flagged)
    report = _report(engine, spec, staged, row_rules + copy_rules, settings.checks)

    names = [column.name for column in spec.columns]
    good = staged.filter(staged[REASONS] == "").select(*names)
    bad = staged.filter(staged[REASONS] != "")
    originals = {name: bad[_original(name)] for name in names}
    quarantine = workspace / "quarantine" / f"{table}.parquet"
    engine.write_parquet(bad.select(SOURCE_FILE, SOURCE_ROW, REASONS, **originals), quarantine)
    _stop_if_unusable(report, settings.checks, quarantine)
    engine.write_parquet(good, workspace / "clean" / f"{table}.parquet")
    engine.execute(f"DROP TABLE staged_{table}")
    return report


def _original(name: str) -> str:
    return f"original_{name}"


def _typed(raw: ir.Table, spec: TableSpec, sources: int) -> ir.Table:
    """Select our columns, typed, beside their original text."""
    present = set(raw.columns)
    columns: dict[str, Any] = {}
    for column in spec.columns:
        if column.name in present:
            columns[column.name] = _cast(raw[column.name], column)
            columns[_original(column.name)] = raw[column.name].cast("string")
        else:
            columns[column.name] = ibis.null().cast(column.type)
            columns[_original(column.name)] = ibis.null().cast("string")
    typed = raw.select(*_PLACE, **columns)
    return number_copies(typed, spec) if sources > 1 else typed


def _cast(value: ir.Value, column: ColumnSpec) -> ir.Value:
    """Cast to the vocabulary's type; what does not fit becomes missing and is flagged."""
    if column.type == "string":
        return value.cast("string").strip().nullif("")
    if column.type == "timestamp":
        if value.type().is_timestamp() or value.type().is_date():
            return value.cast("timestamp(6)")
        # Through a zoned time, so that an offset in the text is honoured; no offset means UTC.
        return value.cast("string").try_cast("timestamp('UTC')").cast("timestamp(6)")
    if column.type == "float64":
        number = value.cast("string").try_cast("float64")
        return ibis.ifelse(number.isnan() | number.isinf(), None, number)
    return value.cast("string").try_cast(column.type)


def _type_rules(spec: TableSpec) -> list[Rule]:
    """Build the rules that every table shares: required values present, all values readable."""
    words = {"timestamp": "a date", "float64": "a number", "int64": "a whole number"}
    rules = []
    for column in spec.columns:
        if column.required:
            rules.append(_missing_rule(column))
        if column.type != "string":
            word = words.get(column.type, "true or false")
            rules.append(_unreadable_rule(column, word))
    return rules


def _is_blank(t: ir.Table, name: str) -> ir.BooleanValue:
    original = t[_original(name)]
    return original.isnull() | original.strip().lower().isin(["", "nan", "null", "none"])


def _missing_rule(column: ColumnSpec) -> Rule:
    return Rule(
        f"{column.name}_missing",
        column.name,
        lambda t: _is_blank(t, column.name),
        f"{column.name} is missing",
        f"every row needs {column.name}: {column.meaning}",
    )


def _unreadable_rule(column: ColumnSpec, word: str) -> Rule:
    return Rule(
        f"{column.name}_unreadable",
        column.name,
        lambda t: t[column.name].isnull() & ~_is_blank(t, column.name),
        f"{column.name} is not {word}",
        f"write {column.name} as {word}" + (", best 2026-01-31" if word == "a date" else ""),
    )


def _flagged(table: ir.Table, rules: list[Rule]) -> ir.Table:
    """Add to the reasons the names of all rules that a row fails, each ended by a semicolon."""
    named = [ibis.ifelse(rule.is_bad(table), f"{rule.name};", "") for rule in rules]
    return table.mutate(functools.reduce(operator.add, named, table[REASONS]).name(REASONS))


def _report(
    engine: Engine, spec: TableSpec, staged: ir.Table, rules: list[Rule], checks: CheckSettings
) -> TableReport:
    name = f"staged_{spec.name}"
    columns = ", ".join(column.name for column in spec.columns)
    read, kept, content = engine.execute(
        f"SELECT count(*), count(*) FILTER ({REASONS} = ''), "
        f"sum(hash({columns})) FILTER ({REASONS} = '') FROM {name}"
    ).fetchall()[0]
    counts = [_count(engine, staged, rule, checks) for rule in rules] if kept < read else []
    return TableReport(
        spec.name,
        rows_read=read,
        rows_kept=kept,
        rows_unexpectedly_bad=_unexpectedly_bad(engine, staged, rules, checks),
        fingerprint=f"{kept}-{int(content or 0):x}",
        rules=tuple(count for count in counts if count is not None),
    )


def _count(engine: Engine, staged: ir.Table, rule: Rule, checks: CheckSettings) -> RuleCount | None:
    failing = staged.filter((";" + staged[REASONS]).contains(f";{rule.name};"))
    original = failing[_original(rule.column)]
    first = engine.frame(
        failing.select(SOURCE_FILE, SOURCE_ROW, SOURCE_INDEX, value=original)
        .order_by(SOURCE_INDEX, SOURCE_FILE, SOURCE_ROW)
        .limit(1)
    )
    if first.empty:
        return None
    rows = int(engine.frame(failing.aggregate(rows=failing.count()))["rows"].iloc[0])
    value = first["value"].iloc[0]
    return RuleCount(
        rule.name,
        rule.column,
        rows,
        _is_expected(rule, checks),
        rule.problem,
        rule.remedy,
        str(first[SOURCE_FILE].iloc[0]),
        int(first[SOURCE_ROW].iloc[0]),
        value if isinstance(value, str) else None,
    )


def _is_expected(rule: Rule, checks: CheckSettings) -> bool:
    return rule.name in checks.expected or rule.name == "repeated_across_sources"


def _unexpectedly_bad(
    engine: Engine, staged: ir.Table, rules: list[Rule], checks: CheckSettings
) -> int:
    """Count the rows that fail a rule which is not expected to fail here."""
    names = [rule.name for rule in rules if not _is_expected(rule, checks)]
    failed = staged[REASONS].split(";")
    bad = staged.filter(ibis.or_(*(failed.contains(name) for name in names)))
    return int(engine.frame(bad.aggregate(rows=bad.count()))["rows"].iloc[0])


def _stop_if_unusable(report: TableReport, checks: CheckSettings, quarantine: Path) -> None:
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
        f"\n    {count.rows:,} rows: {count.problem} [{count.rule}]; {count.example()}; "
        f"{count.remedy}"
        for count in worst
    )
    where = f"all bad rows are listed in {quarantine}"
    if report.rows_kept == 0:
        raise DataError(
            f"{report.table}: none of {report.rows_read:,} rows can be used:{listed}",
            f"correct the rows, or the columns that are mapped; {where}",
        )
    raise DataError(
        f"{report.table}: {share:.1%} of {report.rows_read:,} rows are bad, "
        f"above the tolerance of {checks.tolerance:.1%}:{listed}",
        f"correct the rows; or, where this is how {report.table} is meant to be, "
        f'add "{worst[0].rule}" to checks.expected; or raise checks.tolerance; {where}',
    )
