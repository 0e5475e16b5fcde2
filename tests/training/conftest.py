"""A small simulated shop, prepared once, and the champions that it trained."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from features.engines import open_engine
from features.prepare import prepare
from features.settings import DataSettings, EngineSettings, ShopSettings
from features.simulate import ShopPlan, write_shop
from models import registry
from models.registry import Client
from training.horizons import choose_horizons
from training.publishing.champions import REQUIRED_JOBS, Champions, load_champions, model_name
from training.report import JobReport
from training.run import run_job
from training.settings import TrainingSettings
from training.task import TrainingTask
from training.tracking import track

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
TABLES = ("orders", "products", "customers", "events", "costs", "offers")


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingTask]:
    """Return what a job is given, of a shop whose data is prepared."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(ShopPlan(n_customers=700, seed=3, days=540), folder / "data")
    tables = {name: {"path": f"data/{name}/*.parquet"} for name in TABLES}
    settings = DataSettings(
        shop=ShopSettings(name="corner shop"),
        tables=tables,
        base=folder,
        engine=EngineSettings(threads=1, memory_limit="1GB"),
    )
    training = TrainingSettings(
        horizon_days=60, value_horizon_days=90, step_days=90, warm_up_days=180, candidates=30
    )
    with open_engine(settings.engine, folder / "tmp") as engine:
        prepared = prepare(engine, settings, NOW)
        horizons = choose_horizons(engine, prepared, settings.shop, training, prepared.today)
        yield TrainingTask(engine, prepared, settings.shop, training, horizons, prepared.today)


@pytest.fixture(scope="session")
def reports(task: TrainingTask) -> dict[str, JobReport]:
    """Return the three jobs' reports, trained once."""
    return {job: run_job(job, task) for job in ("churn", "value", "recommend")}


@pytest.fixture
def client(mlruns: Path) -> Client:
    return registry.open_client(mlruns)


@pytest.fixture(scope="module")
def champions(
    reports: dict[str, Any], migrated_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Champions:
    """Promote what was trained, whatever the gate would say, and load it from the registry."""
    mlruns = tmp_path_factory.mktemp("mlruns")
    (mlruns / "mlflow.db").write_bytes(migrated_database.read_bytes())
    client = registry.open_client(mlruns)
    for job in REQUIRED_JOBS:
        run_id, folder = track(client, reports[job], mlruns, "corner shop", "data-1")
        model = registry.register(client, model_name("corner shop", job), run_id, folder)
        registry.promote(client, model, "for the test")
    return load_champions(client, "corner shop")
