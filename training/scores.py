"""Scores in bulk, from one snapshot: every customer's numbers, every customer's products."""

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
from models.drivers import churn_drivers
from models.extension import Extension
from models.forecast import forecast
from models.manifest import ValueBasis
from models.next_purchase import NextPurchaseModel
from models.recommend.topk import ranked_products
from models.segments import Segmentation
from training.backdrop import Backdrop
from training.champions import Champions
from training.contracts import POPULATION as CONTRACT_POPULATION
from training.contracts import contract_customers
from training.segments import segmentation_of

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
    """Scores of every customer with history, and the vectors that they were read from.

    Attributes
    ----------
    frame
        ``SCORE_COLUMNS`` first, then ``clv_simple``, ``clv_historic`` (money), ``bank_tier``,
        ``value_if_retained`` (money), ``clv_lower`` and ``clv_upper`` (the 90 % interval of
        ``clv_predicted``, money), ``expected_orders_365d`` (BG/NBD, a year ahead),
        ``days_since_last_order``, ``orders`` and ``drivers`` (JSON). Outside the population (no
        order in the look-back) the learned numbers are missing, and so is ``value_basis``.
    value_horizon_days, value_basis
        Over which ``clv_predicted`` counts, and whether that was learned or extrapolated.
    segmentation, segments
        Where the cut-points are, and what :meth:`~Segmentation.apply` gives by them.
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

    Tiers and segments are cut where the value champion's cut-points are. Where none were kept
    yet they are placed on everyone, so that a customer scored alone is in the same tier as in
    a batch.

    Parameters
    ----------
    customers
        Only these; ids without history have no row.
    previous
        What customers were called before, of :func:`training.segments.published_names`: who
        was on one side of a cut-point stays there until past it by a margin.

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
    backdrop = Backdrop.of(vectors.frame)
    scored = score_vectors(vectors, champions, shop, backdrop, previous)
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
    backdrop: Backdrop,
    previous: pd.DataFrame | None = None,
) -> CustomerScores:
    """Score whom the vectors are of, at their one cutoff: everyone, or a few as among everyone.

    Parameters
    ----------
    backdrop
        Of the customer base that they belong to.
    previous
        See :func:`score_customers`.

    Raises
    ------
    RegistryError
        The vectors are not those that the champions learned from.
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

    def spread(values: Floats) -> Floats:
        return _spread(values, inside)

    by_contract = champions.cards["churn"].card["definition"]["population"] == CONTRACT_POPULATION
    # Whether a contract lapses says nothing of the next order: value then reads its own curve.
    orders_churn = champions.value.buys_ if by_contract else champions.churn
    beyond = _beyond(champions, shop, backdrop)
    said = forecast(orders_churn, champions.value, population, beyond)
    foretold = backdrop.year_ahead(everyone)
    silent, if_retained = spread(said.churn_probability), spread(said.value_if_buys)
    judged = contract_customers(everyone) if by_contract else inside
    churn = (
        _spread(champions.churn.predict_proba(everyone[judged])[:, 1], judged)
        if by_contract
        else silent
    )
    predicted = spread(said.value)
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
            "p_alive": foretold[P_ALIVE].to_numpy(),
            "clv_predicted": predicted,
            **{name: segments[name] for name in ("tier", "segment", "stage")},
            "value_at_risk": churn * if_retained,
            "value_basis": pd.Series(said.value_basis, everyone.index, dtype="str").where(inside),
            "clv_simple": backdrop.clv_simple(everyone),
            "clv_historic": everyone["margin_lifetime"].to_numpy(dtype=np.float64),
            "bank_tier": segments["bank_tier"],
            "value_if_retained": if_retained,
            "clv_lower": spread(said.lower),
            "clv_upper": spread(said.upper),
            "expected_orders_365d": foretold[EXPECTED_ORDERS].to_numpy(),
            "days_since_last_order": pd.array(recency, dtype="Float64").astype("Int64"),
            "orders": orders.astype(np.int64),
            "drivers": drivers,
        }
    )
    return CustomerScores(
        frame, vectors, said.value_horizon_days, said.value_basis, segmentation, segments
    )


def _beyond(champions: Champions, shop: ShopSettings, backdrop: Backdrop) -> Extension | None:
    """Return how value goes on past what was learned, where it is to."""
    reach = champions.cards["value"].card["definition"].get("extrapolated_to_days")
    if reach is None or backdrop.outlook is None:
        return None
    return Extension(backdrop.outlook, reach, shop.discount_rate)


def _spread(values: Floats, among: NDArray[np.bool_]) -> Floats:
    """Return the values of some customers in the order of all; missing for the others."""
    full = np.full(len(among), np.nan)
    full[among] = values
    return full


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
