"""Schemathesis on the whole API: no server error, and no answer that is not described.

python -m benchmarks.contract

It reads the OpenAPI of a running server and sends to every operation its examples, the limits of
each parameter and body, and random requests, valid and invalid. Each answer is compared with its
description: status, content type, headers and schema.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.own_environment import own_environment
from benchmarks.serving.processes import running, serve_ours
from benchmarks.serving.synthetic import publish
from benchmarks.table import Row, report

_CUSTOMERS: Final = 500
_PRODUCTS: Final = 200
_DRAWN: Final = 40
_CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_SUMMARY: Final = re.compile(r"(\d+) generated(?:, (\d+) found)?")


def main() -> None:
    """Serve a random bundle, run Schemathesis against it, print its findings."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    console = Console(width=150, highlight=False)
    tool = own_environment("schemathesis").with_name("schemathesis")
    with tempfile.TemporaryDirectory(prefix="regulars-contract-") as name:
        folder = Path(name)
        publish(folder / "bundles", _CUSTOMERS, _PRODUCTS)
        database = f"sqlite:///{folder / 'events.db'}"
        with running(serve_ours, folder / "bundles", database) as server:
            output = _run(tool, f"http://127.0.0.1:{server.port}/openapi.json", folder)
    console.print(output, markup=False)
    sent, found = _counts(output)
    report(
        "contract",
        "Schemathesis on the whole API",
        [
            Row("requests sent", sent, ">=", 1_000),
            Row("requests with an answer that is a fault or not described", found, "<=", 0),
        ],
    )


def _run(tool: Path, description: str, folder: Path) -> str:
    command = [str(tool), "run", description, "--checks", ",".join(_CHECKS)]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(_DRAWN)]
    command += ["--seed", "1", "--no-color"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ran.stdout


def _counts(output: str) -> tuple[int, int]:
    """Return how many requests were sent, and how many answers were wrong."""
    counts = _SUMMARY.findall(output)
    if len(counts) != 1:
        raise RuntimeError(f"Schemathesis did not finish:\n{output}")
    ((sent, found),) = counts
    return int(sent), int(found or 0)


if __name__ == "__main__":
    main()
