"""What stands under deploy/ fits the server that it deploys: commands, metrics, paths, probes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from prometheus_client.parser import text_string_to_metric_families

from regulars.cli import app
from regulars.settings import Settings
from serving.run import SHUTDOWN_SECONDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMPOSE: Any = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
BOARD: Any = json.loads((DEPLOY / "grafana" / "regulars.json").read_text(encoding="utf-8"))
ALERTS: Any = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
FILES = [path for path in DEPLOY.rglob("*") if path.is_file()]
# A metric of Prometheus' own.
OWN = {"up": {"job"}}


def queries() -> list[str]:
    shown = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    return shown + [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def exported(open_shop: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of every series that a server exports after an answer and an event."""
    with open_shop(tmp_path_factory.mktemp("exported"), lambda _: None) as client:
        return labels_after_use(client)


def labels_after_use(client: Any) -> dict[str, set[str]]:
    client.get("/v1/customers/nobody/recommendations")
    event = {"type": "view", "customer_id": "nobody", "product_id": "p0"}
    client.post("/v1/events", json={"events": [event]})
    labels = dict(OWN)
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


@pytest.mark.parametrize("query", queries())
def test_every_query_names_metrics_and_labels_that_the_server_exports(
    exported: dict[str, set[str]], query: str
) -> None:
    unquoted = re.sub(r'"[^"]*"', '""', query)
    names = set(re.findall(r"\b(?:regulars_\w+|up)\b", unquoted))
    assert names
    assert names <= exported.keys()
    labels = set(re.findall(r"(\w+)\s*(?:=~|!=|=)", unquoted))
    for listed in re.findall(r"by \(([^)]*)\)", unquoted):
        labels |= set(re.split(r",\s*", listed))
    assert labels <= set().union(*(exported[name] for name in names))


def test_the_board_shows_every_metric_of_the_server(exported: dict[str, set[str]]) -> None:
    shown = set(re.findall(r"regulars_\w+", " ".join(queries())))
    ours = {name for name in exported if name.startswith("regulars_")}
    unseen = {name for name in ours if not name.endswith(("_created", "_sum"))} - shown
    assert unseen == set()
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)


def assert_is_a_command(words: list[str]) -> None:
    """Follow the words through the command line's groups to a command and its options."""
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    assert not hasattr(command, "commands"), words
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_every_regulars_command_that_is_named_exists() -> None:
    begin = json.loads(re.findall(r"^CMD (\[.*\])$", CONTAINERFILE, re.MULTILINE)[0])
    assert_is_a_command(begin)
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    jobs = re.findall(r"run --rm job ([a-z].*)", text)
    assert len(jobs) >= 2
    for job in jobs:
        assert_is_a_command(shlex.split(job.partition("    #")[0]))
    unit = (DEPLOY / "regulars.service").read_text(encoding="utf-8")
    (started,) = re.findall(r"^ExecStart=/opt/regulars/bin/regulars (.*)$", unit, re.MULTILINE)
    assert_is_a_command(shlex.split(started))


def test_every_setting_that_the_environment_overrides_exists() -> None:
    names = {name for path in FILES for name in re.findall(r"REGULARS_\w+", path.read_text())}
    assert len(names) >= 4
    for name in names:
        room, setting = name.removeprefix("REGULARS_").lower().split("__")
        kind: Any = Settings.model_fields[room].annotation
        assert setting in kind.model_fields, name


def test_the_image_is_built_of_what_the_project_is_made_of() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert all((ROOT / source).exists() for source in sources), sources
    listed = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    kept = {name.removeprefix("!") for name in listed if name.startswith("!")}
    assert {source.split("/")[0] for source in sources} == kept


def test_the_container_runs_unprivileged_and_writes_in_one_place_only() -> None:
    assert re.findall(r"^USER (\S+)$", CONTAINERFILE, re.MULTILINE) == ["10001"]
    assert CONTAINERFILE.count("FROM ") == 2
    for name in ("server", "job"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["tmpfs"] == ["/tmp"]
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} is open to the world"


def test_the_health_check_asks_an_address_that_answers(reader: Any) -> None:
    (path,) = re.findall(r"urlopen\('http://127\.0\.0\.1:8000(/\S*?)'", CONTAINERFILE)
    assert reader.get(path).status_code == 200


def test_no_worker_is_stopped_before_its_requests_are_finished() -> None:
    unit = ConfigParser(strict=False, interpolation=None, delimiters="=")
    unit.read(DEPLOY / "regulars.service")
    assert int(unit["Service"]["TimeoutStopSec"]) > SHUTDOWN_SECONDS
    grace = COMPOSE["services"]["server"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > SHUTDOWN_SECONDS


def test_what_is_mounted_exists_and_no_file_contains_a_secret_or_host() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and source != "./shop":
                assert (DEPLOY / source).exists(), source
            elif not source.startswith("."):
                assert source in COMPOSE["volumes"]
        image = service["image"]
        assert image == "regulars" or "." not in image.split("/")[0].split(":")[0]
    for path in FILES:
        assert not re.search(r"(?i)password\s*[:=]\s*[^\s$?]", path.read_text()), path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_the_unit_hardened() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    ran = subprocess.run(  # noqa: S603  our own command
        [*command, str(DEPLOY / "regulars.service")], capture_output=True, text=True, check=True
    )
    (exposure,) = re.findall(r"exposure level for regulars.service: ([\d.]+)", ran.stdout)
    assert float(exposure) < 2


def test_the_unit_lets_rescoring_lower_its_priority() -> None:
    unit = (DEPLOY / "regulars.service").read_text(encoding="utf-8")
    filters = re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE)
    # What nice() calls belongs to @resources; of lines that disagree the later one holds.
    (refused,) = (place for place, line in enumerate(filters) if "@resources" in line)
    assert filters[refused].startswith("~")
    assert any(line.split() == ["setpriority"] for line in filters[refused + 1 :])


def test_the_guide_points_at_what_is_there_and_names_commands_that_exist() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\((\.\./[^)]+)\)", guide):
        assert (ROOT / "docs" / link).resolve().exists(), link
    for block in re.findall(r"^```\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            assert_is_a_command(shlex.split(line.partition("  #")[0])[1:])
