"""Rows of a labelled table that cannot be used, with named reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from features.engine import SOURCE_FILE, SOURCE_ROW
from features.errors import DataError
from models.given_label.schema import Kind, kind_of, read_as, texts
from training.given_label.settings import LabelledSettings
from training.given_label.source import NAME


def commonest_other(frame: pd.DataFrame, settings: LabelledSettings) -> str:
    """Return the negative label: the most common one besides the positive.

    Raises
    ------
    DataError
        Nobody has the positive label, or everybody.
    """
    label = texts(frame[settings.label])
    counts = label[label != settings.positive].value_counts()
    if not (label == settings.positive).any():
        found = ", ".join(sorted(str(name) for name in counts.index[:5])) or "nothing"
        raise DataError(
            f"{NAME}: no row of column '{settings.label}' holds '{settings.positive}'; "
            f"it holds: {found}",
            "set labelled.positive to the label of those who churned",
        )
    if len(counts) == 0:
        raise DataError(
            f"{NAME}: every label is '{settings.positive}'",
            "bring rows of customers who stayed as well",
        )
    return str(min(counts.index[counts == counts.max()]))


def reasons_against(
    frame: pd.DataFrame, settings: LabelledSettings, negative: str
) -> pd.Series[Any]:
    """Return each row's reasons, each ended by a semicolon; empty for a good row."""
    label = texts(frame[settings.label])
    is_known = label.isin({settings.positive, negative})
    failing = {"label_missing": label.isna(), "label_unknown": label.notna() & ~is_known}
    if settings.time is not None:
        failing["time_unreadable"] = times_of(frame, settings.time)[1].isna()
    if settings.customer_id is not None:
        names = texts(frame[settings.customer_id])
        failing["customer_id_missing"] = names.isna()
        so_far = pd.concat(failing, axis=1).any(axis=1)
        good = names.where(~so_far)
        failing["customer_id_repeated"] = good.notna() & good.duplicated()
    reasons = pd.Series("", index=frame.index, dtype="str")
    for name, fails in failing.items():
        reasons = reasons.where(~fails, reasons + f"{name};")
    return reasons


def times_of(frame: pd.DataFrame, time: str) -> tuple[Kind, pd.Series[Any]]:
    """Return the time of each row: numbers as they are, else days since 1970-01-01."""
    kind: Kind = "number" if kind_of(frame[time]) == "number" else "date"
    return kind, read_as(frame, {time: kind}, NAME)[time]


_REMEDIES = {
    "label_missing": "give every row its outcome; rows without one can still be scored",
    "label_unknown": "correct the labels, or name the other one in labelled.negative",
    "time_unreadable": "write times as 2026-01-31, or as numbers",
    "customer_id_missing": "give every row its customer",
    "customer_id_repeated": "keep one row per customer; the first good one is kept",
}


def stop_if_too_bad(
    frame: pd.DataFrame,
    reasons: pd.Series[Any],
    settings: LabelledSettings,
    tolerance: float,
) -> None:
    """Raise a :class:`DataError` where more rows are bad than tolerated."""
    share = float((reasons != "").mean())
    if share <= tolerance:
        return
    lines = []
    for name, remedy in _REMEDIES.items():
        fails = reasons.str.contains(f"{name};", regex=False)
        if fails.any():
            first = frame[fails].iloc[0]
            column = _column_of(name, settings)
            lines.append(
                f"\n    {int(fails.sum()):,} rows: {name}; first: row {first[SOURCE_ROW]} of "
                f"{Path(str(first[SOURCE_FILE])).name}, column '{column}', holds "
                f"{_shown(first[column])}; {remedy}"
            )
    raise DataError(
        f"{NAME}: {share:.1%} of {len(frame):,} rows are bad, above the tolerance of "
        f"{tolerance:.1%}:{''.join(lines)}",
        "correct the rows, or raise checks.tolerance to go on without them",
    )


def _column_of(reason: str, settings: LabelledSettings) -> str:
    if reason.startswith("label"):
        return settings.label
    return str(settings.time if reason.startswith("time") else settings.customer_id)


def _shown(value: object) -> str:
    text = texts(pd.Series([value])).iloc[0]
    return f"'{text}'" if isinstance(text, str) else "nothing"
