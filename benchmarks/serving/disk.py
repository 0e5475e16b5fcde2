"""How long the disk takes to make a group of events durable, whoever asks it to."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median
from typing import Final

# What a group of sixteen events of as many customers adds to SQLite's log: some 40 pages.
_GROUP_BYTES: Final = 40 * 2_048
_TIMES: Final = 200


def flush_seconds(folder: Path) -> float:
    """Return the median time of an append and its ``fdatasync`` to a file in a folder."""
    path = folder / "flushed"
    written = os.urandom(_GROUP_BYTES)
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_TIMES):
            began = time.perf_counter()
            file.write(written)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return median(took)
