"""Damaged bundles, from one wrong bit to no folder at all: refused, while the old one serves on."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx

from benchmarks.faults.shop import Trial
from benchmarks.faults.stores import SqliteFile
from benchmarks.serving.http1 import get
from benchmarks.serving.load import load
from benchmarks.serving.processes import running, serve_ours
from benchmarks.table import Row
from models.bundle.folder import activate, current_version
from models.bundle.manifest import read_manifest, write_manifest

_URL: Final = "/v1/customers/C00000001/recommendations"
# Workers look for another bundle every second.
_FOLLOW_SECONDS: Final = 4.0


def rows(trial: Trial) -> list[Row]:
    """Activate each kind of damaged bundle under a running server, then a sound one."""
    sound = current_version(trial.bundles)
    assert sound is not None
    versions: Counter[str] = Counter()
    failed, served, explained = 0, 0, 0
    file = SqliteFile(trial.folder / "damaged.db")
    with running(serve_ours, trial.bundles, file.url) as ours:
        base = f"http://127.0.0.1:{ours.port}"
        with httpx.Client(base_url=base, timeout=30) as client:
            for number, (damage, harm) in enumerate(_HARMS.items()):
                version = _copy(trial.bundles, sound, f"damaged-{number}")
                harm(trial.bundles / version)
                _point(trial.bundles, version)
                measured = load(ours.port, [get(_URL)], seconds=_FOLLOW_SECONDS, connections=4)
                failed += measured.errors
                answer = client.get(_URL)
                versions[answer.json()["model_version"]] += 1
                reload = client.post("/v1/models/reload")
                explained += reload.is_error and bool(reload.json()["detail"])
                trial.console.print(f"{damage}: reload says {reload.status_code}, {measured}")
            repaired = _copy(trial.bundles, sound, "repaired")
            activate(trial.bundles, repaired)
            time.sleep(_FOLLOW_SECONDS)
            served = client.get(_URL).json()["model_version"] == repaired
    activate(trial.bundles, sound)
    damaged = sum(times for version, times in versions.items() if version != sound)
    kinds = float(len(_HARMS))
    return [
        Row("damaged bundle: requests failed meanwhile", failed, "<=", 0, {"kinds": kinds}),
        Row("damaged bundle: answers from it", damaged, "<=", 0),
        Row("damaged bundle: refusals that say what to do", explained, ">=", kinds),
        Row("damaged bundle: the next sound one is served", int(served), ">=", 1),
    ]


def _copy(root: Path, version: str, name: str) -> str:
    shutil.copytree(root / version, root / name)
    write_manifest(root / name, replace(read_manifest(root / version), version=name))
    return name


def _point(root: Path, version: str) -> None:
    """Make a bundle the active one, whatever is in it: ``activate`` would refuse some."""
    draft = root / ".current"
    draft.write_text(version + "\n", encoding="utf-8")
    draft.rename(root / "current")


def _flip_a_byte(folder: Path) -> None:
    with (folder / "candidates.score.npy").open("r+b") as file:
        file.seek(-5, 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))


def _cut_short(folder: Path) -> None:
    path = folder / "customers.arrow"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _spoil_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"{")


_HARMS: Final[dict[str, Callable[[Path], None]]] = {
    "one bit flipped": _flip_a_byte,
    "a file cut short": _cut_short,
    "a file missing": lambda folder: (folder / "products.arrow").unlink(),
    "the manifest spoilt": _spoil_the_manifest,
    "the whole folder gone": shutil.rmtree,
}
