"""Every contender's subset must be ours, column by column, before anybody's time counts."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.feature_engine.subset import COLUMNS

# Ours are rounded to six decimals; sums of the same money differ in their last bits.
_ABSOLUTE, _RELATIVE = 2e-6, 1e-9


class DisagreementError(Exception):
    """A contender computes something else than we do: its time would say nothing."""


def check_agreement(ours: Path, rival: Path) -> int:
    """Compare two answers and return how many vectors there are.

    Raises
    ------
    DisagreementError
        Naming the columns that differ, how often, and one customer and cutoff for each.
    """
    connection = duckdb.connect(":memory:")
    for name, path in (("ours", ours), ("rival", rival)):
        connection.execute(f"CREATE VIEW {name}_file AS FROM {_relation(path)}")
        columns = {row[0] for row in connection.execute(f"DESCRIBE {name}_file").fetchall()}
        as_of = "as_of" if "as_of" in columns else "DATE '1970-01-01' + as_of_day"
        values = ", ".join(f"{column}::DOUBLE AS {column}" for column in COLUMNS)
        connection.execute(
            f"CREATE TABLE {name} AS SELECT customer_id::VARCHAR AS customer_id, "
            f"({as_of})::DATE AS as_of, {values} FROM {name}_file"
        )
    number, unmatched = _keys(connection)
    problems = [f"{unmatched:,} keys are missing or repeated"] if unmatched else []
    problems += [said for column in COLUMNS if (said := _difference(connection, column))]
    if problems:
        raise DisagreementError(f"{rival} differs from {ours}:\n  " + "\n  ".join(problems))
    return number


def _relation(path: Path) -> str:
    return f"read_parquet('{path / '**/*.parquet' if path.is_dir() else path}')"


def _keys(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Return the number of keys, and of those that are missing or repeated on one side."""
    counted = connection.execute(
        "SELECT count(*), count(*) FILTER (ours != 1 OR rivals != 1) FROM ("
        "SELECT sum(ours) AS ours, sum(1 - ours) AS rivals FROM ("
        "SELECT customer_id, as_of, 1 AS ours FROM ours "
        "UNION ALL SELECT customer_id, as_of, 0 FROM rival) GROUP BY customer_id, as_of)"
    ).fetchall()
    return counted[0][0], counted[0][1]


def _difference(connection: duckdb.DuckDBPyConnection, column: str) -> str | None:
    """Describe how a column differs, missing in one alone included."""
    one, other = f"ours.{column}", f"rival.{column}"
    far = f"abs({one} - {other}) > {_ABSOLUTE} + {_RELATIVE} * abs({one})"
    apart = f"({one} IS NULL) != ({other} IS NULL) OR isnan({other}) OR {far}"
    count, example = connection.execute(
        f"SELECT count(*), first(customer_id || ' at ' || as_of || ': ours ' || "
        f"coalesce({one}::VARCHAR, 'missing') || ', theirs ' || "
        f"coalesce({other}::VARCHAR, 'missing')) "
        f"FROM ours JOIN rival USING (customer_id, as_of) WHERE {apart}"
    ).fetchall()[0]
    return f"{column}: {count:,} values, such as {example}" if count else None
