"""The feature report of a real shop, as the command makes it."""

from __future__ import annotations

import io
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from features.errors import DataError
from features.family import discover_families
from models import registry
from regulars.reports.features import show_features
from regulars.settings import read_settings

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
TODAY = date(2026, 7, 1)  # the simulated orders end the day before


def show(
    config: Path, out: Path, as_of: date | None = None, before: date | None = None, **changed: Any
) -> str:
    """Make the report and return what was printed, in one line."""
    settings = read_settings(config).model_copy(update=changed)
    output = io.StringIO()
    show_features(Console(file=output, width=120), settings, out, as_of, before, NOW)
    return " ".join(output.getvalue().split())


def test_the_report_of_a_trained_shop_shows_what_its_champions_read(
    trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "features.html"
    output = show(trained, out)
    assert "Most important for churn:" in output
    assert "Most important for value:" in output
    assert f"Wrote {out}" in output
    text = out.read_text(encoding="utf-8")
    assert "Features of corner shop" in text
    assert "champion" in text
    assert list(tmp_path.iterdir()) == [out]


def test_the_figures_go_to_a_csv(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    show(trained, out)
    frame = pd.read_csv(out)
    assert frame["column"].is_unique
    known = {column.name for family in discover_families() for column in family.columns}
    assert set(frame["column"]) <= known
    assert set(frame["as_of_now"]) == {str(TODAY)}
    # The champion's horizon of 60 days before.
    assert set(frame["as_of_then"]) == {"2026-05-02"}
    assert frame[["importance_churn", "importance_value"]].sum().tolist() == pytest.approx([1, 1])
    assert frame["coverage_now"].between(0, 1).all()
    recency = frame.set_index("column").loc["recency_days"]
    assert recency["coverage_now"] == 1
    assert 1 <= recency["p5_now"] <= recency["median_now"] <= recency["p95_now"] <= 365


def test_the_report_of_an_untrained_shop_says_so_and_shows_the_rest(
    config: Path, tmp_path: Path
) -> None:
    settings = read_settings(config)
    nowhere = settings.paths.model_copy(update={"mlruns": tmp_path / "mlruns"})
    out = tmp_path / "features.html"
    output = show(config, out, paths=nowhere)
    assert "There is no champion for churn yet" in output
    assert "run `regulars train value`" in output
    assert "Most shifted" in output
    assert out.is_file()
    assert not (tmp_path / "mlruns").exists()


@pytest.fixture
def outdated(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an mlruns whose churn champion learned from other columns than today's."""
    folder = tmp_path_factory.mktemp("outdated")
    shutil.copy(read_settings(trained).mlruns / "mlflow.db", folder)
    client = registry.open_client(folder)
    champion = registry.champion(client, "corner shop.churn")
    assert champion is not None
    model = folder / "model of old"
    shutil.copytree(champion.folder, model)
    for path, now, then in (
        (model / "card.json", champion.card["vector_fingerprint"], "another"),
        (model / "model" / "curve" / "parameters.json", '"recency_days"', '"days_away"'),
    ):
        path.write_text(path.read_text(encoding="utf-8").replace(now, then), encoding="utf-8")
    run_id = client.create_run("0").info.run_id
    registry.promote(
        client, registry.register(client, champion.name, run_id, model), "for the test"
    )
    return folder


def test_a_champion_of_other_columns_is_named(
    trained: Path, outdated: Path, tmp_path: Path
) -> None:
    paths = read_settings(trained).paths.model_copy(update={"mlruns": outdated})
    out = tmp_path / "features.csv"
    output = show(trained, out, paths=paths)
    assert "The churn champion learned from columns defined otherwise than today" in output
    assert "reads 1 that are gone (days_away)" in output
    assert "The value champion learned from" not in output
    shares = pd.read_csv(out).set_index("column")["importance_churn"]
    assert pd.isna(shares["recency_days"])
    assert 0 < shares.sum() < 1


def test_nobody_in_the_look_back_is_reported_plainly(config: Path, tmp_path: Path) -> None:
    settings = read_settings(config)
    days = pd.read_parquet(config.parent / "data" / "orders")["ts"].dt.date
    idle = max(set(pd.date_range(days.min(), days.max()).date) - set(days))
    shop = settings.shop.model_copy(update={"lookback_days": 1})
    with pytest.raises(DataError, match="nobody ordered in the 1 days") as raised:
        show(config, tmp_path / "features.html", idle + timedelta(days=1), shop=shop)
    assert "--as-of" in raised.value.remedy


def test_the_cutoffs_asked_for_are_compared(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    show(config, out, date(2026, 3, 1), date(2025, 12, 1))
    frame = pd.read_csv(out)
    assert set(frame["as_of_now"]) == {"2026-03-01"}
    assert set(frame["as_of_then"]) == {"2025-12-01"}


def test_a_short_history_is_compared_with_its_beginning(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    early = date(2025, 1, 20)
    show(config, out, early)
    then = date.fromisoformat(pd.read_csv(out)["as_of_then"].iloc[0])
    assert then < early
    assert (early - then).days < 60


@pytest.mark.parametrize(
    ("as_of", "before", "problem"),
    [
        (None, date(2020, 1, 1), "cannot be compared with those as of 2020-01-01"),
        (None, TODAY, "the earlier day must come first"),
        (date(2020, 1, 1), None, "there are no orders before 2020-01-01"),
    ],
)
def test_impossible_cutoffs_are_refused_with_a_remedy(
    config: Path, tmp_path: Path, as_of: date | None, before: date | None, problem: str
) -> None:
    with pytest.raises(DataError, match=problem) as raised:
        show(config, tmp_path / "features.html", as_of, before)
    assert "choose" in raised.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "remedy"), [("a.xlsx", ".html or .csv"), ("no/a.html", "create")])
def test_a_file_that_cannot_be_written_is_refused_first(
    config: Path, tmp_path: Path, name: str, remedy: str
) -> None:
    with pytest.raises(DataError) as raised:
        show(config, tmp_path / name)
    assert remedy in raised.value.remedy
