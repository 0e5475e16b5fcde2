"""Ta-Feng, next basket: the 11,086 customers whose futures are shared, nobody's used in fitting.

The data has no dates: a day is the number of an order, so half-lives below are in orders.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.recommend import peers
from benchmarks.recommend.data import tafeng
from benchmarks.recommend.judging import Figures, beside, judged, of_peers, over_seeds, ranked_by
from benchmarks.table import Row
from features.progress import Progress
from models.recommend.contract import Recommender
from models.recommend.ease import Ease
from models.recommend.frequency import Frequency
from models.recommend.neighbours import Neighbours
from models.recommend.personal import Personal
from models.recommend.popular import Popular
from models.recommend.ranker import RankerParameters
from models.recommend.repurchase import Repurchase
from models.recommend.stages import Stages
from models.recommend.transitions import Transitions
from models.recommend.two_stage import TwoStage

_BARS = {"recall@10": 0.155, "whole-basket NDCG@10": 0.137}


def sources() -> list[Recommender]:
    """Return the sources, with half-lives in orders instead of days."""
    return [
        Frequency(),
        Personal(half_life_days=5, trend_exponent=0.0),
        Repurchase(),
        Neighbours(nearest=500, half_life_days=10),
        Transitions(),
        Ease(regularization=300, max_products=4_000),
        Stages(),
        Popular(half_life_days=30),
    ]


def two_stage(seed: int = 0) -> TwoStage:
    """Return the model as it is judged."""
    return TwoStage(sources(), ranker=RankerParameters(seed=seed))


def baselines() -> dict[str, Recommender]:
    """Return what it must beat: each source alone, and personal frequency with popularity ties."""
    named: dict[str, Recommender] = {"personal frequency": Frequency(popular_fill=True)}
    return named | {source.name: source for source in sources() if source.name != Frequency.name}


def rows(progress: Progress, seeds: Sequence[int] = (0,)) -> list[Row]:
    """Judge the two stages, each baseline and each peer on the shared futures."""
    window = tafeng()
    rivals: dict[str, Figures] = {}
    tick = progress("Ta-Feng", len(baselines()) + 2 + len(seeds))
    for name, model in baselines().items():
        rivals[name] = judged(window, ranked_by(model, window))
        tick()
    for run in (peers.implicit, peers.rectools):
        rivals |= of_peers(window, run(window))
        tick()
    ours = []
    for seed in seeds:
        ours.append(judged(window, ranked_by(two_stage(seed), window)))
        tick()
    found = []
    for metric, bar in _BARS.items():
        value, spread = over_seeds(ours, metric)
        found.append(
            Row(f"Ta-Feng next basket {metric}", value, ">=", bar, spread | beside(rivals, metric))
        )
    return found
