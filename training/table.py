"""The table that churn and value learn from: vectors at many cutoffs with their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.families import btyd
from features.family import Column, discover_families
from features.labels import HORIZONS_DAYS, build_labels
from features.prepare import Prepared
from features.progress import Progress
from features.settings import ShopSettings
from features.vectors import build_vectors
from features.vocabulary import Columns as C
from models.churn_value.survival import as_of_days
from training.windows import Windows

Floats = NDArray[np.float64]

_KEYS: Final = [C.CUSTOMER_ID, C.AS_OF]
_HISTORY: Final = (*(column.name for column in btyd.COLUMNS), "revenue_lifetime")


@dataclass(frozen=True)
class TrainingTable:
    """Everyone in the population at every cutoff, with their outcomes over several horizons.

    Jobs share it: vectors are the costly part and do not depend on the horizon.

    Attributes
    ----------
    vectors
        Features, ``customer_id`` and ``as_of``; n rows.
    days
        ``as_of`` of each row, in days since 1970-01-01; shape (n,).
    silent, margin
        1 without an order in the horizon, and its discounted margin; shape (n, horizons). Computed
        for every cutoff, even if the horizon ends after the data does:
        :func:`training.dataset.known_outcomes` hides what was not known on a day.
    histories
        Of everyone who ever ordered, at every cutoff: what buy-till-you-die models are fitted on.
    """

    vectors: pd.DataFrame
    days: NDArray[np.int64]
    horizons_days: tuple[int, ...]
    silent: Floats
    margin: Floats
    histories: pd.DataFrame
    columns: tuple[Column, ...]
    vector_fingerprint: str


def horizons_up_to(*wanted_days: int) -> tuple[int, ...]:
    """Return the standard horizons up to the longest wanted, and those wanted, ascending.

    Examples
    --------
    >>> horizons_up_to(60, 100)
    (30, 60, 90, 100)
    """
    longest = max(wanted_days)
    return tuple(sorted({*wanted_days, *(days for days in HORIZONS_DAYS if days <= longest)}))


def build_table(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    plans: Sequence[Windows],
    horizons_days: tuple[int, ...],
    progress: Progress,
) -> TrainingTable:
    """Build vectors in one pass, and the labels of every horizon, at all cutoffs of some plans."""
    cutoffs = sorted({day for plan in plans for day in plan.with_unfinished(horizons_days[0])})
    tick = progress(f"Vectors at {len(cutoffs)} cutoffs", 1 + len(horizons_days))
    vectors = build_vectors(engine, prepared.rollups, discover_families(), cutoffs)
    tick()
    labels = []
    for days in horizons_days:
        labels.append(
            build_labels(
                engine,
                prepared.rollups,
                cutoffs,
                days,
                lookback_days=shop.lookback_days,
                yearly_discount_rate=shop.discount_rate,
            )
        )
        tick()
    # Labels come sorted by the same keys, whatever the horizon.
    joined = labels[0][_KEYS].merge(vectors.frame, on=_KEYS, validate="one_to_one")
    return TrainingTable(
        joined,
        as_of_days(joined),
        horizons_days,
        np.column_stack([label["churned"].to_numpy(dtype=np.float64) for label in labels]),
        np.column_stack([label["margin_next"].to_numpy(dtype=np.float64) for label in labels]),
        vectors.frame[[*_KEYS, *_HISTORY]],
        vectors.columns,
        vectors.fingerprint,
    )
