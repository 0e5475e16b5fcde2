"""Files that say which customers are meant."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.errors import DataError
from regulars.shop import read_customers


def read(folder: Path, text: str, encoding: str = "utf-8") -> list[str]:
    path = folder / "customers.csv"
    path.write_text(text, encoding=encoding)
    return read_customers(path)


@pytest.mark.parametrize(
    "text",
    [
        "ada\nben\n",
        "ada\r\n\r\n  ben  \r\n",
        "customer_id\nada\nben\n",
        '"customer_id"\n"ada"\n"ben"\n',
        "name,customer_id,city\nAda L,ada,London\nBen,ben,Paris\n",
        'name,customer_id\n"Lovelace, Ada",ada\n"Ben",ben\n',
        "ada,London\nben,Paris\n",
        "name, customer_id\nAda, ada\nshort row\nBen, ben\nNobody,\n",
    ],
)
def test_ids_are_found_in_a_list_or_a_column(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ["ada", "ben"]


def test_a_mark_of_byte_order_is_no_part_of_the_first_id(tmp_path: Path) -> None:
    assert read(tmp_path, "customer_id\nåsa\n", encoding="utf-8-sig") == ["åsa"]


@pytest.mark.parametrize("text", ["", "\n \n", "customer_id\n"])
def test_naming_no_customer_is_a_mistake(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="names no customer"):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*nobody\.txt"):
        read_customers(tmp_path / "nobody.txt")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    pd.DataFrame({"customer_id": ["ada"], "score": [0.1]}).to_parquet(path)
    with pytest.raises(DataError, match="not a text file") as raised:
        read_customers(path)
    assert "CSV" in raised.value.remedy
