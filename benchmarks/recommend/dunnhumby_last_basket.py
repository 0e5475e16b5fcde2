"""Dunnhumby, whole baskets of days 1 to 79: the last basket of every household.

Of products that at least ten households bought, and households with at least two baskets.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.recommend import peers
from benchmarks.recommend.data import dunnhumby
from benchmarks.recommend.judging import Figures, beside, judged, of_peers, over_seeds, ranked_by
from benchmarks.table import Row
from features.progress import Progress
from models.recommend.frequency import Frequency
from models.recommend.protocols import last_basket
from models.recommend.ranker import RankerParameters
from models.recommend.sources import ranked_sources
from models.recommend.two_stage import TwoStage

_BAR = 0.236
_LEAST_BUYERS = 10


def rows(progress: Progress, seeds: Sequence[int] = (0,)) -> list[Row]:
    """Judge the two stages, each source and each peer on the last baskets."""
    window = last_basket(dunnhumby(_LEAST_BUYERS))
    frequency = Frequency(popular_fill=True)
    rivals: dict[str, Figures] = {
        "personal frequency": judged(window, ranked_by(frequency, window))
    }
    singles = [source for source in ranked_sources() if source.name != Frequency.name]
    tick = progress("Dunnhumby, last basket", len(singles) + 2 + len(seeds))
    for source in singles:
        rivals[source.name] = judged(window, ranked_by(source, window))
        tick()
    for run in (peers.implicit, peers.rectools):
        rivals |= of_peers(window, run(window))
        tick()
    ours = []
    for seed in seeds:
        model = TwoStage(ranker=RankerParameters(seed=seed))
        ours.append(judged(window, ranked_by(model, window)))
        tick()
    value, spread = over_seeds(ours, "recall@10")
    title = "Dunnhumby last basket recall@10"
    return [Row(title, value, ">=", _BAR, spread | beside(rivals, "recall@10"))]
