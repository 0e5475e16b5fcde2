"""The whole walk, as a newcomer takes it: one command, five answers, and faster the second time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "simulated_shop" / "regulars.toml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example's own settings, kept away from the checkout."""
    text = EXAMPLE.read_text(encoding="utf-8").replace("../../mlruns", "mlruns")
    path = tmp_path / "regulars.toml"
    path.write_text(text, encoding="utf-8")
    shutil.copy(EXAMPLE.with_name("offers.toml"), tmp_path)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_until_ready(config: Path, port: int) -> str:
    """Start the demo, wait until it says that it serves, interrupt it; return what it printed."""
    command = [sys.executable, "-m", "regulars", "demo", "--customers", "1500"]
    command += ["--port", str(port), "--config", str(config)]
    with subprocess.Popen(  # noqa: S603  our own command
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl+C" in line:
                process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    return "".join(lines)


def test_one_command_walks_from_nothing_to_answers(config: Path) -> None:
    port = free_port()
    first = run_until_ready(config, port)
    assert "Traceback" not in first
    assert "1. A simulated shop" in first
    assert first.count("promoted, the first of its kind: ") == 3, first
    assert first.count(f"curl -s 'http://127.0.0.1:{port}/") == 5
    for answer in ("EUR at risk; no order within", "raises churn", "1. P0", ": worth "):
        assert answer in first

    second = run_until_ready(config, port)
    assert "Simulating" not in second
    assert "trained earlier" in second
    assert second.count("curl -s") == 5


def test_a_taken_port_is_reported_before_any_work(config: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        printed = run_until_ready(config, taken.getsockname()[1])
    assert "is taken" in printed
    assert "--port" in printed
    assert "Simulating" not in printed
