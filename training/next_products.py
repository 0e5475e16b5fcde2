"""The next product of who holds contracts: learned from what the others hold together."""

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
from models.bundle_schema import BundleColumns as B
from models.drivers.families import known_families
from models.next_product import NextProductModel

Booleans = NDArray[np.bool_]

_CONTRACT_MOVES: Final = "contract_moves"
# Its columns count the hidden product too.
_TELLS_WHAT_IS_HELD: Final = "relationship"
_MOST_TAUGHT: Final = 20_000


def next_products(
    engine: Engine, prepared: Prepared, vectors: Vectors, as_of: date, *, seed: int = 0
) -> pd.DataFrame:
    """Return each customer's likeliest next product under contract, and how likely it is.

    Parameters
    ----------
    vectors
        Of everyone with history as of the date.

    Returns
    -------
    Rows in the order of ``vectors``: ``next_product`` and ``next_product_probability`` =
    P(product | one more is held). Missing for who holds no contract or every product, and for
    everyone where fewer than 20 customers hold two: nothing tells what follows.
    """
    nothing = pd.DataFrame(
        {
            B.NEXT_PRODUCT: pd.Series(None, vectors.frame.index, dtype="str"),
            B.NEXT_PRODUCT_PROBABILITY: np.nan,
        }
    )
    if _CONTRACT_MOVES not in prepared.rollups:
        return nothing
    contracts = standing_contracts(engine, prepared, as_of)
    products = np.unique(contracts[C.PRODUCT_ID].to_numpy(dtype=str))
    held = _held(vectors.frame[C.CUSTOMER_ID], contracts, products)
    holders = np.flatnonzero(held.any(axis=1))
    taught = np.flatnonzero(held.sum(axis=1) >= 2)
    random = np.random.default_rng(seed)
    taught = np.sort(random.permutation(taught)[:_MOST_TAUGHT])
    family = known_families()
    known = [each for each in vectors.columns if family.get(each.name) != _TELLS_WHAT_IS_HELD]
    try:
        model = NextProductModel(seed=seed).fit(
            vectors.frame.iloc[taught], held[taught], products.tolist(), known
        )
    except TrainingError:
        return nothing
    chances = model.predict_proba(vectors.frame.iloc[holders], held[holders])
    best = chances.argmax(axis=1)  # of equals the first by id
    chance = chances[np.arange(len(best)), best]
    asked = chance > 0
    nothing.loc[holders[asked], B.NEXT_PRODUCT] = products[best[asked]]
    nothing.loc[holders[asked], B.NEXT_PRODUCT_PROBABILITY] = chance[asked]
    return nothing


def further_product_rate(
    engine: Engine, prepared: Prepared, as_of: date, horizon_days: int
) -> float | None:
    """Return the share of holders, a horizon before, who hold one more product by the date.

    A base rate: nobody was asked to take one. None where nobody held any.
    """
    if _CONTRACT_MOVES not in prepared.rollups:
        return None
    before = standing_contracts(engine, prepared, as_of - timedelta(days=horizon_days))
    if before.empty:
        return None
    after = standing_contracts(engine, prepared, as_of)
    held = after.merge(before, how="left", on=[C.CUSTOMER_ID, C.PRODUCT_ID], indicator="since")
    one_more = held.loc[held["since"] == "left_only", C.CUSTOMER_ID]
    return float(before[C.CUSTOMER_ID].drop_duplicates().isin(one_more).mean())


def standing_contracts(engine: Engine, prepared: Prepared, as_of: date) -> pd.DataFrame:
    """Return ``customer_id`` and ``product_id`` of each product under a contract that stands.

    Known as features know it: from the day after the start, until that after the last day.
    """
    moves = prepared.rollups[_CONTRACT_MOVES]
    seen = moves.filter(moves.known_from < to_epoch_day(as_of))
    contracts = seen.group_by(C.CUSTOMER_ID, C.CONTRACT_ID).aggregate(
        product_id=seen[C.PRODUCT_ID].max(), started=seen.started.max(), ended=seen.ended.max()
    )
    standing = contracts.filter((contracts.started == 1) & (contracts.ended == 0))
    frame = engine.frame(standing.select(C.CUSTOMER_ID, C.PRODUCT_ID).distinct())
    return frame.dropna().sort_values([C.CUSTOMER_ID, C.PRODUCT_ID], ignore_index=True)


def _held(customer_ids: pd.Series, contracts: pd.DataFrame, products: NDArray[np.str_]) -> Booleans:
    """Return whether each customer holds each product, (customers, products)."""
    held = np.zeros((len(customer_ids), len(products)), dtype=np.bool_)
    row = pd.Index(customer_ids).get_indexer(pd.Index(contracts[C.CUSTOMER_ID]))
    place = np.searchsorted(products, contracts[C.PRODUCT_ID].to_numpy(dtype=str))
    held[row[row >= 0], place[row >= 0]] = True
    return held
