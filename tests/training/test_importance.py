"""Importance: what a champion was made to read is what it is said to read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.family import Column
from models import registry
from models.boosting import BoostingParameters
from models.churn_value.churn import ChurnModel
from models.churn_value.value import ValueModel
from models.registry import Client, RegisteredModel
from models.state import STATE_FORMAT
from training.importance import champion_importance, churn_importance, value_importance
from training.publishing.champions import model_name

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SHOP = "corner shop"
COLUMNS = (
    Column("stays_by", "decides who stays", "none"),
    Column("spends_by", "decides how much is spent", "none"),
    Column("noise", "decides nothing", "none"),
    Column("constant", "never varies", "none"),
)
SMALL = BoostingParameters(rounds=15, members=2)


@pytest.fixture(scope="module")
def models() -> tuple[ChurnModel, ValueModel]:
    """Customers of two cutoffs: one column decides who stays, another how much they spend."""
    random = np.random.default_rng(0)
    n = 1_000
    vectors = pd.DataFrame(random.normal(size=(n, 3)), columns=[c.name for c in COLUMNS[:3]])
    vectors["constant"] = 1.0
    vectors["as_of"] = np.repeat(
        np.array([date(2026, 1, 1), date(2026, 4, 1)], dtype=object), n // 2
    )
    churned = (
        (random.random(n) < 1 / (1 + np.exp(3 * vectors["stays_by"]))).astype(float).to_numpy()
    )
    margin = np.where(churned == 1, 0, np.exp(3 + vectors["spends_by"]))
    churn = ChurnModel(90, boosting=SMALL).fit(vectors, churned, COLUMNS)
    value = ValueModel(90, boosting=SMALL).fit(vectors, churned, margin, COLUMNS)
    return churn, value


def publish(client: Client, folder: Path, job: str, model: ChurnModel | ValueModel) -> None:
    """Register and promote a model as training does, under a run of its own."""
    model.save(folder / "model")
    model.save(folder / "judged")
    card = {
        "job": job,
        "state_format": STATE_FORMAT,
        "as_of": "2026-07-01",
        "definition": {"horizon_days": 90},
    }
    (folder / registry.CARD).write_text(json.dumps(card), encoding="utf-8")
    run = client.create_run("0").info.run_id
    found: RegisteredModel = registry.register(client, model_name(SHOP, job), run, folder)
    registry.promote(client, found, "for the test")


def test_churn_is_read_from_what_decides_it(models: tuple[ChurnModel, ValueModel]) -> None:
    shares = churn_importance(models[0])
    assert shares.sum() == pytest.approx(1)
    assert shares["stays_by"] > 0.8
    assert "constant" not in shares.index


def test_value_is_read_half_from_staying_and_half_from_spending(
    models: tuple[ChurnModel, ValueModel],
) -> None:
    shares = value_importance(models[1])
    assert shares.sum() == pytest.approx(1)
    assert shares["stays_by"] == pytest.approx(0.5, abs=0.1)
    assert shares["spends_by"] == pytest.approx(0.5, abs=0.1)
    assert shares["noise"] < 0.1


def test_without_champions_there_is_none(client: Client) -> None:
    importance = champion_importance(client, SHOP)
    assert importance.cards == {}
    assert importance.shares.empty


def test_one_champion_is_reported_without_the_other(
    client: Client, tmp_path: Path, models: tuple[ChurnModel, ValueModel]
) -> None:
    publish(client, tmp_path / "churn", "churn", models[0])
    importance = champion_importance(client, SHOP)
    assert importance.shares.columns.tolist() == ["churn"]
    assert list(importance.cards) == ["churn"]
    assert champion_importance(client, "another shop").cards == {}


def test_what_champions_say_survives_their_files(
    client: Client, tmp_path: Path, models: tuple[ChurnModel, ValueModel]
) -> None:
    for job, model in zip(("churn", "value"), models, strict=True):
        publish(client, tmp_path / job, job, model)
    importance = champion_importance(client, SHOP)
    assert importance.shares.sum().tolist() == pytest.approx([1, 1])
    expected = pd.DataFrame(
        {"churn": churn_importance(models[0]), "value": value_importance(models[1])}
    )
    # Text keeps gains to six digits.
    pd.testing.assert_frame_equal(importance.shares, expected, rtol=1e-4)
    assert importance.cards["value"].card["job"] == "value"
