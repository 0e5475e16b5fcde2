"""The subset in Polars: lazy queries on the streaming engine, cutoffs side by side.

Roll-ups are collected once, together, so that the files are read once; each cutoff is then a
lazy query over them, and all are collected together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from benchmarks.feature_engine.contender import Task, run_job
from benchmarks.feature_engine.subset import WINDOWS_DAYS
from features.rollup import to_epoch_day


@dataclass(frozen=True)
class RolledUp:
    """What does not depend on the cutoff; days are whole numbers."""

    moves: pl.LazyFrame
    customer_days: pl.LazyFrame
    first_bought: pl.LazyFrame
    category_days: pl.LazyFrame


def scan_lines(task: Task) -> pl.LazyFrame:
    """Price the order lines."""
    quantity, revenue = pl.col("quantity"), pl.col("revenue")
    discount = pl.col("discount").fill_null(0.0).abs() * quantity.sign()
    products = pl.scan_parquet(task.shop.products).select("product_id", "category", "unit_cost")
    return (
        pl.scan_parquet(task.shop.orders)
        .join(products, on="product_id", how="left")
        .with_columns(
            revenue=quantity * pl.col("unit_price") - discount,
            day=pl.col("ts").dt.date().to_physical(),
            category=pl.col("category").fill_null("unknown"),
        )
        .with_columns(
            margin=(revenue - quantity * pl.col("unit_cost")).fill_null(revenue * 0.3),
            return_lines=(quantity <= 0).cast(pl.Int32),
            refunds=pl.when(quantity <= 0).then(-revenue).otherwise(0.0),
        )
    )


def roll_up(lines: pl.LazyFrame) -> RolledUp:
    """Add up lines by order and day, and from there by customer and day."""
    measures = [pl.col("revenue", "margin", "quantity", "return_lines", "refunds").sum()]
    bought = lines.filter(pl.col("return_lines") == 0)
    moves, first_bought, category_days = pl.collect_all(
        [
            lines.group_by("customer_id", "order_id", "day").agg(*measures, lines=pl.len()),
            bought.group_by("customer_id", "product_id")
            .agg(pl.col("day").min())
            .group_by("customer_id", "day")
            .agg(products=pl.len()),
            bought.group_by("customer_id", "category", "day").agg(pl.col("revenue").sum()),
        ],
        engine="streaming",
    )
    first_day = pl.col("day") == pl.col("day").min().over("customer_id", "order_id")
    moves = moves.sort("customer_id", "day").with_columns(is_first_day=first_day)
    days = moves.lazy().group_by("customer_id", "day").agg(*measures, pl.col("lines").sum())
    return RolledUp(moves.lazy(), days.collect().lazy(), first_bought.lazy(), category_days.lazy())


def vectors_at(rolled: RolledUp, as_of: date) -> pl.LazyFrame:
    """Return the query for one cutoff's vectors."""
    as_of_day = to_epoch_day(as_of)
    vectors = _money(rolled, as_of_day)
    for part in (_orders_and_rhythm, _products, _categories):
        vectors = vectors.join(part(rolled, as_of_day), on="customer_id", how="left")
    return vectors.with_columns(as_of=pl.lit(as_of))


def _seen(rolled: pl.LazyFrame, as_of_day: int) -> pl.LazyFrame:
    seen = rolled.filter(pl.col("day") < as_of_day)
    return seen.with_columns(age=as_of_day - pl.col("day"))


def _windows(name: str, days: str) -> list[pl.Expr]:
    return [
        (pl.col(name) * (pl.col("age") <= window)).sum().alias(f"{days}_{window}d")
        for window in WINDOWS_DAYS
    ]


def _money(rolled: RolledUp, as_of_day: int) -> pl.LazyFrame:
    returned = pl.col("return_lines") > 0
    sums = (
        _seen(rolled.customer_days, as_of_day)
        .group_by("customer_id")
        .agg(
            pl.col("revenue").sum().alias("revenue_lifetime"),
            pl.col("margin").sum().alias("margin_lifetime"),
            *_windows("revenue", "revenue"),
            *_windows("margin", "margin"),
            pl.col("return_lines", "lines").sum(),
            pl.col("refunds").sum().alias("refunds_lifetime"),
            pl.when(returned).then("age").min().alias("last_return_days"),
        )
    )
    bought_lines = pl.col("lines") - pl.col("return_lines")
    rate = pl.when(bought_lines > 0).then(pl.col("return_lines") / bought_lines)
    return sums.with_columns(return_line_rate=rate).drop("lines")


def _orders_and_rhythm(rolled: RolledUp, as_of_day: int) -> pl.LazyFrame:
    known = _seen(rolled.moves, as_of_day)
    net = pl.col("revenue").sum().over("customer_id", "order_id")
    orders = (
        known.filter(pl.col("is_first_day") & (net >= 0.005))
        .sort("customer_id", "day")
        .with_columns(gap=pl.col("day").diff().over("customer_id"), orders=1)
        # Two orders of one day are no gap.
        .with_columns(gap=pl.when(pl.col("gap") > 0).then("gap"))
    )
    facts = orders.group_by("customer_id").agg(
        pl.col("age").min().alias("recency_days"),
        pl.col("age").max().alias("first_order_days"),
        pl.len().alias("orders_lifetime"),
        pl.col("revenue").mean().alias("order_value_mean"),
        pl.col("revenue").max().alias("order_value_max"),
        *_windows("orders", "orders"),
        pl.col("lines").mean().alias("lines_per_order"),
        pl.col("quantity").mean().alias("units_per_order"),
        ((pl.col("day") + 3) % 7 >= 5).mean().alias("weekend_share"),
        (pl.col("gap").count() + 1).alias("order_days"),
        pl.col("gap").mean().alias("gap_mean_days"),
        pl.col("gap").median().alias("gap_median_days"),
        pl.col("gap").max().alias("gap_max_days"),
        pl.col("gap").std().alias("gap_deviation"),
    )
    return facts.with_columns(
        orders_trend=2 * pl.col("orders_90d") - pl.col("orders_180d"),
        gap_variation=pl.col("gap_deviation") / pl.col("gap_mean_days"),
        overdue_ratio=pl.col("recency_days") / pl.col("gap_mean_days"),
    ).drop("gap_deviation")


def _products(rolled: RolledUp, as_of_day: int) -> pl.LazyFrame:
    first = _seen(rolled.first_bought, as_of_day)
    return first.group_by("customer_id").agg(pl.col("products").sum().alias("products_bought"))


def _categories(rolled: RolledUp, as_of_day: int) -> pl.LazyFrame:
    days = _seen(rolled.category_days, as_of_day)
    spend = days.group_by("customer_id", "category").agg(pl.col("revenue").sum().clip(0.0))
    return spend.group_by("customer_id").agg(
        categories_bought=pl.len(),
        top_category_share=pl.col("revenue").max() / pl.col("revenue").sum(),
    )


def subset(task: Task) -> None:
    """Build all cutoffs' queries over the same roll-ups and write what they give."""
    rolled = roll_up(scan_lines(task))
    vectors = pl.concat([vectors_at(rolled, as_of) for as_of in task.cutoffs])
    vectors.sink_parquet(task.output, engine="streaming")


if __name__ == "__main__":
    run_job({"subset": subset})
