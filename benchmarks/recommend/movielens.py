"""MovieLens latest-small, strong generalisation: users never trained on, 80 % of each shown.

Ratings of 4 and more count as liked (Liang et al. 2018). Each of five folds of users is the test
set once; another fold is the validation set, on which every model's settings and the ensemble's
weight are chosen, and the other three are for training. The ensemble adds EASE to the mean of all
ALS models: both estimate the same preference between 0 and 1, so their scores are added as they
are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.recommend.data import table
from benchmarks.table import Row
from features.progress import Progress
from models.metrics.ranking import hits, ndcg_at, recall_at, truth_sizes
from models.recommend.als import Als
from models.recommend.combining import without
from models.recommend.cosine import Cosine
from models.recommend.ease_solver import dense_blocks
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates
from models.recommend.topk import ranked_products, tie_order

_FOLDS: Final = 5
_LIKED: Final = 4.0
_LEAST: Final = 5
_SHOWN: Final = 0.8
_DEPTH: Final = 100
_ALS: Final = (
    ((128, 20.0, 5.0), 0),
    ((128, 20.0, 5.0), 1),
    ((128, 20.0, 5.0), 2),
    ((48, 10.0, 5.0), 0),
)
"""Factors, regularization and alpha; and the seed."""
_EASE_SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_METRICS: Final = ("recall@20", "NDCG@100")

_Answer = Callable[[sparse.csr_matrix[Any]], sparse.csr_matrix[Any]]
"""From the shown part of users' likes to scores of all films."""


@dataclass(frozen=True, eq=False)
class _Users:
    """Held-out users: what is shown of them, and what is to be found."""

    shown: sparse.csr_matrix[Any]
    hidden: sparse.csr_matrix[Any]


def rows(progress: Progress, seed: int = 0) -> list[Row]:
    """Measure the ensemble beside its three members, each tuned on the validation users.

    Parameters
    ----------
    seed
        Of the folds.
    """
    likes = _likes()
    fold = np.random.default_rng(seed).permutation(likes.shape[0]) % _FOLDS
    tick = progress("Strong generalisation, MovieLens", _FOLDS)
    reached: dict[str, list[NDArray[np.float64]]] = {}
    for judged in range(_FOLDS):
        choosing = (judged + 1) % _FOLDS
        trained = _trained(likes, (fold != judged) & (fold != choosing))
        validation, test = (_split(likes[fold == part], part) for part in (choosing, judged))
        for name, values in _judged(trained, validation, test).items():
            reached.setdefault(name, []).append(values)
        tick()
    means = {name: np.nanmean(np.concatenate(parts), axis=0) for name, parts in reached.items()}
    ours = means.pop("ensemble")
    out = []
    for place, metric in enumerate(_METRICS):
        beside = {name: float(mean[place]) for name, mean in means.items()}
        what = f"MovieLens {metric}, ensemble"
        out.append(Row(what, float(ours[place]), ">=", max(beside.values()), beside))
    return out


def _likes() -> sparse.csr_matrix[Any]:
    ratings = table("movielens_latest_small/ratings.parquet")
    liked = ratings[ratings["rating"] >= _LIKED]
    liked = liked[liked.groupby("userId")["movieId"].transform("size") >= _LEAST]
    users = np.unique(liked["userId"], return_inverse=True)[1]
    films = np.unique(liked["movieId"], return_inverse=True)[1]
    return sparse.csr_matrix((np.ones(len(liked)), (users, films)))


def _trained(likes: sparse.csr_matrix[Any], mask: NDArray[np.bool_]) -> Interactions:
    """Likes of the training users; every film keeps its code."""
    users = np.flatnonzero(mask)
    part = likes[users].tocoo()
    return Interactions(
        customer_ids=np.array([f"{user:05d}" for user in users]),
        product_ids=np.array([f"{film:05d}" for film in range(likes.shape[1])]),
        customers=part.row.astype(np.int64),
        products=part.col.astype(np.int64),
        orders=part.row.astype(np.int64),
        days=np.zeros(part.nnz, dtype=np.int64),
        as_of_day=1,
    )


def _split(likes: sparse.csr_matrix[Any], seed: int) -> _Users:
    """Show 80 % of every user's likes, drawn at random."""
    random = np.random.default_rng(seed)
    lengths = np.diff(likes.indptr)
    row = np.repeat(np.arange(likes.shape[0]), lengths)
    order = np.lexsort((random.random(likes.nnz), row))
    place = np.arange(likes.nnz) - likes.indptr[row]
    is_shown = np.zeros(likes.nnz, dtype=np.bool_)
    is_shown[order] = place < np.round(_SHOWN * lengths[row])

    def part(mask: NDArray[np.bool_]) -> sparse.csr_matrix[Any]:
        kept = (np.ones(int(mask.sum())), (row[mask], likes.indices[mask]))
        return sparse.csr_matrix(kept, shape=likes.shape)

    return _Users(part(is_shown), part(~is_shown))


def _contenders(trained: Interactions) -> Mapping[str, list[_Answer]]:
    """Return every setting of every model, fitted."""
    cosines = [
        Cosine("customers", shrinkage=shrinkage, neighbours=neighbours).fit(trained).similarity_
        for shrinkage in (5.0, 20.0)
        for neighbours in (50, 500)
    ]
    likes = trained.customer_matrix()
    eases = [
        np.vstack(list(dense_blocks(likes, penalty))).astype(np.float32)
        for penalty in (50.0, 100.0, 200.0)
    ]
    alses = [Als(*setting, half_life_days=None, seed=seed).fit(trained) for setting, seed in _ALS]
    return {
        "ItemKNN": [_by_rows(weights) for weights in cosines],
        "EASE": [_by_rows(weights) for weights in eases],
        "ALS": [_by_fold_in(model) for model in alses],
    }


def _by_rows(weights: Candidates | NDArray[np.float32]) -> _Answer:
    return lambda shown: sparse.csr_matrix(shown @ weights)


def _by_fold_in(model: Als) -> _Answer:
    return lambda shown: model.score_histories(shown, shown.shape[1])


def _ensemble(ease: _Answer, alses: list[_Answer], share: float) -> _Answer:
    def answer(shown: sparse.csr_matrix[Any]) -> sparse.csr_matrix[Any]:
        by_als = sum((als(shown) for als in alses[1:]), alses[0](shown))
        return sparse.csr_matrix(share * ease(shown) + (1 - share) / len(alses) * by_als)

    return answer


def _judged(
    trained: Interactions, validation: _Users, test: _Users
) -> dict[str, NDArray[np.float64]]:
    """Metrics of every test user, shape (n, 2), by model; all choices on validation users."""
    ties = tie_order(trained.popularity())

    def best(answers: list[_Answer]) -> _Answer:
        judged = [_metrics(_new(answer, validation, ties), validation, ties) for answer in answers]
        return answers[int(np.argmax([np.nanmean(metrics) for metrics in judged]))]

    contenders = _contenders(trained)
    chosen = {name: best(answers) for name, answers in contenders.items()}
    mixed = [_ensemble(chosen["EASE"], contenders["ALS"], share) for share in _EASE_SHARES]
    chosen["ensemble"] = best(mixed)
    return {name: _metrics(_new(answer, test, ties), test, ties) for name, answer in chosen.items()}


def _new(answer: _Answer, users: _Users, ties: NDArray[np.int64]) -> Candidates:
    """Return the best films that are not among those shown."""
    return without(answer(users.shown), users.shown, _DEPTH, ties)


def _metrics(candidates: Candidates, users: _Users, ties: NDArray[np.int64]) -> NDArray[np.float64]:
    found = hits(ranked_products(candidates, 100, ties), users.hidden)
    sizes = truth_sizes(users.hidden)
    return np.column_stack([recall_at(found, sizes, 20), ndcg_at(found, sizes, 100)])
