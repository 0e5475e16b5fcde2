"""The disk fills up under load, and is given room again."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.faults.shop import Trial, deliveries_to, kept_rows
from benchmarks.faults.shopper import Shopper
from benchmarks.faults.stores import SqliteFile
from benchmarks.serving.processes import running, serve_ours
from benchmarks.table import Row

_MEGABYTES: Final = 32
_FULL_SECONDS: Final = 5.0
_AROUND_SECONDS: Final = 2.0


def rows(trial: Trial) -> list[Row]:
    """Keep the database on a small disk, fill that to the last byte, and make room."""
    if os.geteuid() != 0:
        trial.console.print("[red]full disk: not measured: only root may mount a small disk[/]")
        return []
    with _small_disk(trial.folder / "small") as disk:
        file = SqliteFile(disk / "events.db")
        with running(serve_ours, trial.bundles, file.url) as ours:
            sent, shopper = deliveries_to(ours.port), Shopper(ours.port)
            with shopper.asking(), sent.sending():
                time.sleep(_AROUND_SECONDS)
                _fill(disk / "filler")
                time.sleep(_FULL_SECONDS)
                refused = sent.refused
                (disk / "filler").unlink()
                recovered = sent.wait_for_more()
                time.sleep(_AROUND_SECONDS)
        assert refused, "the disk was never full"
        trial.console.print(f"full disk: events again after {recovered:.1f} s, {shopper}")
        return [
            *kept_rows("full disk, SQLite", sent, file, **{"again after s": recovered}),
            Row("full disk, SQLite: damaged files", int(not file.intact()), "<=", 0),
            shopper.row("full disk"),
        ]


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    size = f"size={_MEGABYTES}m,mode=700"
    subprocess.run([_program("mount"), "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([_program("umount"), "--lazy", str(folder)], check=True)


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"{name} is needed"
    return found


def _fill(path: Path) -> None:
    """Write until there is no room; in small pieces at last, so that none is left over."""
    with path.open("wb", buffering=0) as filler:
        for size in (65_536, 512):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue
