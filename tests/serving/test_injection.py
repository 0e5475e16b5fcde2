"""What is sent, and what ids hold, stays data: in spreadsheets, headers, logs and file names."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest

from models.bundle.folder import write_bundle
from models.bundle.manifest import activate

FORMULAS = ["+1+1", "-2+3", "=HYPERLINK(1)", "@SUM(1)", "plain", "ünï"]


@pytest.fixture
def odd(shop: Any, tiny_bundle: Any) -> Iterator[Any]:
    """A shop whose customers have names like formulas."""
    tiny = tiny_bundle("odd")
    ids = pa.array(FORMULAS)
    tables = {
        name: getattr(tiny, name).set_column(0, "customer_id", ids)
        for name in ("customers", "vectors")
    }
    write_bundle(shop.folder / "bundles", replace(tiny, **tables))
    activate(shop.folder / "bundles", "odd")
    with shop.open() as client:
        yield client


def test_a_spreadsheet_finds_no_formula_in_the_list(odd: Any) -> None:
    text = odd.get("/v1/churn", headers={"accept": "text/csv"}).text
    shown = {row["customer_id"] for row in csv.DictReader(io.StringIO(text))}
    assert shown == {"'+1+1", "'-2+3", "'=HYPERLINK(1)", "'@SUM(1)", "plain", "ünï"}
    listed = {row["customer_id"] for row in odd.get("/v1/churn").json()["items"]}
    assert listed == set(FORMULAS), "JSON has the ids as they are"


@pytest.mark.parametrize(
    "nasty", ["a\r\nset-cookie: x=1", 'a"}\n{"status": 200', "a\x00b", "\x1b[2J"]
)
def test_ids_reach_neither_headers_nor_the_log(
    client: Any, nasty: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "regulars"):
        answer = client.get(f"/v1/customers/{quote(nasty, safe='')}/recommendations?n=1")
        client.get(f"/v1/customers/{quote(nasty, safe='')}")
        client.get("/v1/churn", headers={"x-request-id": "mine", "user-agent": "Ada Lovelace"})
    assert answer.status_code == 200
    assert answer.json()["customer_id"] == nasty
    assert set(answer.headers) - {"degraded"} == {
        "content-length", "content-type", "x-request-id", "cache-control", "x-content-type-options",
    }  # fmt: skip
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert len(lines) == 3
    assert nasty[:3] not in "".join(str(line) for line in lines)
    assert "Lovelace" not in str(lines)
    assert "mine" not in str(lines)


def test_no_answer_about_a_person_is_kept_by_a_cache(client: Any) -> None:
    for url in ("/v1/customers/ada", "/v1/churn", "/v1/customers/nobody", "/health/ready"):
        headers = client.get(url).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("version", ["../secrets", "/etc", "..", "v1/../../x", ".hidden", ""])
def test_the_pointer_to_the_bundle_names_nothing_outside_its_folder(
    client: Any, shop: Any, version: str
) -> None:
    (shop.folder / "bundles" / "current").write_text(version)
    response = client.post("/v1/models/reload")
    assert response.status_code == 409
    assert "cannot name a bundle" in response.json()["detail"]
    assert client.get("/v1/customers/ada").json()["model_version"] == "v1"


def test_an_administrators_calls_are_noted_without_naming_anyone(client: Any, shop: Any) -> None:
    client.request("DELETE", "/v1/customers/ada")
    client.post("/v1/models/reload")
    store = shop.server().store
    with store._connected() as connection:
        rows = connection.exec_driver_sql("SELECT action, subject, outcome FROM audit").all()
    store.close()
    assert [(row[0], row[2]) for row in rows] == [
        ("erase", "begun"),
        ("erase", "0 records deleted"),
        ("reload", "begun"),
        ("reload", "served"),
    ]
    assert "ada" not in str(rows)
