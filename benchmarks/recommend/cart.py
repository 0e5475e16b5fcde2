"""Cart completion, one product left out: ours beside tuned EASE, tuned cosine and popularity.

Everything is tuned on the orders just before the test window, and learns from the orders before
the window that it is judged on. A product never sold before counts as a miss for everyone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy import sparse

from benchmarks.recommend.data import dunnhumby, online_retail
from benchmarks.table import Row
from features.progress import Progress
from models.metrics.ranking import hits
from models.recommend.carts import CartQuestions, leave_one_out
from models.recommend.combining import without
from models.recommend.cosine import Cosine
from models.recommend.cross_sell import CrossSell
from models.recommend.ease_solver import ease_rows
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, rows_of
from models.recommend.topk import ranked_products, tie_order, top_per_row

_SEEDS: Final = (0, 1, 2)
_K: Final = 10
_EASE_PENALTIES: Final = (10.0, 20.0, 50.0)
_SHRINKAGES: Final = (0.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_OURS: Final = ((3.0, 0.5), (10.0, 0.5), (20.0, 0.0))
"""Regularization and size exponent."""


@dataclass(frozen=True)
class _Windows:
    """Days before the end at which the validation and the test window begin."""

    name: str
    validation_days: int
    test_days: int
    questions: int


def rows(progress: Progress) -> list[Row]:
    """Measure both data sets."""
    return [
        *_rows(_Windows("Dunnhumby", 22, 11, 3_000), dunnhumby(), progress),
        *_rows(_Windows("Online Retail II", 180, 90, 3_000), online_retail(), progress),
    ]


def _rows(windows: _Windows, shop: Interactions, progress: Progress) -> list[Row]:
    tick = progress(f"Carts, {windows.name}", len(_EASE_PENALTIES) + len(_SHRINKAGES) + 4)
    start = shop.as_of_day - windows.validation_days
    end = shop.as_of_day - windows.test_days
    earlier = shop.kept(shop.days < start, start)
    until_test = shop.kept(shop.days < end, end)
    validation = leave_one_out(until_test, start, seed=0, per_order=2, most=windows.questions)

    def best(values: Iterable[float], weights: _Weights) -> Candidates:
        reached = {}
        for value in values:
            reached[value] = _hit_rate(_by_rows(weights(earlier, value)), earlier, validation)
            tick()
        chosen = max(reached, key=lambda value: reached[value])
        return weights(until_test, chosen)

    ease = best(_EASE_PENALTIES, _ease)
    cosine = best(_SHRINKAGES, _cosine)
    model = _chosen(earlier, validation).fit(until_test)
    tick()
    answers: Mapping[str, _Answer] = {
        "EASE": _by_rows(ease),
        "cosine": _by_rows(cosine),
        "popular": _by_popularity(until_test),
        "unknown customer": lambda asked: model.complete(
            asked.carts, np.full(asked.customers.size, -1), _K
        ),
        "known customer": lambda asked: model.complete(asked.carts, asked.customers, _K),
    }
    rates: dict[str, list[float]] = {name: [] for name in answers}
    for seed in _SEEDS:
        asked = leave_one_out(shop, end, seed=seed, per_order=2, most=windows.questions)
        for name, answer in answers.items():
            rates[name].append(_hit_rate(answer, until_test, asked))
        tick()
    mean = {name: float(np.mean(values)) for name, values in rates.items()}
    rivals = {name: mean[name] for name in ("EASE", "cosine", "popular")}
    bar = max(mean["EASE"], mean["cosine"])

    def row(who: str, op: Literal[">=", ">"]) -> Row:
        spread = {"spread over 3 seeds": float(np.ptp(rates[who]))}
        return Row(f"{windows.name} cart HR@{_K}, {who}", mean[who], op, bar, rivals | spread)

    return [row("unknown customer", ">="), row("known customer", ">")]


_Answer = Callable[[CartQuestions], Candidates]
_Weights = Callable[[Interactions, float], Candidates]


def _chosen(earlier: Interactions, validation: CartQuestions) -> CrossSell:
    """Return ours with the settings and weights that complete most validation carts."""
    models = [CrossSell(*settings).choose_on(validation, earlier) for settings in _OURS]

    def reached(model: CrossSell) -> float:
        return _hit_rate(
            lambda asked: model.complete(asked.carts, asked.customers, _K), earlier, validation
        )

    return max(models, key=reached)


def _ease(shop: Interactions, penalty: float) -> Candidates:
    return ease_rows(
        shop.order_matrix(), penalty, 200, largest_side=12_000, least_rows=2, signed=True
    )


def _cosine(shop: Interactions, shrinkage: float) -> Candidates:
    return Cosine("orders", shrinkage=shrinkage, neighbours=200).fit(shop).similarity_


def _by_rows(weights: Candidates) -> _Answer:
    def answer(asked: CartQuestions) -> Candidates:
        scores = sparse.csr_matrix(asked.carts @ weights)
        return without(scores, asked.carts, _K, np.arange(weights.shape[0]))

    return answer


def _by_popularity(shop: Interactions) -> _Answer:
    ties = tie_order(shop.popularity())
    best = top_per_row(shop.popularity()[None, :], 500, ties)

    def answer(asked: CartQuestions) -> Candidates:
        everybody = rows_of(best, np.zeros(asked.customers.size, dtype=np.int64))
        return without(everybody, asked.carts, _K, ties)

    return answer


def _hit_rate(answer: _Answer, known: Interactions, asked: CartQuestions) -> float:
    """Share of the questions whose product is among the first ten answers."""
    ranked = ranked_products(answer(asked), _K, tie_order(known.popularity()))
    return float(hits(ranked, asked.truth).any(axis=1).mean())
