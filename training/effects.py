"""What a contact would change for each customer, for the bundle; nothing without treatment data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from features.vectors import Vectors
from models.bundle_schema import BundleColumns as B
from models.manifest import NO_TREATMENT_DATA
from models.survival import interpolated
from models.uplift.evidence import Evidence
from models.uplift.order_margin import OrderMargin
from models.uplift.trial import Floats
from training.champions import UPLIFT, Champions
from training.uplift import ORDERS_AND_MARGIN

_FEATURES_CHANGED = (
    "the features have changed since what contacts change was learned from them: a risk ranking; "
    "learn it again with `regulars train uplift`"
)


_ANOTHER_VERSION = (
    "what contacts change was learned by a version that did not say what an order brings: a risk "
    "ranking; learn it again with `regulars train uplift`"
)


@dataclass(frozen=True)
class Effects:
    """Columns of every customer, and how far they may be believed.

    Attributes
    ----------
    columns
        ``uplift`` and its 95 % interval and ``p_orders``, of the response days, and
        ``value_if_orders``, the margin of an order: what an effect is worth is counted over the
        days in which it was measured, since whether an order won by a contact brings others
        later no campaign has shown. NaN for customers who are not scored. Empty without
        treatment data.
    """

    columns: Mapping[str, Floats] = field(default_factory=dict)
    evidence: Evidence = "risk_only"
    because: str = NO_TREATMENT_DATA
    response_days: int | None = None
    contact_cost: float | None = None


def score_effects(champions: Champions, vectors: Vectors, scored: pd.DataFrame) -> Effects:
    """Return the effect of a contact on each customer of :func:`training.scores.score_customers`.

    Parameters
    ----------
    vectors, scored
        Of the same customers, in the same order.
    """
    if champions.uplift is None:
        return Effects()
    card = champions.cards[UPLIFT].card
    if card["vector_fingerprint"] != vectors.fingerprint:
        return Effects(because=_FEATURES_CHANGED)
    order_margin = card["definition"].get("order_margin")
    if order_margin is None:
        return Effects(because=_ANOTHER_VERSION)
    grade = champions.uplift.grade_
    if grade.evidence == "risk_only":
        return Effects(because=grade.because)
    days = int(card["definition"]["response_days"])
    known = scored[B.CHURN_PROBABILITY].notna().to_numpy()
    customers = vectors.frame[known]
    low, high = champions.uplift.effect_interval(customers)
    curve = champions.churn.curve_
    orders, margin = (customers[name].to_numpy(dtype=np.float64) for name in ORDERS_AND_MARGIN)
    p_orders = 1.0 - interpolated(curve.predict(customers), curve.horizons_days, [days])[:, 0]
    columns = {
        B.UPLIFT: champions.uplift.effect(customers),
        B.UPLIFT_LOWER: low,
        B.UPLIFT_UPPER: high,
        B.P_ORDERS: p_orders,
        B.VALUE_IF_ORDERS: OrderMargin(**order_margin).expected(orders, margin),
    }
    return Effects(
        {name: _spread(values, known) for name, values in columns.items()},
        grade.evidence,
        grade.because,
        days,
        card["definition"]["contact_cost"],
    )


def _spread(values: Floats, known: np.ndarray) -> Floats:
    full = np.full(len(known), np.nan)
    full[known] = values
    return full
