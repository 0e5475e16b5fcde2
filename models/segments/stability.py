"""The number of clusters, if there are any: those that are stable, and explain more than chance.

A number of clusters is accepted if two samples of the customers give the same clusters (adjusted
Rand index of Hubert & Arabie 1985; Ben-Hur, Elisseeff & Guyon 2002), and if these explain more
variance than in data without clusters: drawn from a Gaussian copula with the same distributions and
correlations of the columns. The second condition is needed because k-means cuts any elongated cloud
into the same two halves every time (Hennig 2007; Tibshirani, Walther & Hastie 2001).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_CLUSTERS = 8
STABLE_FROM = 0.8
JUDGED = ("clusters", "agreement", "explained", "explained_by_chance", "holds")
_PAIRS = 6
_NULLS = 10
# By how many standard deviations more than in customers without clusters.
_BEYOND_CHANCE = 3.0
_STARTS = 4
_COMPONENTS = 15


def fit_means(X: Floats, clusters: int, seed: int) -> KMeans:
    """Fit k-means from several starts."""
    return KMeans(clusters, n_init=_STARTS, random_state=seed).fit(X)


def main_components(X: Floats) -> Floats:
    """Return (columns, few) orthogonal directions that hold most of the variance."""
    centred = X - X.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(directions[:_COMPONENTS].T, dtype=np.float64)


def judge_numbers(ranks: Floats, scaled: Callable[[Floats], Floats], seed: int) -> pd.DataFrame:
    """Judge each number of clusters from 2 on a sample of customers.

    Parameters
    ----------
    ranks
        (n, columns), 0 to 1.
    scaled
        From ranks to the space in which clusters are searched.

    Returns
    -------
    One row a number: ``clusters``, ``agreement`` (median adjusted Rand index between samples),
    ``explained`` (share of variance), ``explained_by_chance`` (the mean in customers without
    clusters) and ``holds``: stable, and by three standard deviations more than by chance.
    """
    random = np.random.default_rng(seed)
    X = scaled(ranks)
    directions = main_components(X)
    X = X @ directions
    nulls = [scaled(without_clusters(ranks, random)) @ directions for _ in range(_NULLS)]
    pairs = [random.integers(0, len(X), (2, len(X))) for _ in range(_PAIRS)]
    most = min(MOST_CLUSTERS, len(np.unique(X, axis=0)) // 2)
    rows = []
    for clusters in range(2, most + 1):
        agreement = float(np.median([_agreement(X, pair, clusters, seed) for pair in pairs]))
        explained = _explained(X, clusters, seed)
        chances = np.array([_explained(null, clusters, seed) for null in nulls])
        by_chance = float(chances.mean())
        beyond = explained > by_chance + _BEYOND_CHANCE * float(chances.std(ddof=1))
        holds = agreement >= STABLE_FROM and beyond
        rows.append((clusters, agreement, explained, by_chance, holds))
    return pd.DataFrame(rows, columns=list(JUDGED))


def without_clusters(ranks: Floats, random: np.random.Generator) -> Floats:
    """Draw as many customers without clusters, from a Gaussian copula with the same margins."""
    n = len(ranks)
    normal = ndtri((rankdata(ranks, axis=0) - 0.5) / n)
    normal /= np.maximum(normal.std(axis=0), 1e-9)
    values, directions = np.linalg.eigh(np.cov(normal, rowvar=False))
    spread = directions * np.sqrt(np.maximum(values, 0.0))
    drawn = ndtr(random.normal(size=ranks.shape) @ spread.T)
    places = np.minimum((drawn * n).astype(np.int64), n - 1)
    return np.take_along_axis(np.sort(ranks, axis=0), places, axis=0)


def _agreement(X: Floats, pair: NDArray[np.int64], clusters: int, seed: int) -> float:
    first, second = (fit_means(X[rows], clusters, seed).predict(X) for rows in pair)
    return float(adjusted_rand_score(first, second))


def _explained(X: Floats, clusters: int, seed: int) -> float:
    total = ((X - X.mean(axis=0)) ** 2).sum()
    return float(1.0 - fit_means(X, clusters, seed).inertia_ / max(total, 1e-12))
