"""The jobs' table split by time: what churn and value learn from and are judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TrainingError
from features.family import Column
from features.rollup import to_epoch_day
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.churn_value.horizons import Outcomes
from training.table import TrainingTable, build_table, horizons_up_to
from training.task import TrainingTask
from training.windows import Windows

Floats = NDArray[np.float64]

_FEWEST_CUTOFFS = 2


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
    """Everything that churn and value learn from and are judged on.

    Attributes
    ----------
    windows
        Where the split lies.
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

    windows: Windows
    train: Rows
    test: Rows
    final: Rows
    known_at_test: KnownOutcomes
    known_at_end: KnownOutcomes
    histories: pd.DataFrame
    columns: tuple[Column, ...]
    vector_fingerprint: str

    @property
    def horizon_days(self) -> int:
        """Days after a cutoff in which outcomes are counted."""
        return self.windows.horizon_days


def population(shop: ShopSettings) -> str:
    """Return who is scored, in words."""
    return f"a net-positive order in the {shop.lookback_days} days before as_of"


def build_dataset(task: TrainingTask, windows: Windows) -> Dataset:
    """Split the task's shared table, or one built for these windows; :func:`split_by_cutoffs`."""
    table = task.table
    if table is None:
        horizons = task.horizons
        days = horizons_up_to(windows.horizon_days, horizons.churn_days, horizons.value_days)
        table = build_table(task.engine, task.prepared, task.shop, [windows], days, task.progress)
    return split_by_cutoffs(table, windows, task.shop)


def split_by_cutoffs(table: TrainingTable, windows: Windows, shop: ShopSettings) -> Dataset:
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
        windows,
        rows_at(windows.train),
        test,
        rows_at(windows.final),
        known_outcomes(table, windows, windows.test),
        known_outcomes(table, windows, windows.as_of),
        table.histories[at_test].reset_index(drop=True),
        table.columns,
        table.vector_fingerprint,
    )


def known_outcomes(table: TrainingTable, windows: Windows, known_by: date) -> KnownOutcomes:
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
        column
        for column, days in enumerate(table.horizons_days)
        if days == windows.horizon_days or _is_learnable(silent[:, column], table.days)
    ]
    silent = silent[:, used]
    known = np.asarray(~np.isnan(silent).all(axis=1))
    place = table.horizons_days.index(windows.horizon_days)
    ended = ends[:, place] <= day
    return KnownOutcomes(
        Outcomes(
            table.vectors.loc[known].reset_index(drop=True),
            table.days[known],
            tuple(table.horizons_days[column] for column in used),
            silent[known],
        ),
        np.where(ended, table.margin[:, place], np.nan)[known],
    )


def _is_learnable(silent: Floats, days: NDArray[np.int64]) -> bool:
    known = ~np.isnan(silent)
    return len(np.unique(days[known])) >= _FEWEST_CUTOFFS and len(np.unique(silent[known])) == 2
