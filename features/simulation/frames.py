"""From arrays of numbers to tables in the vocabulary: ids, labels, times and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.arrays import IntegerArray

from features.simulation.plan import NEVER, SECONDS_PER_DAY, Integers, ShopPlan
from features.vocabulary import TABLES

CUSTOMER_DIGITS = 7
_PANDAS_TYPES = {
    "string": "str",
    "timestamp": "datetime64[us]",
    "float64": "float64",
    "int64": "int64",
    "boolean": "bool",
}


def numbered(prefix: str, numbers: Integers, digits: int) -> Any:
    """Return readable ids such as ``C0000123``, as an Arrow string array."""
    padded = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), digits, "0")
    return pc.binary_join_element_wise(prefix, padded, "")


def numbered_within(prefix: str, customer: Integers, number: Integers) -> Any:
    """Return ids by customer and number, such as ``O0000123-004``: unique in the shop."""
    padded = pc.utf8_lpad(pa.array(number).cast(pa.string()), 3, "0")
    return pc.binary_join_element_wise(numbered(prefix, customer, CUSTOMER_DIGITS), padded, "-")


def customer_ids(number: Integers) -> Any:
    """Return the ids of customers by their number in the shop."""
    return numbered("C", number, CUSTOMER_DIGITS)


def order_ids(customer: Integers, number: Integers) -> Any:
    """Return the ids of orders by customer and number of the order within the customer."""
    return numbered_within("O", customer, number)


def product_ids(product: Integers) -> Any:
    """Return the ids of products by their number; missing where it is negative."""
    ids = numbered("P", product, 4)
    return pc.if_else(pa.array(product >= 0), ids, pa.scalar(None, pa.string()))


def labels(values: Sequence[str], codes: Integers) -> Any:
    """Return ``values[codes]``; missing where the code is negative."""
    return pa.array(list(values), pa.string()).take(pa.array(codes, mask=codes < 0))


def timestamps(plan: ShopPlan, seconds: Integers) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    """Return the UTC times of seconds from the plan's start; ``NEVER`` becomes missing."""
    return (np.datetime64(plan.start, "s") + seconds.astype("timedelta64[s]")).astype(
        "datetime64[us]"
    )


def midnight(day: Integers) -> Integers:
    """Return the second at which each day begins; ``NEVER`` stays ``NEVER``."""
    return np.where(day == NEVER, NEVER, day * SECONDS_PER_DAY)


def vocabulary_frame(table: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return one table of the vocabulary with its columns' types and order.

    Raises
    ------
    ValueError
        When a required column is absent or a column is unknown to the table.
    """
    spec = TABLES[table]
    known = {column.name: column.type for column in spec.columns}
    odd = set(spec.required) - set(columns) | set(columns) - set(known)
    if odd:
        raise ValueError(f"{table}: columns {sorted(odd)} are missing or unknown")
    return frame({name: (kind, columns[name]) for name, kind in known.items() if name in columns})


def frame(columns: Mapping[str, tuple[str, Any]]) -> pd.DataFrame:
    """Return a frame from (vocabulary type, values) by name."""
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype=_pandas_type(kind, values), copy=False)
            for name, (kind, values) in columns.items()
        }
    )


def _pandas_type(kind: str, values: Any) -> str:
    """Return a column's pandas type: ``Int64`` for integers of which some are missing."""
    return "Int64" if isinstance(values, IntegerArray) else _PANDAS_TYPES[kind]
