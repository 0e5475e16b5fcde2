"""UCI Online Retail II, next order: split by time 90 days before the end of the data."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.recommend import peers
from benchmarks.recommend.data import online_retail
from benchmarks.recommend.judging import Figures, beside, judged, of_peers, over_seeds, ranked_by
from benchmarks.table import Row
from features.progress import Progress
from models.recommend.als import Als
from models.recommend.contract import Recommender
from models.recommend.cosine import Cosine
from models.recommend.frequency import Frequency
from models.recommend.protocols import time_split
from models.recommend.ranker import RankerParameters
from models.recommend.sources import ranked_sources
from models.recommend.two_stage import TwoStage

HORIZON_DAYS = 90


def singles() -> dict[str, Recommender]:
    """Return every single source, and personal frequency completed by what is popular."""
    named: dict[str, Recommender] = {"personal frequency": Frequency(popular_fill=True)}
    others = [*ranked_sources(), Als(), Cosine()]
    return named | {each.name: each for each in others if each.name != Frequency.name}


def rows(progress: Progress, seeds: Sequence[int] = (0,)) -> list[Row]:
    """Judge the two stages, each source and each peer on the first orders after the cutoff."""
    purchases = online_retail()
    window = time_split(purchases, purchases.as_of_day - HORIZON_DAYS, HORIZON_DAYS)
    alone: dict[str, Figures] = {}
    tick = progress("Online Retail II, next order", len(singles()) + 2 + len(seeds))
    for name, model in singles().items():
        alone[name] = judged(window, ranked_by(model, window))
        tick()
    others: dict[str, Figures] = {}
    for run in (peers.implicit, peers.rectools):
        others |= of_peers(window, run(window))
        tick()
    ours = []
    for seed in seeds:
        model = TwoStage(
            horizon_days=HORIZON_DAYS, training_windows=3, ranker=RankerParameters(seed=seed)
        )
        ours.append(judged(window, ranked_by(model, window)))
        tick()
    found = []
    for metric in ("recall@10", "NDCG@10"):
        value, spread = over_seeds(ours, metric)
        best = max(beside(alone, metric).values())
        rivals = spread | beside(alone | others, metric)
        found.append(Row(f"Online Retail II next order {metric}", value, ">", best, rivals))
    return found
