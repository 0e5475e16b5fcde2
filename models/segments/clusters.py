"""Behavioural clusters: groups of customers who behave alike, if there are such groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.family import Column
from models.segments.profiles import profile_cluster
from models.segments.ranks import RankScale
from models.segments.stability import (
    JUDGED,
    STABLE_FROM,
    fit_means,
    judge_numbers,
    main_components,
)
from models.state import load_state, save_state

Floats = NDArray[np.float64]

_MOST_FITTED = 20_000
_MOST_JUDGED = 3_000
_FEWEST = 200
# Share of the variance not explained by chance from which clusters count as separate groups.
_APART_FROM = 0.25


class BehaviourClusters:
    """K-means on ranks of behaviour; see :mod:`models.segments.stability` for how many clusters.

    Of several accepted numbers of clusters the one that explains most beyond chance is taken. If
    none is accepted there are no clusters, and nobody is in one.

    Parameters
    ----------
    seed
        Of the samples and the starts.

    Attributes
    ----------
    evidence_
        The tests of each number of clusters, see :func:`judge_numbers`.
    profiles_
        A description of each cluster, the largest cluster first; empty without clusters.
    centres_
        (clusters, columns) in the scale of ``scale_``.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(
        self,
        vectors: pd.DataFrame,
        columns: Sequence[Column],
        family_of: Mapping[str, str],
        currency: str = "",
    ) -> Self:
        """Find clusters among customers at one cutoff.

        Parameters
        ----------
        family_of
            The family of each column by its name.
        currency
            Named in the profiles.
        """
        random = np.random.default_rng(self.seed)
        kept = np.sort(random.permutation(len(vectors))[:_MOST_FITTED])
        sample = vectors.iloc[kept]
        self.scale_ = RankScale.fit(sample, columns, family_of)
        self.profiles_: tuple[str, ...] = ()
        self.centres_ = np.zeros((0, len(self.scale_.columns)))
        ranks = self.scale_.ranks(sample)
        if len(sample) < _FEWEST or ranks.shape[1] < 2:
            # Too little to tell clusters from chance.
            self.evidence_ = pd.DataFrame(columns=list(JUDGED))
            return self
        judged = np.sort(random.permutation(len(sample))[:_MOST_JUDGED])
        self.evidence_ = judge_numbers(ranks[judged], self.scale_.scaled, self.seed)
        holding = self.evidence_[self.evidence_["holds"]]
        if len(holding):
            beyond = (holding["explained"] - holding["explained_by_chance"]).to_numpy()
            self.centres_ = self._centres(ranks, int(holding["clusters"].iloc[beyond.argmax()]))
            self.profiles_ = self._profiles(sample, ranks, columns, currency)
        return self

    @property
    def why_(self) -> str:
        """The evidence for the number of clusters, or for none, in words."""
        judged = self.evidence_
        if judged.empty:
            return f"fewer than {_FEWEST} customers, or no behaviour that differs"
        steadiest = judged.sort_values("agreement", ascending=False, kind="stable")
        chosen = judged[judged["clusters"] == len(self.profiles_)]
        best = (chosen if len(chosen) else steadiest).iloc[0]
        by_chance = best["explained_by_chance"]
        apart = best["explained"] - by_chance >= _APART_FROM * (1.0 - by_chance)
        kind = "groups apart" if apart else "parts of a continuum rather than groups apart"
        return (
            f"{int(best['clusters'])} clusters agree between samples by {best['agreement']:.2f} "
            f"(adjusted Rand index, stable from {STABLE_FROM}) and explain "
            f"{best['explained']:.0%} of behaviour, by chance {by_chance:.0%}: {kind}"
        )

    def assign(self, vectors: pd.DataFrame) -> NDArray[np.int64]:
        """Return each customer's cluster from 0, the largest; -1 where there are none."""
        if not len(self.centres_):
            return np.full(len(vectors), -1, dtype=np.int64)
        return _nearest(self.scale_.scaled(self.scale_.ranks(vectors)), self.centres_)

    def _centres(self, ranks: Floats, clusters: int) -> Floats:
        """Return the centres, that of most customers first."""
        X = self.scale_.scaled(ranks)
        # Components outside the main directions add the same distance to every centre.
        directions = main_components(X)
        centres = fit_means(X @ directions, clusters, self.seed).cluster_centers_ @ directions.T
        sizes = np.bincount(_nearest(X, centres), minlength=clusters)
        return np.asarray(centres[np.lexsort((centres[:, 0], -sizes))], dtype=np.float64)

    def _profiles(
        self, sample: pd.DataFrame, ranks: Floats, columns: Sequence[Column], currency: str
    ) -> tuple[str, ...]:
        by_name = {column.name: column for column in columns}
        read = [by_name[name] for name in self.scale_.columns]
        labels = _nearest(self.scale_.scaled(ranks), self.centres_)
        return tuple(
            profile_cluster(sample, ranks, labels == label, read, self.scale_.families, currency)
            for label in range(len(self.centres_))
        )

    def save(self, folder: Path) -> None:
        """Write JSON and arrays."""
        parameters = {
            "seed": self.seed,
            "columns": list(self.scale_.columns),
            "families": list(self.scale_.families),
            "profiles": list(self.profiles_),
            "evidence": self.evidence_.to_dict("list"),
        }
        arrays = {
            "knots": self.scale_.knots,
            "weights": self.scale_.weights,
            "centres": self.centres_,
        }
        save_state(folder, parameters, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, arrays = load_state(folder)
        clusters = cls(seed=stored["seed"])
        clusters.scale_ = RankScale(
            tuple(stored["columns"]), tuple(stored["families"]), arrays["knots"], arrays["weights"]
        )
        clusters.profiles_ = tuple(stored["profiles"])
        clusters.evidence_ = pd.DataFrame(stored["evidence"])
        clusters.centres_ = arrays["centres"]
        return clusters


def _nearest(X: Floats, centres: Floats) -> NDArray[np.int64]:
    distances = (centres**2).sum(axis=1) - 2.0 * (X @ centres.T)
    return np.asarray(distances.argmin(axis=1), dtype=np.int64)
