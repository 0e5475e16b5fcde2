"""Sources: the user's files, whatever their kind, under our names; or a message that helps."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from features.errors import DataError

HEADER = "order_id,customer_id,product_id,ts,quantity,unit_price"
THEIRS = {
    "order_id": "Invoice",
    "customer_id": "Customer ID",
    "product_id": "Stock Code",
    "ts": "Date",
    "quantity": "Qty",
    "unit_price": 'Price "net"',
}


def their_orders() -> pd.DataFrame:
    """A shop's own export: its own names, customers as floats where one is missing."""
    return pd.DataFrame(
        {
            "Invoice": ["536365", "C536379", "536381"],
            "Customer ID": ["17850", "14527", "14527"],
            "Stock Code": ["85123A", "D", "071053"],
            "Date": pd.to_datetime(["2010-12-01 08:26", "2010-12-01 09:41", "2010-12-02 00:00"]),
            "Qty": [6, -1, 2],
            'Price "net"': [2.55, 27.5, 0.1],
            "Clerk": ["Eve", "Eve", None],
        }
    )


def write_their_orders(folder: Path, kind: str) -> dict[str, Any]:
    """Write the export as one kind of file and return the source that reads it."""
    frame, path = their_orders(), folder / f"orders.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    elif kind == "parquet":
        frame.to_parquet(path, index=False)
    else:
        with duckdb.connect(str(path)) as connection:
            connection.register("frame", frame)
            connection.execute('CREATE TABLE "my orders" AS SELECT * FROM frame')
    named = {"table": "my orders"} if kind == "duckdb" else {}
    return {"path": path.name, "columns": THEIRS, **named}


@pytest.fixture
def expected() -> pd.DataFrame:
    frame = their_orders().drop(columns="Clerk")
    frame.columns = pd.Index(THEIRS)
    return frame.astype({"quantity": float, "ts": "datetime64[us]"})


@pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz", "parquet", "duckdb"])
def test_every_kind_of_file_gives_the_same_clean_table(
    tmp_path: Path, open_folder: Any, expected: pd.DataFrame, kind: str
) -> None:
    shop = open_folder(tmp_path, {"orders": write_their_orders(tmp_path, kind)})
    clean = shop.clean("orders")
    assert_frame_equal(clean[expected.columns], expected)
    assert clean.drop(columns=expected.columns).isna().all(axis=None)


def test_several_kinds_of_file_make_one_table_and_one_fingerprint(
    tmp_path: Path, open_folder: Any
) -> None:
    kinds = ("csv", "parquet", "duckdb")
    sources = [write_their_orders(tmp_path, kind) for kind in kinds]
    shop = open_folder(tmp_path, {"orders": sources})
    [report] = shop.prepared.reports
    assert (report.rows_read, report.rows_kept) == (9, 3)
    prints = {
        open_folder(tmp_path, {"orders": source}, workspace=Path(kind)).prepared.fingerprint
        for kind, source in zip(kinds, sources, strict=True)
    }
    assert prints == {shop.prepared.fingerprint}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_pattern_reads_all_files_that_match(
    tmp_path: Path, open_folder: Any, lines: Any, kind: str
) -> None:
    for month in (1, 2):
        frame = lines((f"{month}", "ann", "tea", f"2025-0{month}-01", 1, 10))
        path = tmp_path / f"orders-{month}.{kind}"
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)
    shop = open_folder(tmp_path, {"orders": f"orders-*.{kind}"})
    assert sorted(shop.clean("orders")["order_id"]) == ["1", "2"]
    assert str(shop.prepared.first_day) == "2025-01-01"
    assert str(shop.prepared.last_day) == "2025-02-01"
    assert str(shop.prepared.today) == "2025-02-02"


def test_customers_that_became_floats_are_whole_again(tmp_path: Path, open_folder: Any) -> None:
    customers = pa.array([17850.0, float("nan"), None, 12.5, 1e300, float("inf")])
    table = pa.table(
        {
            "order_id": ["1"] * 6,
            "customer_id": customers,
            "product_id": ["tea"] * 6,
            "ts": pa.array([0] * 6, pa.int64()).cast(pa.timestamp("us")),
            "quantity": [1] * 6,
            "unit_price": [1.0] * 6,
        }
    )
    table = table.set_column(3, "ts", pa.array(["2025-01-01"] * 6))
    pq.write_table(table, tmp_path / "orders.parquet")
    shop = open_folder(tmp_path, {"orders": "orders.parquet"}, checks={"tolerance": 1})
    ids = shop.clean("orders")["customer_id"].tolist()
    assert ids[:2] == ["17850", "12.5"]
    assert len(ids) == 4
    assert set(shop.quarantine()["reasons"]) == {"customer_id_missing;"}


def test_times_become_utc(tmp_path: Path, open_folder: Any) -> None:
    written = [
        "2025-01-01 12:00:00",
        "2025-01-01T12:00:00Z",
        "2025-01-01T12:00:00+02:00",
        "2025-01-01 12:00:00-05:30",
        "2025-01-01",
    ]
    text = "\n".join([HEADER, *(f"1,ann,tea,{when},1,10" for when in written)])
    (tmp_path / "orders.csv").write_text(text, encoding="utf-8")
    clean = open_folder(tmp_path, {"orders": "orders.csv"}).clean("orders")
    assert [f"{when:%H:%M}" for when in clean["ts"]] == [
        "12:00",
        "12:00",
        "10:00",
        "17:30",
        "00:00",
    ]
    assert clean["ts"].dt.tz is None


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_with_a_zone_and_any_resolution_become_utc(
    tmp_path: Path, open_folder: Any, lines: Any, unit: str
) -> None:
    orders = lines(("1", "ann", "tea", "2025-07-01 12:00", 1, 10))
    orders["ts"] = orders["ts"].dt.tz_localize("Europe/Berlin").dt.as_unit(unit)
    orders["available_at"] = pd.Series(["2025-07-02"], dtype=f"datetime64[{unit}]")
    orders.to_parquet(tmp_path / "orders.parquet", index=False)
    clean = open_folder(tmp_path, {"orders": "orders.parquet"}).clean("orders")
    assert clean["ts"].tolist() == [pd.Timestamp("2025-07-01 10:00")]
    assert clean["available_at"].tolist() == [pd.Timestamp("2025-07-02")]


def test_a_missing_column_is_asked_for_by_name(tmp_path: Path, open_folder: Any) -> None:
    their_orders().to_csv(tmp_path / "orders.csv", index=False)
    columns = {**THEIRS, "customer_id": "CustomerID"}
    with pytest.raises(DataError) as raised:
        open_folder(tmp_path, {"orders": {"path": "orders.csv", "columns": columns}})
    assert raised.value.problem == (
        "orders: column customer_id (who ordered) is looked for as 'CustomerID', which orders.csv "
        'does not have; it has: Invoice, Customer ID, Stock Code, Date, Qty, Price "net", Clerk'
    )
    assert raised.value.remedy == ('under [tables.orders.columns] set customer_id = "Customer ID"')


def test_a_mapped_optional_column_must_exist(tmp_path: Path, open_folder: Any, lines: Any) -> None:
    lines(("1", "ann", "tea", "2025-01-01", 1, 10)).to_csv(tmp_path / "orders.csv", index=False)
    source = {"path": "orders.csv", "columns": {"channel": "zzz"}}
    with pytest.raises(DataError, match=r"channel .* is looked for as 'zzz'") as raised:
        open_folder(tmp_path, {"orders": source})
    assert 'set channel = "<its name in your file>"' in raised.value.remedy


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_header(path: Path) -> None:
    path.write_text(HEADER + "\n", encoding="utf-8")


def write_noise(path: Path) -> None:
    path.write_bytes(b"PAR1 but not really, and far from a database either" * 400)


@pytest.mark.parametrize(
    ("name", "write", "problem", "remedy"),
    [
        ("orders.csv", write_nothing, "the file .*orders.csv is empty .0 bytes", "export it again"),
        ("orders.csv", write_header, "hold a header and no rows", "export the order lines again"),
        ("orders.parquet", write_noise, "cannot read orders.parquet", "check that the file is"),
        ("orders.duckdb", write_noise, "cannot read .*orders.duckdb", "check that the file is"),
        ("orders.xlsx", write_noise, "of a kind that cannot be read .*xlsx", "bring CSV"),
        ("other.csv", write_header, "orders: no file matches .*orders", "correct the path under"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_a_remedy(
    tmp_path: Path, open_folder: Any, name: str, write: Any, problem: str, remedy: str
) -> None:
    write(tmp_path / name)
    asked = "orders.csv" if name == "other.csv" else name
    table = {"table": "orders"} if name.endswith("duckdb") else {}
    with pytest.raises(DataError, match=problem) as raised:
        open_folder(tmp_path, {"orders": {"path": asked, **table}})
    assert raised.value.problem.startswith("orders: ")
    assert raised.value.remedy.startswith(remedy)


def test_a_table_inside_a_database_must_be_named_and_be_there(
    tmp_path: Path, open_folder: Any
) -> None:
    source = write_their_orders(tmp_path, "duckdb")
    unnamed = {**source, "table": None}
    with pytest.raises(DataError, match="is a database, and no table in it is named") as raised:
        open_folder(tmp_path, {"orders": unnamed})
    assert raised.value.remedy == 'add table = "..." under [[tables.orders]]'
    with pytest.raises(DataError, match=r"cannot read orders\.duckdb: there is no table") as wrong:
        open_folder(tmp_path, {"orders": {**source, "table": "yours"}})
    assert wrong.value.remedy.startswith('set table = "')


def test_a_broken_line_is_found_when_it_is_read(tmp_path: Path, open_folder: Any) -> None:
    rows = ["1,ann,tea,2025-01-01,1,10"] * 30_000
    rows[25_000] = "1,ann,tea"
    (tmp_path / "orders.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"orders: cannot read orders\.csv: line 25002 has 3"
    ) as late:
        open_folder(tmp_path, {"orders": "orders.csv"})
    assert "in double quotes" in late.value.remedy


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("1,ann,tea", "line 102 has 3 values where the header names 6"),
        ('1,ann,"tea,2025-01-01,1,10', "it cannot be split into columns: line "),
    ],
)
def test_a_broken_line_among_the_first_is_found_too(
    tmp_path: Path, open_folder: Any, row: str, wrong: str
) -> None:
    # So few lines are looked at to guess the separator: the guess fails, not the reading.
    rows = ["1,ann,tea,2025-01-01,1,10"] * 200
    rows[100] = row
    (tmp_path / "orders.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    with pytest.raises(DataError, match=f"orders: cannot read orders.csv: .*{wrong}") as raised:
        open_folder(tmp_path, {"orders": "orders.csv"})
    assert "in double quotes" in raised.value.remedy


def test_a_file_in_another_encoding_is_distinguished_from_a_broken_one(
    tmp_path: Path, open_folder: Any
) -> None:
    text = HEADER + "\n1,ann,caf\u00e9,2025-01-01,1,10\n"
    (tmp_path / "orders.csv").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="it is not written in UTF-8") as raised:
        open_folder(tmp_path, {"orders": "orders.csv"})
    assert "iconv -f latin1" in raised.value.remedy
