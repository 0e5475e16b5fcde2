"""Turn the user's table into training rows; unusable rows are set aside with the reason."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import SOURCE_ROW
from features.errors import DataError
from features.rules import REASONS
from features.vocabulary import Columns as C
from models.given_label.schema import Kinds, infer_kinds, read_as, texts
from training.given_label.rows import (
    commonest_other,
    reasons_against,
    stop_if_too_bad,
    times_of,
)
from training.given_label.settings import LabelledSettings
from training.given_label.source import NAME, user_columns

Floats = NDArray[np.float64]

_FEWEST_OF_EACH = 10


@dataclass(frozen=True)
class LabelledTable:
    """Training rows, oldest first if time is known.

    Attributes
    ----------
    customer_ids
        Shape (n,); row numbers if no column names the customer.
    features
        Typed columns to learn from.
    outcomes
        1 for the positive label.
    kinds, ignored
        What each column holds; and the columns not learned from, with the reason.
    times
        Time of each row, ascending; None if the settings name no column of time.
    dated
        Whether times are days since 1970-01-01.
    quarantine
        Rows set aside as they were written, with ``reasons``.
    """

    customer_ids: pd.Series[Any]
    features: pd.DataFrame
    outcomes: Floats
    kinds: Kinds
    ignored: dict[str, str]
    times: Floats | None
    dated: bool
    quarantine: pd.DataFrame
    fingerprint: str

    def __len__(self) -> int:
        return len(self.outcomes)


def check_table(frame: pd.DataFrame, settings: LabelledSettings, tolerance: float) -> LabelledTable:
    """Check that the columns exist, set bad rows aside, and infer the kinds of columns.

    Parameters
    ----------
    frame
        From :func:`training.given_label.source.read_table`.
    tolerance
        More than this share of bad rows is an error.

    Raises
    ------
    DataError
        A named column is missing, too many rows are bad, or too few of one label are left.
    """
    _require_columns(frame, settings)
    negative = settings.negative or commonest_other(frame, settings)
    reasons = reasons_against(frame, settings, negative)
    stop_if_too_bad(frame, reasons, settings, tolerance)
    bad = (reasons != "").to_numpy()
    kept, times, dated = frame[~bad], None, False
    if settings.time is not None:
        kind, of_rows = times_of(kept, settings.time)
        kept = kept.loc[of_rows.sort_values(kind="stable").index]
        times, dated = np.sort(of_rows.to_numpy(dtype=np.float64)), kind == "date"
    kept = kept.reset_index(drop=True)
    roles = {settings.label, settings.customer_id, settings.time}
    candidates = [n for n in user_columns(kept) if n not in roles | set(settings.leave_out)]
    kinds, ignored = infer_kinds(kept[candidates])
    outcomes = np.where(texts(kept[settings.label]) == settings.positive, 1.0, 0.0)
    _stop_if_too_few(outcomes, settings, negative)
    if not kinds:
        raise DataError(
            f"{NAME}: no column is left to learn from",
            "take columns out of labelled.leave_out, or bring more",
        )
    return LabelledTable(
        customer_names(kept, settings),
        read_as(kept, kinds, NAME),
        outcomes,
        kinds,
        {**dict.fromkeys(settings.leave_out, "left out by the settings"), **ignored},
        times,
        dated,
        frame[bad].assign(**{REASONS: reasons[bad]}),
        fingerprint(frame),
    )


def customer_names(frame: pd.DataFrame, settings: LabelledSettings) -> pd.Series[Any]:
    """Return the customer of each row, named ``customer_id``."""
    if settings.customer_id is None:
        return frame[SOURCE_ROW].astype("str").rename(C.CUSTOMER_ID)
    return texts(frame[settings.customer_id]).rename(C.CUSTOMER_ID)


def fingerprint(frame: pd.DataFrame) -> str:
    """Return a digest that changes when any value does."""
    values = frame[user_columns(frame)].astype("str")
    digest = hashlib.sha256(",".join(values.columns).encode())
    digest.update(pd.util.hash_pandas_object(values, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def require_column(frame: pd.DataFrame, name: str, setting: str) -> None:
    """Raise a :class:`DataError` where a column that a setting names is not in the table."""
    found = user_columns(frame)
    if name in found:
        return
    close = difflib.get_close_matches(name, found, n=1, cutoff=0.5)
    guess = f'set labelled.{setting} to "{close[0]}"' if close else f"correct labelled.{setting}"
    raise DataError(
        f"{NAME}: column '{name}' ({setting}) is not in the table; it has: {', '.join(found)}",
        guess,
    )


def _require_columns(frame: pd.DataFrame, settings: LabelledSettings) -> None:
    if len(frame) == 0:
        raise DataError(f"{NAME}: the table has no rows", "export it again")
    roles = {"label": settings.label, "customer_id": settings.customer_id, "time": settings.time}
    for setting, name in roles.items():
        if name is not None:
            require_column(frame, name, setting)
    for setting, names in (("leave_out", settings.leave_out), ("vouched", settings.vouched)):
        for name in names:
            require_column(frame, name, setting)


def _stop_if_too_few(outcomes: Floats, settings: LabelledSettings, negative: str) -> None:
    positives = int(outcomes.sum())
    for name, count in ((settings.positive, positives), (negative, len(outcomes) - positives)):
        if count < _FEWEST_OF_EACH:
            raise DataError(
                f"{NAME}: {count} of {len(outcomes):,} rows have the label '{name}': "
                f"{_FEWEST_OF_EACH} of each are the fewest that can train and judge a model",
                "bring more rows, or correct labelled.positive",
            )
