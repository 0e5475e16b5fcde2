"""Pages are kept beside the run that they tell of."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.registry import Client
from training.report import Contest, JobReport
from training.tracking import track

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Model:
    """Something that can be saved."""

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "parameters.json").write_text("{}")


def report() -> JobReport:
    contest = Contest("AUC", lambda *_: 0.0, np.zeros(1), {"churn": np.zeros(1)}, lambda _: None)
    return JobReport(
        name="churn",
        as_of=date(2026, 1, 1),
        test=date(2025, 10, 1),
        definition={"horizon_days": 90},
        parameters={},
        scorecard=pd.DataFrame({"roc_auc": [0.7]}, index=["churn"]),
        contest=contest,
        judged=Model(),
        model=Model(),
        vector_fingerprint="vectors-1",
    )


def test_pages_become_artifacts_of_the_run(client: Client, mlruns: Path) -> None:
    pages = {"scorecard.html": "<p>95 % £ kept as UTF-8</p>", "scorecard.json": "{}\n"}
    run_id, _ = track(client, report(), mlruns, "corner shop", "data-1", pages)
    names = {entry.path for entry in client.list_artifacts(run_id)}
    assert set(pages) <= names
    downloaded = Path(client.download_artifacts(run_id, "scorecard.html"))
    assert downloaded.read_text(encoding="utf-8") == pages["scorecard.html"]


def test_a_run_needs_no_pages(client: Client, mlruns: Path) -> None:
    run_id, _ = track(client, report(), mlruns, "corner shop", "data-1")
    assert {entry.path for entry in client.list_artifacts(run_id)} == {"model", "scorecard.csv"}
