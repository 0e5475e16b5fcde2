"""Two stages: candidates from several sources, put in order by a learned ranking.

The ranker is taught by the customers' own past: everything is fitted as if each customer's
last known basket had not happened yet, and that basket is what it must name. Nothing beyond
the interactions is seen, and nobody's future teaches anybody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.candidates import Shortlist, shortlist
from models.recommend.contract import Recommender, discover_recommenders
from models.recommend.ease import Ease
from models.recommend.evidence import Evidence
from models.recommend.frequency import Frequency
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices, entries_in, stack
from models.recommend.neighbours import Neighbours
from models.recommend.personal import Personal
from models.recommend.popular import Popular
from models.recommend.protocols import Window, last_basket, time_split
from models.recommend.ranker import Lesson, Ranker, RankerParameters, Taught
from models.recommend.repurchase import Repurchase
from models.recommend.stages import Stages
from models.recommend.stored import load_interactions, save_interactions
from models.recommend.topk import fill_with_popular, tie_order, top_per_row
from models.recommend.transitions import Transitions
from models.recommend.weights import choose_weights
from models.side_by_side import side_by_side
from models.state import load_state, save_state

IMPERSONAL: Final = frozenset({Popular.name, Stages.name})
"""Sources that say the same to many: what they alone name is no knowledge of the customer."""

_BLEND_SHARE: Final = 0.1
"""Power of the blend's rank beside the ranker's."""
_CUSTOMERS_PER_BLOCK: Final = 500
_CUSTOMERS_FOR_WEIGHTS: Final = 2_000


def ranked_sources() -> list[Recommender]:
    """Return one unfitted recommender of each kind that the ranker listens to."""
    return [
        Frequency(),
        Personal(),
        Repurchase(),
        Neighbours(nearest=200),
        Transitions(),
        Ease(max_products=5_000),
        Stages(),
        Popular(),
    ]


class TwoStage:
    """Candidates of all sources, ordered by LambdaMART and the sources' blend together.

    Parameters
    ----------
    sources
        Recommenders of different names; fitted in place.
    depth
        Products asked of each source.
    candidates
        Most products per customer that reach the ranker, the best of the blend.
    horizon_days
        What teaches: None is each customer's last known basket; a number is each customer's
        first order within so many days before the cutoff, everything being as it was then.
    lessons
        How many such windows teach, each before the other.
    ranker
        Parameters of the trees.
    most_taught
        Customers that each window teaches by, spread evenly; all of them by default.

    Attributes
    ----------
    weights_ : array, shape (n_sources,)
        Weight of each source in the blend.
    ranker_ : Ranker
        The second stage.
    ties_, fill_order_ : array, shape (n_products,)
        Place of each product by popularity, of all time and lately.
    """

    name: ClassVar[str] = "two_stage"

    def __init__(
        self,
        sources: Sequence[Recommender] | None = None,
        depth: int = 100,
        candidates: int = 150,
        horizon_days: int | None = None,
        lessons: int = 1,
        ranker: RankerParameters | None = None,
        most_taught: int | None = None,
    ) -> None:
        self.sources = list(ranked_sources() if sources is None else sources)
        self.depth = depth
        self.candidates = candidates
        self.horizon_days = horizon_days
        self.lessons = lessons
        self.ranker = ranker or RankerParameters()
        self.most_taught = most_taught

    def fit(self, interactions: Interactions) -> Self:
        """Learn from the past, then bring every source up to the cutoff."""
        return self.learn(self._windows(interactions)).refit(interactions)

    def _windows(self, interactions: Interactions) -> Iterator[Window]:
        """Yield what teaches, the latest first."""
        known = interactions
        for _ in range(self.lessons):
            if self.horizon_days is None:
                window = last_basket(known)
            else:
                start = known.as_of_day - self.horizon_days
                window = time_split(known, start, self.horizon_days)
            yield window
            known = window.known

    def learn(self, windows: Iterable[Window]) -> Self:
        """Choose the blend's weights on the first window, and teach the ranker on all."""
        self.weights_: NDArray[np.float64] = np.full(len(self.sources), 1 / len(self.sources))
        self.ranker_ = Ranker(self.ranker)
        lessons: list[Lesson] = []
        for window in windows:
            if window.truth.nnz == 0:
                break
            self.refit(window.known)
            if not lessons:
                self.weights_ = self._weights(window)
            lessons.extend(self._lessons(window))
        self.ranker_.fit(lessons)
        return self

    @property
    def taught(self) -> Taught:
        """What was learned, for :meth:`take` on another day."""
        return Taught(self.weights_, self.ranker_)

    def take(self, taught: Taught) -> Self:
        """Go by what others of the same sources have learned; :meth:`refit` before use."""
        self.weights_, self.ranker_ = taught.weights, taught.ranker
        return self

    def _lessons(self, window: Window) -> list[Lesson]:
        """Return what was known of the candidates, and which of them were bought."""
        some = spread_evenly(window.customers.size, self.most_taught)

        def lesson(part: slice) -> Lesson:
            block = some[part]
            chosen = self._shortlist(window.customers[block])
            pattern = chosen.matrix(np.ones(chosen.rows.size))
            return Lesson(
                self._numbers(chosen, window.customers[block]),
                entries_in(pattern, window.truth[block]),
                chosen.sizes,
            )

        return side_by_side(lesson, _blocks(some.size))

    def refit(self, interactions: Interactions) -> Self:
        """Fit the sources and the evidence anew; what was learned stays."""
        self.interactions_ = interactions
        for source in self.sources:
            source.fit(interactions)
        return self._known(interactions)

    def _known(self, interactions: Interactions) -> Self:
        self.ties_ = tie_order(interactions.popularity())
        self.fill_order_ = Popular().fit(interactions).order()
        self.evidence_ = Evidence().fit(interactions)
        return self

    def _weights(self, window: Window) -> NDArray[np.float64]:
        """Choose on customers spread evenly over all: more would cost time, not change much."""
        some = spread_evenly(window.customers.size, _CUSTOMERS_FOR_WEIGHTS)
        truth = sparse.csr_matrix(window.truth[some])
        if truth.nnz == 0:
            return self.weights_
        voices = {
            source.name: source.score(window.customers[some], self.depth) for source in self.sources
        }
        chosen = choose_weights(voices, truth, self.ties_)
        return np.array([chosen[source.name] for source in self.sources])

    def _shortlist(self, customers: NDArray[np.int64]) -> Shortlist:
        """Return the best candidates; the logarithm of the blend's rank is the last column."""
        named = shortlist([source.score(customers, self.depth) for source in self.sources])
        relative = named.relative()
        blend = relative @ self.weights_.astype(np.float32)
        places = named.ranks(blend, self.ties_)
        # Sources that add little to the first ten name much of what comes later.
        reached = named.ranks(blend + relative.mean(axis=1), self.ties_)
        columns = (named.scores, relative, blend[:, None], np.log(places)[:, None])
        wide = Shortlist(
            named.rows, named.products, np.hstack(columns).astype(np.float32), named.n,
            named.n_products,
        )  # fmt: skip
        return wide.kept(reached <= self.candidates)

    def _numbers(self, chosen: Shortlist, customers: NDArray[np.int64]) -> NDArray[np.float32]:
        known = self.evidence_.of(customers[chosen.rows], chosen.products)
        return np.hstack((known, chosen.scores))

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return each customer's products; short rows are completed by what is popular."""
        return self.score_and_tell(customers, limit)[0]

    def score_and_tell(
        self, customers: Indices, limit: int
    ) -> tuple[Candidates, NDArray[np.bool_]]:
        """Score, and tell whether a source that knows the customer named each product.

        Where none did, popularity alone put it there.
        """
        wanted = np.asarray(customers, dtype=np.int64)
        telling = [k for k, source in enumerate(self.sources) if source.name not in IMPERSONAL]

        def answer(block: slice) -> tuple[Candidates, NDArray[np.bool_]]:
            chosen = self._shortlist(wanted[block])
            scores = self._score(chosen, wanted[block], limit)
            own = chosen.kept(np.asarray(chosen.scores[:, telling].any(axis=1)))
            return scores, entries_in(scores, own.matrix(np.ones(own.rows.size)))

        scores, told = zip(*side_by_side(answer, _blocks(wanted.size)), strict=True)
        return stack(list(scores), self.ties_.size), np.concatenate(told)

    def _score(self, chosen: Shortlist, customers: NDArray[np.int64], limit: int) -> Candidates:
        values = -chosen.scores[:, -1].astype(np.float64)
        # Ranks multiply: a geometric mean of both reciprocal ranks, 1 at the very top.
        score = np.exp(_BLEND_SHARE * values)
        # Of strangers the ranker has learned nothing: theirs is the blend's order.
        known = customers[chosen.rows] >= 0
        if self.ranker_.booster_ is not None and known.any():
            values[known] = self.ranker_.predict(self._numbers(chosen, customers)[known])
        score /= chosen.ranks(values, self.ties_)
        best = top_per_row(chosen.matrix(score), limit, self.ties_)
        return fill_with_popular(best, limit, self.fill_order_)

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the nearest products by the sources that know a likeness, each as loud."""
        voices = [source.similar(products, max(self.depth, limit)) for source in self.sources]
        near = shortlist(voices)
        return top_per_row(near.matrix(near.relative().sum(axis=1)), limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters, purchases, trees, and every source in a folder of its name."""
        for source in self.sources:
            source.save(folder / source.name)
        self.ranker_.save(folder)
        save_interactions(folder / "interactions", self.interactions_)
        parameters: dict[str, Any] = {
            "sources": [source.name for source in self.sources],
            "depth": self.depth,
            "candidates": self.candidates,
            "horizon_days": self.horizon_days,
            "lessons": self.lessons,
            "ranker": asdict(self.ranker),
        }
        save_state(folder, parameters, {"weights": self.weights_})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote; the kinds of sources are found by name."""
        parameters, arrays = load_state(folder)
        kinds = discover_recommenders()
        sources = [kinds[name].load(folder / name) for name in parameters.pop("sources")]
        ranker = RankerParameters(**parameters.pop("ranker"))
        model = cls(sources, ranker=ranker, **parameters)
        model.weights_ = arrays["weights"]
        model.ranker_ = Ranker.load(folder, ranker)
        model.interactions_ = load_interactions(folder / "interactions")
        return model._known(model.interactions_)


def _blocks(n: int) -> list[slice]:
    """Cut n customers so that the candidates of a block stay near the processor's caches."""
    starts = range(0, max(n, 1), _CUSTOMERS_PER_BLOCK)
    return [slice(start, min(start + _CUSTOMERS_PER_BLOCK, n)) for start in starts]


def spread_evenly(n: int, most: int | None) -> NDArray[np.int64]:
    """Return at most so many of the places 0 to n - 1, spread evenly over them."""
    wanted = n if most is None else min(n, most)
    return np.unique(np.linspace(0, n - 1, wanted).astype(np.int64))
