"""Open a shop from its settings: the composition root of the command line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from rich.console import Console

from features.engine import Engine
from features.engines import open_engine
from features.errors import DataError
from features.prepare import Prepared, prepare
from features.progress import Progress
from features.vocabulary import Columns as C
from regulars.console import progress_bars
from regulars.settings import Settings


@dataclass(frozen=True)
class Shop:
    """A shop's settings with its data checked and rolled up."""

    settings: Settings
    engine: Engine
    prepared: Prepared

    def as_of(self, wanted: date | None) -> date:
        """Return the wanted cutoff, by default the day after the last order.

        Raises
        ------
        DataError
            There is no order before it, or the orders end before it.
        """
        chosen = wanted or self.prepared.today
        if chosen <= self.prepared.first_day:
            raise DataError(
                f"there are no orders before {chosen}: the first is of {self.prepared.first_day}",
                f"choose a date up to {self.prepared.today} with --as-of",
            )
        if chosen > self.prepared.today:
            raise DataError(
                f"the orders end on {self.prepared.last_day}: nothing is known about the days from "
                f"then to {chosen}, and every customer would seem to have left",
                f"choose a date up to {self.prepared.today} with --as-of, or bring newer orders",
            )
        return chosen


@dataclass(frozen=True)
class OrderCounts:
    """Totals of a shop's tables, for the owner to compare with their own figures.

    Attributes
    ----------
    orders
        With revenue above zero after their returns.
    customers
        With any order line.
    revenue
        Net of returns, in the shop's currency.
    """

    orders: int
    customers: int
    products: int
    revenue: float


def count_orders(shop: Shop) -> OrderCounts:
    """Count orders, customers and products and sum the revenue, share by share."""
    orders, customers, revenue = 0, 0, 0.0
    for share in shop.prepared.rollups.shares():
        moves = share["order_moves"]
        each = moves.group_by(C.CUSTOMER_ID, C.ORDER_ID).aggregate(revenue=moves.revenue.sum())
        row = shop.engine.frame(
            each.aggregate(
                orders=(each.revenue > 0).cast("int64").sum(),
                customers=each[C.CUSTOMER_ID].nunique(),
                revenue=each.revenue.sum(),
            )
        ).fillna(0)
        orders += int(row["orders"].iloc[0])
        customers += int(row["customers"].iloc[0])
        revenue += float(row["revenue"].iloc[0])
    products = shop.prepared.clean["products"]
    listed = shop.engine.frame(products.aggregate(products=products.count()))
    return OrderCounts(orders, customers, int(listed["products"].iloc[0]), revenue)


@contextmanager
def open_shop(
    settings: Settings, now: datetime, progress: Progress, *, rebuild: bool = False
) -> Iterator[Shop]:
    """Prepare what is new of a shop's data, and keep the engine open.

    Parameters
    ----------
    now
        Naive UTC.
    rebuild
        Rebuild everything, even what has not changed.
    """
    with open_engine(settings.engine, settings.workspace / "tmp") as engine:
        prepared = prepare(engine, settings.data, now, progress, rebuild=rebuild)
        yield Shop(settings, engine, prepared)


@contextmanager
def open_shop_on(console: Console, settings: Settings, now: datetime) -> Iterator[Shop]:
    """Open the shop as :func:`open_shop`, with progress bars only until its data is ready."""
    with ExitStack() as stack:
        with progress_bars(console) as progress:
            shop = stack.enter_context(open_shop(settings, now, progress))
        yield shop


def read_customers(path: Path) -> list[str]:
    """Read customer ids from a text or CSV file: the column customer_id, or one id per line.

    Raises
    ------
    DataError
        The file is missing, is not text, or names nobody.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}", "name a file with one customer id per line")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not a text file",
            "name a CSV file, or a text file with one customer id per line",
        ) from error
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, skipinitialspace=True)]
    rows = [row for row in rows if any(row)]
    header = rows[0] if rows and C.CUSTOMER_ID in rows[0] else None
    place = 0 if header is None else header.index(C.CUSTOMER_ID)
    ids = [row[place] for row in rows if row is not header and len(row) > place and row[place]]
    if not ids:
        raise DataError(f"{path} names no customer", "write one customer id per line")
    return ids
