"""What PostgreSQL refuses is said with a remedy, and no password is ever repeated."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from features.errors import DataError, SettingsError
from features.postgres import land_table, table_columns, table_digest

Sql = Callable[..., None]


LINES = ["CREATE SCHEMA sales", "CREATE TABLE sales.lines (id text, price numeric, kind text)"]


def reading(url: str, table: str, folder: Path) -> list[Callable[[], object]]:
    return [
        lambda: table_columns(url, table),
        lambda: table_digest(url, table),
        lambda: land_table(url, table, None, folder),
    ]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("nobody@no-such-host.invalid/shop", "no-such-host.invalid"),
        ("nobody@not..a.name/shop", "label empty or too long"),
        ("nobody@127.0.0.1:1/shop", "Connection refused"),
        ("nobody@%2Fno%2Fsuch%2Ffolder/shop", "No such file or directory"),
        ("nobody@127.0.0.1/shop?sslmode=perhaps", "sslmode"),
        ("/shop?service=no-such-service", "no-such-service"),
    ],
)
def test_a_missing_server_is_reported(tmp_path: Path, host: str, said: str) -> None:
    url = f"postgresql://{host}"
    for attempt in reading(url, "sales.lines", tmp_path):
        with pytest.raises(DataError) as raised:
            attempt()
        problem = raised.value.problem
        assert problem.startswith(f"sales.lines: no connection to {url}: ")
        assert said in problem
        assert "\n" not in problem
        assert raised.value.remedy.startswith("see that the server runs")


def test_a_database_or_role_that_is_not_there_is_named(postgres_server: Any) -> None:
    with pytest.raises(DataError, match='database "nowhere" does not exist'):
        table_digest(postgres_server.url("nowhere"), "t")
    with pytest.raises(DataError, match='role "nobody" does not exist'):
        table_digest(postgres_server.url(user="nobody"), "t")


@pytest.mark.parametrize(
    ("asked", "listed", "guess"),
    [
        ("sales.line", "close to it: sales.lines, sales.refunds", "sales.lines"),
        ("Products", "close to it: products", "products"),
        ("lines", "close to it: sales.lines", "sales.lines"),
        ("zzz", "it has: products, sales.lines, sales.refunds", "<schema>.<table>"),
        ('products"; DROP TABLE products; --', "it has: products, sales.lines, sales", "<schema>"),
    ],
)
def test_a_table_that_is_not_there_is_answered_with_close_names(
    postgres_url: str, postgres_run: Sql, tmp_path: Path, asked: str, listed: str, guess: str
) -> None:
    postgres_run(*LINES, "CREATE TABLE sales.refunds ()", "CREATE TABLE products ()")
    for attempt in reading(postgres_url, asked, tmp_path):
        with pytest.raises(DataError) as raised:
            attempt()
        start = f"{asked}: the database test has no such table; {listed}"
        assert raised.value.problem.startswith(start)
        assert raised.value.remedy.startswith(f'beside the path set table = "{guess}')
    assert table_columns(postgres_url, "products") == ()


def test_a_database_without_tables_says_so(postgres_url: str) -> None:
    with pytest.raises(DataError, match="has no such table; it has: none"):
        table_columns(postgres_url, "orders")


def test_a_column_that_is_not_there_is_answered_with_those_that_are(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run(*LINES)
    for asked, guess in [("Price", "price"), ("zzz", "<its name in the table>")]:
        for attempt in (
            lambda asked=asked: table_digest(postgres_url, "sales.lines", ["id", asked]),
            lambda asked=asked: land_table(postgres_url, "sales.lines", [asked], tmp_path),
        ):
            with pytest.raises(DataError) as raised:
                attempt()
            assert raised.value.problem == (
                f"sales.lines: there is no column '{asked}'; it has: id, price, kind"
            )
            assert raised.value.remedy == (
                f'under its columns write "{guess}" in place of "{asked}"'
            )


@pytest.fixture
def reader(postgres_url: str, postgres_run: Sql) -> Iterator[str]:
    """The address of a role that owns nothing."""
    postgres_run("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    yield postgres_url.replace("postgres@", "reader@")
    postgres_run("DROP OWNED BY reader", "DROP ROLE reader")


def test_what_may_not_be_read_is_reported_with_what_to_grant(
    postgres_url: str, reader: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run(*LINES, "INSERT INTO sales.lines VALUES ('1', 2, 'x')")
    for denied, grant in [
        ("permission denied for schema sales", "GRANT USAGE ON SCHEMA sales TO reader"),
        ("permission denied for table lines", "GRANT SELECT (id, price) ON sales.lines TO reader"),
    ]:
        for attempt in reading(reader, "sales.lines", tmp_path)[1:]:
            with pytest.raises(DataError) as raised:
                attempt()
            assert raised.value.problem == (
                f"sales.lines: reader may not read it at {reader}: {denied}"
            )
            assert "GRANT SELECT ON sales.lines TO reader" in raised.value.remedy
            assert "GRANT USAGE ON SCHEMA" in raised.value.remedy
        postgres_run(grant)
    # Rights on the columns that are read are enough.
    path = land_table(reader, "sales.lines", ["id", "price"], tmp_path)
    assert path.read_text() == 'id,price\n"1","2"\n'
    assert table_digest(reader, "sales.lines", ["id", "price"])


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://ann:hunter2@db/shop", "holds a password"),
        ("postgres://ann:hun%74er2@db/shop", "holds a password"),
        ("postgresql://ann@db/shop?password=hunter2", "holds a password"),
        ("postgresql://ann@db/shop?sslkey=k&sslpassword=hunter2", "holds a password"),
        ("postgresql://ann:x@hunter2@db/shop", "holds a password"),
        ("postgresql://ann:x/hunter2@db/shop", "not an address"),
        ("postgresql://ann:1/hunter2@db/shop", "not an address"),
        ("postgresql://ann:1?hunter2@db/shop", "holds a password"),
        ("postgresql://ann:%zzhunter2@db/shop", "not an address"),
        ("postgresql://ann@db/shop?hunter2=1", "not an address"),
        ("postgresql://ann@[hunter2/shop", "not an address"),
    ],
)
def test_a_password_in_the_settings_is_refused_and_not_repeated(
    tmp_path: Path, url: str, problem: str
) -> None:
    for attempt in reading(url, "orders", tmp_path):
        with pytest.raises(SettingsError, match=f"orders: .*{problem}") as raised:
            attempt()
        assert "PGPASSWORD" in raised.value.remedy
        assert ".pgpass" in raised.value.remedy
        printed = "".join(traceback.format_exception(raised.value))
        assert "hunter2" not in printed.replace(Path(__file__).read_text(), "")


def test_a_password_is_taken_from_the_environment_or_a_file_and_not_repeated(
    postgres_url: str,
    postgres_run: Sql,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    postgres_run(
        "DROP ROLE IF EXISTS with_password",
        "CREATE ROLE with_password LOGIN PASSWORD 'hunter2'",
        "CREATE TABLE t AS SELECT 1 AS id",
        "GRANT SELECT ON t TO PUBLIC",
    )
    url = postgres_url.replace("postgres@", "with_password@")
    caplog.set_level("DEBUG")
    with pytest.raises(DataError, match="no password supplied") as raised:
        table_digest(url, "t")
    assert "PGPASSWORD" in raised.value.remedy

    monkeypatch.setenv("PGPASSWORD", "hunter3")
    with pytest.raises(DataError, match="password authentication failed") as raised:
        table_digest(url, "t")
    assert "hunter3" not in "".join(traceback.format_exception(raised.value)) + caplog.text

    monkeypatch.setenv("PGPASSWORD", "hunter2")
    assert land_table(url, "t", None, tmp_path).exists()

    monkeypatch.delenv("PGPASSWORD")
    kept = tmp_path / "pgpass"
    kept.write_text("*:*:*:with_password:hunter2\n")
    kept.chmod(0o600)
    assert table_digest(f"{url}?passfile={kept}", "t")
    assert "hunter2" not in caplog.text


def test_without_psycopg_the_remedy_is_to_install_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from features.errors import RegularsError\n"
        "from features.postgres import is_postgres, table_digest\n"
        "assert is_postgres('postgresql://ann@db/shop')\n"
        "try:\n    table_digest('postgresql://ann@db/shop', 'orders')\n"
        "except RegularsError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == (
        "orders: reading from PostgreSQL needs psycopg, which is not installed\n"
        "  Remedy: run: pip install 'regulars[postgres]'\n"
    )
