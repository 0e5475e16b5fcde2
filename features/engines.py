"""Open the engine that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.duckdb_engine import open_duckdb
from features.engine import Engine
from features.settings import EngineSettings


@contextmanager
def open_engine(settings: EngineSettings, temp_folder: Path) -> Iterator[Engine]:
    """Open the engine that the settings name; what does not fit spills into ``temp_folder``."""
    temp_folder.mkdir(parents=True, exist_ok=True)
    if settings.kind == "spark":
        from features.spark_engine import open_spark  # noqa: PLC0415  an optional extra

        with open_spark(settings, temp_folder) as spark:
            yield spark
    else:
        with open_duckdb(settings, temp_folder) as duckdb:
            yield duckdb
