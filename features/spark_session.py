"""A Spark session with its clock on UTC, or a message that says what it lacks."""

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

# Equal results need these, whatever the settings say.
_PINNED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
    # Spark reads nanoseconds only as whole numbers; its engine makes times of them.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Dates before 1582 are for the checks to judge, not for Spark to refuse.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
}


@contextmanager
def spark_session(settings: EngineSettings, scratch: Path) -> Iterator[SparkSession]:
    """Start Spark, or join the one that this process runs already; what was started is stopped.

    Parameters
    ----------
    scratch
        Where a local Spark spills.

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
            # Where Java has died nothing is left to stop, and the error that says so matters more.
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
    """Return what PySpark raises: errors that it knows, and those of Java that it does not."""
    from py4j.protocol import Py4JError  # noqa: PLC0415  an optional extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    return PySparkException, Py4JError


def cause(error: Exception) -> str:
    """Return the line of a long message that says what happened."""
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
        # Small ones are put together again; a cluster keeps Spark's own 200.
        "spark.sql.shuffle.partitions": str(4 * threads),
    }
    return {**alone, **properties}
