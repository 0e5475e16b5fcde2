"""Models' state on disk: JSON for parameters, npz for arrays, never pickle.

Moving a class breaks no old artifact, and loading one runs no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Raised whenever what models save changes: those of another format are trained again.
STATE_FORMAT = 6
_PARAMETERS = "parameters.json"
_ARRAYS = "arrays.npz"


def save_state(
    folder: Path, parameters: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """Write a model's parameters (JSON values) and arrays into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dict(parameters), indent=1, sort_keys=True)
    (folder / _PARAMETERS).write_text(text + "\n", encoding="utf-8")
    np.savez(folder / _ARRAYS, allow_pickle=False, **(arrays or {}))


def load_state(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read back what :func:`save_state` wrote."""
    parameters: dict[str, Any] = json.loads((folder / _PARAMETERS).read_text(encoding="utf-8"))
    with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return parameters, arrays
