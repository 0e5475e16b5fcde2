"""Start a Spark session in UTC, or say what is missing for it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import SettingsError
from features.settings import EngineSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Results depend on these, so that the user's settings cannot change them.
_PINNED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
    # Spark reads nanoseconds only as integers; the engine converts them to times.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Dates before 1582 are found by the checks; Spark must not refuse the file.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
}


@contextmanager
def spark_session(settings: EngineSettings, scratch: Path) -> Iterator[SparkSession]:
    """Start Spark, or join the one that this process runs already; stop it only if started here.

    Parameters
    ----------
    scratch
        Folder into which a local Spark spills.

    Raises
    ------
    SettingsError
        PySpark or Java is missing, or Spark does not start.
    """
    require_spark(os.environ)
    from pyspark.sql import SparkSession  # noqa: PLC0415  an optional extra

    running = SparkSession.getActiveSession()
    session = running.newSession() if running is not None else _started(settings, scratch)
    try:
        for name, value in _PINNED.items():
            session.conf.set(name, value)
        yield session
    finally:
        if running is None:
            # If Java has died there is nothing to stop, and the error that says so must be seen.
            with suppress(*spark_errors(), OSError):
                session.stop()


def require_spark(environment: Mapping[str, str]) -> None:
    """Raise a :class:`SettingsError` where PySpark or Java is missing."""
    stay = 'or set engine.kind = "duckdb"'
    if importlib.util.find_spec("pyspark") is None:
        raise SettingsError(
            'engine.kind is "spark", and PySpark is not installed',
            f"pip install 'regulars[spark]', {stay}",
        )
    home = environment.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    if shutil.which(java, path=environment.get("PATH", "")) is None:
        raise SettingsError(
            f'engine.kind is "spark", which needs Java, and there is no program {java}',
            f"install Java 17 or newer, and set JAVA_HOME where it is not on the path; {stay}",
        )


def spark_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that PySpark raises: its own, and those of Java that it passes on."""
    from py4j.protocol import Py4JError  # noqa: PLC0415  an optional extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    return PySparkException, Py4JError


def cause(error: Exception) -> str:
    """Return the line of a Spark error's message that says what happened."""
    lines = [line.strip(": ") for line in str(error).splitlines()]
    telling = (line for line in lines if line and not line.startswith("An error occurred while"))
    return next(telling, type(error).__name__)


def _started(settings: EngineSettings, scratch: Path) -> SparkSession:
    from pyspark.sql import SparkSession  # noqa: PLC0415  an optional extra

    builder = SparkSession.Builder()
    for name, value in _properties(settings, scratch).items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except spark_errors() as error:
        raise SettingsError(
            f"Spark does not start: {cause(error)}",
            "see what Java says above and correct [engine.spark]; Spark 4 needs Java 17 or newer",
        ) from error


def _properties(settings: EngineSettings, scratch: Path) -> dict[str, str]:
    threads = settings.threads or os.cpu_count() or 1
    properties = {
        "spark.app.name": "regulars",
        "spark.master": f"local[{threads}]",
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.maxResultSize": "0",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        **settings.spark,
        **_PINNED,
    }
    if not properties["spark.master"].startswith("local"):
        return properties
    alone = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(scratch),
        # Spark merges small partitions; on a cluster its default of 200 stays.
        "spark.sql.shuffle.partitions": str(4 * threads),
    }
    return {**alone, **properties}
