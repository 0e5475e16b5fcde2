"""`regulars churn-reasons` and `regulars train churn --tune`: as a person meets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_reasons_are_reported_by_source_and_written(
    regulars: Any, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "reasons.jsonl"
    shown = regulars("churn-reasons", "-c", trained, "--out", out)
    assert shown.code == 0, shown.err
    lines = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert len(lines) == 5
    for line in lines:
        assert line["customer_id"] in shown.out
        assert line["model_attribution"]
        assert line["model_attribution"][0]["text"].split(" (")[0] in shown.one_line
        assert line["tested_causes"] == []  # this shop keeps no contacts
    assert shown.one_line.count("drivers of the score:") == 5
    assert "tested by a campaign: nothing" in shown.one_line


def test_a_stranger_is_named(regulars: Any, trained: Path) -> None:
    shown = regulars("churn-reasons", "nobody-1", "-c", trained)
    assert shown.code == 1
    assert "nobody-1" in shown.err + shown.out


def test_tuning_prints_what_was_tried_and_trains_with_the_best(
    regulars: Any, config: Path, tmp_path: Path
) -> None:
    text = config.read_text(encoding="utf-8").replace('"data/', f'"{config.parent}/data/')
    settings = tmp_path / "regulars.toml"
    settings.write_text(text.replace("warm_up_days = 300", "warm_up_days = 60"), encoding="utf-8")
    shown = regulars("train", "churn", "--tune", "2", "-c", settings)
    assert shown.code == 0, shown.err
    assert "Hyperparameters tried, best first" in shown.one_line
    assert "log_loss" in shown.out
    assert "churn: test cutoff" in shown.one_line


def test_there_is_nothing_to_tune_in_recommendations(regulars: Any, config: Path) -> None:
    shown = regulars("train", "recommend", "--tune", "3", "-c", config)
    assert shown.code == 1
    assert "train churn --tune" in shown.err + shown.out
