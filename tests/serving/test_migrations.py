"""Databases of earlier versions are brought up to date, with what they hold."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sql
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from serving.storage.sql_store import SqlStore
from serving.storage.store_tables import METADATA

NOW = datetime(2026, 6, 1, tzinfo=UTC)

_BEFORE_THE_FIRST_STEP = """
CREATE TABLE decisions (
    id TEXT PRIMARY KEY, ts DATETIME NOT NULL, kind TEXT NOT NULL, customer_id TEXT,
    session_id TEXT, model_version TEXT NOT NULL, variant TEXT NOT NULL, fallback TEXT,
    items JSON NOT NULL, propensity FLOAT NOT NULL, candidates INTEGER NOT NULL,
    context JSON NOT NULL
);
CREATE INDEX ix_decisions_ts ON decisions (ts);
INSERT INTO decisions VALUES (
    'd1', '2026-06-01 00:00:00.000000', 'recommendations', 'ada', NULL, 'v1', 'champion', NULL,
    '[{"product_id":"p3"}]', 1.0, 5, '{}'
);
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'events.db'}"
    of_postgresql: str = request.getfixturevalue("postgres_store_url")
    return of_postgresql


def test_the_steps_lead_to_the_tables_that_the_store_knows(url: str) -> None:
    SqlStore(url).close()
    engine = sql.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_how_far_rescoring_has_come_is_kept_where_its_column_is_renamed(url: str) -> None:
    store = SqlStore(url)
    mark = store.scores.begin("v1", NOW, NOW, NOW)
    store.close()
    engine = sql.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sql.text("ALTER TABLE rescoring RENAME last_sequence TO heard"))
        connection.execute(sql.text("UPDATE alembic_version SET version_num = '0008'"))
    engine.dispose()
    store = SqlStore(url)
    assert store.scores.mark() == mark
    store.close()


def test_decisions_from_before_the_first_step_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(_BEFORE_THE_FIRST_STEP)
    connection.close()
    SqlStore(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as connection:
        ((id_, answer),) = connection.execute("SELECT id, answer FROM decisions").fetchall()
    connection.close()
    assert (id_, json.loads(answer)) == ("d1", {"items": [{"product_id": "p3"}]})
