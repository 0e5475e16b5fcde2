"""Recommendations in bulk keep to the server's rules, unless the ranking itself is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regulars.settings import read_settings
from serving.events import Event
from serving.storage.sql_store import SqlStore

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOW = datetime(2026, 7, 1, 6, 30, tzinfo=UTC)
CUSTOMER = "C0000003"


def with_stock(trained: Path, folder: Path, sold_out: list[str] | None) -> Path:
    """Return settings of the trained shop in which some products, or all, are sold out."""
    products = pd.read_parquet(trained.parent / "data" / "products")
    out = products["product_id"].isin(products["product_id"] if sold_out is None else sold_out)
    products.assign(stock=(~out).astype("int64")).to_parquet(folder / "products.parquet")
    text = trained.read_text().replace("data/products/*.parquet", str(folder / "products.parquet"))
    path = trained.parent / f"{folder.name}.toml"
    path.write_text(text + f'[paths]\nworkspace = "{folder / "workspace"}"\n', encoding="utf-8")
    return path


def test_what_is_sold_out_or_was_rejected_is_left_out_and_said(
    regulars: Any, trained: Path, tmp_path: Path
) -> None:
    asked, out = tmp_path / "asked.txt", tmp_path / "recs.csv"
    asked.write_text(CUSTOMER, encoding="utf-8")
    words = ("score", "recommendations", "--customers", asked, "--n", "5", "--out", out)
    assert regulars(*words, "-c", trained, "--raw").code == 0
    raw = pd.read_csv(out)["product_id"].tolist()
    config = with_stock(trained, tmp_path, raw[:1])
    assert regulars("refresh", "-c", config).code == 0
    store = SqlStore(read_settings(config).database_url)
    rejection = {"event_id": "e1", "type": "reject", "ts": NOW, "customer_id": CUSTOMER}
    store.add_events([Event(**rejection, product_id=raw[1])], NOW)
    store.close()
    shown = regulars(*words, "-c", config)
    assert shown.code == 0, shown.err
    found = pd.read_csv(out)["product_id"].tolist()
    assert found[:3] == raw[2:]
    assert len(set(found)) == 5
    assert not set(found) & set(raw[:2])
    assert "left out: out of stock or retired" in shown.one_line


def test_where_nothing_can_be_sold_it_says_so(regulars: Any, trained: Path, tmp_path: Path) -> None:
    config = with_stock(trained, tmp_path, None)
    shown = regulars("score", "recommendations", "-c", config, "--out", tmp_path / "recs.csv")
    assert shown.code == 1
    assert "every product is out of stock or retired" in shown.err
    assert "--raw" in shown.err
