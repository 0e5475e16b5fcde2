"""Which rows of a labelled table teach, and what a person is told of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from features.engines import open_engine
from features.errors import DataError
from features.settings import EngineSettings
from training.given_label.settings import LabelledSettings
from training.given_label.source import read_table
from training.given_label.table import LabelledTable, check_table

N = 60


def plain(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "who": [f"c{i:03}" for i in range(n)],
            "age": rng.integers(18, 80, n).astype(str),
            "plan": rng.choice(["basic", "plus"], n),
            "left": np.where(np.arange(n) % 3 == 0, "Yes", "No"),
            "when": pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d")[::-1],
        }
    )


SETTINGS: dict[str, Any] = {"path": "t.csv", "customer_id": "who", "label": "left",
                            "positive": "Yes"}  # fmt: skip


def read(frame: pd.DataFrame, folder: Path, name: str = "t.csv") -> pd.DataFrame:
    if name.endswith(".csv"):
        frame.to_csv(folder / name, index=False)
    else:
        frame.to_parquet(folder / name, index=False)
    with open_engine(EngineSettings(threads=1), folder / "tmp") as engine:
        return read_table(engine, name, None, folder)


def checked(
    frame: pd.DataFrame, folder: Path, tolerance: float = 0.1, **changed: Any
) -> LabelledTable:
    return check_table(read(frame, folder), LabelledSettings(**{**SETTINGS, **changed}), tolerance)


def test_a_csv_file_and_parquet_teach_the_same(tmp_path: Path) -> None:
    settings = LabelledSettings(**SETTINGS)
    text = check_table(read(plain(), tmp_path), settings, 0.0)
    typed = plain().astype({"age": float})
    parquet = check_table(read(typed, tmp_path, "t.parquet"), settings, 0.0)
    pd.testing.assert_frame_equal(text.features, parquet.features)
    np.testing.assert_array_equal(text.outcomes, parquet.outcomes)
    assert text.kinds == {"age": "number", "plan": "category", "when": "date"}
    assert text.outcomes.sum() == N / 3


def test_a_duckdb_file_is_read_by_its_tables_name(tmp_path: Path) -> None:
    import duckdb  # noqa: PLC0415  its own test only

    with duckdb.connect(str(tmp_path / "bank.duckdb")) as connection:
        connection.execute("CREATE TABLE calls AS SELECT 1 AS a, true AS b")
    with open_engine(EngineSettings(threads=1), tmp_path / "tmp") as engine:
        frame = read_table(engine, "bank.duckdb", "calls", tmp_path)
        assert frame[["a", "b"]].iloc[0].tolist() == [1, True]
        with pytest.raises(DataError, match="no table in it is named"):
            read_table(engine, "bank.duckdb", None, tmp_path)


def test_a_table_of_postgresql_is_read(
    postgres_url: str, postgres_run: Any, tmp_path: Path
) -> None:
    postgres_run(
        "CREATE TABLE calls (a integer, b text)", "INSERT INTO calls VALUES (1, 'x'), (2, '')"
    )
    with open_engine(EngineSettings(threads=1), tmp_path / "tmp") as engine:
        frame = read_table(engine, postgres_url, "calls", tmp_path)
    assert frame["a"].astype(int).tolist() == [1, 2]
    assert list(tmp_path.glob("**/*.csv")) == []


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("left", " ", "label_missing"),
        ("left", "perhaps", "label_unknown"),
        ("who", "", "customer_id_missing"),
        ("who", "c000", "customer_id_repeated"),
    ],
)
def test_bad_rows_are_set_aside_with_the_reason(
    tmp_path: Path, column: str, value: str, reason: str
) -> None:
    frame = plain()
    frame.loc[7, column] = value
    table = checked(frame, tmp_path)
    assert table.quarantine["reasons"].tolist() == [f"{reason};"]
    assert table.quarantine["source_row"].tolist() == [8]
    assert len(table) == N - 1


def test_the_first_good_row_of_a_customer_is_kept(tmp_path: Path) -> None:
    frame = plain()
    frame.loc[[3, 9], "who"] = "twice"
    frame.loc[3, "left"] = ""
    table = checked(frame, tmp_path)
    assert table.quarantine["reasons"].tolist() == ["label_missing;"]
    assert (table.customer_ids == "twice").sum() == 1


def test_too_many_bad_rows_name_table_column_row_and_remedy(tmp_path: Path) -> None:
    frame = plain()
    frame.loc[4:20, "left"] = "maybe"
    with pytest.raises(DataError) as raised:
        checked(frame, tmp_path)
    problem = raised.value.problem
    assert "labelled: 28.3% of 60 rows are bad, above the tolerance of 10.0%" in problem
    assert "17 rows: label_unknown; first: row 5 of t.csv, column 'left', holds 'maybe'" in problem
    assert "labelled.negative" in problem
    assert "checks.tolerance" in raised.value.remedy


@pytest.mark.parametrize(
    ("changed", "problem", "remedy"),
    [
        ({"label": "lefd"}, "column 'lefd' (label) is not in the table", '"left"'),
        ({"customer_id": "id"}, "column 'id' (customer_id)", "labelled.customer_id"),
        ({"leave_out": ["agee"]}, "column 'agee' (leave_out)", '"age"'),
        ({"positive": "yes"}, "no row of column 'left' holds 'yes'; it holds: No, Yes", "positive"),
        ({"leave_out": ["age", "plan", "when"]}, "no column is left", "leave_out"),
    ],
)
def test_what_the_settings_name_and_the_table_lacks(
    tmp_path: Path, changed: dict[str, Any], problem: str, remedy: str
) -> None:
    with pytest.raises(DataError) as raised:
        checked(plain(), tmp_path, **changed)
    assert problem in raised.value.problem
    assert remedy in raised.value.remedy


def test_too_few_of_a_label_is_reported(tmp_path: Path) -> None:
    frame = plain()
    frame["left"] = np.where(np.arange(N) < 4, "Yes", "No")
    with pytest.raises(DataError, match="4 of 60 rows have the label 'Yes'"):
        checked(frame, tmp_path)
    with pytest.raises(DataError, match="every label is 'No'"):
        checked(frame.assign(left="No"), tmp_path, positive="No")


def test_rows_come_oldest_first_where_a_column_says_when(tmp_path: Path) -> None:
    table = checked(plain(), tmp_path, time="when")
    assert table.times is not None
    assert table.dated
    assert (np.diff(table.times) > 0).all()
    assert table.customer_ids.iloc[0] == f"c{N - 1:03}"
    assert "when" not in table.kinds
    frame = plain()
    frame.loc[2, "when"] = "soon"
    assert checked(frame, tmp_path, time="when").quarantine["reasons"].tolist() == [
        "time_unreadable;"
    ]


def test_the_fingerprint_changes_with_any_value(tmp_path: Path) -> None:
    frame = plain()
    before = checked(frame, tmp_path).fingerprint
    assert checked(frame, tmp_path).fingerprint == before
    frame.loc[5, "age"] = "19.5"
    assert checked(frame, tmp_path).fingerprint != before


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [("none.csv", None, "no file matches"), ("t.csv", "", "is empty"), ("t.xls", "x", "of a kind")],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: str | None, problem: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with (
        open_engine(EngineSettings(threads=1), tmp_path / "tmp") as engine,
        pytest.raises(DataError, match=problem),
    ):
        read_table(engine, name, None, tmp_path)


def test_settings_that_contradict_one_another_are_refused() -> None:
    for changed in (
        {"time": "when", "rows_in_time_order": True},
        {"negative": "Yes"},
        {"leave_out": ["left"]},
        {"folds": 1},
        {"possitive": "Yes"},
    ):
        with pytest.raises(ValidationError):
            LabelledSettings(**{**SETTINGS, **changed})
