"""Segment sizes, movements between segments since an earlier date, and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.segments import BANK_TIERS, RFM_SEGMENTS, STAGES, TIERS

# Best first, so that a move has a direction; clusters and RFM segments have no order.
_RANKED = {B.TIER: TIERS, B.BANK_TIER: BANK_TIERS, B.STAGE: STAGES}
_LISTED = {**_RANKED, B.SEGMENT: RFM_SEGMENTS}
NOT_SCORED = "not scored"
NOT_YET = "not yet a customer"
DIRECTIONS = ("rose", "stayed", "fell", "moved", "joined", "returned", "left")


@dataclass(frozen=True)
class Movement:
    """How customers moved in one view between two dates.

    Attributes
    ----------
    view
        The segmentation: "tier", "bank_tier", "stage", "segment" or "cluster".
    moves
        One row per pair of segments: ``before``, ``after``, ``direction``, ``customers``,
        ``value_before``, ``value_after`` (sums of ``clv_predicted``, money; zero outside the
        population) and ``change``.
    """

    view: str
    moves: pd.DataFrame

    def matrix(self, measure: str = "customers") -> pd.DataFrame:
        """Return a table from ``before`` (rows) to ``after`` with totals in ``all``."""
        table = self.moves.pivot_table(
            index="before", columns="after", values=measure, aggfunc="sum", fill_value=0,
            sort=False,
        )  # fmt: skip
        rows = ordered(self.view, table.index.astype("str").tolist())
        columns = ordered(self.view, table.columns.astype("str").tolist())
        table = table.reindex(index=rows, columns=columns)
        table["all"] = table.sum(axis=1)
        table.loc["all"] = table.sum(axis=0)
        return table

    def totals(self) -> pd.DataFrame:
        """Return customers and value by direction, in the order of ``DIRECTIONS``."""
        measures = ["customers", "value_before", "value_after", "change"]
        sums = self.moves.groupby("direction")[measures].sum()
        present = [direction for direction in DIRECTIONS if direction in sums.index]
        return sums.loc[present].reset_index()


def segment_table(customers: pd.DataFrame, view: str) -> pd.DataFrame:
    """Describe each segment of a view.

    Parameters
    ----------
    customers
        One row each: ``view``, ``clv_predicted``, ``churn_probability`` and ``revenue_365d``;
        the first two are missing outside the population.

    Returns
    -------
    In the view's order: ``name``, ``customers``, ``share``, ``mean_value`` and ``total_value``
    (money), ``mean_churn`` (probability), ``revenue_share`` (of the last 365 days' revenue).
    """
    names = customers[view].fillna(NOT_SCORED).astype("str")
    table = customers.groupby(names.to_numpy()).agg(
        customers=(C.CUSTOMER_ID, "size"),
        mean_value=(B.CLV_PREDICTED, "mean"),
        total_value=(B.CLV_PREDICTED, "sum"),
        mean_churn=(B.CHURN_PROBABILITY, "mean"),
        revenue=("revenue_365d", "sum"),
    )
    table = table.loc[ordered(view, table.index.tolist())]
    table.insert(1, "share", table["customers"] / max(len(customers), 1))
    revenue = table.pop("revenue")
    table["revenue_share"] = revenue / revenue.sum() if revenue.sum() > 0 else np.nan
    return table.rename_axis("name").reset_index()


def movement(before: pd.DataFrame, after: pd.DataFrame, view: str) -> Movement:
    """Count the customers who moved between the segments of a view, and their value.

    Parameters
    ----------
    before, after
        One row per customer at each date: ``customer_id``, ``view`` and ``clv_predicted``,
        by the same model and the same cut-points.
    """
    both = _joined(before, after, [view])
    moved = both.groupby([f"{view}_before", f"{view}_after"], as_index=False, sort=True).agg(
        customers=(C.CUSTOMER_ID, "size"),
        value_before=(f"{B.CLV_PREDICTED}_before", "sum"),
        value_after=(f"{B.CLV_PREDICTED}_after", "sum"),
    )
    moved = moved.rename(columns={f"{view}_before": "before", f"{view}_after": "after"})
    pairs = zip(moved["before"], moved["after"], strict=True)
    moved.insert(2, "direction", [_direction(view, old, new) for old, new in pairs])
    moved["change"] = moved["value_after"] - moved["value_before"]
    return Movement(view, moved)


def most_moved(before: pd.DataFrame, after: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the ``most`` customers whose predicted value changed most, up or down; ties by id.

    Returns
    -------
    ``customer_id``; ``tier_before``, ``tier_after``, ``stage_before``, ``stage_after``;
    ``clv_predicted_before``, ``clv_predicted_after`` and ``change``, in money.
    """
    both = _joined(before, after, [B.TIER, B.STAGE])
    both["change"] = both[f"{B.CLV_PREDICTED}_after"] - both[f"{B.CLV_PREDICTED}_before"]
    both["size"] = both["change"].abs()
    order = both.sort_values(["size", C.CUSTOMER_ID], ascending=[False, True])
    return order.head(most).drop(columns="size").reset_index(drop=True)


def ordered(view: str, names: Sequence[str]) -> list[str]:
    """Return names in their view's order, then unknown ones by name, then the unscored."""
    listed = [*_LISTED.get(view, ()), NOT_SCORED, NOT_YET]
    known = [name for name in listed if name in names]
    special = [name for name in known if name in {NOT_SCORED, NOT_YET}]
    others = sorted(set(names) - set(known))
    return [name for name in known if name not in special] + others + special


def not_scored_note(day: date, lookback_days: int) -> str:
    """Return a sentence on who is not scored."""
    return f"{NOT_SCORED}: no order in the {lookback_days} days before {day}"


def _joined(before: pd.DataFrame, after: pd.DataFrame, views: list[str]) -> pd.DataFrame:
    """Join both dates by customer; customers missing at one of them are ``NOT_YET`` there."""
    read = [C.CUSTOMER_ID, *views, B.CLV_PREDICTED]
    both = before[read].merge(
        after[read], on=C.CUSTOMER_ID, how="outer", suffixes=("_before", "_after"), indicator=True
    )
    unknown = {"before": both["_merge"] == "right_only", "after": both["_merge"] == "left_only"}
    for when, absent in unknown.items():
        for view in views:
            names = both[f"{view}_{when}"].fillna(NOT_SCORED).astype("str")
            both[f"{view}_{when}"] = names.mask(absent, NOT_YET)
        value = f"{B.CLV_PREDICTED}_{when}"
        both[value] = both[value].fillna(0.0)
    return both.drop(columns="_merge")


def _direction(view: str, before: str, after: str) -> str:
    if before == after:
        return "stayed"
    if NOT_YET in {before, after}:
        return "joined" if before == NOT_YET else "left"
    if NOT_SCORED in {before, after}:
        return "returned" if before == NOT_SCORED else "left"
    if view not in _RANKED:
        return "moved"
    names = _RANKED[view]
    return "rose" if names.index(after) < names.index(before) else "fell"
