"""Why customers may leave, from three sources that are never mixed."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
from rich.console import Console
from rich.markup import escape

from features.errors import DataError
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.drivers import ChurnReasons, churn_reasons, stated_reasons
from models.drivers.tested import grade_trials, randomised_causes
from regulars.console import progress_bars, show_frame
from regulars.settings import Settings
from regulars.shop import open_shop

_MOST_AT_RISK = 5
_GRADED_SHOWN = ["campaign_id", "treated", "held_out", "effect", "low", "high", "grade"]


@dataclass(frozen=True)
class Reasons:
    """What is known of why some customers may leave, as of a day.

    Attributes
    ----------
    scores
        One row a customer, in the order asked for.
    reasons
        By customer.
    graded
        Every campaign with a held-out group, its effect, and the grade of that evidence.
    """

    day: date
    scores: pd.DataFrame
    reasons: dict[str, ChurnReasons]
    graded: pd.DataFrame


def show_churn_reasons(
    console: Console,
    settings: Settings,
    customer_ids: Sequence[str],
    out: Path | None,
    as_of: date | None,
    now: datetime,
) -> None:
    """Print the reasons of some customers, by default of those with the most value at risk.

    Raises
    ------
    DataError
        A customer has no history before ``as_of``.
    """
    found = _find(console, settings, customer_ids, as_of, now)
    for row in found.scores.to_dict("records"):
        _show(console, row, found.reasons[row[C.CUSTOMER_ID]])
    if len(found.graded):
        title = f"Campaigns with a held-out group, by {found.day}: change in churn"
        show_frame(console, found.graded[_GRADED_SHOWN], title)
    if out is not None:
        lines = (
            orjson.dumps({C.CUSTOMER_ID: name, **reasons.to_json()})
            for name, reasons in found.reasons.items()
        )
        out.write_bytes(b"\n".join(lines) + b"\n")
        console.print(f"  Wrote {out}")


def _find(
    console: Console,
    settings: Settings,
    customer_ids: Sequence[str],
    as_of: date | None,
    now: datetime,
) -> Reasons:
    from models.registry import open_client
    from training.publishing.champions import load_champions
    from training.publishing.scores import score_customers
    from training.publishing.task import ScoringTask
    from training.uplift.trials import KNOWN_BEFORE, campaign_trials

    with progress_bars(console) as progress, open_shop(settings, now, progress) as shop:
        day = shop.as_of(as_of)
        champions = load_champions(open_client(settings.mlruns), settings.shop.name, day)
        task = ScoringTask(shop.engine, shop.prepared, champions, settings.shop, day)
        scored = score_customers(task)
        trials = campaign_trials(
            shop.engine, shop.prepared, champions.churn.horizon_days,
            settings.shop.lookback_days, day,
        )  # fmt: skip
    scores = _chosen(scored.frame, customer_ids, day)
    graded = grade_trials(trials, KNOWN_BEFORE)
    tested, stated = randomised_causes(graded), stated_reasons(scored.vectors.frame)
    reasons = {
        name: churn_reasons(name, drivers, stated, trials, tested)
        for name, drivers in zip(scores[C.CUSTOMER_ID], scores[B.DRIVERS], strict=True)
    }
    return Reasons(day, scores, reasons, graded)


def _chosen(frame: pd.DataFrame, customer_ids: Sequence[str], day: date) -> pd.DataFrame:
    if not customer_ids:
        ordered = frame.sort_values([B.VALUE_AT_RISK, C.CUSTOMER_ID], ascending=[False, True])
        return ordered.head(_MOST_AT_RISK)
    known = frame.set_index(C.CUSTOMER_ID, drop=False)
    if unknown := [name for name in customer_ids if name not in known.index]:
        raise DataError(
            f"nothing is known before {day} of {', '.join(unknown)}",
            "check the ids, or choose a later --as-of",
        )
    return known.loc[list(customer_ids)].reset_index(drop=True)


def _show(console: Console, row: Mapping[Hashable, Any], reasons: ChurnReasons) -> None:
    churn = row[B.CHURN_PROBABILITY]
    is_scored = isinstance(churn, float) and not math.isnan(churn)
    shown = f"{churn:.0%}" if is_scored else "not scored"
    console.print(f"[bold]{escape(str(row[C.CUSTOMER_ID]))}[/]: churn {shown}")
    parts = {
        "drivers of the score": [driver["text"] for driver in reasons.model_attribution],
        "stated by the customer": [
            f"{stated['reason']} ({stated['source']}: {stated['evidence']})"
            for stated in reasons.stated_reasons
        ],
        "tested by a campaign": [
            f"{cause['campaign_id']}, {cause['arm']}: {cause['evidence']}"
            for cause in reasons.tested_causes
        ],
    }
    for source, lines in parts.items():
        console.print(f"  {source}: {escape('; '.join(lines)) or 'nothing'}")
