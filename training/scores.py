"""Scores in bulk, from one snapshot: every customer's numbers, every customer's products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.errors import DataError, RegistryError, TrainingError
from features.family import discover_families
from features.prepare import Prepared
from features.settings import ShopSettings
from features.vectors import Vectors, build_vectors
from features.vocabulary import Columns as C
from models.btyd.outlook import EXPECTED_ORDERS, OUTPUTS, P_ALIVE, Outlook
from models.drivers import churn_drivers
from models.forecast import forecast
from models.next_purchase import NextPurchaseModel
from models.recommend.topk import ranked_products
from models.segments import CutPoints, life_stage, rfm_segment, value_tier
from training.champions import Champions

SCORE_COLUMNS = (
    C.CUSTOMER_ID,
    C.AS_OF,
    "churn_probability",
    "p_alive",
    "clv_predicted",
    "tier",
    "segment",
    "stage",
    "value_at_risk",
)
_CUSTOMERS_PER_BLOCK = 20_000
_YEAR_DAYS = 365


@dataclass(frozen=True)
class CustomerScores:
    """Scores of every customer with history, and the vectors that they were read from.

    Attributes
    ----------
    frame
        ``SCORE_COLUMNS`` first, then ``clv_simple``, ``clv_historic``, ``value_if_retained``
        (money), ``clv_lower`` and ``clv_upper`` (the 90 % interval of ``clv_predicted``, money),
        ``expected_orders_365d`` (BG/NBD, a year ahead), ``days_since_last_order``, ``orders`` and
        ``drivers`` (JSON). Outside the population (no order in the look-back) the learned
        numbers are missing.
    """

    frame: pd.DataFrame
    vectors: Vectors


def score_customers(
    engine: Engine,
    prepared: Prepared,
    champions: Champions,
    shop: ShopSettings,
    as_of: date,
    customers: Sequence[str] | None = None,
) -> CustomerScores:
    """Score customers as of a date.

    Tiers and segments are cut over everyone, so that a customer scored alone is in the same
    one as in a batch.

    Parameters
    ----------
    customers
        Only these; ids without history have no row.

    Raises
    ------
    DataError
        Nobody ordered in the look-back before ``as_of``.
    """
    vectors = build_vectors(engine, prepared.rollups, discover_families(), [as_of])
    for job in ("churn", "value"):
        if champions.cards[job].card["vector_fingerprint"] != vectors.fingerprint:
            raise RegistryError(
                f"the features have changed since the {job} champion learned from them",
                f"train again: regulars train {job}",
            )
    frame = _scored(vectors, champions, shop)
    if customers is None:
        return CustomerScores(frame, vectors)
    wanted = frame[C.CUSTOMER_ID].isin(set(customers)).to_numpy()
    kept = Vectors(
        vectors.frame[wanted].reset_index(drop=True), vectors.columns, vectors.fingerprint
    )
    return CustomerScores(frame[wanted].reset_index(drop=True), kept)


def _scored(vectors: Vectors, champions: Champions, shop: ShopSettings) -> pd.DataFrame:
    everyone = vectors.frame
    recency = everyone["recency_days"].to_numpy(dtype=np.float64)
    inside = recency <= shop.lookback_days
    if not inside.any():
        raise DataError(
            f"nobody ordered in the {shop.lookback_days} days before the cutoff",
            "choose an earlier --as-of, or lengthen shop.lookback_days",
        )
    population = everyone[inside]

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        full = np.full(len(everyone), np.nan)
        full[inside] = values
        return full

    said = forecast(champions.churn, champions.value, population)
    outlook = _outlook(everyone)
    churn, if_retained = spread(said.churn_probability), spread(said.value_if_buys)
    predicted = spread(said.value)
    orders = everyone["orders_lifetime"].fillna(0).to_numpy(dtype=np.float64)
    cuts = CutPoints.fit(predicted[inside], recency[inside], orders[inside])
    drivers = np.full(len(everyone), None, dtype=object)
    drivers[inside] = churn_drivers(
        champions.churn.contributions(population),
        population,
        vectors.columns,
        currency=shop.currency,
    )
    return pd.DataFrame(
        {
            C.CUSTOMER_ID: everyone[C.CUSTOMER_ID],
            C.AS_OF: everyone[C.AS_OF],
            "churn_probability": churn,
            "p_alive": outlook[P_ALIVE].to_numpy(),
            "clv_predicted": predicted,
            "tier": value_tier(predicted, cuts),
            "segment": rfm_segment(np.nan_to_num(recency, nan=np.inf), orders, cuts),
            "stage": life_stage(everyone, 1.0 - churn, champions.churn.horizon_days),
            "value_at_risk": churn * if_retained,
            "clv_simple": _clv_simple(everyone),
            "clv_historic": everyone["margin_lifetime"].to_numpy(dtype=np.float64),
            "value_if_retained": if_retained,
            "clv_lower": spread(said.lower),
            "clv_upper": spread(said.upper),
            "expected_orders_365d": outlook[EXPECTED_ORDERS].to_numpy(),
            "days_since_last_order": pd.array(recency, dtype="Float64").astype("Int64"),
            "orders": orders.astype(np.int64),
            "drivers": drivers,
        }
    )


def _outlook(everyone: pd.DataFrame) -> pd.DataFrame:
    """Return what BG/NBD foretells of a year; missing where it cannot be fitted."""
    try:
        return Outlook.fit(everyone).predict(everyone, _YEAR_DAYS)
    except TrainingError:
        return pd.DataFrame(np.nan, index=everyone.index, columns=list(OUTPUTS))


def _clv_simple(vectors: pd.DataFrame) -> NDArray[np.float64]:
    """Return yearly margin x mean relationship length in years, undiscounted.

    The length of a relationship is counted from first to last order, over all repeat buyers.
    """
    span = (vectors["first_order_days"] - vectors["recency_days"]).to_numpy(dtype=np.float64)
    repeat = span > 0
    years = span[repeat].mean() / 365.0 if repeat.any() else 0.0
    yearly = vectors["margin_365d"].to_numpy(dtype=np.float64)
    return np.asarray(yearly * years, dtype=np.float64)


def score_recommendations(
    model: NextPurchaseModel, customer_ids: Sequence[str], limit: int
) -> Iterator[pd.DataFrame]:
    """Yield blocks of (customer_id, product_id, rank, score), best first.

    ``model`` must be fitted on the purchases before the cutoff. ``score`` is the blend's: it
    orders a customer's products and compares with nobody else's. Unknown customers get what
    is popular.
    """
    products = model.interactions_.product_ids
    for start in range(0, len(customer_ids), _CUSTOMERS_PER_BLOCK):
        block = np.asarray(customer_ids[start : start + _CUSTOMERS_PER_BLOCK], dtype=str)
        scores, _ = model.candidates(block, max(limit, model.limit))
        ranked = ranked_products(scores, limit, model.blend_.ties_)
        rows, places = np.nonzero(ranked >= 0)
        product = ranked[rows, places]
        yield pd.DataFrame(
            {
                C.CUSTOMER_ID: block[rows],
                C.PRODUCT_ID: products[product],
                "rank": places + 1,
                "score": np.asarray(scores[rows, product]).ravel(),
            }
        )
