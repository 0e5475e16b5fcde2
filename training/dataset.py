"""Vectors joined with labels, split by time: the rows that the churn and value jobs learn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.errors import TrainingError
from features.family import Column, discover_families
from features.labels import build_labels
from features.prepare import Prepared
from features.progress import Progress
from features.settings import ShopSettings
from features.vectors import build_vectors
from features.vocabulary import Columns as C
from training.windows import Windows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Feature rows and their outcomes, aligned."""

    vectors: pd.DataFrame
    churned: Floats
    margin: Floats

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True)
class Dataset:
    """Everything that a supervised job needs.

    Attributes
    ----------
    train, test
        What the judged model learns from, and the rows that judge it.
    final
        What the served model learns from: training rows and all later ones with known outcome.
    """

    train: Rows
    test: Rows
    final: Rows
    columns: tuple[Column, ...]
    vector_fingerprint: str


def population(shop: ShopSettings) -> str:
    """Return who is scored, in words."""
    return f"a net-positive order in the {shop.lookback_days} days before as_of"


def build_dataset(
    engine: Engine, prepared: Prepared, shop: ShopSettings, windows: Windows, progress: Progress
) -> Dataset:
    """Build vectors and labels at every cutoff of the windows in one pass, and split by time.

    Raises
    ------
    TrainingError
        No customer ordered in the look-back before the test cutoff, or all that did have the
        same outcome.
    """
    tick = progress(f"Vectors at {len(windows.all_cutoffs)} cutoffs", 2)
    vectors = build_vectors(engine, prepared.rollups, discover_families(), windows.all_cutoffs)
    tick()
    labels = build_labels(
        engine,
        prepared.rollups,
        windows.all_cutoffs,
        windows.horizon_days,
        lookback_days=shop.lookback_days,
        yearly_discount_rate=shop.discount_rate,
    )
    tick()
    joined = labels.merge(vectors.frame, on=[C.CUSTOMER_ID, C.AS_OF], validate="one_to_one")

    def rows_at(cutoffs: tuple[date, ...]) -> Rows:
        chosen = joined[joined[C.AS_OF].isin(cutoffs)].reset_index(drop=True)
        return Rows(
            chosen[[C.CUSTOMER_ID, C.AS_OF, *vectors.names]],
            chosen["churned"].to_numpy(dtype=np.float64),
            chosen["margin_next"].to_numpy(dtype=np.float64),
        )

    test = rows_at((windows.test,))
    if len(test) == 0:
        raise TrainingError(
            f"no customer ordered in the {shop.lookback_days} days before {windows.test}",
            "lengthen shop.lookback_days or bring newer orders",
        )
    if len(np.unique(test.churned)) < 2:
        raise TrainingError(
            f"all {len(test)} customers of the test window from {windows.test} have the same "
            "outcome: it cannot tell a good model from a bad one",
            "choose another horizon (training.horizon_days), or another --as-of",
        )
    return Dataset(
        rows_at(windows.train), test, rows_at(windows.final), vectors.columns, vectors.fingerprint
    )
