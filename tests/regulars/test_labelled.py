"""The commands on a labelled table, as a person meets them."""

from __future__ import annotations

import io
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from features.errors import DataError, RegistryError, SettingsError
from regulars.labelled import check_labelled, score_labelled, train_labelled
from regulars.settings import Settings, read_settings

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOW = datetime(2026, 11, 1)  # noqa: DTZ001  the code counts in naive UTC
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TOML = """
[shop]
name = "phone company"

[labelled]
path = "customers.csv"
customer_id = "who"
label = "left"
positive = "Yes"
folds = 3

[engine]
threads = 1
"""


def table(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    months, plan = rng.integers(1, 60, n), rng.choice(["basic", "plus"], n)
    chance = 1 / (1 + np.exp(0.05 * months - 1.2 * (plan == "basic")))
    left = np.where(rng.random(n) < chance, "Yes", "No")
    who = [f"c{i:04}" for i in range(n)]
    noise = rng.normal(size=n).round(3)
    return pd.DataFrame({"who": who, "months": months, "plan": plan, "noise": noise, "left": left})


@pytest.fixture
def shop(tmp_path: Path, migrated_database: Path) -> Settings:
    (tmp_path / "mlruns").mkdir()
    shutil.copy(migrated_database, tmp_path / "mlruns")
    table().to_csv(tmp_path / "customers.csv", index=False)
    (tmp_path / "regulars.toml").write_text(TOML, encoding="utf-8")
    return read_settings(tmp_path / "regulars.toml")


def printed(command: Any, settings: Settings, *arguments: Any) -> str:
    out = io.StringIO()
    command(Console(file=out, width=200, highlight=False), settings, *arguments)
    return " ".join(out.getvalue().split())


def test_train_then_score(shop: Settings) -> None:
    output = printed(train_labelled, shop, "churn", NOW)
    assert "400 rows" in output
    assert "columns: 2 of number, 1 of category" in output
    assert "churned = 1: left is Yes; every row held out once, 3 folds" in output
    assert "promoted, the first of its kind: " in output
    assert "Suspicion" not in output
    output = printed(score_labelled, shop, shop.base / "scores.csv", None, None)
    assert "Wrote 400 customers" in output
    assert "400 of them have a label" in output
    scores = pd.read_csv(shop.base / "scores.csv")
    assert list(scores) == ["customer_id", "churn_probability", "drivers", "label"]
    first = json.loads(scores["drivers"][0])[0]
    assert set(first) == {"feature", "value", "effect", "direction", "text"}

    fresh = table(5).drop(columns="left").assign(plan="never seen")
    fresh.to_csv(shop.base / "fresh.csv", index=False)
    (shop.base / "some.txt").write_text("c0002\nnobody\n", encoding="utf-8")
    output = printed(
        score_labelled, shop, shop.base / "few.parquet", shop.base / "some.txt",
        shop.base / "fresh.csv",
    )  # fmt: skip
    assert "1 of the customers asked for are not in the table: nobody" in output
    assert "Wrote 1 customer to" in output
    assert "have a label" not in output
    assert pd.read_parquet(shop.base / "few.parquet")["customer_id"].tolist() == ["c0002"]

    fresh.drop(columns="months").to_csv(shop.base / "fresh.csv", index=False)
    with pytest.raises(DataError, match="column 'months', which the model reads"):
        printed(score_labelled, shop, shop.base / "few.parquet", None, shop.base / "fresh.csv")


def test_a_suspicion_is_reported_with_its_remedy_and_nothing_is_promoted(shop: Settings) -> None:
    leaking = table()
    leaking["exit survey"] = np.where(leaking["left"] == "Yes", "price", "")
    leaking.to_csv(shop.base / "customers.csv", index=False)
    output = printed(train_labelled, shop, "all", NOW)
    assert "Suspicion: column 'exit survey' may give the outcome away" in output
    assert 'labelled.leave_out = ["exit survey"]' in output
    assert "not promoted: it learned from what may give the outcome away: 'exit survey'" in output
    with pytest.raises(RegistryError, match="no champion for churn") as raised:
        printed(score_labelled, shop, shop.base / "scores.csv", None, None)
    assert "train churn" in raised.value.remedy


def test_check_says_what_is_set_aside_and_where(shop: Settings) -> None:
    flawed = table().assign(same="x")
    flawed.loc[[2, 3], "left"] = ["", "perhaps"]
    flawed.to_csv(shop.base / "customers.csv", index=False)
    output = printed(check_labelled, shop)
    assert "2 rows set aside (1 label_missing, 1 label_unknown)" in output
    assert "not learned from: same: it says the same of everyone" in output
    quarantined = pd.read_parquet(shop.workspace / "quarantine" / "labelled" / "rows.parquet")
    assert quarantined["who"].tolist() == ["c0002", "c0003"]
    assert quarantined["reasons"].tolist() == ["label_missing;", "label_unknown;"]


def test_a_labelled_table_teaches_churn_alone(shop: Settings) -> None:
    with pytest.raises(SettingsError, match="only churn can be trained"):
        printed(train_labelled, shop, "value", NOW)
    with pytest.raises(SettingsError, match="labelled table and no orders"):
        shop.data  # noqa: B018  reading it is the test


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (TOML.replace("positive", "possitive"), "labelled.possitive: no such setting"),
        (TOML.replace('label = "left"', ""), "labelled.label"),
        (TOML + '[tables.orders]\npath = "o.csv"\n', "keep a settings file for each"),
        (TOML.replace("folds = 3", 'folds = 3\ntime = "left"\nleave_out = ["left"]'), "a role"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "regulars.toml").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        read_settings(tmp_path / "regulars.toml")
    assert problem in raised.value.problem


@pytest.mark.parametrize("name", ["telco_churn", "bank_marketing"])
def test_the_examples_can_be_read(name: str) -> None:
    settings = read_settings(EXAMPLES / name / "regulars.toml")
    assert settings.labelled is not None
    assert not settings.tables
