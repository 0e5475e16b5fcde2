"""Scores of all customers at one cutoff: churn, value and segments; and their products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.errors import DataError, RegistryError
from features.family import discover_families
from features.prepare import Prepared
from features.settings import ShopSettings
from features.vectors import Vectors, build_vectors
from features.vocabulary import Columns as C
from models.btyd.outlook import EXPECTED_ORDERS, P_ALIVE
from models.bundle.manifest import ValueBasis
from models.churn_value.extrapolation import Extension
from models.churn_value.forecast import forecast
from models.drivers import churn_drivers
from models.next_purchase import NextPurchaseModel
from models.recommend.topk import ranked_products
from models.segments import Segmentation
from training.contracts import POPULATION as CONTRACT_POPULATION
from training.contracts import contract_customers
from training.publishing.champions import Champions
from training.publishing.customer_base import CustomerBase
from training.publishing.segments import segmentation_of

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
    "value_basis",
)
Floats = NDArray[np.float64]

_CUSTOMERS_PER_BLOCK = 20_000


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
    engine: Engine,
    prepared: Prepared,
    champions: Champions,
    shop: ShopSettings,
    as_of: date,
    customers: Sequence[str] | None = None,
    previous: pd.DataFrame | None = None,
) -> CustomerScores:
    """Score customers as of a date.

    Tiers and segments use the cut-points kept with the value champion. If none were kept yet, they
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
    vectors = build_vectors(engine, prepared.rollups, discover_families(), [as_of])
    if not (vectors.frame["recency_days"] <= shop.lookback_days).any():
        raise DataError(
            f"nobody ordered in the {shop.lookback_days} days before the cutoff",
            "choose an earlier --as-of, or lengthen shop.lookback_days",
        )
    base = CustomerBase.of(vectors.frame)
    scored = score_vectors(vectors, champions, shop, base, previous)
    if customers is None:
        return scored
    wanted = scored.frame[C.CUSTOMER_ID].isin(set(customers)).to_numpy()
    frame, segments, kept = (
        table[wanted].reset_index(drop=True)
        for table in (scored.frame, scored.segments, vectors.frame)
    )
    few = Vectors(kept, vectors.columns, vectors.fingerprint)
    return replace(scored, frame=frame, segments=segments, vectors=few)


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
    for job in ("churn", "value"):
        if champions.cards[job].card["vector_fingerprint"] != vectors.fingerprint:
            raise RegistryError(
                f"the features have changed since the {job} champion learned from them",
                f"train again: regulars train {job}",
            )
    everyone = vectors.frame
    recency = everyone["recency_days"].to_numpy(dtype=np.float64)
    inside = recency <= shop.lookback_days
    population = everyone[inside]

    def of_all(values: Floats) -> Floats:
        return scattered(values, inside)

    by_contract = champions.cards["churn"].card["definition"]["population"] == CONTRACT_POPULATION
    # Churn by contracts says nothing about the next order: value then reads its own curve.
    orders_churn = champions.value.buys_ if by_contract else champions.churn
    extension = _extension(champions, shop, base)
    expected = forecast(orders_churn, champions.value, population, extension)
    by_history = base.year_ahead(everyone)
    silent, if_retained = of_all(expected.churn_probability), of_all(expected.value_if_buys)
    judged = contract_customers(everyone) if by_contract else inside
    churn = (
        scattered(champions.churn.predict_proba(everyone[judged])[:, 1], judged)
        if by_contract
        else silent
    )
    predicted = of_all(expected.value)
    orders = everyone["orders_lifetime"].fillna(0).to_numpy(dtype=np.float64)
    segmentation = segmentation_of(champions, vectors, predicted, shop.currency)
    horizon_days = orders_churn.horizon_days
    segments = segmentation.apply(everyone, predicted, 1.0 - silent, horizon_days, previous)
    drivers = np.full(len(everyone), None, dtype=object)
    drivers[judged] = churn_drivers(
        champions.churn.contributions(everyone[judged]),
        everyone[judged],
        vectors.columns,
        currency=shop.currency,
    )
    frame = pd.DataFrame(
        {
            C.CUSTOMER_ID: everyone[C.CUSTOMER_ID],
            C.AS_OF: everyone[C.AS_OF],
            "churn_probability": churn,
            "p_alive": by_history[P_ALIVE].to_numpy(),
            "clv_predicted": predicted,
            **{name: segments[name] for name in ("tier", "segment", "stage")},
            "value_at_risk": churn * if_retained,
            "value_basis": pd.Series(expected.value_basis, everyone.index, dtype="str").where(
                inside
            ),
            "clv_simple": base.clv_simple(everyone),
            "clv_historic": everyone["margin_lifetime"].to_numpy(dtype=np.float64),
            "bank_tier": segments["bank_tier"],
            "value_if_retained": if_retained,
            "clv_lower": of_all(expected.lower),
            "clv_upper": of_all(expected.upper),
            "expected_orders_365d": by_history[EXPECTED_ORDERS].to_numpy(),
            "days_since_last_order": pd.array(recency, dtype="Float64").astype("Int64"),
            "orders": orders.astype(np.int64),
            "drivers": drivers,
        }
    )
    return CustomerScores(
        frame, vectors, expected.value_horizon_days, expected.value_basis, segmentation, segments
    )


def _extension(champions: Champions, shop: ShopSettings, base: CustomerBase) -> Extension | None:
    """Return how value is extrapolated past its learned horizon; None if it is not."""
    reach = champions.cards["value"].card["definition"].get("extrapolated_to_days")
    if reach is None or base.outlook is None:
        return None
    return Extension(base.outlook, reach, shop.discount_rate)


def scattered(values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return the values of the customers in ``mask`` among all customers; NaN for the others."""
    full = np.full(len(mask), np.nan)
    full[mask] = values
    return full


def score_recommendations(
    model: NextPurchaseModel, customer_ids: Sequence[str], limit: int
) -> Iterator[pd.DataFrame]:
    """Yield blocks of (customer_id, product_id, rank, score), best first.

    ``model`` must be fitted on the purchases before the cutoff. ``score`` orders one customer's
    products; it is not comparable between customers. Unknown customers get popular products.
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
