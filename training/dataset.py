"""Vectors joined with labels, split by time: the rows that the churn and value jobs learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.errors import TrainingError
from features.families import btyd
from features.family import Column, discover_families
from features.labels import HORIZONS_DAYS, build_labels
from features.prepare import Prepared
from features.progress import Progress
from features.rollup import to_epoch_day
from features.settings import ShopSettings
from features.vectors import build_vectors
from features.vocabulary import Columns as C
from models.churn_value.horizons import Outcomes
from models.churn_value.survival import as_of_days
from training.windows import Windows

Floats = NDArray[np.float64]

_KEYS = [C.CUSTOMER_ID, C.AS_OF]
_FEWEST_CUTOFFS = 2
_HISTORY = (*(column.name for column in btyd.COLUMNS), "revenue_lifetime")


@dataclass(frozen=True)
class Table:
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
        for every cutoff, even if the horizon ends after the data does: :func:`known_outcomes`
        hides what was not known on a day.
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


@dataclass(frozen=True)
class Rows:
    """Feature rows and their outcomes, aligned."""

    vectors: pd.DataFrame
    churned: Floats
    margin: Floats

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True)
class KnownOutcomes:
    """The outcomes known on a day: over all horizons, and the margin over the job's own."""

    outcomes: Outcomes
    margin: Floats


@dataclass(frozen=True)
class Dataset:
    """Everything that a supervised job needs.

    Attributes
    ----------
    train, test
        Rows whose outcome was known at the test cutoff, and the test rows.
    final
        Training rows and all later ones whose outcome is known by ``as_of``.
    known_at_test, known_at_end
        What the judged and the served model learn from: the rows of ``train`` and of ``final``, and
        those of later cutoffs whose outcome is known over shorter horizons only.
    histories
        Of everyone who had ordered by the test cutoff, for buy-till-you-die baselines.
    """

    train: Rows
    test: Rows
    final: Rows
    known_at_test: KnownOutcomes
    known_at_end: KnownOutcomes
    histories: pd.DataFrame
    columns: tuple[Column, ...]
    vector_fingerprint: str
    horizon_days: int


def population(shop: ShopSettings) -> str:
    """Return who is scored, in words."""
    return f"a net-positive order in the {shop.lookback_days} days before as_of"


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
) -> Table:
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
    return Table(
        joined,
        as_of_days(joined),
        horizons_days,
        np.column_stack([label["churned"].to_numpy(dtype=np.float64) for label in labels]),
        np.column_stack([label["margin_next"].to_numpy(dtype=np.float64) for label in labels]),
        vectors.frame[[*_KEYS, *_HISTORY]],
        vectors.columns,
        vectors.fingerprint,
    )


def build_dataset(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    windows: Windows,
    progress: Progress,
    table: Table | None = None,
) -> Dataset:
    """Split the jobs' shared table, or one built for this job; see :func:`split_by_time`."""
    if table is None:
        horizons = horizons_up_to(windows.horizon_days)
        table = build_table(engine, prepared, shop, [windows], horizons, progress)
    return split_by_time(table, windows, shop)


def split_by_time(table: Table, windows: Windows, shop: ShopSettings) -> Dataset:
    """Split a table by what was known at the test cutoff and what is known by ``as_of``.

    Raises
    ------
    TrainingError
        No customer ordered in the look-back before the test cutoff, or all that did have the
        same outcome.
    """
    place = table.horizons_days.index(windows.horizon_days)

    def rows_at(cutoffs: tuple[date, ...]) -> Rows:
        chosen = np.isin(table.days, [to_epoch_day(day) for day in cutoffs])
        return Rows(
            table.vectors[chosen].reset_index(drop=True),
            table.silent[chosen, place],
            table.margin[chosen, place],
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
    at_test = (table.histories[C.AS_OF] == windows.test).to_numpy()
    return Dataset(
        rows_at(windows.train),
        test,
        rows_at(windows.final),
        known_outcomes(table, windows, windows.test),
        known_outcomes(table, windows, windows.as_of),
        table.histories[at_test].reset_index(drop=True),
        table.columns,
        table.vector_fingerprint,
        windows.horizon_days,
    )


def known_outcomes(table: Table, windows: Windows, known_by: date) -> KnownOutcomes:
    """Return what a job may learn from on a day.

    Horizons other than the job's own are left out if their outcomes are known at fewer than two
    cutoffs, or are all the same.
    """
    day = to_epoch_day(known_by)
    own = np.isin(
        table.days, [to_epoch_day(at) for at in windows.with_unfinished(table.horizons_days[0])]
    )
    ends = table.days[:, None] + np.array(table.horizons_days)
    silent = np.where((ends <= day) & own[:, None], table.silent, np.nan)
    used = [
        k
        for k, days in enumerate(table.horizons_days)
        if days == windows.horizon_days or _is_learnable(silent[:, k], table.days)
    ]
    silent = silent[:, used]
    known = np.asarray(~np.isnan(silent).all(axis=1))
    place = table.horizons_days.index(windows.horizon_days)
    ended = ends[:, place] <= day
    return KnownOutcomes(
        Outcomes(
            table.vectors.loc[known].reset_index(drop=True),
            table.days[known],
            tuple(table.horizons_days[k] for k in used),
            silent[known],
        ),
        np.where(ended, table.margin[:, place], np.nan)[known],
    )


def _is_learnable(silent: Floats, days: NDArray[np.int64]) -> bool:
    known = ~np.isnan(silent)
    return len(np.unique(days[known])) >= _FEWEST_CUTOFFS and len(np.unique(silent[known])) == 2
