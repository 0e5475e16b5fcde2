"""How long Ta-Feng takes: to learn, to rank for everybody, and to answer one customer."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.recommend.data import tafeng
from benchmarks.recommend.tafeng import two_stage
from benchmarks.table import Row
from features.progress import Progress

_TOP: Final = 20
_WARM_UP: Final = 50
_ASKED: Final = 300


def rows(progress: Progress) -> list[Row]:
    """Time the two stages, and bare implicit on the same purchases."""
    known = tafeng().known
    tick = progress("Speed", 4)
    model = two_stage()
    learned = _seconds(lambda: model.fit(known))
    tick()
    everybody = np.arange(known.n_customers)
    ranked = _seconds(lambda: model.score(everybody, _TOP))
    tick()
    asked = np.random.default_rng(0).integers(0, known.n_customers, _WARM_UP + _ASKED)
    ours = _milliseconds(lambda customer: model.score(np.array([customer]), _TOP), asked)
    tick()
    purchases = known.customer_matrix().astype(np.float32)
    bare = AlternatingLeastSquares(factors=128, iterations=5, num_threads=1, random_state=0)
    with threadpool_limits(1, "blas"):
        bare.fit(purchases, show_progress=False)
        theirs = _milliseconds(
            lambda customer: bare.recommend(customer, purchases[customer], N=_TOP), asked
        )
    tick()
    peer = {"implicit ALS ms": theirs, "times implicit": ours / theirs}
    return [
        Row("Ta-Feng: full train with ranker, s", learned, "<=", 600.0),
        Row("Ta-Feng: top-20 of all customers, s", ranked, "<=", 30.0),
        Row("Ta-Feng: one customer's answer, median ms", ours, "<=", 3.0, peer),
    ]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _milliseconds(ask: Callable[[int], object], customers: NDArray[np.int64]) -> float:
    """Median time of an answer, those that warm up left out."""
    took = [1000 * _seconds(partial(ask, customer)) for customer in customers.tolist()]
    return float(np.median(took[_WARM_UP:]))
