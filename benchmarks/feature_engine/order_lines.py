"""A shop's order lines at any scale, written a day at a time: little memory, time order.

Customers order at gamma rates while they are with the shop; half of what they buy comes from
three favourite categories. About one line in twenty is sent back some days later under the
same order id, and one order in a hundred wholly.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.progress import Progress, silent
from features.vocabulary import Columns as C

LAST_DAY = date(2026, 6, 30)
N_DAYS = 730
_FIRST_DAY = LAST_DAY - timedelta(days=N_DAYS - 1)
_LINES_A_CUSTOMER = 50
# Of the people that the shop might have had: some leave before their first order.
_SHARE_EVER_ORDERING = 0.58
_LINES_AN_ORDER = 5
_N_PRODUCTS, _N_CATEGORIES = 5000, 60
_LINE_RETURNED, _ORDER_RETURNED, _SLOWEST_RETURN_DAYS = 0.04, 0.01, 30
_ROWS_A_GROUP = 250_000
_DESCRIPTION = "shop.json"
_SECONDS_A_DAY = 86_400

_LINE = np.dtype([
    ("customer", "i4"), ("order", "i8"), ("product", "i4"), ("second", "i4"),
    ("quantity", "f8"), ("unit_price", "f8"), ("discount", "f8"),
])  # fmt: skip
_Lines = npt.NDArray[np.void]
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BenchmarkShop:
    """Where a shop's files lie: a Parquet file of order lines a month, the last day in its own.

    Attributes
    ----------
    lines
        Order lines written, returns included.
    """

    folder: Path
    lines: int

    @property
    def orders(self) -> str:
        """Glob of all order lines."""
        return str(self.folder / "orders" / "*.parquet")

    @property
    def products(self) -> Path:
        """The catalogue with its costs."""
        return self.folder / "products.parquet"

    @property
    def last_day(self) -> Path:
        """The one file that a refresh finds new."""
        return self.folder / "orders" / f"{LAST_DAY}.parquet"


def benchmark_shop(
    folder: Path, n_lines: int, seed: int = 1, progress: Progress = silent
) -> BenchmarkShop:
    """Return the shop of about ``n_lines`` order lines in ``folder``; write it if needed."""
    description = folder / _DESCRIPTION
    wanted = {"asked": n_lines, "seed": seed}
    if description.is_file():
        stored = json.loads(description.read_text(encoding="utf-8"))
        if {name: stored.get(name) for name in wanted} == wanted:
            return BenchmarkShop(folder, stored["lines"])
        description.unlink()
    (folder / "orders").mkdir(parents=True, exist_ok=True)
    written = _write(folder, n_lines, np.random.default_rng(seed), progress)
    description.write_text(json.dumps({**wanted, "lines": written}) + "\n", encoding="utf-8")
    return BenchmarkShop(folder, written)


def open_shop_files(folder: Path) -> BenchmarkShop:
    """Return the shop that was written to ``folder``."""
    stored = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    return BenchmarkShop(folder, stored["lines"])


def _write(folder: Path, n_lines: int, rng: np.random.Generator, progress: Progress) -> int:
    prices = np.round(rng.lognormal(2.5, 0.8, _N_PRODUCTS), 2) + 0.5
    _write_products(folder / "products.parquet", prices, rng)
    population = round(n_lines / _LINES_A_CUSTOMER / _SHARE_EVER_ORDERING)
    customers = _Customers.draw(max(population, 1), rng)
    customer_ids = _ids("C", np.arange(customers.number), 7)
    product_ids = _ids("P", np.arange(_N_PRODUCTS), 5)
    purchases_a_day = n_lines / (1 + _LINE_RETURNED + _ORDER_RETURNED) / N_DAYS
    tick = progress(f"Writing {n_lines:,} order lines", N_DAYS)
    sent_back: dict[int, list[_Lines]] = {}
    output = _MonthlyFiles(folder / "orders")
    next_order = 0
    for day in range(N_DAYS):
        n_orders = int(rng.poisson(purchases_a_day / _LINES_AN_ORDER))
        orders = np.arange(next_order, next_order + n_orders)
        next_order += n_orders
        bought = _purchases(orders, customers.who_orders(day, n_orders, rng), prices, rng)
        for lag, lines in _returns(bought, rng):
            sent_back.setdefault(day + lag, []).append(lines)
        lines = np.concatenate([bought, *sent_back.pop(day, [])])
        lines = lines[np.argsort(lines["second"], kind="stable")]
        output.write(day, _table(day, lines, customer_ids, product_ids))
        tick()
    output.close()
    return output.rows


@dataclass(frozen=True)
class _Customers:
    """How often each orders, and from which day to which."""

    rates: _Floats
    joined: _Floats
    left: _Floats

    @classmethod
    def draw(cls, number: int, rng: np.random.Generator) -> _Customers:
        """Half have been there before the first day; they stay 600 days on average."""
        joined = rng.uniform(-N_DAYS, N_DAYS, number)
        return cls(rng.gamma(0.8, size=number), joined, joined + rng.exponential(600, number))

    @property
    def number(self) -> int:
        return len(self.rates)

    def who_orders(self, day: int, n_orders: int, rng: np.random.Generator) -> _Ints:
        """Draw customers in proportion to their rates among those who are there."""
        there = (self.joined <= day) & (day < self.left)
        cumulated = np.cumsum(np.where(there, self.rates, 0.0))
        return np.searchsorted(cumulated, rng.uniform(0, cumulated[-1], n_orders), side="right")


def _purchases(
    orders: _Ints, customers: _Ints, prices: _Floats, rng: np.random.Generator
) -> _Lines:
    """Fill the day's orders with lines."""
    sizes = 1 + rng.poisson(_LINES_AN_ORDER - 1, len(orders))
    hours = rng.integers(0, _SECONDS_A_DAY, len(orders))
    lines = np.empty(int(sizes.sum()), dtype=_LINE)
    lines["order"], lines["customer"] = np.repeat(orders, sizes), np.repeat(customers, sizes)
    lines["second"] = np.repeat(hours, sizes)
    lines["product"] = _products(lines["customer"], rng)
    lines["quantity"] = rng.geometric(0.6, len(lines))
    lines["unit_price"] = prices[lines["product"]]
    rate = np.where(rng.random(len(lines)) < 0.2, rng.uniform(0.05, 0.3, len(lines)), 0.0)
    lines["discount"] = np.round(lines["quantity"] * lines["unit_price"] * rate, 2)
    return lines


def _products(customers: _Ints, rng: np.random.Generator) -> _Ints:
    """Draw products: the first are the most popular, and a product's category is id modulo 60."""
    popular = (rng.random(len(customers)) ** 2 * _N_PRODUCTS).astype(np.int64)
    favourite = (customers * 7919 + rng.integers(0, 3, len(customers)) * 31) % _N_CATEGORIES
    # Integer division keeps the product's rank within its category; the last step may not exist.
    in_favourite = np.minimum(popular // _N_CATEGORIES, _N_PRODUCTS // _N_CATEGORIES - 1)
    own = in_favourite * _N_CATEGORIES + favourite
    return np.where(rng.random(len(customers)) < 0.5, own, popular)


def _returns(bought: _Lines, rng: np.random.Generator) -> list[tuple[int, _Lines]]:
    """Choose what will be sent back, with the days until then; an order's lines go together."""
    first = np.flatnonzero(np.diff(bought["order"], prepend=-1))
    sizes = np.diff(np.append(first, len(bought)))
    lags = np.repeat(rng.integers(1, _SLOWEST_RETURN_DAYS + 1, len(first)), sizes)
    wholly = np.repeat(rng.random(len(first)) < _ORDER_RETURNED, sizes)
    chosen = wholly | (rng.random(len(bought)) < _LINE_RETURNED)
    lines, lags = bought[chosen], lags[chosen]
    lines["quantity"] *= -1
    lines["second"] = (lines["second"] + _SECONDS_A_DAY // 4) % _SECONDS_A_DAY
    return [(int(lag), lines[lags == lag]) for lag in np.unique(lags)]


def _ids(prefix: str, numbers: _Ints, digits: int) -> pa.Array:
    padded = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), digits, "0")
    return pc.binary_join_element_wise(prefix, padded, "")


def _table(day: int, lines: _Lines, customer_ids: pa.Array, product_ids: pa.Array) -> pa.Table:
    midnight = np.datetime64(_FIRST_DAY, "us") + np.timedelta64(day, "D")
    seconds = lines["second"].astype("timedelta64[s]")
    return pa.table({
        C.ORDER_ID: _ids("O", lines["order"], 8),
        C.CUSTOMER_ID: customer_ids.take(pa.array(lines["customer"])),
        C.PRODUCT_ID: product_ids.take(pa.array(lines["product"])),
        C.TS: pa.array(midnight + seconds, pa.timestamp("us")),
        C.QUANTITY: lines["quantity"],
        C.UNIT_PRICE: lines["unit_price"],
        C.DISCOUNT: lines["discount"],
    })  # fmt: skip


def _write_products(path: Path, prices: _Floats, rng: np.random.Generator) -> None:
    numbers = np.arange(_N_PRODUCTS)
    costs = np.round(prices * rng.uniform(0.4, 0.8, _N_PRODUCTS), 2)
    table = pa.table({
        C.PRODUCT_ID: _ids("P", numbers, 5),
        C.CATEGORY: _ids("K", numbers % _N_CATEGORIES, 2),
        C.LIST_PRICE: prices,
        C.UNIT_COST: costs,
    })  # fmt: skip
    pq.write_table(table, path)


class _MonthlyFiles:
    """Collects days into row groups of a sane size, and row groups into a file a month."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = 0
        self._name = ""
        self._waiting: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None

    def write(self, day: int, table: pa.Table) -> None:
        when = _FIRST_DAY + timedelta(days=day)
        name = str(when) if when == LAST_DAY else f"{when:%Y-%m}"
        if name != self._name:
            self.close()
            self._name = name
        self._waiting.append(table)
        self.rows += table.num_rows
        if sum(part.num_rows for part in self._waiting) >= _ROWS_A_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            if self._writer is None:
                path = self.folder / f"{self._name}.parquet"
                self._writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            self._writer.write_table(table, row_group_size=table.num_rows)
            self._waiting = []
