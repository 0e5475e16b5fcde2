"""The contents of the segment report, before they are rendered on a page or in a terminal."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pandas as pd

from features.vocabulary import Columns as C
from regulars.reports.feature_findings import number, percent
from training.publishing.movements import Movement

VIEWS: Mapping[str, str] = {
    "tier": "Value tiers",
    "bank_tier": "The bank's tiers",
    "stage": "Stages of the life cycle",
    "segment": "RFM segments",
    "cluster": "Behavioural clusters",
}
_TOP = "top_"


@dataclass(frozen=True)
class SegmentFindings:
    """A finished report on segments.

    Attributes
    ----------
    as_of, since
        The cutoffs; without ``since`` there are no movements.
    tables, movements
        By view, see :func:`training.publishing.movements.segment_table` and :class:`Movement`.
    moved
        :func:`training.publishing.movements.most_moved`; empty without ``since``.
    stated
        Reasons stated by ``since``, among those who ordered afterwards and those who did not, see
        :func:`models.drivers.stated_among_churners`; empty where there are none.
    clusters
        Each cluster in words, by name; empty where none are stable.
    notes
        Caveats about the figures.
    """

    shop: str
    currency: str
    as_of: date
    since: date | None
    tables: Mapping[str, pd.DataFrame]
    movements: Mapping[str, Movement]
    moved: pd.DataFrame
    stated: pd.DataFrame
    clusters: Mapping[str, str]
    notes: tuple[str, ...]
    made_at: datetime

    def with_notes(self, notes: Sequence[str]) -> SegmentFindings:
        """Return the same with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def figures(self) -> pd.DataFrame:
        """Return all tables and movements below one another, for other programs to read."""
        parts = [
            table.assign(kind="segment", view=view, as_of=self.as_of)
            for view, table in self.tables.items()
        ]
        parts += [
            moved.moves.assign(kind="movement", view=view, as_of=self.as_of, since=self.since)
            for view, moved in self.movements.items()
        ]
        frame = pd.concat(parts, ignore_index=True)
        first = ["kind", "view", "as_of"]
        return frame[[*first, *(name for name in frame.columns if name not in first)]]


@dataclass(frozen=True)
class Sheet:
    """One table as text: columns of words, then columns of figures.

    Attributes
    ----------
    texts
        How many columns of text.
    notes
        Lines below the table.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1
    notes: tuple[str, ...] = ()


def sheets(findings: SegmentFindings) -> list[Sheet]:
    """Return every table of the report: each view, then how customers moved in it."""
    found = []
    for view, table in findings.tables.items():
        found.append(_segments(findings, view, table))
        if view in findings.movements:
            found.append(_matrix(findings, view))
            found.append(_totals(findings, view))
    if findings.since is not None:
        found.append(_most_moved(findings))
    if not findings.stated.empty:
        found.append(_stated(findings))
    return found


def plain(name: str) -> str:
    """Return a segment's name for people."""
    if name.startswith(_TOP) and name.removeprefix(_TOP).isdigit():
        return f"top {name.removeprefix(_TOP)} %"
    return name.replace("_", " ")


def _segments(findings: SegmentFindings, view: str, table: pd.DataFrame) -> Sheet:
    money = findings.currency
    headings = (
        view.replace("_", " "), "customers", "share", f"mean value, {money}",
        f"total value, {money}", "mean churn", "share of revenue",
    )  # fmt: skip
    rows = tuple(
        (
            plain(row["name"]), f"{row['customers']:,}", percent(row["share"]),
            number(row["mean_value"]), number(row["total_value"]), percent(row["mean_churn"]),
            # Negative where customers without a score returned more than they bought.
            percent(max(row["revenue_share"], 0.0)),
        )
        for row in table.to_dict("records")
    )  # fmt: skip
    words = tuple(f"{name}: {profile}" for name, profile in findings.clusters.items())
    return Sheet(VIEWS[view], headings, rows, notes=words if view == "cluster" else ())


def _matrix(findings: SegmentFindings, view: str) -> Sheet:
    matrix = findings.movements[view].matrix()
    names = [plain(str(name)) for name in matrix.columns]
    rows = tuple(
        (plain(str(before)), *(f"{count:,}" if count else "" for count in counts))
        for before, counts in zip(matrix.index, matrix.to_numpy().tolist(), strict=True)
    )
    title = f"{VIEWS[view]}: from {findings.since} (rows) to {findings.as_of} (columns), customers"
    return Sheet(title, ("from", *names), rows)


def _totals(findings: SegmentFindings, view: str) -> Sheet:
    money = findings.currency
    headings = (
        "", "customers", f"value {findings.since}, {money}", f"value {findings.as_of}, {money}",
        "change",
    )  # fmt: skip
    rows = tuple(
        (
            row["direction"], f"{row['customers']:,}", number(row["value_before"]),
            number(row["value_after"]), signed(row["change"]),
        )
        for row in findings.movements[view].totals().to_dict("records")
    )  # fmt: skip
    return Sheet(f"{VIEWS[view]}: who rose and who fell, and what it is worth", headings, rows)


def _most_moved(findings: SegmentFindings) -> Sheet:
    headings = (
        "customer", "tier", "stage", f"value {findings.since}", f"value {findings.as_of}",
        f"change, {findings.currency}",
    )  # fmt: skip
    rows = tuple(
        (
            row[C.CUSTOMER_ID], _step(row, "tier"), _step(row, "stage"),
            number(row["clv_predicted_before"]), number(row["clv_predicted_after"]),
            signed(row["change"]),
        )
        for row in findings.moved.to_dict("records")
    )  # fmt: skip
    return Sheet("Customers whose predicted value moved most", headings, rows, texts=3)


def _stated(findings: SegmentFindings) -> Sheet:
    headings = (
        "said by", "reason", "left", "stayed", "of all who left", "of all who stayed",
        "left of these",
    )  # fmt: skip
    rows = tuple(
        (
            row["source"], row["reason"], f"{row['churners']:,}", f"{row['stayers']:,}",
            percent(row["share_of_churners"]), percent(row["share_of_stayers"]),
            percent(row["churn_rate"]),
        )
        for row in findings.stated.to_dict("records")
    )  # fmt: skip
    title = (
        f"What customers had stated by {findings.since}, and who ordered no more until "
        f"{findings.as_of}"
    )
    note = "A stated reason is not a cause: only campaigns with a random hold-out can test one."
    return Sheet(title, headings, rows, texts=2, notes=(note,))


def _step(row: Mapping[Hashable, Any], view: str) -> str:
    before, after = plain(row[f"{view}_before"]), plain(row[f"{view}_after"])
    return after if before == after else f"{before} → {after}"


def signed(value: float) -> str:
    """Write a change with its sign."""
    return f"+{number(value)}" if value > 0 and not math.isnan(value) else number(value)
