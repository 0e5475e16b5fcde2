"""PostgreSQL as a source: every value comes out as it is, and every change is noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
import pytest

from features.postgres import is_postgres, land_table, table_columns, table_digest

Row = tuple[str | None, ...]
Sql = Callable[..., None]


def read(path: Path) -> list[Row]:
    """Read a landed file as the checks do: every value as text."""
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT * FROM read_csv(?, header = true, all_varchar = true)", [str(path)]
        ).fetchall()


def landed(url: str, table: str, folder: Path, columns: list[str] | None = None) -> list[Row]:
    return read(land_table(url, table, columns, folder))


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("postgresql://ann@db.example.org:5432/shop", True),
        ("postgres:///shop?service=shop", True),
        ("exports/postgresql/orders.csv", False),
        ("postgresql.duckdb", False),
    ],
)
def test_a_path_is_postgres_by_its_scheme(path: str, is_one: bool) -> None:
    assert is_postgres(path) is is_one


@pytest.mark.parametrize(
    ("value", "text", "duckdb_type", "meaning"),
    [
        ("'c-1'::text", "c-1", "VARCHAR", "c-1"),
        ("'ab'::char(4)", "ab  ", "VARCHAR", "ab  "),
        ("true", "t", "BOOLEAN", "true"),
        ("false", "f", "BOOLEAN", "false"),
        ("9007199254740993::bigint", "9007199254740993", "BIGINT", "9007199254740993"),
        ("12.50::numeric(10, 2)", "12.50", "DOUBLE", "12.5"),
        ("1234.5::money", "1234.50", "DOUBLE", "1234.5"),
        ("0.1::real", "0.1", "DOUBLE", "0.1"),
        ("0.1::float8 + 0.2", "0.30000000000000004", "DOUBLE", "0.30000000000000004"),
        ("1e-300::float8", "1e-300", "DOUBLE", "1e-300"),
        ("'NaN'::float8", "NaN", "DOUBLE", "nan"),
        ("date '2025-03-30'", "2025-03-30", "TIMESTAMP", "2025-03-30 00:00:00"),
        (
            "timestamp '2025-03-30 02:30:00.123456'",
            "2025-03-30 02:30:00.123456",
            "TIMESTAMP",
            "2025-03-30 02:30:00.123456",
        ),
        (
            "timestamptz '2025-03-30 03:30:00 Europe/Berlin'",
            "2025-03-30 01:30:00+00",
            "TIMESTAMPTZ",
            "2025-03-30 01:30:00+00",
        ),
        (
            "'6f1c2a2e-9a43-4c0e-8b1e-2f4d5a6b7c8d'::uuid",
            "6f1c2a2e-9a43-4c0e-8b1e-2f4d5a6b7c8d",
            "VARCHAR",
            "6f1c2a2e-9a43-4c0e-8b1e-2f4d5a6b7c8d",
        ),
        ("'gold'::tier", "gold", "VARCHAR", "gold"),
        ("12.5::price", "12.5", "DOUBLE", "12.5"),
        ("""'{"a": [1, 2]}'::jsonb""", '{"a": [1, 2]}', "VARCHAR", '{"a": [1, 2]}'),
        ("""'\\xbeef'::bytea""", "\\xbeef", "VARCHAR", "\\xbeef"),
    ],
)
def test_every_type_comes_out_as_text_that_says_the_same(
    postgres_url: str,
    postgres_run: Sql,
    tmp_path: Path,
    value: str,
    text: str,
    duckdb_type: str,
    meaning: str,
) -> None:
    postgres_run(
        "CREATE TYPE tier AS ENUM ('gold', 'silver')",
        "CREATE DOMAIN price AS numeric CHECK (value >= 0)",
        f"CREATE TABLE t AS SELECT {value} AS v",
        # A database whose own habits are others.
        "ALTER DATABASE test SET timezone = 'America/New_York'",
        "ALTER DATABASE test SET datestyle = 'SQL, DMY'",
        "ALTER DATABASE test SET extra_float_digits = 0",
        "ALTER DATABASE test SET bytea_output = 'escape'",
    )
    assert landed(postgres_url, "t", tmp_path) == [(text,)]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cast = f"SELECT CAST(? AS {duckdb_type})::VARCHAR"
        assert connection.execute(cast, [text]).fetchall() == [(meaning,)]


def test_missing_empty_and_awkward_texts_survive(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    awkward = ['say "tea"', "a,b;c\td", "two\nlines", "\r\n", "'", "\\.", "\\N", "NULL", "é 茶 🍵"]
    postgres_run("CREATE TABLE t (n int, v text)", "INSERT INTO t VALUES (-2, NULL), (-1, '')")
    with psycopg.connect(postgres_url) as connection:
        connection.cursor().executemany("INSERT INTO t VALUES (%s, %s)", list(enumerate(awkward)))
    path = land_table(postgres_url, "t", None, tmp_path)
    assert path.read_bytes().startswith(b'n,v\n"-2",\n"-1",""\n"0","say ""tea"""\n')
    expected = [("-2", None), ("-1", None), *((str(n), v) for n, v in enumerate(awkward))]
    assert read(path) == expected


@pytest.mark.parametrize(
    "value",
    [
        "'a;b'",
        "'a|' || i",
        "CASE WHEN i < 25000 THEN 'tea' ELSE 'green, \"loose\"' END",
        "CASE WHEN i < 25000 THEN 'tea' ELSE E'two\\nlines\\\\' END",
        "nullif(i % 2, 0)::text",
    ],
)
def test_a_reader_that_guesses_the_dialect_guesses_right(
    postgres_url: str, postgres_run: Sql, tmp_path: Path, value: str
) -> None:
    postgres_run(f"CREATE TABLE t AS SELECT {value} AS v FROM generate_series(1, 25001) AS i")
    with psycopg.connect(postgres_url) as connection:
        truth = connection.execute("SELECT v FROM t").fetchall()
    assert landed(postgres_url, "t", tmp_path) == truth


def test_infinite_times_are_missing(postgres_url: str, postgres_run: Sql, tmp_path: Path) -> None:
    postgres_run(
        "CREATE TABLE t (d date, a timestamp, z timestamptz)",
        "INSERT INTO t VALUES ('infinity', '-infinity', 'infinity'), ('2025-01-01', NULL, NULL)",
    )
    assert landed(postgres_url, "t", tmp_path) == [(None,) * 3, ("2025-01-01", None, None)]


def test_another_encoding_becomes_utf8(postgres_server: Any, tmp_path: Path) -> None:
    url = postgres_server.create_database("western", "ENCODING 'LATIN1' TEMPLATE template0")
    postgres_server.run(url, "CREATE TABLE t AS SELECT 'Zo' || chr(235) AS v")
    assert landed(url, "t", tmp_path) == [("Zoë",)]


def test_only_the_columns_asked_for_are_read_each_once(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run(
        'CREATE TABLE t ("Total ""net"" %" int, r text, "Id" text)',
        "INSERT INTO t VALUES (1, 2, 3)",
    )
    assert table_columns(postgres_url, "t") == ('Total "net" %', "r", "Id")
    path = land_table(postgres_url, "t", ["Id", 'Total "net" %', "Id"], tmp_path)
    assert path.read_text() == 'Id,"Total ""net"" %"\n"3","1"\n'


def test_a_table_is_found_by_its_schema_or_on_the_search_path(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run("CREATE SCHEMA sales", "CREATE TABLE sales.lines AS SELECT 'in sales' AS id")
    postgres_run('CREATE TABLE "Order; lines*" AS SELECT 1 AS id')
    assert landed(postgres_url, "sales.lines", tmp_path, ["id"]) == [("in sales",)]
    searching = f"{postgres_url}?options=-csearch_path%3Dsales"
    assert landed(searching, "lines", tmp_path, ["id"]) == [("in sales",)]
    path = land_table(postgres_url, "public.Order; lines*", None, tmp_path)
    assert (path.name, read(path)) == ("public.Order%3B%20lines%2A.csv", [("1",)])


def test_views_and_partitioned_tables_are_read_too(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run(
        "CREATE TABLE t (id int, day date) PARTITION BY RANGE (day)",
        "CREATE TABLE t_2025 PARTITION OF t FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        "INSERT INTO t VALUES (1, '2025-05-05')",
        "CREATE VIEW v AS SELECT id + 1 AS id FROM t",
        "CREATE MATERIALIZED VIEW m AS SELECT id + 2 AS id FROM t",
    )
    for number, name in enumerate(["t", "v", "m"], start=1):
        assert landed(postgres_url, name, tmp_path, ["id"]) == [(str(number),)]
        assert table_digest(postgres_url, name) == table_digest(postgres_url, name)


def test_an_empty_table_is_a_header(postgres_url: str, postgres_run: Sql, tmp_path: Path) -> None:
    postgres_run("CREATE TABLE t (id int, day date)")
    assert land_table(postgres_url, "t", None, tmp_path).read_bytes() == b"id,day\n"
    empty = table_digest(postgres_url, "t")
    postgres_run("INSERT INTO t VALUES (NULL, NULL)")
    assert table_digest(postgres_url, "t") != empty


def test_a_landing_replaces_the_one_before(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run("CREATE TABLE t AS SELECT generate_series(1, 3) AS id")
    assert len(landed(postgres_url, "t", tmp_path / "new" / "folder")) == 3
    postgres_run("DELETE FROM t WHERE id > 1")
    assert landed(postgres_url, "t", tmp_path / "new" / "folder") == [("1",)]
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO t VALUES (4, 'tea', 1.5, now())",
        "INSERT INTO t SELECT * FROM t WHERE r = 1",
        "DELETE FROM t WHERE r = 2",
        "UPDATE t SET price = price + 0.0000001 WHERE r = 3",
        "UPDATE t SET name = '' WHERE name IS NULL",
        "UPDATE t SET name = 'TEA' WHERE r = 1",
        "UPDATE t SET at = at + interval '1 microsecond' WHERE r = 1",
        "UPDATE t SET name = CASE r WHEN 1 THEN 'jam' ELSE 'tea' END WHERE r IN (1, 2)",
        "ALTER TABLE t RENAME COLUMN name TO label",
        "ALTER TABLE t ADD COLUMN country text DEFAULT 'SE'",
    ],
)
def test_the_digest_changes_with_every_change(
    postgres_url: str, postgres_run: Sql, change: str
) -> None:
    # Columns may have any name, the query's own too.
    postgres_run(
        "CREATE TABLE t (r int, name text, price float8, at timestamptz)",
        "INSERT INTO t VALUES (1, 'tea', 1.5, now()), (2, 'jam', 0.1, now()), (3, NULL, 2, now())",
    )
    before = table_digest(postgres_url, "t")
    postgres_run(change)
    assert table_digest(postgres_url, "t") != before


def test_the_digest_stays_where_nothing_changed(postgres_url: str, postgres_run: Sql) -> None:
    postgres_run(
        "CREATE TABLE t AS SELECT i AS id, i / 3.0::float8 AS price,"
        " timestamptz '2025-01-01' + i * interval '1 hour' AS at FROM generate_series(1, 500) AS i"
    )
    before = table_digest(postgres_url, "t")
    postgres_run(
        "UPDATE t SET id = id WHERE id % 7 = 0",
        "VACUUM FULL t",
        "ALTER DATABASE test SET timezone = 'Asia/Tokyo'",
        "ALTER DATABASE test SET extra_float_digits = -5",
        "BEGIN; INSERT INTO t VALUES (0, 0, now()); ROLLBACK",
    )
    assert table_digest(postgres_url, "t") == before


def test_the_digest_heeds_only_the_columns_asked_for(postgres_url: str, postgres_run: Sql) -> None:
    postgres_run("CREATE TABLE t (id int, note text)", "INSERT INTO t VALUES (1, 'a')")
    part, whole = table_digest(postgres_url, "t", ["id"]), table_digest(postgres_url, "t")
    postgres_run("UPDATE t SET note = 'b'")
    assert table_digest(postgres_url, "t", ["id"]) == part
    assert table_digest(postgres_url, "t") != whole


def test_the_checks_keep_what_the_database_holds(
    postgres_url: str, postgres_run: Sql, tmp_path: Path, open_folder: Any
) -> None:
    postgres_run(
        "CREATE TABLE orders (order_id bigint, buyer uuid, product_id char(5), ts timestamptz,"
        " quantity int, unit_price money, discount numeric, channel text)",
        "INSERT INTO orders VALUES (1, '6f1c2a2e-9a43-4c0e-8b1e-2f4d5a6b7c8d', 'tea',"
        " '2025-07-01 12:00:00.5+02', 2, 1234.5, 0.1, '')",
        "CREATE TABLE contacts AS SELECT 'ann' AS customer_id, 'spring' AS campaign_id,"
        " date '2025-07-02' AS ts, i = 1 AS treated, 'infinity'::timestamp AS accepted_at"
        " FROM generate_series(1, 2) AS i",
    )
    for table in ("orders", "contacts"):
        land_table(postgres_url, table, None, tmp_path)
    orders = {"path": "orders.csv", "columns": {"customer_id": "buyer"}}
    shop = open_folder(tmp_path, {"orders": orders, "contacts": "contacts.csv"})
    [line] = shop.clean("orders").to_dict("records")
    assert line["customer_id"] == "6f1c2a2e-9a43-4c0e-8b1e-2f4d5a6b7c8d"
    assert line["product_id"] == "tea"
    assert line["ts"] == pd.Timestamp("2025-07-01 10:00:00.5")
    assert (line["quantity"], line["unit_price"], line["discount"]) == (2.0, 1234.5, 0.1)
    assert pd.isna(line["channel"])
    contacts = shop.clean("contacts")
    assert sorted(contacts["treated"]) == [False, True]
    assert contacts["ts"].tolist() == [pd.Timestamp("2025-07-02")] * 2
    assert contacts["accepted_at"].isna().all()
