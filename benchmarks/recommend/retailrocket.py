"""RetailRocket: purchases of the next fortnight from views, carts and purchases, or from one alone.

A fixed set of cutoffs; the sources' weights are chosen on the earlier ones, a fortnight apart, and
judged on the later ones, ten days apart. A model sees nothing after its cutoff.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.recommend.data import table
from benchmarks.table import Row
from features.progress import Progress
from models.metrics.ranking import hit_rate_at, hits, ndcg_at, recall_at, truth_sizes
from models.recommend.actions import BEHAVIOURS, Actions
from models.recommend.behaviours import Behaviours
from models.recommend.matrices import Indices, entries_in
from models.recommend.topk import ranked_products

_K: Final = 20
_HORIZON_DAYS: Final = 14.0
_CHOOSING: Final = (46.0, 60.0, 74.0)
_JUDGING: Final = (88.0, 98.0, 108.0, 118.0)
_RIVALS: Final = (("buy",), ("view",))

_Window = tuple[Actions, Indices, sparse.csr_matrix[Any]]


def rows(progress: Progress) -> list[Row]:
    """Measure all behaviours beside purchases alone and views alone, each chosen alike."""
    actions, first = _actions()
    choosing = [_window(actions, first + day) for day in _CHOOSING]
    judging = [_window(actions, first + day) for day in _JUDGING]
    contenders = (BEHAVIOURS, *_RIVALS)
    tick = progress("Behaviours, RetailRocket", len(contenders))
    reached: dict[str, dict[str, NDArray[np.float64]]] = {}
    for behaviours in contenders:
        reached["+".join(behaviours)] = _judged(Behaviours(behaviours).choose(choosing), judging)
        tick()
    everything = reached.pop("+".join(BEHAVIOURS))
    out = []
    for metric, values in everything.items():
        beside = {name: float(rival[metric].mean()) for name, rival in reached.items()}
        what = f"RetailRocket {metric}@{_K}, all behaviours ({values.size} cases)"
        out.append(Row(what, float(values.mean()), ">", max(beside.values()), beside))
    return out


def _actions() -> tuple[Actions, float]:
    """Return every action, and the first day."""
    events = table("retailrocket_multibehavior/events_train.parquet")
    seconds = events["timestamp"].astype("datetime64[s]").astype("int64").to_numpy()
    days = seconds / 86_400
    ids = (events[name].astype(str).to_numpy(dtype=str) for name in ("user_id", "item_id"))
    customers, products = ids
    behaviours = events["behavior"].astype(str).to_numpy(dtype=str)
    end = float(np.floor(days.max())) + 1
    return Actions.from_arrays(customers, products, behaviours, days, end), float(days.min() // 1)


def _window(actions: Actions, cutoff: float) -> _Window:
    """Find customers known at the cutoff who bought something new to them within the horizon."""
    known = actions.before(cutoff)
    later = actions.before(cutoff + _HORIZON_DAYS)
    truth = later.matrix(["buy"])
    truth.data = np.where(entries_in(truth, known.matrix(["buy"])), 0.0, truth.data)
    truth.eliminate_zeros()
    active = np.isin(np.arange(truth.shape[0]), known.customers)
    customers = np.flatnonzero(active & (np.diff(truth.indptr) > 0))
    return known, customers, sparse.csr_matrix(truth[customers])


def _judged(model: Behaviours, windows: list[_Window]) -> dict[str, NDArray[np.float64]]:
    """Recall, NDCG and hit rate of every customer at every cutoff."""
    parts: dict[str, list[NDArray[np.float64]]] = {"recall": [], "NDCG": [], "hit rate": []}
    for known, customers, truth in windows:
        model.fit(known)
        found = hits(ranked_products(model.score(customers, _K), _K, model.ties_), truth)
        sizes = truth_sizes(truth)
        parts["recall"].append(recall_at(found, sizes, _K))
        parts["NDCG"].append(ndcg_at(found, sizes, _K))
        parts["hit rate"].append(hit_rate_at(found, sizes, _K))
    return {name: np.concatenate(values) for name, values in parts.items()}
