"""Open a PostgreSQL database for reading, with errors that name a remedy.

Passwords come from where PostgreSQL's own programs take them (``PGPASSWORD``, ``~/.pgpass``, a
service file), never from the settings, and so never reach a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from features.errors import DataError, RegularsError, SettingsError

if TYPE_CHECKING:
    from psycopg import Connection

_SECRETS = {
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
}
_DEFAULTS = {
    "connect_timeout": "10",
    "fallback_application_name": "regulars",
    "client_encoding": "utf8",
}
# So that a value has the same text whatever the settings of the server, database or role.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "3",
    # Rows in the order in which they are stored, and no time limit for reading them.
    "synchronize_seqscans": "off",
    "statement_timeout": "0",
}


@contextmanager
def read_only_session(url: str, table: str) -> Iterator[Connection[Any]]:
    """Open one read-only transaction that sees one snapshot of the database.

    Parameters
    ----------
    table
        The table to be read, for error messages.

    Raises
    ------
    RegularsError
        psycopg is not installed.
    SettingsError
        The address holds a password, or is malformed.
    DataError
        No connection, or a query in the session was refused or failed.
    """
    try:
        import psycopg  # noqa: PLC0415  an optional extra, and slow to load
    except ImportError as error:
        raise RegularsError(
            f"{table}: reading from PostgreSQL needs psycopg, which is not installed",
            "run: pip install 'regulars[postgres]'",
        ) from error
    options = _options(url, table)
    try:
        connection = psycopg.connect(**{**_DEFAULTS, **options})
    except (psycopg.Error, UnicodeError) as error:  # the latter for what cannot be a host's name
        raise DataError(
            f"{table}: no connection to {url}: {_first_line(error)}",
            "see that the server runs, and that the path names its host, port, user and database; "
            "a password is taken from the variable PGPASSWORD or the file ~/.pgpass",
        ) from error
    user = connection.info.user
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    try:
        with connection:
            _settle(connection)
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise DataError(
            f"{table}: {user} may not read it at {url}: {_first_line(error)}",
            f"let its owner run GRANT SELECT ON {table} TO {user}, and for a schema that is "
            f"refused GRANT USAGE ON SCHEMA",
        ) from error
    except psycopg.Error as error:
        raise DataError(
            f"{table}: reading it from {url} failed: {_first_line(error)}",
            "run again; if it fails again, ask who runs the server",
        ) from error


def _options(url: str, table: str) -> dict[str, Any]:
    """Parse an address; refuse one that may hold a password, without repeating it."""
    from psycopg import Error, conninfo  # noqa: PLC0415  see above

    try:
        options = conninfo.conninfo_to_dict(url)
    except Error:
        options = {"port": "unreadable"}
    if _SECRETS & set(options):
        raise SettingsError(
            f"{table}: the path holds a password, and a settings file is read by many",
            "take it out (postgresql://user@host:5432/database) and set the variable PGPASSWORD, "
            "or write it into the file ~/.pgpass",
        )
    # Parts of a password with a slash in it end up in the port and the database's name.
    is_whole = re.fullmatch(r"[\d,]*", str(options.get("port", "")))
    if not is_whole or "@" in str(options.get("dbname", "")):
        raise SettingsError(
            f"{table}: the path is not an address that can be understood",
            "write postgresql://user@host:5432/database, other characters as in %40, and the "
            "password, if there is one, into the variable PGPASSWORD or the file ~/.pgpass",
        )
    return options


def _settle(connection: Connection[Any]) -> None:
    """Set what the text of values depends on, for this transaction."""
    each = ", ".join(["pg_catalog.set_config(%s, %s, true)"] * len(_SETTINGS))
    values = [text for setting in _SETTINGS.items() for text in setting]
    connection.execute(f"SELECT {each}".encode(), values)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
