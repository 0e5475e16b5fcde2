"""Schemathesis on the whole API: no fault of the server, and no answer that is not described.

make bench NAME=contract

It reads the OpenAPI of a running server and sends, to every call, its examples, the edges of each
parameter and body, and requests drawn at random, right and wrong ones; each answer is compared with
what is described: status, kind of content, headers and schema.
"""

from __future__ import annotations

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
_TOLD: Final = re.compile(r"(\d+) generated(?:, (\d+) found)?")


def main() -> None:
    """Serve a random bundle, let Schemathesis loose on it, print what it found."""
    console = Console(width=150, highlight=False)
    tool = own_environment("schemathesis").with_name("schemathesis")
    with tempfile.TemporaryDirectory(prefix="regulars-contract-") as name:
        folder = Path(name)
        publish(folder / "bundles", _CUSTOMERS, _PRODUCTS)
        database = f"sqlite:///{folder / 'events.db'}"
        with running(serve_ours, folder / "bundles", database) as server:
            said = _run(tool, f"http://127.0.0.1:{server.port}/openapi.json", folder)
    console.print(said, markup=False)
    sent, found = _counts(said)
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


def _counts(said: str) -> tuple[int, int]:
    """Return how many requests were sent, and how many answers were not right."""
    told = _TOLD.findall(said)
    if len(told) != 1:
        raise RuntimeError(f"Schemathesis did not come to its end:\n{said}")
    ((sent, found),) = told
    return int(sent), int(found or 0)


if __name__ == "__main__":
    main()
