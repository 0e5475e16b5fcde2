"""MLflow's own server on a shop's runs and models."""

from __future__ import annotations

import os
import subprocess
import sys

from regulars.settings import Settings


def serve_mlflow(settings: Settings, port: int) -> None:
    """Run MLflow's server on this shop's database, on this machine only, until interrupted."""
    from models.registry import artifact_root, ensure_database, tracking_uri

    ensure_database(settings.mlruns)
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1",
               "--host", "127.0.0.1", "--port", str(port),
               "--backend-store-uri", tracking_uri(settings.mlruns),
               "--default-artifact-root", artifact_root(settings.mlruns).as_uri()]  # fmt: skip
    # Without its job runner MLflow needs two processes instead of ten.
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    subprocess.run(command, env=environment, check=False)  # noqa: S603  our own arguments
