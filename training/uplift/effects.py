"""The effect of a contact on each customer, for the bundle; empty without treatment data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from features.vectors import Vectors
from models.bundle.manifest import NO_TREATMENT_DATA
from models.bundle.schema import BundleColumns as B
from models.churn_value.survival import interpolated
from models.uplift.evidence import Evidence
from models.uplift.order_margin import OrderMargin
from models.uplift.trial import Floats
from training.publishing.champions import UPLIFT, Champions
from training.publishing.scores import scattered
from training.uplift.job import ORDERS_AND_MARGIN

_FEATURES_CHANGED = (
    "the features have changed since the effect of contacts was learned from them: a risk ranking; "
    "learn it again with `regulars train uplift`"
)
_NO_ORDER_MARGIN = (
    "the effect of contacts was learned by a version that did not say what an order brings: a risk "
    "ranking; learn it again with `regulars train uplift`"
)


@dataclass(frozen=True)
class Effects:
    """Columns of every customer, and the evidence that they rest on.

    Attributes
    ----------
    columns
        ``uplift``, the change in P(order in the response days) by a contact, with its 95 %
        interval; ``p_orders``, that probability; and ``value_if_orders``, the margin of an order
        (money). An effect is valued over the response days alone: no campaign has shown whether an
        order won by a contact brings later ones. NaN for customers who are not scored; empty
        without treatment data.
    evidence, because
        Grade of the evidence, and the reason for it in words.
    response_days
        Days after a contact in which orders count.
    contact_cost
        Mean cost of a contact, money; None if not recorded.
    """

    columns: Mapping[str, Floats] = field(default_factory=dict)
    evidence: Evidence = "risk_only"
    because: str = NO_TREATMENT_DATA
    response_days: int | None = None
    contact_cost: float | None = None


def score_effects(champions: Champions, vectors: Vectors, scored: pd.DataFrame) -> Effects:
    """Return the effect of a contact on each of the customers scored.

    Parameters
    ----------
    vectors, scored
        Of the same customers in the same order.
    """
    if champions.uplift is None:
        return Effects()
    card = champions.cards[UPLIFT].card
    if card["vector_fingerprint"] != vectors.fingerprint:
        return Effects(because=_FEATURES_CHANGED)
    order_margin = card["definition"].get("order_margin")
    if order_margin is None:
        return Effects(because=_NO_ORDER_MARGIN)
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
        {name: scattered(values, known) for name, values in columns.items()},
        grade.evidence,
        grade.because,
        days,
        card["definition"]["contact_cost"],
    )
