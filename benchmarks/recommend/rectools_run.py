"""RecTools' models on purchases in Parquet: run by the Python of RecTools' own environment.

Usage: ``python rectools_run.py FOLDER``, which holds ``purchases.parquet`` (user_id, item_id,
weight, datetime), ``asked.parquet`` (user_id) and ``models.json`` (name to class and parameters).
Writes ``<name>.parquet`` (user_id, item_id, rank) and ``seconds.json`` beside them.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

_DEPTH = 20


def model_of(description: dict[str, Any]) -> Any:
    """Make one of RecTools' models, with implicit's inside where it wraps one."""
    models = importlib.import_module("rectools.models")
    kind = getattr(models, description["class"])
    wrapped = description.get("wraps")
    if wrapped is None:
        return kind(**description["parameters"])
    module, _, name = wrapped.rpartition(".")
    inner = getattr(importlib.import_module(module), name)(**description["parameters"])
    return kind(inner)


def main(folder: Path) -> None:
    """Fit and ask every model, one after the other."""
    warnings.simplefilter("ignore")
    dataset = importlib.import_module("rectools.dataset").Dataset.construct(
        pd.read_parquet(folder / "purchases.parquet")
    )
    asked = pd.read_parquet(folder / "asked.parquet")["user_id"].to_numpy()
    seconds = {}
    for name, description in json.loads((folder / "models.json").read_text()).items():
        model = model_of(description)
        started = time.perf_counter()
        model.fit(dataset)
        fitted = time.perf_counter()
        listed = model.recommend(users=asked, dataset=dataset, k=_DEPTH, filter_viewed=False)
        seconds[name] = {"fit": fitted - started, "ask": time.perf_counter() - fitted}
        listed[["user_id", "item_id", "rank"]].to_parquet(folder / f"{name}.parquet")
    (folder / "seconds.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
