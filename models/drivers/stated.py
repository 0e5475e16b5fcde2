"""Stated reasons: what customers themselves said about why they leave.

Low answers in surveys and the aspect rated lowest, complaints (support tickets are counted as
such), notices given of contracts, and the reason named with a cancellation if the shop records one.
Nothing is inferred here; and a stated reason is no proof of a cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.families.satisfaction import ASPECTS
from features.vocabulary import Columns as C
from models.drivers.wording import counted, number

# An aspect counts as a reason when rated in the lower half of the scale.
_LOW_HALF = 0.5


@dataclass(frozen=True)
class _Rule:
    """A column that states a reason where its figure is low, or high, enough."""

    column: str
    source: str
    reason: str
    evidence: str
    at_most: float = np.inf
    at_least: float = -np.inf
    unit: str = ""

    def holds(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        return (values >= self.at_least) & (values <= self.at_most)

    def words(self, value: float) -> str:
        return self.evidence.format(counted(value, self.unit) if self.unit else number(value))


_RULES = (
    _Rule("nps_last", "survey", "would not recommend the shop", "last NPS {} of 10", at_most=6),
    _Rule("csat_last", "survey", "not satisfied", "last CSAT {} of 5", at_most=2),
    _Rule("ces_last", "survey", "found it hard", "last CES {} of 7", at_most=3),
    _Rule("support_tickets_90d", "complaint", "needed support", "{} in the last 90 days",
          at_least=1, unit="support tickets"),
    _Rule("notices_pending", "notice", "gave notice", "{} under notice",
          at_least=1, unit="active contracts"),
)  # fmt: skip


def stated_reasons(
    vectors: pd.DataFrame, cancellation_codes: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return every reason that customers stated as of their vectors, one row each.

    Parameters
    ----------
    vectors
        One row per customer; columns that the shop lacks state nothing.
    cancellation_codes
        The reason named with a cancellation, by customer id, known before the vectors' cutoff.

    Returns
    -------
    ``customer_id``, ``source`` ("survey", "complaint", "notice" or "cancellation code"),
    ``reason`` and ``evidence`` in words, by customer and in the order of the rules.
    """
    customer = vectors[C.CUSTOMER_ID].astype("str")
    parts = [_by_rule(customer, vectors, rule) for rule in _RULES if rule.column in vectors]
    parts.append(_lowest_aspects(customer, vectors))
    codes = pd.Series(cancellation_codes or {}, dtype="str")
    named = customer[customer.isin(codes.index)]
    parts.append(_rows(named, "cancellation code", codes[named].tolist(), "named when cancelling"))
    stated = pd.concat(parts, ignore_index=True)
    return stated.sort_values(C.CUSTOMER_ID, kind="stable", ignore_index=True)


def stated_among_churners(
    stated: pd.DataFrame, customer_ids: NDArray[np.str_], churned: NDArray[np.float64]
) -> pd.DataFrame:
    """Compare what those who then left had stated with what those who stayed had.

    Parameters
    ----------
    stated
        :func:`stated_reasons` as of the cutoff.
    customer_ids, churned
        The population, and 1 for those who churned in the horizon after it.

    Returns
    -------
    By ``source`` and ``reason``: ``churners`` and ``stayers`` who stated it, their shares of
    all churners and stayers, and ``churn_rate`` of those who stated it; commonest among
    churners first. The last row is of those who stated nothing at all.
    """
    outcome = pd.Series(churned == 1, index=pd.Index(customer_ids, dtype="str"))
    known = stated[stated[C.CUSTOMER_ID].isin(outcome.index)]
    distinct = known.drop_duplicates([C.CUSTOMER_ID, "source", "reason"])
    distinct = distinct.assign(left=outcome[distinct[C.CUSTOMER_ID]].to_numpy())
    table = distinct.groupby(["source", "reason"], as_index=False).agg(
        churners=("left", "sum"), customers=("left", "size")
    )
    table = table.sort_values(["churners", "source", "reason"], ascending=[False, True, True])
    silent = outcome[~outcome.index.isin(distinct[C.CUSTOMER_ID])]
    nothing = pd.DataFrame(
        {"source": ["none"], "reason": ["stated nothing"], "churners": [int(silent.sum())],
         "customers": [len(silent)]}
    )  # fmt: skip
    table = pd.concat([table, nothing], ignore_index=True)
    stayers = table["customers"] - table["churners"]
    all_left, all_stayed = int(outcome.sum()), int((~outcome).sum())
    return pd.DataFrame(
        {
            "source": table["source"],
            "reason": table["reason"],
            "churners": table["churners"].astype(np.int64),
            "stayers": stayers.astype(np.int64),
            "share_of_churners": table["churners"] / max(all_left, 1),
            "share_of_stayers": stayers / max(all_stayed, 1),
            "churn_rate": table["churners"] / table["customers"].replace(0, np.nan),
        }
    )


def _by_rule(customer: pd.Series[str], vectors: pd.DataFrame, rule: _Rule) -> pd.DataFrame:
    values = vectors[rule.column].to_numpy(dtype=np.float64)
    holds = rule.holds(values)
    evidence = [rule.words(value) for value in values[holds].tolist()]
    return _rows(customer[holds], rule.source, rule.reason, evidence)


def _lowest_aspects(customer: pd.Series[str], vectors: pd.DataFrame) -> pd.DataFrame:
    """Return the aspect, or aspects, that each customer rated lowest, if low."""
    columns = [f"{aspect}_satisfaction_mean" for aspect in ASPECTS]
    ratings = vectors.reindex(columns=columns).to_numpy(dtype=np.float64)
    lowest = np.where(np.isnan(ratings), np.inf, ratings).min(axis=1, keepdims=True)
    rows, places = np.nonzero((ratings == lowest) & (ratings < _LOW_HALF))
    reasons = [f"unhappy with {ASPECTS[place]}" for place in places]
    asked = (~np.isnan(ratings)).sum(axis=1)
    evidence = [
        f"rated it {number(100 * ratings[row, place])} of 100, the lowest of "
        f"{counted(float(asked[row]), 'aspects')} asked about"
        for row, place in zip(rows.tolist(), places.tolist(), strict=True)
    ]
    return _rows(customer.iloc[rows], "survey", reasons, evidence)


def _rows(
    customer: pd.Series[str], source: str, reason: str | list[str], evidence: str | list[str]
) -> pd.DataFrame:
    columns = {C.CUSTOMER_ID: customer.to_numpy(), "source": source, "reason": reason}
    frame = pd.DataFrame({**columns, "evidence": evidence}, index=range(len(customer)))
    return frame.astype("str")
