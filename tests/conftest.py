"""Fixtures that many tests share: PostgreSQL, a model registry, and repeatable examples."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import settings

from benchmarks.faults.postgres_programs import NotInstalledError, find_program, server_user

# The same examples in every run, so that a change alone turns a test red. To look for new ones:
# HYPOTHESIS_PROFILE=explore make test
# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

_HBA = """
local all with_password scram-sha-256
local all all trust
"""
# Much faster than a new database of a thousand files for each test.
_EMPTY = """
DO $$
DECLARE each text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR each IN
        SELECT nspname FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', each);
    END LOOP;
END $$;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO public;
ALTER DATABASE test RESET ALL;
"""
_FAST = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
}


@dataclass(frozen=True)
class PostgresServer:
    """A running server on a Unix socket in ``folder``; its superuser is ``postgres``.

    Everyone is trusted but the role ``with_password``, for tests that need one refused.
    """

    folder: Path

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@{quote(str(self.folder), safe='')}/{database}"

    def create_database(self, name: str, options: str = "") -> str:
        """Create an empty database and return its address."""
        self.run(self.url(), f"CREATE DATABASE {name} {options}")
        return self.url(name)

    def empty_database(self) -> str:
        """Take everything out of the database ``test`` and return its address."""
        url = self.url("test")
        self.run(url, _EMPTY)
        return url

    def run(self, url: str, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        import psycopg  # noqa: PLC0415  slow to load, and few tests need it

        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server in a folder of its own; about a second, for each process of the tests."""
    if os.name != "posix":
        pytest.skip("PostgreSQL is reached through a Unix socket here")
    try:
        initdb, pg_ctl = find_program("initdb"), find_program("pg_ctl")
    except NotInstalledError as missing:
        pytest.skip(str(missing))
    # Not pytest's own folder: other users cannot enter it, and sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="regulars-postgres-") as name:
        folder = Path(name)
        identity, data = server_user(folder), str(folder / "data")

        def run(command: Sequence[str]) -> None:
            done = subprocess.run(  # noqa: S603
                command, cwd=folder, capture_output=True, text=True, check=False, **identity
            )
            assert done.returncode == 0, f"{done.args} said {done.stdout}{done.stderr}"

        how = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        run([initdb, "--pgdata", data, *how])
        (folder / "data" / "pg_hba.conf").write_text(_HBA, encoding="utf-8")
        settings = {**_FAST, "unix_socket_directories": str(folder)}
        options = " ".join(f"-c {key}='{value}'" for key, value in settings.items())
        log = str(folder / "log")
        run([pg_ctl, "start", "--wait", "--pgdata", data, "--log", log, "--options", options])
        try:
            server = PostgresServer(folder)
            server.create_database("test")
            yield server
        finally:
            run([pg_ctl, "stop", "--wait", "--pgdata", data, "--mode", "immediate"])


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """Return the address of an empty database, the test's own."""
    return postgres_server.empty_database()


@pytest.fixture
def postgres_store_url(postgres_url: str) -> str:
    """Return the same address as SQLAlchemy wants it: it takes a socket's folder as an option."""
    user, _, place = postgres_url.removeprefix("postgresql://").partition("@")
    folder, _, database = place.partition("/")
    return f"postgresql://{user}@/{database}?host={folder}"


@pytest.fixture
def postgres_run(postgres_server: PostgresServer, postgres_url: str) -> Callable[..., None]:
    """Return what runs SQL statements in the test's own database."""
    return functools.partial(postgres_server.run, postgres_url)


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return MLflow's database, empty: creating it takes seconds, copying it none."""
    from models import registry  # noqa: PLC0415  MLflow is slow to load, and few tests need it

    folder = tmp_path_factory.mktemp("migrated")
    registry.ensure_database(folder)
    return folder / "mlflow.db"


@pytest.fixture
def mlruns(migrated_database: Path, tmp_path: Path) -> Path:
    """Return a folder with a registry of its own, whose name needs quoting in an address."""
    folder = tmp_path / "a folder with spaces, é and 100 %"
    folder.mkdir()
    shutil.copy(migrated_database, folder)
    return folder
