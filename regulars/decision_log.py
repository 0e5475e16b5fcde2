"""The decision log of a shop, opened for reading and joined with its outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import TYPE_CHECKING

import pandas as pd

from features.errors import DataError
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from regulars.server import existing_store
from regulars.settings import Settings

if TYPE_CHECKING:
    from serving.storage.sql_store import SqlStore


@contextmanager
def decision_store(settings: Settings) -> Iterator[SqlStore]:
    """Open the store of events and decisions for reading.

    Raises
    ------
    DataError
        Nothing was served yet.
    """
    with existing_store(settings) as store:
        if store is None:
            raise DataError("no decision was logged yet", "serve the shop first: regulars serve")
        yield store


def product_margins(settings: Settings) -> pd.DataFrame:
    """Return ``product_id, category, price, margin`` of the bundle that is served."""
    from serving.bundles import BundleFolder

    bundle = BundleFolder(settings.bundles).load()
    columns = [C.PRODUCT_ID, C.CATEGORY, B.PRICE, B.MARGIN]
    return pd.DataFrame(bundle.products.select(columns).to_pandas())


def spans_of_outcomes(
    settings: Settings, store: SqlStore, since: date | None, now: datetime
) -> Iterator[pd.DataFrame]:
    """Yield the offers shown since a day, by default all, with their outcomes."""
    from serving.decisions.learning.log_reader import outcomes_in_spans

    start = datetime.combine(since or date(1970, 1, 1), time())
    days = settings.serving.attribution_days
    return outcomes_in_spans(store, product_margins(settings), days, start, now)
