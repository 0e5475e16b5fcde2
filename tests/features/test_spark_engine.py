"""The Spark engine: files in, files out, and what is said where Spark cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from features.engine import Engine, EngineError
from features.engines import open_engine
from features.errors import SettingsError
from features.settings import EngineSettings
from features.spark_session import cause, require_spark

# For data this small Spark is mostly getting ready: to compile nothing halves that.
QUICK = {
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    try:
        require_spark(os.environ)
    except SettingsError as lacking:
        pytest.skip(lacking.problem)
    settings = EngineSettings(kind="spark", threads=2, spark=QUICK)
    with open_engine(settings, tmp_path_factory.mktemp("spark")) as engine:
        yield engine


def read(engine: Engine, files: Sequence[Path]) -> pd.DataFrame:
    """What files hold, with their times as the checks take them."""
    table = engine.read_parquet("raw", files)
    times = [name for name in table.columns if table[name].type().is_timestamp()]
    table = table.mutate(**{name: table[name].cast("timestamp(6)") for name in times})
    return engine.frame(table.order_by("source_file", "source_row"))


def test_parquet_files_are_read_as_duckdb_reads_them(spark: Engine, tmp_path: Path) -> None:
    when = pd.to_datetime(["2025-07-01 12:00:00.123456", "1969-12-31 23:59:59.999999", None])
    frame = pd.DataFrame(
        {
            "ns": when.astype("datetime64[ns]"),
            "zoned": when.tz_localize("Europe/Berlin"),
            "ms": when.astype("datetime64[ms]"),
            "day": pa.array([date(2025, 1, 1), date(1500, 1, 1), None]).to_pandas(),
            "many": [[1, 2], [3], None],
            "small": pd.array([1, None, 3], dtype="UInt16"),
            "kind": pd.Categorical(["a", "b", None]),
        }
    )
    files = []
    for name in ("month=1/a b", "month=2/a+b%20é"):
        files.append(tmp_path / "orders" / f"{name}.parquet")
        files[-1].parent.mkdir(parents=True)
        frame.to_parquet(files[-1], index=False)
    with open_engine(EngineSettings(threads=1), tmp_path / "spill") as duckdb_engine:
        one, other = read(duckdb_engine, files), read(spark, files)
    assert other["source_file"].tolist() == [str(file) for file in files for _ in range(3)]
    assert other["source_row"].tolist() == [1, 2, 3, 1, 2, 3]
    assert other.loc[0, ["ns", "zoned"]].tolist() == [when[0], when[0] - pd.Timedelta(hours=2)]
    assert_frame_equal(one, other[one.columns], check_dtype=False)


def test_what_is_no_parquet_is_reported_in_a_line(spark: Engine, tmp_path: Path) -> None:
    file = tmp_path / "orders.parquet"
    file.write_text("order_id,customer_id\n1,ann\n", encoding="utf-8")
    with pytest.raises(EngineError) as raised:
        spark.read_parquet("raw", [file])
    assert "\n" not in str(raised.value)


def test_files_lie_where_duckdb_puts_them(spark: Engine, tmp_path: Path) -> None:
    rows = spark.register("rows", pd.DataFrame({"x": [1, 2, 3], "bucket": [0, 1, 1]}))
    spark.write(rows, tmp_path / "shared", "part000001")
    spark.write(rows.drop("bucket"), tmp_path / "whole", "part000001")
    spark.write(rows.drop("bucket"), tmp_path / "whole", "part000002")
    for bucket, expected in ((0, [1]), (1, [2, 3])):
        files = (tmp_path / "shared" / f"bucket={bucket}").glob("part000001*.parquet")
        parts = [pq.read_table(file, partitioning=None).to_pandas() for file in files]
        assert sorted(pd.concat(parts)["x"]) == expected
        assert all(list(part) == ["x"] for part in parts)
    opened = spark.open("again", [tmp_path / "whole"])
    assert sorted(spark.frame(opened)["x"]) == [1, 1, 2, 2, 3, 3]
    left = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {".parquet"}


def test_a_table_can_be_made_anew_from_itself_and_dropped(spark: Engine) -> None:
    table = spark.register("counted", pd.DataFrame({"x": [1]}))
    table = spark.create("counted", table.mutate(x=table.x + 1))
    table = spark.create("counted", table.mutate(x=table.x + 1))
    assert spark.frame(table)["x"].tolist() == [3]
    spark.drop("counted", "never made")
    with pytest.raises(Exception, match="counted"):
        spark.frame(table)


def test_the_content_hash_is_of_the_rows_whatever_their_order(spark: Engine) -> None:
    frame = pd.DataFrame({"x": ["a", "b", "b"], "y": [None, "b", "c"]}, dtype="str")
    moved = pd.DataFrame({"x": [None], "y": ["a"]}, dtype="str")
    variants = {
        "plain": frame,
        "reordered": frame.iloc[::-1],
        "a row less": frame.iloc[1:],
        "changed": frame.replace("c", "d"),
        "moved to the other column": pd.concat([moved, frame.iloc[1:]]),
        "one row": frame.iloc[:1],
    }
    hashes = {
        name: spark.content_hash(spark.register("variant", variant))
        for name, variant in variants.items()
    }
    assert hashes["plain"] == hashes["reordered"] == hashes["a row less"] + hashes["one row"]
    assert len(set(hashes.values())) == 5


# What is missing


def test_without_java_the_message_says_what_to_install() -> None:
    pytest.importorskip("pyspark")
    with pytest.raises(SettingsError, match="needs Java, and there is no program java") as raised:
        require_spark({"PATH": "/nowhere"})
    assert raised.value.remedy.startswith("install Java 17 or newer")
    with pytest.raises(SettingsError, match="no program /opt/jdk/bin/java"):
        require_spark({"PATH": os.environ["PATH"], "JAVA_HOME": "/opt/jdk"})


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("[NO_SUCH] There is none.\nJVM stacktrace: ...", "[NO_SUCH] There is none."),
        ("An error occurred while calling o8.parquet.\n: java.io.X: gone\n\tat", "java.io.X: gone"),
        ("An error occurred while calling o8.parquet", "RuntimeError"),
        ("", "RuntimeError"),
    ],
)
def test_of_a_long_message_the_line_with_the_cause_is_kept(message: str, told: str) -> None:
    assert cause(RuntimeError(message)) == told


def test_without_pyspark_the_message_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyspark'] = None\n"
        "from pathlib import Path\n"
        "from features.engines import open_engine\n"
        "from features.settings import EngineSettings\n"
        f"with open_engine(EngineSettings(kind='spark'), Path({str(tmp_path)!r})): pass\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert 'engine.kind is "spark", and PySpark is not installed' in done.stderr
    assert "pip install 'regulars[spark]'" in done.stderr
