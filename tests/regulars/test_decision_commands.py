"""Deciding from the command line: files of decisions and lists, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.progress import silent
from models.registry import open_client
from models.segments import BANK_TIERS
from regulars.decisions import spreadsheet_safe
from regulars.settings import read_settings
from regulars.shop import open_shop
from training.champions import load_champions
from training.publish import publish

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOW = datetime(2026, 7, 1, 6, 30)  # noqa: DTZ001  the rooms count in naive UTC


@pytest.fixture(scope="module")
def published(trained: Path) -> Path:
    settings = read_settings(trained)
    champions = load_champions(open_client(settings.mlruns), "corner shop")
    with open_shop(settings, NOW, silent) as shop:
        publish(
            shop.engine, shop.prepared, champions, settings.shop, shop.as_of(None), NOW,
            settings.bundles, silent,
        )  # fmt: skip
    return trained


def test_decide_writes_a_row_for_each_customer_asked_for(
    regulars: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    wanted = tmp_path / "some.csv"
    wanted.write_text("customer_id\nC0000001\nC0000002\nstranger\n", encoding="utf-8")
    out = tmp_path / "decisions.parquet"
    said = regulars(
        "decide", "-c", published, "--customers", wanted, "--channel", "web", "--out", out
    )
    assert said.code == 0, said.err
    assert "1 customers are not in the bundle: stranger" in said.one_line
    assert "Evidence: risk_only" in said.one_line
    rows = pd.read_parquet(out)
    assert rows["customer_id"].tolist() == ["C0000001", "C0000002"]
    assert set(rows["action"]) <= {"offer", "product", "do_nothing"}
    assert (rows["offer_value"] >= 0).all()
    assert {"p_accept", "margin", "retention", "contact_cost", "evidence"} <= set(rows)
    assert set(rows["bank_tier"].dropna()) <= set(BANK_TIERS)
    # This shop has no contracts.
    assert rows[["next_product", "next_product_probability"]].isna().all(axis=None)


def test_the_retention_list_keeps_its_limit_and_its_word(
    regulars: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "list.csv"
    said = regulars("retention-list", "-c", published, "--contacts", "5", "--out", out)
    assert said.code == 0, said.err
    assert "no column is a gain" in said.one_line
    rows = pd.read_csv(out)
    assert len(rows) == 5
    assert rows["value_at_risk"].is_monotonic_decreasing
    assert rows["expected_gain"].isna().all()
    assert set(rows["evidence"]) == {"risk_only"}
    assert rows["reasons"].str.len().gt(0).all()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("retention-list", "--out", "list.csv"), "say --contacts N, --budget MONEY"),
        (("decide", "--as-of", "tomorrow"), "write now, or a day"),
        (("decide", "--as-of", "2020-01-01"), "every bundle knows of days after 2020-01-01"),
        (("decide", "--out", "decisions.xlsx"), "use .parquet or .csv"),
    ],
)
def test_a_mistake_is_explained(
    regulars: Callable[..., Any], published: Path, words: tuple[str, ...], says: str
) -> None:
    said = regulars(*words, "-c", published)
    assert said.code == 1
    assert says in said.err


def test_before_any_training_it_says_what_to_do(
    regulars: Callable[..., Any], tmp_path: Path
) -> None:
    config = tmp_path / "regulars.toml"
    config.write_text('[tables.orders]\npath = "orders.csv"\n', encoding="utf-8")
    said = regulars("retention-list", "-c", config, "--contacts", "3")
    assert said.code == 1
    assert "regulars train" in said.err


def test_no_text_is_a_formula_in_a_spreadsheet() -> None:
    risky = ["=1+1", "+49 30", "-2", "@name", "\tx", "plain", None, "a=b"]
    safe = spreadsheet_safe(pd.DataFrame({"name": risky, "gain": [-1.0] * len(risky)}))
    assert safe["name"].tolist()[:6] == ["'=1+1", "'+49 30", "'-2", "'@name", "'\tx", "plain"]
    assert safe["name"].isna().tolist() == [False] * 6 + [True, False]
    assert safe["name"][7] == "a=b"
    assert safe["gain"].tolist() == [-1.0] * len(risky)
