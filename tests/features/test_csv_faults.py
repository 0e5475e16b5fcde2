"""What is wrong with a file of lines: the line is named with a remedy, and its content never."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from features.csv_faults import explain, explain_unsplit

HEADER = "order_id,customer_id,ts"
GOOD = ["1,ann,2025-01-01", "2,bob,2025-01-02"]


def written(folder: Path, *rows: str, name: str = "orders.csv") -> Path:
    file = folder / name
    text = "\n".join(rows) + "\n"
    if file.suffix == ".gz":
        file.write_bytes(gzip.compress(text.encode()))
    else:
        file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz"])
def test_the_odd_line_is_named_whatever_separates_its_values(
    tmp_path: Path, separator: str, name: str
) -> None:
    rows = [row.replace(",", separator) for row in (HEADER, *GOOD, "3,cat", "4")]
    explained = explain_unsplit(written(tmp_path, *rows, name=name), rows[0])
    assert explained is not None
    assert explained[0].endswith("line 4 has 2 values where the header names 3")
    assert "double quotes" in explained[1]


def test_a_header_that_names_a_single_column_is_no_fault(tmp_path: Path) -> None:
    assert explain_unsplit(written(tmp_path, "customer_id", "ann,bob"), "customer_id") is None


def test_of_several_separators_the_most_frequent_one_separates(tmp_path: Path) -> None:
    header = "order_id;customer_id;price, net"
    explained = explain_unsplit(written(tmp_path, header, "1;ann;7,5", "2;bob"), header)
    assert explained is not None
    assert explained[0].endswith("line 3 has 2 values where the header names 3")


def test_a_separator_within_quotes_and_an_empty_line_are_no_faults(tmp_path: Path) -> None:
    header = '"id, first",customer_id,ts'
    rows = ['"1, a",ann,2025-01-01', "", "2,bob", '"3, c",cat,2025-01-03']
    explained = explain_unsplit(written(tmp_path, header, *rows), header)
    assert explained is not None
    assert explained[0].endswith("line 4 has 2 values where the header names 3")


def test_bytes_of_another_encoding_do_not_hide_the_odd_line(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes("\n".join([HEADER, "1,Zo\u00eb,2025-01-01", "2"]).encode("latin-1"))
    explained = explain_unsplit(file, HEADER)
    assert explained is not None
    assert explained[0].endswith("line 3 has 1 values where the header names 3")


def test_where_every_line_has_as_many_values_as_the_header_no_line_is_accused(
    tmp_path: Path,
) -> None:
    explained = explain_unsplit(written(tmp_path, HEADER, *GOOD), HEADER)
    assert explained is not None
    assert "line " not in explained[0].removeprefix("it cannot be split into columns: its lines")


@pytest.mark.parametrize(
    ("message", "problem", "remedy"),
    [
        (
            "Invalid Input Error: CSV Error on Line: 12\nOriginal Line: 9,ann\n"
            "Expected Number of Columns: 6 Found: 2",
            "line 12 has 2 values where the header names 6",
            "must be in double quotes",
        ),
        (
            "Invalid Input Error: CSV Error on Line: 7\nOriginal Line: 9,ann\n"
            "Value with unterminated quote found.",
            "a double quote opens on line 7 and is not closed",
            "must be in double quotes",
        ),
        (
            "Invalid Input Error: CSV Error on Line: 3\nValue with UNTERMINATED QUOTE found.",
            "a double quote opens on line 3 and is not closed",
            "must be in double quotes",
        ),
        (
            "Invalid Input Error: Invalid unicode: this file is not utf-8 encoded: ann",
            "it is not written in UTF-8",
            "iconv -f latin1",
        ),
        (
            'Catalog Error: Table with name orderz does not exist!\nDid you mean "shop.orders"?',
            "there is no table orderz in it",
            'set table = "orders"',
        ),
        (
            "Catalog Error: Table with name orderz does not exist!",
            "there is no table orderz in it",
            "its name in the database",
        ),
        (
            "IO Error: No magic bytes at the end\nof ann's file",
            "IO Error: No magic bytes at the end",
            "check that the file is whole",
        ),
    ],
)
def test_an_engines_error_becomes_a_problem_and_a_remedy(
    message: str, problem: str, remedy: str
) -> None:
    explained = explain(message)
    assert explained[0] == problem
    assert remedy in explained[1]
    assert "ann" not in " ".join(explained)
