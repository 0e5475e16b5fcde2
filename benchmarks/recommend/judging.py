"""One way of judging for all of these benchmarks: fit on what is known, rank, count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recommend.peers import Peer
from models.metrics.ranking import (
    hits,
    ndcg_at,
    recall_at,
    truth_sizes,
    whole_basket_ndcg_at,
)
from models.recommend.contract import Recommender
from models.recommend.protocols import Window
from models.recommend.topk import ranked_products, tie_order

DEPTH: Final = 20
Figures = dict[str, float]


def judged(window: Window, ranked: NDArray[np.int64]) -> Figures:
    """Return the means over the judged customers."""
    found, sizes = hits(ranked, window.truth), truth_sizes(window.truth)
    return {
        "recall@10": float(np.nanmean(recall_at(found, sizes, 10))),
        "recall@20": float(np.nanmean(recall_at(found, sizes, 20))),
        "whole-basket NDCG@10": float(np.nanmean(whole_basket_ndcg_at(found, sizes, 10))),
        "NDCG@10": float(np.nanmean(ndcg_at(found, sizes, 10))),
    }


def ranked_by(model: Recommender, window: Window) -> NDArray[np.int64]:
    """Fit a model on what is known and return its best products of the judged customers."""
    scores = model.fit(window.known).score(window.customers, DEPTH)
    return ranked_products(scores, DEPTH, tie_order(window.known.popularity()))


def of_peers(window: Window, peers: Mapping[str, Peer]) -> dict[str, Figures]:
    """Return what the peers reached on the same window."""
    return {name: judged(window, peer.ranked) for name, peer in peers.items()}


def beside(figures: Mapping[str, Figures], metric: str) -> dict[str, float]:
    """Return one metric of each rival."""
    return {name: values[metric] for name, values in figures.items()}


def over_seeds(figures: list[Figures], metric: str) -> tuple[float, dict[str, float]]:
    """Return the mean over seeds, and what each seed reached."""
    values = [each[metric] for each in figures]
    spread = {f"seed {seed}": value for seed, value in enumerate(values)}
    return float(np.mean(values)), spread if len(values) > 1 else {}
