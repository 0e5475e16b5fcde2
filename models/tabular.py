"""From vectors to the numeric matrix that boosting learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.family import Column

# Rare names carry no signal and many make trees overfit: only the commonest keep a code.
_MOST_CATEGORIES = 32


@dataclass(frozen=True)
class Encoder:
    """Which columns a model reads, and the code of each category name.

    Attributes
    ----------
    columns
        Feature names in matrix order.
    categories
        For each category column, its names in code order; others are missing.
    """

    columns: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]

    @classmethod
    def fit(cls, frame: pd.DataFrame, columns: Sequence[Column]) -> Encoder:
        """Keep the columns that vary in ``frame`` and number their categories."""
        useful = [column for column in columns if frame[column.name].nunique(dropna=False) > 1]
        categories = {
            column.name: _common_names(frame[column.name])
            for column in useful
            if column.kind == "category"
        }
        return cls(tuple(column.name for column in useful), categories)

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return an (n, columns) matrix; missing and unknown are NaN."""
        matrix = np.empty((len(frame), len(self.columns)))
        for position, name in enumerate(self.columns):
            names = self.categories.get(name)
            if names is None:
                matrix[:, position] = frame[name].to_numpy(dtype=np.float64)
            else:
                codes = pd.Index(names).get_indexer(pd.Index(frame[name]))
                matrix[:, position] = np.where(codes < 0, np.nan, codes)
        return matrix

    def select(self, kept: NDArray[np.bool_]) -> Encoder:
        """Return the encoder of some of its columns, by a mask over them."""
        names = tuple(name for name, keep in zip(self.columns, kept, strict=True) if keep)
        return Encoder(
            names, {name: self.categories[name] for name in names if name in self.categories}
        )

    @property
    def categorical_positions(self) -> list[int]:
        """Positions of the category columns."""
        return [i for i, name in enumerate(self.columns) if name in self.categories]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"columns": list(self.columns), "categories": self.categories}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Encoder:
        """Rebuild from what :meth:`to_json` gave."""
        categories = {name: tuple(names) for name, names in stored["categories"].items()}
        return cls(tuple(stored["columns"]), categories)


def varying_within(X: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which columns differ between two rows of any one group; missing differs from known."""
    varies = np.zeros(X.shape[1], dtype=np.bool_)
    for group in np.unique(groups):
        rows = X[groups == group][:, ~varies]
        missing = np.isnan(rows)
        low = np.where(missing, np.inf, rows).min(axis=0)
        high = np.where(missing, -np.inf, rows).max(axis=0)
        varies[~varies] = (low < high) | (missing.any(axis=0) & ~missing.all(axis=0))
        if varies.all():
            break
    return varies


def _common_names(values: pd.Series) -> tuple[str, ...]:
    counts = values.dropna().value_counts()
    ordered = sorted(counts.index, key=lambda name: (-counts[name], name))
    return tuple(ordered[:_MOST_CATEGORIES])
