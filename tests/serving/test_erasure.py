"""A customer who asks to be forgotten is: here, on every worker, and in later bundles."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import sqlalchemy as sql
from hypothesis import given
from hypothesis import strategies as st

from models.bundle.erasure import customer_hash, without_customers
from models.bundle.sparse_rows import SparseRows
from serving.storage.sql_store import SqlStore
from serving.storage.store import Decision, StoreError
from serving.storage.store_tables import DECISIONS


def rows(shop: Any, query: str) -> list[Any]:
    with sqlite3.connect(shop.folder / "events.db") as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_an_erased_customer_is_unknown_and_leaves_no_record(shop: Any) -> None:
    event = {"event_id": "e1", "type": "reject", "customer_id": "ada", "product_id": "p3"}
    with shop.open() as client:
        client.post("/v1/events", json={"events": [event, event | {"customer_id": "ben"}]})
        client.get("/v1/customers/ada/recommendations")
        assert client.get("/v1/customers/ada").status_code == 200
        erased = client.request("DELETE", "/v1/customers/ada")
        assert (erased.status_code, erased.json()) == (200, {"records": 2})
        assert client.get("/v1/customers/ada").status_code == 404
        listed = [row["customer_id"] for row in client.get("/v1/churn").json()["items"]]
        assert "ada" not in listed
        assert len(listed) == 5
        fresh = client.get("/v1/customers/ada/recommendations").json()
        assert fresh["fallback"] == "new_customer"
        assert client.request("DELETE", "/v1/customers/nobody").json() == {"records": 0}
    assert "ada" not in str(rows(shop, "SELECT * FROM events"))
    noted = rows(shop, "SELECT action, subject, outcome FROM audit ORDER BY sequence")
    hashed = customer_hash("ada")
    assert noted[:2] == [("erase", hashed, "begun"), ("erase", hashed, "2 records deleted")]
    with shop.open() as client:
        assert client.get("/v1/customers/ada").status_code == 404


def failing(shop: Any, method: str) -> Any:
    """Return a store of which one call never works."""

    class Failing(SqlStore):
        def __getattribute__(self, name: str) -> Any:
            if name == method:
                raise StoreError("the event store failed", "Check it.")
            return super().__getattribute__(name)

    return Failing(shop.database_url)


def test_an_act_that_fails_half_way_is_in_the_audit_log(shop: Any) -> None:
    shop.store = failing(shop, "erase")
    with shop.open() as client:
        assert client.request("DELETE", "/v1/customers/ada").status_code == 503
    noted = rows(shop, "SELECT action, subject, outcome FROM audit")
    assert noted == [("erase", customer_hash("ada"), "begun")]


def test_what_cannot_be_noted_is_not_done(shop: Any) -> None:
    shop.store = failing(shop, "audit")
    with shop.open() as client:
        assert client.request("DELETE", "/v1/customers/ada").status_code == 503
        assert client.get("/v1/customers/ada").status_code == 200
    assert rows(shop, "SELECT * FROM erased") == []


def test_other_workers_forget_before_they_answer(shop: Any) -> None:
    with shop.open() as one, shop.open() as other:
        assert other.get("/v1/customers/ada").status_code == 200
        one.request("DELETE", "/v1/customers/ada")
        answer: httpx.Response = other.get("/v1/customers/ada")
        assert answer.status_code == 404


def test_a_visit_in_which_an_erased_customer_was_named_is_forgotten(client: Any) -> None:
    both = {"type": "reject", "customer_id": "ada", "session_id": "s1", "product_id": "p3"}
    other = {"type": "reject", "customer_id": "ben", "session_id": "s2", "product_id": "p3"}

    def shown(session: str) -> set[str]:
        body = {"session_id": session, "n": 8}
        items = client.post("/v1/recommendations", json=body).json()["items"]
        return {item["product_id"] for item in items}

    assert client.post("/v1/events", json={"events": [both, other]}).json()["accepted"] == 2
    assert "p3" not in shown("s1") | shown("s2")
    client.request("DELETE", "/v1/customers/ada")
    assert "p3" in shown("s1")
    assert "p3" not in shown("s2")


def test_decisions_that_another_worker_had_not_written_yet_are_not_kept(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    erased_at = datetime(2026, 6, 2, 12, tzinfo=UTC)
    before, after = erased_at - timedelta(seconds=1), erased_at + timedelta(minutes=2)
    store.erase("ada", lambda: erased_at)
    made = [
        ("d1", "ada", before),
        ("d2", "ada", after),
        ("d3", "ben", before),
        ("d4", None, before),
    ]
    store.add_decisions([decision(*each) for each in made])
    assert {row["id"] for row in store.rows(sql.select(DECISIONS.c.id))} == {"d2", "d3", "d4"}
    store.close()


def decision(id_: str, customer_id: str | None, ts: datetime) -> Decision:
    return Decision(
        id_, ts, "recommendations", customer_id, None, "v", "champion", None, "{}", 1.0, 1, "{}"
    )


def test_the_next_bundle_has_no_row_of_them(tiny_bundle: Any, bundle_of: Any) -> None:
    whole = tiny_bundle()
    bundle = bundle_of(without_customers(whole, {customer_hash("ben"), customer_hash("x")}))
    ids = bundle.customers.column("customer_id").to_pylist()
    assert ids == ["ada", "cleo", "dan", "eve", "änne"]
    for name in ("candidates", "bought"):
        before, after = getattr(whole, name), getattr(bundle, name)
        for place, id_ in enumerate(ids):
            was = whole.customers.column("customer_id").to_pylist().index(id_)
            assert after.indices[after.span(place)].tolist() == (
                before.indices[before.span(was)].tolist()
            )


@given(st.lists(st.lists(st.integers(0, 9), unique=True), max_size=8), st.data())
def test_taken_rows_are_the_rows(rows_: list[list[int]], data: st.DataObject) -> None:
    matrix = SparseRows.from_rows(
        [{column: (float(column),) for column in row} for row in rows_], {"score": np.float32}
    )
    places = st.lists(st.integers(0, max(len(rows_) - 1, 0)), max_size=8 if rows_ else 0)
    chosen = data.draw(places)
    taken = matrix.take(np.array(chosen, dtype=np.int64))
    assert [taken.indices[taken.span(k)].tolist() for k in range(taken.rows)] == [
        rows_[place] for place in chosen
    ]
    assert taken.values["score"].tolist() == [float(c) for place in chosen for c in rows_[place]]
