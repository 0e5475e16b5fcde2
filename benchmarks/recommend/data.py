"""The public data sets of these benchmarks, as purchases; loaders name a file that is absent."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.recommend.interactions import Interactions
from models.recommend.protocols import Window, given_next

DATA: Final = Path(
    os.environ.get("REGULARS_DATA", Path(__file__).parents[3] / "shared" / "data")
).resolve()

_END: Final = date(2001, 3, 1)
"""A cutoff for data without dates: any day will do."""

_END_DAY: Final = (_END - date(1970, 1, 1)).days
_DUNNHUMBY_DAYS: Final = 79


def table(path: str) -> pd.DataFrame:
    """Read one Parquet file of the data folder, or stop with what is absent."""
    file = DATA / path
    if not file.is_file():
        sys.exit(
            f"This benchmark needs the public data: {file} is absent. "
            "Set REGULARS_DATA to the folder that holds it."
        )
    return pd.read_parquet(file)


def tafeng() -> Window:
    """Ta-Feng in the next-basket form: all known baskets, and the futures that are shared.

    There are no dates: a day is the number of an order, counted back from each customer's
    latest known one.
    """
    history, future = (
        table("tafeng_nbr/history.parquet"),
        table("tafeng_nbr/future_train_val.parquet"),
    )
    latest = history.groupby("user_id")["order_number"].transform("max")
    known = Interactions.from_arrays(
        _ids(history["user_id"]),
        _ids(history["product_id"]),
        _ids(history["order_number"]),
        _END_DAY - 1 - (latest - history["order_number"]).to_numpy(),
        _END,
    )
    return given_next(
        known,
        history.groupby(_ids(history["user_id"]))["order_number"].max().to_numpy(dtype=np.int64),
        _ids(future["user_id"]),
        _ids(future["product_id"]),
        future["order_number"].to_numpy(),
    )


def dunnhumby(least_buyers: int = 1) -> Interactions:
    """Whole baskets of days 1 to 79; categories are the product types of the hierarchy.

    Parameters
    ----------
    least_buyers
        Only products that at least so many households bought.
    """
    lines = table("dunnhumby_complete_journey/baskets_first_79_days.parquet")
    buyers = lines.groupby("item_id")["user_id"].transform("nunique")
    lines = lines[buyers >= least_buyers]
    purchases = Interactions.from_arrays(
        _ids(lines["user_id"]),
        _ids(lines["item_id"]),
        _ids(lines["basket_id"]),
        _END_DAY - 1 - _DUNNHUMBY_DAYS + lines["date"].to_numpy(),
        _END,
    )
    products = table("dunnhumby_complete_journey/products.parquet").drop_duplicates("product_id")
    types = products.set_index(products["product_id"].astype(str))["product_type"]
    found = types.reindex(purchases.product_ids).fillna("")
    return purchases.described(categories=found.to_numpy(dtype=str))


def online_retail() -> Interactions:
    """UCI Online Retail II: both years, invoices that were not cancelled, real products only.

    The price is each product's median.
    """
    names = ["order_id", "product_id", "quantity", "ts", "price", "customer_id"]
    second = table("online_retail_ii/online_retail_2010_2011.parquet")[
        ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
    ].set_axis(names, axis=1)
    first = table("online_retail_ii/online_retail_ii_2009_2010.parquet")[
        ["Invoice", "StockCode", "Quantity", "InvoiceDate", "Price", "Customer ID"]
    ].set_axis(names, axis=1)
    for frame in (first, second):
        frame["ts"] = pd.to_datetime(frame["ts"])
    # Nine days of December 2010 are in both files.
    first = first[first["ts"] < second["ts"].min().normalize()]
    lines = pd.concat([first, second])
    for column in ("order_id", "product_id"):
        lines[column] = lines[column].astype(str).str.upper()
    good = (
        lines["customer_id"].notna()
        & (lines["quantity"] > 0)
        & (lines["price"] > 0)
        & ~lines["order_id"].str.startswith("C")
        & lines["product_id"].str.match(r"\d{5}")
    )
    lines = lines[good]
    days = (lines["ts"].dt.normalize() - pd.Timestamp("1970-01-01")).dt.days.to_numpy()
    end = date.fromordinal(int(days.max()) + 1 + date(1970, 1, 1).toordinal())
    purchases = Interactions.from_arrays(
        _ids(lines["customer_id"].astype(float).astype(int)),
        lines["product_id"].to_numpy(dtype=str),
        lines["order_id"].to_numpy(dtype=str),
        days,
        end,
    )
    prices = lines.groupby("product_id")["price"].median().reindex(purchases.product_ids)
    return purchases.described(prices=prices.to_numpy(dtype=float))


def _ids(values: pd.Series) -> NDArray[np.str_]:
    return values.astype(str).to_numpy(dtype=str)
