"""The next product of each contract holder, learned from what customers hold together."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.errors import TrainingError
from features.prepare import Prepared
from features.rollup import to_epoch_day
from features.vectors import Vectors
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.drivers.families import known_families
from models.next_product import NextProductModel

Booleans = NDArray[np.bool_]

_CONTRACT_MOVES: Final = "contract_moves"
# In training a product is hidden that the columns of this family would still count.
_LEAKING_FAMILY: Final = "relationship"
_MOST_TRAINING_CUSTOMERS: Final = 20_000


def next_products(
    engine: Engine, prepared: Prepared, vectors: Vectors, as_of: date, *, seed: int = 0
) -> pd.DataFrame:
    """Return each customer's likeliest next product under contract, and its probability.

    Parameters
    ----------
    vectors
        Of everyone with history, at ``as_of``.

    Returns
    -------
    Rows in the order of ``vectors``: ``next_product`` and ``next_product_probability`` =
    P(product | one more is held). Missing for customers without a contract or with every product,
    and for everyone if fewer than 20 customers hold two: too few to learn from.
    """
    found = pd.DataFrame(
        {
            B.NEXT_PRODUCT: pd.Series(None, vectors.frame.index, dtype="str"),
            B.NEXT_PRODUCT_PROBABILITY: np.nan,
        }
    )
    if _CONTRACT_MOVES not in prepared.rollups:
        return found
    contracts = active_contracts(engine, prepared, as_of)
    products = np.unique(contracts[C.PRODUCT_ID].to_numpy(dtype=str))
    held = _held(vectors.frame[C.CUSTOMER_ID], contracts, products)
    holders = np.flatnonzero(held.any(axis=1))
    several = np.flatnonzero(held.sum(axis=1) >= 2)
    random = np.random.default_rng(seed)
    train = np.sort(random.permutation(several)[:_MOST_TRAINING_CUSTOMERS])
    family = known_families()
    known = [each for each in vectors.columns if family.get(each.name) != _LEAKING_FAMILY]
    try:
        model = NextProductModel(seed=seed).fit(
            vectors.frame.iloc[train], held[train], products.tolist(), known
        )
    except TrainingError:
        return found
    probabilities = model.predict_proba(vectors.frame.iloc[holders], held[holders])
    best = probabilities.argmax(axis=1)  # ties go to the first by id
    probability = probabilities[np.arange(len(best)), best]
    lacks_one = probability > 0
    found.loc[holders[lacks_one], B.NEXT_PRODUCT] = products[best[lacks_one]]
    found.loc[holders[lacks_one], B.NEXT_PRODUCT_PROBABILITY] = probability[lacks_one]
    return found


def further_product_rate(
    engine: Engine, prepared: Prepared, as_of: date, horizon_days: int
) -> float | None:
    """Return the share of contract holders who hold one more product a horizon later.

    Counted over the horizon that ends at ``as_of``; a base rate, without any offer. None if nobody
    held a contract.
    """
    if _CONTRACT_MOVES not in prepared.rollups:
        return None
    before = active_contracts(engine, prepared, as_of - timedelta(days=horizon_days))
    if before.empty:
        return None
    after = active_contracts(engine, prepared, as_of)
    held = after.merge(before, how="left", on=[C.CUSTOMER_ID, C.PRODUCT_ID], indicator="since")
    one_more = held.loc[held["since"] == "left_only", C.CUSTOMER_ID]
    return float(before[C.CUSTOMER_ID].drop_duplicates().isin(one_more).mean())


def active_contracts(engine: Engine, prepared: Prepared, as_of: date) -> pd.DataFrame:
    """Return ``customer_id`` and ``product_id`` of each product under an active contract.

    As for features, a contract is active from the day after its start to the day after its last.
    """
    moves = prepared.rollups[_CONTRACT_MOVES]
    seen = moves.filter(moves.known_from < to_epoch_day(as_of))
    contracts = seen.group_by(C.CUSTOMER_ID, C.CONTRACT_ID).aggregate(
        product_id=seen[C.PRODUCT_ID].max(), started=seen.started.max(), ended=seen.ended.max()
    )
    active = contracts.filter((contracts.started == 1) & (contracts.ended == 0))
    frame = engine.frame(active.select(C.CUSTOMER_ID, C.PRODUCT_ID).distinct())
    return frame.dropna().sort_values([C.CUSTOMER_ID, C.PRODUCT_ID], ignore_index=True)


def _held(customer_ids: pd.Series, contracts: pd.DataFrame, products: NDArray[np.str_]) -> Booleans:
    """Return whether each customer holds each product, shape (customers, products)."""
    held = np.zeros((len(customer_ids), len(products)), dtype=np.bool_)
    row = pd.Index(customer_ids).get_indexer(pd.Index(contracts[C.CUSTOMER_ID]))
    place = np.searchsorted(products, contracts[C.PRODUCT_ID].to_numpy(dtype=str))
    held[row[row >= 0], place[row >= 0]] = True
    return held
