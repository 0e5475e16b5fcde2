"""Churn reasons from three sources that are never mixed.

What a model's score is attributed to is no cause, nor is what customers state; only what was tested
in an experiment is known to change churn.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson
import pandas as pd

from features.vocabulary import Columns as C


@dataclass(frozen=True)
class ChurnReasons:
    """Why one customer may leave, by source.

    Attributes
    ----------
    model_attribution
        What moved the score; see :func:`models.drivers.churn_drivers`.
    stated_reasons
        ``source``, ``reason``, ``evidence``; empty if the customer stated none.
    tested_causes
        The randomised campaigns that the customer was in: ``campaign_id``, ``arm``
        ("contacted" or "held out"), ``effect`` on churn and its interval, also in words; empty
        without experiments.
    """

    model_attribution: list[dict[str, Any]]
    stated_reasons: list[dict[str, Any]]
    tested_causes: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values under the three names."""
        return asdict(self)


def churn_reasons(
    customer_id: str,
    drivers: str | None,
    stated: pd.DataFrame,
    trials: pd.DataFrame | None = None,
    tested: pd.DataFrame | None = None,
) -> ChurnReasons:
    """Put a customer's reasons side by side, each with its evidence.

    Parameters
    ----------
    drivers
        The customer's drivers as JSON; none outside the population.
    stated
        :func:`models.drivers.stated_reasons` of everyone.
    trials, tested
        Who was in which campaign, and :func:`models.drivers.randomised_causes` of these.
    """
    own = stated[stated[C.CUSTOMER_ID] == customer_id].drop(columns=C.CUSTOMER_ID)
    causes = [] if trials is None or tested is None else _causes(customer_id, trials, tested)
    attribution = orjson.loads(drivers) if drivers else []
    return ChurnReasons(attribution, _records(own), causes)


def _causes(customer_id: str, trials: pd.DataFrame, tested: pd.DataFrame) -> list[dict[str, Any]]:
    own = trials.loc[trials[C.CUSTOMER_ID] == customer_id, [C.CAMPAIGN_ID, C.TREATED]]
    # The campaign's arms are counts by that name; the customer's own is one of them.
    joined = own.rename(columns={C.TREATED: "contacted"}).merge(tested, on=C.CAMPAIGN_ID)
    return [
        {
            "campaign_id": row[C.CAMPAIGN_ID],
            "arm": "contacted" if row["contacted"] else "held out",
            "effect": row["effect"],
            "low": row["low"],
            "high": row["high"],
            "grade": row["grade"],
            "evidence": _evidence(row),
        }
        for row in _records(joined)
    ]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _evidence(row: dict[str, Any]) -> str:
    verb = "lowered" if row["effect"] < 0 else "raised"
    points, low, high = (100 * abs(row[name]) for name in ("effect", "low", "high"))
    return (
        f"being contacted {verb} churn by {points:.1f} percentage points "
        f"(95 % interval {min(low, high):.1f} to {max(low, high):.1f}; {row['treated']:,} "
        f"contacted, {row['held_out']:,} held out)"
    )
