"""As a newcomer would: what the README prints is sent to a running server, and answered."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
PRINTED = "localhost:8000"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [block for block in found if PRINTED in block]


def curl_commands() -> list[str]:
    """Every command that calls the server, a line that goes on over the next included."""
    whole = "\n".join(blocks("")).replace("\\\n", " ")
    return [line for line in whole.splitlines() if line.startswith("curl ")]


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """Serve an application on a port of this machine; yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"localhost:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory,
    app_of: Callable[[Path, datetime], Any],
    publish_examples: Callable[[Path], None],
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("readme")
    publish_examples(folder)
    # When the simulated shop's records end.
    with listening(app_of(folder, datetime(2026, 7, 1, 12, tzinfo=UTC))) as found:
        yield found


def test_the_readme_shows_the_calls_that_a_newcomer_needs() -> None:
    asked = " ".join(curl_commands())
    for call in ("/recommendations", "/next-best-offer", "/cross-sell", "/events", "/churn"):
        assert call in asked


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", curl_commands())
def test_every_curl_command_is_answered(address: str, tmp_path: Path, command: str) -> None:
    strict = command.replace(PRINTED, address).replace("curl ", "curl --fail -sS ", 1)
    ran = subprocess.run(  # noqa: S603  the README's own commands
        ["bash", "-c", strict],  # noqa: S607
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    if ">" in command:
        (written,) = tmp_path.iterdir()
        assert len(written.read_text(encoding="utf-8").splitlines()) == 1 + 6
    else:
        assert json.loads(ran.stdout)


def test_every_request_in_javascript_is_answered(address: str) -> None:
    for script in blocks("js"):
        (url,) = re.findall(r'fetch\(\s*"(http://[^"]+)"', script)
        (method,) = re.findall(r'method: "(\w+)"', script)
        (body,) = re.findall(r"JSON\.stringify\((\{.*?\})\)", script, re.DOTALL)
        sent = json.loads(re.sub(r"(\w+):", r'"\1":', body))
        response = httpx.request(method, url.replace(PRINTED, address), json=sent)
        assert response.status_code == 200, response.text
        (kept,) = re.findall(r"const \{ ([\w, ]+) \} = await", script)
        assert set(kept.split(", ")) <= response.json().keys()


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_every_script_in_javascript_runs(address: str) -> None:
    for script in blocks("js"):
        node = ["node", "--input-type=module", "-e", script.replace(PRINTED, address)]
        ran = subprocess.run(node, capture_output=True, text=True, check=False)  # noqa: S603
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.strip()
