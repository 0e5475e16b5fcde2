"""Record a finished job in MLflow: parameters, scorecard, plots, and the model's folder.

One of the two modules that import MLflow. Jobs do not know of it: they return a report, which is
tracked afterwards.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.time import get_current_time_millis

from models.registry import CARD, artifact_root, folder_of
from models.state import STATE_FORMAT
from training.report import JobReport

_MODEL_PATH = "model"
_LONGEST_PARAMETER = 500


def track(
    client: MlflowClient,
    report: JobReport,
    mlruns: Path,
    shop: str,
    data_fingerprint: str,
    pages: Mapping[str, str] | None = None,
) -> tuple[str, Path]:
    """Write one run and return its id and the folder of its model.

    Parameters
    ----------
    pages
        Texts to keep beside the run by file name, as ``training.scorecard.scorecard_files``
        gives them.
    """
    run = client.create_run(
        _experiment(client, mlruns, f"{shop}.{report.name}"),
        run_name=f"{report.name} as of {report.as_of}",
        tags={"data_fingerprint": data_fingerprint, "as_of": str(report.as_of)},
    )
    run_id = run.info.run_id
    _log_values(client, run_id, report, data_fingerprint)
    with tempfile.TemporaryDirectory() as scratch:
        model_folder = Path(scratch) / _MODEL_PATH
        report.model.save(model_folder / "model")
        report.judged.save(model_folder / "judged")
        _write_json(model_folder / CARD, card(report, data_fingerprint))
        client.log_artifacts(run_id, str(model_folder), _MODEL_PATH)
        for name, figure in report.figures.items():
            picture = Path(scratch) / f"{name}.png"
            figure.savefig(picture, dpi=110)
            client.log_artifact(run_id, str(picture), "plots")
        table = Path(scratch) / "scorecard.csv"
        report.scorecard.to_csv(table, index_label="model")
        client.log_artifact(run_id, str(table))
        for name, text in (pages or {}).items():
            page = Path(scratch) / name
            page.write_text(text, encoding="utf-8")
            client.log_artifact(run_id, str(page))
    client.set_terminated(run_id)
    return run_id, folder_of(run.info.artifact_uri) / _MODEL_PATH


def card(report: JobReport, data_fingerprint: str) -> dict[str, Any]:
    """Return the model's card, as JSON values: what it is, what it learned from, how good it is."""
    return {
        "job": report.name,
        "state_format": STATE_FORMAT,
        "as_of": str(report.as_of),
        "test": str(report.test),
        "definition": dict(report.definition),
        "parameters": dict(report.parameters),
        "metrics": _finite(report.scorecard.T[report.name]),
        "vector_fingerprint": report.vector_fingerprint,
        "data_fingerprint": data_fingerprint,
        "notes": list(report.notes),
        "breadth": [asdict(effect) for effect in report.breadth],
    }


def _experiment(client: MlflowClient, mlruns: Path, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(
        client.create_experiment(name, artifact_location=(artifact_root(mlruns) / name).as_uri())
    )


def _log_values(
    client: MlflowClient, run_id: str, report: JobReport, data_fingerprint: str
) -> None:
    now = get_current_time_millis()
    values = {**report.definition, **report.parameters, "data_fingerprint": data_fingerprint}
    parameters = [Param(name, str(value)[:_LONGEST_PARAMETER]) for name, value in values.items()]
    # The challenger's metrics under their plain names, the baselines' under <baseline>.<metric>.
    metrics = [
        Metric(name if model == report.name else f"{model}.{name}", value, now, 0)
        for model, row in report.scorecard.iterrows()
        for name, value in _finite(row).items()
    ]
    tags = [RunTag(f"note_{number}", note) for number, note in enumerate(report.notes)]
    client.log_batch(run_id, metrics=metrics, params=parameters, tags=tags)


def _finite(values: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items() if math.isfinite(value)}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
