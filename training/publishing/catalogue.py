"""The catalogue as of a day: what can be sold, at what price and margin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.prepare import Prepared
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B


def product_catalogue(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    as_of: date,
    sold: Sequence[str] | NDArray[np.str_],
) -> pd.DataFrame:
    """Return every product, sorted by id: those of the table, and others that were sold.

    Launches and retirements count as of the day; prices and stock are the table's, of now.
    """
    frame = engine.frame(prepared.clean["products"])
    others = pd.DataFrame({C.PRODUCT_ID: sold})
    frame = others.merge(frame, on=C.PRODUCT_ID, how="outer").sort_values(C.PRODUCT_ID)
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
            # A product whose stock is not tracked counts as in stock.
            B.IN_STOCK: ~(frame[C.STOCK] <= 0).fillna(value=False).astype(bool),
            B.RETIRED: ((retired < midnight) | (launched >= midnight)).fillna(value=False),
        }
    ).reset_index(drop=True)


def sellable_products(catalogue: pd.DataFrame) -> set[str]:
    """Return the ids of the products that may be shown: in stock, launched and not retired."""
    may = catalogue[B.IN_STOCK] & ~catalogue[B.RETIRED].astype(bool)
    return set(catalogue.loc[may, C.PRODUCT_ID])
