"""What may be loaded when: the command line starts at once, the server never loads MLflow."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "duckdb", "ibis", "implicit", "lightgbm", "matplotlib", "mlflow", "numpy", "pandas", "pyarrow",
    "scipy", "sklearn",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter holds after a statement."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(  # noqa: S603  our own statement
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("package", ["features", "models", "training", "serving", "regulars"])
def test_each_package_is_the_one_of_this_project(package: str) -> None:
    """Their names are short: another package could have taken them."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin == str(ROOT / package / "__init__.py")


def test_the_command_line_loads_nothing_heavy() -> None:
    """`regulars --help` answers at once."""
    assert not loaded_by("import regulars.cli") & HEAVY


def test_importing_a_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import features, models, training, serving, regulars") & HEAVY


def test_the_server_never_loads_mlflow() -> None:
    loaded = loaded_by("import serving.run, serving.app, serving.server")
    assert "fastapi" in loaded
    assert not loaded & {"mlflow", "models.registry", "training", "lightgbm"}


def test_mlflow_is_loaded_by_two_modules_only() -> None:
    """Jobs, scores and bundles know nothing of it."""
    jobs = "training.churn, training.value, training.recommend.job"
    loaded = loaded_by(f"import {jobs}, models.bundle.folder")
    assert "lightgbm" in loaded
    assert "mlflow" not in loaded
