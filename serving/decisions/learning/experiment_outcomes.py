"""What each customer of an experiment brought in, from the decision log and the events.

By intention to treat: a customer counts for the variant of the first decision, whether or not an
offer was made or taken, and so does every purchase in the window after it, whatever led to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
import sqlalchemy as sql
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.policy.variants import HOLDOUT
from serving.decisions.learning.log_reader import NEXT_BEST_OFFER, Rows, read_events, read_shown
from serving.decisions.learning.outcome_columns import OutcomeColumns as O
from serving.decisions.learning.outcomes import BOUGHT, with_margins
from serving.decisions.policies.experiments import logged_variant
from serving.decisions.policies.settings import ExperimentSettings
from serving.storage.store_tables import DECISIONS

_SPAN: Final = timedelta(days=30)
_ENTERED = "entered"


@dataclass(frozen=True, eq=False)
class ExperimentOutcomes:
    """What an experiment has shown so far.

    Attributes
    ----------
    assigned
        Customers decided for, by variant (and ``holdout``); the control first.
    earned
        By variant, the money of each customer whose window is over, shape (n,).
    moved
        Customers logged under two variants, as the settings were changed while it ran.
    """

    assigned: dict[str, int]
    earned: dict[str, NDArray[np.float64]]
    moved: int


def experiment_outcomes(
    store: Rows,
    products: pd.DataFrame,
    name: str,
    described: ExperimentSettings,
    attribution_days: int,
    now: datetime,
) -> ExperimentOutcomes:
    """Read an experiment's customers and what each brought in within the window.

    Money is the margin of purchases less returns, less the cost of the contacts made.

    Parameters
    ----------
    products, now
        As :func:`serving.decisions.learning.outcomes.join_outcomes` has them.
    """
    names = [*described.variants, *([HOLDOUT] if described.holdout else [])]
    variants = {logged_variant(name, variant): variant for variant in names}
    entries = _entries(store, described, list(variants))
    first = entries.drop_duplicates(C.CUSTOMER_ID).set_index(C.CUSTOMER_ID)
    window = timedelta(days=attribution_days)
    over = first[first[_ENTERED] + window <= now]
    money = pd.Series(0.0, index=over.index)
    if len(over):
        money = money.add(_earned(store, products, over, window), fill_value=0.0)
    of_variant = over[O.VARIANT].map(variants)
    counts = first[O.VARIANT].map(variants).value_counts()
    return ExperimentOutcomes(
        {variant: int(counts.get(variant, 0)) for variant in names},
        {variant: _floats(money[of_variant == variant]) for variant in names},
        len(entries) - len(first),
    )


def _entries(store: Rows, described: ExperimentSettings, variants: list[str]) -> pd.DataFrame:
    """Return when each customer was first decided for, once for each variant, by time."""
    wanted = (
        sql.select(
            DECISIONS.c.customer_id,
            DECISIONS.c.variant,
            sql.func.min(DECISIONS.c.ts).label(_ENTERED),
        )
        .where(
            DECISIONS.c.kind == NEXT_BEST_OFFER,
            DECISIONS.c.customer_id.is_not(None),
            DECISIONS.c.variant.in_(variants),
            DECISIONS.c.ts >= datetime.combine(described.starts_on, time()),
        )
        .group_by(DECISIONS.c.customer_id, DECISIONS.c.variant)
    )
    if described.ends_on is not None:
        wanted = wanted.where(DECISIONS.c.ts < datetime.combine(described.ends_on, time()))
    types = {C.CUSTOMER_ID: "string", O.VARIANT: "string", _ENTERED: "datetime64[us]"}
    rows: list[dict[str, Any]] = [dict(row) for row in store.rows(wanted)]
    entries = pd.DataFrame(rows, columns=list(types)).astype(types)
    return entries.sort_values([_ENTERED, C.CUSTOMER_ID, O.VARIANT], ignore_index=True)


def _earned(
    store: Rows, products: pd.DataFrame, entered: pd.DataFrame, window: timedelta
) -> pd.Series[float]:
    """Return each customer's money within the window; customers without any are left out."""
    start, last = entered[_ENTERED].min(), entered[_ENTERED].max() + window
    total = pd.Series(dtype=np.float64)
    while start < last:
        end = min(start + _SPAN, last)
        events = with_margins(read_events(store, start, end), products)
        bought = _within(events[events[C.EVENT_TYPE].isin(BOUGHT)], entered, window)
        shown = _within(read_shown(store, start, end, (NEXT_BEST_OFFER,)), entered, window)
        total = total.add(bought.groupby(C.CUSTOMER_ID)[B.MARGIN].sum(), fill_value=0.0)
        total = total.sub(shown.groupby(C.CUSTOMER_ID)[C.CONTACT_COST].sum(), fill_value=0.0)
        start = end
    return total


def _within(rows: pd.DataFrame, entered: pd.DataFrame, window: timedelta) -> pd.DataFrame:
    since = rows[C.TS] - rows[C.CUSTOMER_ID].map(entered[_ENTERED])
    return rows[(since >= timedelta(0)) & (since < window)]


def _floats(values: pd.Series[float]) -> NDArray[np.float64]:
    return np.asarray(values.to_numpy(), dtype=np.float64)
