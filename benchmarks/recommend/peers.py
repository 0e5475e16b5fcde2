"""Peers on the same purchases: RecTools in an environment of its own, and `implicit` in ours."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from implicit.utils import ParameterWarning
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.own_environment import own_environment
from models.recommend.interactions import Interactions
from models.recommend.protocols import Window

_SCRIPT: Final = Path(__file__).with_name("rectools_run.py")
_DEPTH: Final = 20

_ALS: Final = {"factors": 128, "regularization": 50.0, "alpha": 5.0, "iterations": 15,
               "random_state": 0, "num_threads": 1}  # fmt: skip
_MODELS: Final[dict[str, dict[str, Any]]] = {
    "rectools_popular": {"class": "PopularModel", "parameters": {}},
    "rectools_itemknn": {
        "class": "ImplicitItemKNNWrapperModel",
        "wraps": "implicit.nearest_neighbours.CosineRecommender",
        "parameters": {"K": 100, "num_threads": 1},
    },
    "rectools_als": {
        "class": "ImplicitALSWrapperModel",
        "wraps": "implicit.als.AlternatingLeastSquares",
        "parameters": _ALS,
    },
    "rectools_ease": {
        "class": "EASEModel",
        "parameters": {"regularization": 500.0, "num_threads": 1},
    },
}


@dataclass(frozen=True, eq=False)
class Peer:
    """What one peer named, and how long it took.

    Attributes
    ----------
    ranked
        Products by index, best first, -1 where short; shape (n, 20).
    fit_seconds, ask_seconds
        To learn, and to rank for all judged customers.
    """

    ranked: NDArray[np.int64]
    fit_seconds: float
    ask_seconds: float


def rectools(window: Window) -> dict[str, Peer]:
    """Run RecTools' popular, ItemKNN, ALS and EASE on a window's purchases."""
    python = own_environment("rectools")
    with tempfile.TemporaryDirectory(prefix="regulars-peers-") as name:
        folder = Path(name)
        _purchases(window.known).to_parquet(folder / "purchases.parquet")
        pd.DataFrame({"user_id": window.customers}).to_parquet(folder / "asked.parquet")
        (folder / "models.json").write_text(json.dumps(_MODELS), encoding="utf-8")
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [str(python), str(_SCRIPT), str(folder)]
        subprocess.run(command, check=True, env={**os.environ, **threads})
        seconds = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
        return {
            model: Peer(_ranked(window, folder / f"{model}.parquet"), took["fit"], took["ask"])
            for model, took in seconds.items()
        }


def implicit(window: Window) -> dict[str, Peer]:
    """Run implicit's ALS and item-item cosine, in this environment."""
    purchases = window.known.customer_matrix().astype(np.float32)
    found = {}
    for name, model in {
        "implicit_als": AlternatingLeastSquares(**_ALS),
        "implicit_cosine": CosineRecommender(K=100, num_threads=1),
    }.items():
        with threadpool_limits(1, "blas"), warnings.catch_warnings():
            # implicit warns of a conversion that it makes itself.
            warnings.simplefilter("ignore", ParameterWarning)
            started = time.perf_counter()
            model.fit(purchases, show_progress=False)
            fitted = time.perf_counter()
            ids, _ = model.recommend(
                window.customers, purchases[window.customers], N=_DEPTH,
                filter_already_liked_items=False,
            )  # fmt: skip
        ranked = np.asarray(ids, dtype=np.int64)
        found[name] = Peer(ranked, fitted - started, time.perf_counter() - fitted)
    return found


def _purchases(known: Interactions) -> pd.DataFrame:
    """One row per customer and product, weighted by orders, by index."""
    times = known.customer_matrix().tocoo()
    return pd.DataFrame(
        {
            "user_id": times.row.astype(np.int64),
            "item_id": times.col.astype(np.int64),
            "weight": times.data,
            "datetime": pd.Timestamp("2000-01-01"),
        }
    )


def _ranked(window: Window, file: Path) -> NDArray[np.int64]:
    listed = pd.read_parquet(file)
    ranked = np.full((window.customers.size, _DEPTH), -1, dtype=np.int64)
    rows = np.searchsorted(window.customers, listed["user_id"].to_numpy())
    ranked[rows, listed["rank"].to_numpy() - 1] = listed["item_id"].to_numpy()
    return ranked
