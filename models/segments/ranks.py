"""Behaviour on one scale: ranks of each column, with the same weight for every family of columns.

Money, days and shares have different scales and tails; ranks do not. Without the weights a family
of thirty columns would decide alone which customers are similar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.family import Column

Floats = NDArray[np.float64]

# Families about what customers do; attributes, costs and model outputs are not behaviour.
BEHAVIOUR = (
    "basket",
    "channels",
    "engagement",
    "loyalty",
    "price",
    "recency_frequency_monetary",
    "returns",
    "rhythm",
)
_LEAST_COVERED = 0.5
_KNOTS = 101


@dataclass(frozen=True)
class RankScale:
    """How columns become ranks, frozen on one population.

    Attributes
    ----------
    columns
        The columns that are read.
    families
        The family of each.
    knots
        (columns, 101) percentiles of each column, missing values left out.
    weights
        (columns,) factors that give each family a total variance of 1.
    """

    columns: tuple[str, ...]
    families: tuple[str, ...]
    knots: Floats
    weights: Floats

    @classmethod
    def fit(
        cls, vectors: pd.DataFrame, columns: Sequence[Column], family_of: Mapping[str, str]
    ) -> RankScale:
        """Choose the behavioural numbers that half the customers have and that vary."""
        chosen = [
            column.name
            for column in columns
            if column.kind == "number"
            and family_of[column.name] in BEHAVIOUR
            and vectors[column.name].notna().mean() >= _LEAST_COVERED
            and vectors[column.name].nunique() > 1
        ]
        families = tuple(family_of[name] for name in chosen)
        shares = np.linspace(0, 1, _KNOTS)
        knots = np.array([np.nanquantile(vectors[name], shares) for name in chosen])
        unscaled = cls(tuple(chosen), families, knots.reshape(-1, _KNOTS), np.ones(len(chosen)))
        ranks = unscaled.ranks(vectors)
        deviation = np.maximum(ranks.std(axis=0), 1e-9)
        sizes = np.array([families.count(family) for family in families], dtype=np.float64)
        return cls(unscaled.columns, families, unscaled.knots, 1.0 / (deviation * np.sqrt(sizes)))

    def ranks(self, vectors: pd.DataFrame) -> Floats:
        """Return (n, columns) ranks from 0 to 1; equal values share one, missing is the middle."""
        ranks = np.empty((len(vectors), len(self.columns)))
        for place, name in enumerate(self.columns):
            values = vectors[name].to_numpy(dtype=np.float64)
            below = np.searchsorted(self.knots[place], values, side="left")
            reached = np.searchsorted(self.knots[place], values, side="right")
            middle = (below + reached) / (2 * _KNOTS)
            ranks[:, place] = np.where(np.isnan(values), 0.5, middle)
        return ranks

    def scaled(self, ranks: Floats) -> Floats:
        """Return ranks around zero with every family's weight the same."""
        return (ranks - 0.5) * self.weights
