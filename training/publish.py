"""Publish: score everyone with the champions and export the bundle that the server reads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from features.engine import Engine
from features.errors import RegistryError
from features.prepare import Prepared
from features.progress import Progress
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.bundle import Bundle, Manifest, ModelCard, SparseRows, activate, write_bundle
from models.bundle_schema import BundleColumns as B
from models.erasure import without_customers
from models.recommend.acceptance import Habits
from models.recommend.cosine import Cosine
from models.recommend.interactions import Interactions
from models.recommend.matrices import row_numbers
from models.recommend.popular import Popular
from training.champions import JOBS, Champions
from training.dataset import population
from training.purchases import load_interactions
from training.scores import score_customers

_NEIGHBOURS = 50


def publish(
    engine: Engine,
    prepared: Prepared,
    champions: Champions,
    shop: ShopSettings,
    as_of: date,
    now: datetime,
    root: Path,
    progress: Progress,
    erased: Collection[str] = (),
) -> Path:
    """Write a bundle as of a date, make it the current one, and return its folder.

    Parameters
    ----------
    erased
        Hashes of customers that it must not hold.
    now
        When the export happens; part of the bundle's version.
    """
    _refuse_other_money(champions, shop)
    tick = progress("Bundle", 4)
    scored = score_customers(engine, prepared, champions, shop, as_of)
    tick()
    customer_ids = scored.frame[C.CUSTOMER_ID].to_numpy(dtype=str)
    interactions = load_interactions(engine, prepared.rollups, as_of)
    champions.recommend.fit(interactions)
    catalogue = _catalogue(engine, prepared, shop, interactions, as_of)
    assumed = prepared.lines_without_cost > 0 or bool(catalogue[C.UNIT_COST].isna().any())
    place = np.searchsorted(catalogue[C.PRODUCT_ID].to_numpy(dtype=str), interactions.product_ids)
    scores, chances = champions.recommend.own_candidates(customer_ids)
    ties = champions.recommend.blend_.ties_
    tick()
    bundle = Bundle(
        manifest=_manifest(
            prepared, champions, shop, as_of, now, scored.vectors.fingerprint, assumed=assumed
        ),
        customers=pa.Table.from_pandas(scored.frame.drop(columns=[C.AS_OF]), preserve_index=False),
        vectors=_vector_table(scored.vectors.frame, scored.vectors.names),
        products=pa.Table.from_pandas(catalogue, preserve_index=False),
        offers=_offers(engine, prepared),
        candidates=_ordered_rows({C.SCORE: scores, B.PROBABILITY: chances}, place, ties),
        cross_sell=_cross_sell(interactions, place, len(catalogue)),
        bought=_bought(interactions, customer_ids, place),
        popular=_popular(interactions, place),
    )
    tick()
    folder = write_bundle(root, without_customers(bundle, erased))
    activate(root, bundle.manifest.version)
    tick()
    return folder


def _refuse_other_money(champions: Champions, shop: ShopSettings) -> None:
    """Refuse to label what a champion learned in other money or for other customers."""
    said = champions.cards["value"].card["definition"]
    now = {
        "currency": shop.currency,
        "discount_rate": shop.discount_rate,
        "margin_rate_where_cost_unknown": shop.margin_rate,
        "population": population(shop),
    }
    changed = [name for name, value in now.items() if said[name] != value]
    if changed:
        raise RegistryError(
            f"the value champion was trained with another {', '.join(changed)}",
            "train again, or put the settings back",
        )


def _manifest(
    prepared: Prepared,
    champions: Champions,
    shop: ShopSettings,
    as_of: date,
    now: datetime,
    vector_fingerprint: str,
    *,
    assumed: bool,
) -> Manifest:
    cards = {job: champions.cards[job] for job in JOBS}
    return Manifest(
        version=f"{as_of:%Y%m%d}-{now:%Y%m%dT%H%M%S}-{champions.version}",
        created_at=now,
        as_of=as_of,
        currency=shop.currency,
        shop=shop.name,
        horizon_days=champions.churn.horizon_days,
        value_horizon_days=champions.value.horizon_days,
        population=population(shop),
        discount_rate=shop.discount_rate,
        margin_assumed=shop.margin_rate if assumed else None,
        models={
            job: ModelCard(card.version, card.card["metrics"], card.card["definition"])
            for job, card in cards.items()
        },
        data_fingerprint=prepared.fingerprint,
        vector_fingerprint=vector_fingerprint,
    )


def _catalogue(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    interactions: Interactions,
    as_of: date,
) -> pd.DataFrame:
    """Return every product, sorted by id: those of the table and any others once bought."""
    frame = engine.frame(prepared.clean["products"])
    sold = pd.DataFrame({C.PRODUCT_ID: interactions.product_ids})
    frame = sold.merge(frame, on=C.PRODUCT_ID, how="outer").sort_values(C.PRODUCT_ID)
    price = frame[C.LIST_PRICE].astype("float64")
    cost = frame[C.UNIT_COST].astype("float64")
    midnight = pd.Timestamp(as_of)
    launched, retired = frame[C.LAUNCHED_AT], frame[C.RETIRED_AT]
    return pd.DataFrame(
        {
            C.PRODUCT_ID: frame[C.PRODUCT_ID],
            C.PRODUCT_NAME: frame[C.PRODUCT_NAME].fillna(frame[C.PRODUCT_ID]),
            C.CATEGORY: frame[C.CATEGORY],
            B.PRICE: price,
            C.UNIT_COST: cost,
            B.MARGIN: (price - cost).fillna(price * shop.margin_rate),
            # A stock that nobody tracks is taken to be there.
            B.IN_STOCK: ~(frame[C.STOCK] <= 0).fillna(value=False).astype(bool),
            B.RETIRED: ((retired < midnight) | (launched >= midnight)).fillna(value=False),
        }
    ).reset_index(drop=True)


def _offers(engine: Engine, prepared: Prepared) -> Any:
    if "offers" not in prepared.clean:
        empty: dict[str, list[str]] = {
            C.OFFER_ID: [],
            C.OFFER_NAME: [],
            C.DISCOUNT_RATE: [],
            C.CONTACT_COST: [],
        }
        return pa.table(empty)
    offers = engine.frame(prepared.clean["offers"]).sort_values(C.OFFER_ID)
    return pa.Table.from_pandas(
        pd.DataFrame(
            {
                C.OFFER_ID: offers[C.OFFER_ID],
                C.OFFER_NAME: offers[C.OFFER_NAME],
                C.PRODUCT_ID: offers[C.PRODUCT_ID],
                C.CATEGORY: offers[C.CATEGORY],
                C.DISCOUNT_RATE: offers[C.DISCOUNT_RATE].fillna(0.0),
                C.CONTACT_COST: offers[C.CONTACT_COST].fillna(0.0),
                B.STARTS_ON: offers[C.STARTS_AT].dt.date,
                B.ENDS_ON: offers[C.ENDS_AT].dt.date,
            }
        ),
        preserve_index=False,
    )


def _vector_table(frame: pd.DataFrame, names: list[str]) -> Any:
    """Keep the numeric features, rounded for the eye: they are shown, not learned from."""
    numbers = frame[names].select_dtypes("float64").round(4)
    return pa.Table.from_pandas(
        pd.concat([frame[[C.CUSTOMER_ID]], numbers], axis=1), preserve_index=False
    )


def _ordered_rows(
    values: dict[str, sparse.csr_matrix[Any]], place: NDArray[np.int64], ties: NDArray[np.int64]
) -> SparseRows:
    """Turn matrices of one pattern into rows sorted by score, best first, columns renumbered.

    Ties go by popularity, as everywhere.
    """
    by = values[C.SCORE]
    order = np.lexsort((ties[by.indices], -by.data, row_numbers(by)))
    return SparseRows(
        by.indptr.astype(np.int64),
        place[by.indices[order]].astype(np.int32),
        {name: matrix.data[order].astype(np.float32) for name, matrix in values.items()},
    )


def _spread_rows(rows: SparseRows, place: NDArray[np.int64], height: int) -> SparseRows:
    """Move row ``i`` to row ``place[i]`` of a taller matrix; ``place`` ascends."""
    lengths = np.zeros(height, dtype=np.int64)
    lengths[place] = np.diff(rows.indptr)
    return SparseRows(np.concatenate([[0], np.cumsum(lengths)]), rows.indices, rows.values)


def _cross_sell(interactions: Interactions, place: NDArray[np.int64], products: int) -> SparseRows:
    """Return what goes into the same baskets."""
    together = Cosine(basis="orders", neighbours=_NEIGHBOURS).fit(interactions)
    everything = np.arange(interactions.n_products)
    scores, support = together.similar(everything, _NEIGHBOURS), together.support(everything)
    rows = _ordered_rows({C.SCORE: scores, B.SUPPORT: support}, place, together.ties_)
    return _spread_rows(rows, place, products)


def _bought(
    interactions: Interactions, customer_ids: NDArray[np.str_], place: NDArray[np.int64]
) -> SparseRows:
    """Return how often and when last each customer bought each product."""
    times = interactions.customer_matrix()
    last = np.zeros(times.nnz, dtype=np.int64)
    keys = interactions.customers * interactions.n_products + interactions.products
    cells = row_numbers(times) * interactions.n_products + times.indices
    np.maximum.at(last, np.searchsorted(cells, keys), interactions.days)
    rows = SparseRows(
        times.indptr.astype(np.int64),
        place[times.indices].astype(np.int32),
        {B.TIMES: times.data.astype(np.int32), B.LAST_DAY: last.astype(np.int32)},
    )
    where = np.searchsorted(customer_ids, interactions.customer_ids)
    return _spread_rows(rows, where, len(customer_ids))


def _popular(interactions: Interactions, place: NDArray[np.int64]) -> SparseRows:
    """Return the popular list and each product's share of recent orders."""
    habits = Habits.from_interactions(interactions, np.array([-1]))
    popular = Popular().fit(interactions)
    scores = popular.score(np.array([-1]), interactions.n_products)
    share = scores.copy()
    share.data = np.clip(habits.popularity_share[scores.indices], 0.0, 1.0).astype(np.float32)
    return _ordered_rows({C.SCORE: scores, B.PROBABILITY: share}, place, popular.ties_)
