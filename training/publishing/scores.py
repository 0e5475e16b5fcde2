"""Scores of all customers at one cutoff: churn, value and segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import DataError, RegistryError
from features.family import discover_families
from features.settings import ShopSettings
from features.vectors import Vectors, build_vectors
from features.vocabulary import Columns as C
from models.btyd.outlook import EXPECTED_ORDERS, P_ALIVE
from models.bundle.manifest import ValueBasis
from models.bundle.schema import BundleColumns as B
from models.churn_value.extrapolation import Extension
from models.churn_value.forecast import Forecast, forecast
from models.drivers import churn_drivers
from models.segments import Segmentation
from training.contracts import POPULATION as CONTRACT_POPULATION
from training.contracts import contract_customers
from training.publishing.champions import Champions
from training.publishing.customer_base import CustomerBase
from training.publishing.segments import segmentation_of
from training.publishing.task import ScoringTask

VALUE_BASIS: Final = "value_basis"
SCORE_COLUMNS: Final = (
    C.CUSTOMER_ID,
    C.AS_OF,
    B.CHURN_PROBABILITY,
    B.P_ALIVE,
    B.CLV_PREDICTED,
    B.TIER,
    B.SEGMENT,
    B.STAGE,
    B.VALUE_AT_RISK,
    VALUE_BASIS,
)
_FURTHER_COLUMNS: Final = (
    B.CLV_SIMPLE,
    B.CLV_HISTORIC,
    B.BANK_TIER,
    B.VALUE_IF_RETAINED,
    B.CLV_LOWER,
    B.CLV_UPPER,
    B.EXPECTED_ORDERS,
    B.DAYS_SINCE_LAST_ORDER,
    B.ORDERS,
    B.DRIVERS,
)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CustomerScores:
    """Scores of every customer with history, and the vectors that they were computed from.

    Attributes
    ----------
    frame
        ``SCORE_COLUMNS`` first, then ``clv_simple``, ``clv_historic`` (money), ``bank_tier``,
        ``value_if_retained`` (money), ``clv_lower`` and ``clv_upper`` (the 90 % interval of
        ``clv_predicted``, money), ``expected_orders_365d`` (BG/NBD, a year ahead),
        ``days_since_last_order``, ``orders`` and ``drivers`` (JSON). Outside the population (no
        order in the look-back) the learned numbers are missing, and so is ``value_basis``.
    value_horizon_days, value_basis
        Horizon of ``clv_predicted``, and whether it was learned or extrapolated.
    segmentation, segments
        The cut-points, and what :meth:`~Segmentation.apply` returns for these customers.
    """

    frame: pd.DataFrame
    vectors: Vectors
    value_horizon_days: int
    value_basis: ValueBasis
    segmentation: Segmentation
    segments: pd.DataFrame


def score_customers(
    task: ScoringTask,
    customers: Sequence[str] | None = None,
    previous: pd.DataFrame | None = None,
) -> CustomerScores:
    """Score customers as of the task's day.

    Tiers and segments use the cut-points saved with the value champion. If there are none yet, they
    are placed on everyone, so that a customer scored alone has the same tier as in a batch.

    Parameters
    ----------
    customers
        Score only these; ids without history have no row.
    previous
        Tiers and stages before, from :func:`.segments.published_names`; customers keep them
        until past a cut-point by a margin.

    Raises
    ------
    DataError
        Nobody ordered in the look-back before ``as_of``.
    """
    shop, rollups = task.shop, task.prepared.rollups
    vectors = build_vectors(task.engine, rollups, discover_families(), [task.as_of])
    if not (vectors.frame["recency_days"] <= shop.lookback_days).any():
        raise DataError(
            f"nobody ordered in the {shop.lookback_days} days before the cutoff",
            "choose an earlier --as-of, or lengthen shop.lookback_days",
        )
    base = CustomerBase.of(vectors.frame)
    scored = score_vectors(vectors, task.champions, shop, base, previous)
    if customers is None:
        return scored
    wanted = scored.frame[C.CUSTOMER_ID].isin(set(customers)).to_numpy()
    frame, segments, few = (
        table[wanted].reset_index(drop=True)
        for table in (scored.frame, scored.segments, vectors.frame)
    )
    return replace(
        scored,
        frame=frame,
        segments=segments,
        vectors=Vectors(few, vectors.columns, vectors.fingerprint),
    )


def score_vectors(
    vectors: Vectors,
    champions: Champions,
    shop: ShopSettings,
    base: CustomerBase,
    previous: pd.DataFrame | None = None,
) -> CustomerScores:
    """Score the customers of some vectors, all of one cutoff: everyone, or a few of the base.

    Parameters
    ----------
    base
        The customer base that they belong to.
    previous
        See :func:`score_customers`.

    Raises
    ------
    RegistryError
        The features have changed since the champions learned from them.
    """
    _require_same_features(vectors, champions)
    everyone = vectors.frame
    inside = everyone["recency_days"].to_numpy(dtype=np.float64) <= shop.lookback_days
    by_contract = is_by_contract(champions)
    # Churn by contracts does not forecast the next order: value then uses its own curve.
    orders_churn = champions.value.buys_ if by_contract else champions.churn
    extension = _extension(champions, shop, base)
    expected = _of_all(forecast(orders_churn, champions.value, everyone[inside], extension), inside)
    p_buys = 1.0 - expected.churn_probability
    segmentation = segmentation_of(champions, vectors, expected.value, shop.currency)
    segments = segmentation.apply(
        everyone, expected.value, p_buys, orders_churn.horizon_days, previous
    )
    at_risk, churn = inside, expected.churn_probability
    if by_contract:
        at_risk = contract_customers(everyone)
        churn = scattered(champions.churn.predict_proba(everyone[at_risk])[:, 1], at_risk)
    columns = {
        C.CUSTOMER_ID: everyone[C.CUSTOMER_ID],
        C.AS_OF: everyone[C.AS_OF],
        B.CHURN_PROBABILITY: churn,
        B.DRIVERS: _drivers(vectors, champions, at_risk, shop.currency),
        **_value_columns(expected, churn, inside),
        **_history_columns(everyone, base),
        **{name: segments[name] for name in (B.TIER, B.BANK_TIER, B.SEGMENT, B.STAGE)},
    }
    return CustomerScores(
        pd.DataFrame(columns)[[*SCORE_COLUMNS, *_FURTHER_COLUMNS]],
        vectors,
        expected.value_horizon_days,
        expected.value_basis,
        segmentation,
        segments,
    )


def _require_same_features(vectors: Vectors, champions: Champions) -> None:
    for job in ("churn", "value"):
        if champions.cards[job].card["vector_fingerprint"] != vectors.fingerprint:
            raise RegistryError(
                f"the features have changed since the {job} champion learned from them",
                f"train again: regulars train {job}",
            )


def is_by_contract(champions: Champions) -> bool:
    """Return whether churn means the end of a contract instead of no order."""
    definition = champions.cards["churn"].card["definition"]
    return bool(definition["population"] == CONTRACT_POPULATION)


def _extension(champions: Champions, shop: ShopSettings, base: CustomerBase) -> Extension | None:
    """Return how value is extrapolated past its learned horizon; None if it is not."""
    reach = champions.cards["value"].card["definition"].get("extrapolated_to_days")
    if reach is None or base.outlook is None:
        return None
    return Extension(base.outlook, reach, shop.discount_rate)


def _of_all(expected: Forecast, inside: NDArray[np.bool_]) -> Forecast:
    """Return the forecast of the population as one of all customers, NaN outside of it."""

    def of_all(values: Floats) -> Floats:
        return scattered(values, inside)

    return replace(
        expected,
        churn_probability=of_all(expected.churn_probability),
        p_buys=of_all(expected.p_buys),
        value_if_buys=of_all(expected.value_if_buys),
        value=of_all(expected.value),
        lower=of_all(expected.lower),
        upper=of_all(expected.upper),
    )


def _drivers(
    vectors: Vectors, champions: Champions, at_risk: NDArray[np.bool_], currency: str
) -> NDArray[np.object_]:
    """Return what drives each customer's churn, as JSON; None outside the mask ``at_risk``."""
    drivers = np.full(len(vectors.frame), None, dtype=object)
    customers = vectors.frame[at_risk]
    contributions = champions.churn.contributions(customers)
    drivers[at_risk] = churn_drivers(contributions, customers, vectors.columns, currency=currency)
    return drivers


def _value_columns(expected: Forecast, churn: Floats, inside: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the predicted values, in money; missing outside the population."""
    basis = pd.Series(expected.value_basis, range(len(inside)), dtype="str")
    return {
        B.CLV_PREDICTED: expected.value,
        B.CLV_LOWER: expected.lower,
        B.CLV_UPPER: expected.upper,
        B.VALUE_IF_RETAINED: expected.value_if_buys,
        B.VALUE_AT_RISK: churn * expected.value_if_buys,
        VALUE_BASIS: basis.where(inside).array,
    }


def _history_columns(everyone: pd.DataFrame, base: CustomerBase) -> dict[str, Any]:
    """Return what the history of orders and BG/NBD say, without the champions."""
    recency = everyone["recency_days"].to_numpy(dtype=np.float64)
    year_ahead = base.year_ahead(everyone)
    return {
        B.P_ALIVE: year_ahead[P_ALIVE].to_numpy(),
        B.EXPECTED_ORDERS: year_ahead[EXPECTED_ORDERS].to_numpy(),
        B.CLV_SIMPLE: base.clv_simple(everyone),
        B.CLV_HISTORIC: everyone["margin_lifetime"].to_numpy(dtype=np.float64),
        B.DAYS_SINCE_LAST_ORDER: pd.array(recency, dtype="Float64").astype("Int64"),
        B.ORDERS: everyone["orders_lifetime"].fillna(0).to_numpy(dtype=np.int64),
    }


def scattered(values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return the values of the customers in ``mask`` among all customers; NaN for the others."""
    full = np.full(len(mask), np.nan)
    full[mask] = values
    return full
