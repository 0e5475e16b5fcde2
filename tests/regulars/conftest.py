"""A small simulated shop behind the command line, and the command line itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from features.progress import silent
from features.simulate import ShopPlan, write_shop
from models import registry
from regulars.cli import main
from regulars.settings import read_settings
from regulars.shop import open_shop
from training.horizons import choose_horizons
from training.publishing.champions import REQUIRED_JOBS, model_name
from training.run import run_job
from training.task import TrainingTask
from training.tracking import track

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
SETTINGS = """
[shop]
name = "corner shop"
currency = "SEK"

[tables]
orders = { path = "data/orders/*.parquet" }
products = { path = "data/products/*.parquet" }
customers = { path = "data/customers/*.parquet" }
costs = { path = "data/costs/*.parquet" }

[engine]
threads = 1
memory_limit = "1GB"

[training]
horizon_days = 60
value_horizon_days = 60
step_days = 90
warm_up_days = 300
candidates = 30
"""


@dataclass(frozen=True)
class Printed:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def one_line(self) -> str:
        """What was said on standard output, however it was wrapped."""
        return " ".join(self.out.split())


Command = Callable[..., Printed]


@pytest.fixture
def regulars(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return the command line as a person uses it: words in, exit code and text out."""
    # What main() sets for its own process, undone after each test.
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("GOMP_SPINCOUNT", "1000")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")

    def run(*words: str | Path) -> Printed:
        monkeypatch.setattr(sys, "argv", ["regulars", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfd.readouterr()
        return Printed(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the settings file of a shop that is not yet trained."""
    folder = tmp_path_factory.mktemp("corner shop")
    write_shop(ShopPlan(n_customers=300, seed=3, days=540), folder / "data")
    path = folder / "regulars.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(config: Path) -> Path:
    """Return the same shop with three champions, whatever the gate would say of so few."""
    settings = read_settings(config)
    client = registry.open_client(settings.mlruns)
    with open_shop(settings, NOW, silent) as shop:
        day = shop.as_of(None)
        arguments = (shop.engine, shop.prepared, settings.shop, settings.training)
        horizons = choose_horizons(*arguments, day)
        task = TrainingTask(*arguments, horizons, day)
        for job in REQUIRED_JOBS:
            report = run_job(job, task)
            run_id, folder = track(client, report, settings.mlruns, "corner shop", "data")
            name = model_name("corner shop", job)
            registry.promote(client, registry.register(client, name, run_id, folder), "for tests")
    return config
