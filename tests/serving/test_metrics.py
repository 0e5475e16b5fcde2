"""Metrics over many bundles: the version is a label, and old ones go."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from serving.http.metrics import MULTIPROCESS_FOLDER

MANY_BUNDLES = """
from datetime import date
from serving.http.metrics import Metrics
metrics = Metrics()
for version in ("v1", "v2", "v3"):
    metrics.show_bundle(version, date(2026, 6, 1), refused=False)
    metrics.count_request("/v1/churn", "GET", 200, version, "", 0.01)
print(metrics.text().decode())
"""


def counted(text: str) -> dict[str, float]:
    found = re.findall(r'seconds_count\{.*model_version="(v\d)".*\} (\S+)', text)
    return {version: float(count) for version, count in found}


def test_requests_are_counted_for_the_served_bundle_and_the_one_before(
    client: Any, shop: Any
) -> None:
    def serve(version: str) -> None:
        shop.publish(version)
        client.post("/v1/models/reload")

    client.get("/v1/churn")
    assert counted(client.get("/metrics").text).keys() == {"v1"}
    for version, before in (("v2", "v1"), ("v3", "v2"), ("v4", "v3")):
        serve(version)
        assert counted(client.get("/metrics").text).keys() == {before, version}
    # Reloading what is served already is no other bundle.
    client.post("/v1/models/reload")
    client.get("/v1/churn")
    told = client.get("/metrics").text
    assert counted(told).keys() == {"v3", "v4"}
    assert 'model_version="v1"' not in told


def test_several_workers_report_the_same_metrics(tmp_path: Path) -> None:
    said = subprocess.run(  # noqa: S603  our own statements
        [sys.executable, "-W", "error", "-c", MANY_BUNDLES],
        env=os.environ | {MULTIPROCESS_FOLDER: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert counted(said.stdout) == {"v2": 1.0, "v3": 1.0}
    assert "regulars_bundle_as_of_timestamp_seconds 1.78" in said.stdout
