"""The subset in pandas: lines rolled up once, then vectorised groupbys, one cutoff at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from benchmarks.feature_engine.contender import Task, run_job
from benchmarks.feature_engine.subset import WINDOWS_DAYS
from features.rollup import to_epoch_day

if TYPE_CHECKING:
    from pandas.api.typing import DataFrameGroupBy


@dataclass(frozen=True)
class RolledUp:
    """What does not depend on the cutoff; customers are categories, days whole numbers."""

    moves: pd.DataFrame
    customer_days: pd.DataFrame
    first_bought: pd.DataFrame
    category_days: pd.DataFrame


def read_lines(task: Task) -> pd.DataFrame:
    """Read and price the order lines."""
    lines = pd.read_parquet(task.shop.folder / "orders")
    for name in ("customer_id", "order_id", "product_id"):
        lines[name] = lines[name].astype("category")
    products = pd.read_parquet(task.shop.products).set_index("product_id")
    products = products.reindex(lines["product_id"].cat.categories)
    codes = lines["product_id"].cat.codes.to_numpy()
    unit_cost = products["unit_cost"].to_numpy()[codes]
    lines["category"] = products["category"].fillna("unknown").astype("category").array[codes]
    lines["day"] = lines.pop("ts").to_numpy().astype("datetime64[D]").astype("int32")
    discount = lines.pop("discount").fillna(0.0)
    is_return = lines["quantity"] <= 0
    discount = discount.abs().where(~is_return, -discount.abs())
    lines["revenue"] = lines["quantity"] * lines.pop("unit_price") - discount
    margin = lines["revenue"] - lines["quantity"] * unit_cost
    lines["margin"] = margin.fillna(lines["revenue"] * 0.3)
    lines["return_lines"] = is_return.astype("int32")
    lines["refunds"] = -lines["revenue"].where(is_return, 0.0)
    return lines


def roll_up(lines: pd.DataFrame) -> RolledUp:
    """Add up lines by order and day, and from there by customer and day."""
    grouped = _grouped(lines.assign(lines=1), "customer_id", "order_id", "day")
    measures = ["revenue", "margin", "quantity", "lines", "return_lines", "refunds"]
    moves = grouped[measures].sum().reset_index().sort_values("day", kind="stable")
    moves["order"] = _grouped(moves, "customer_id", "order_id").ngroup()
    moves["is_first_day"] = ~moves["order"].duplicated()
    bought = lines.loc[lines["return_lines"] == 0]
    first_bought = _grouped(bought, "customer_id", "product_id")["day"].min()
    days = _grouped(moves, "customer_id", "day")[measures].sum().reset_index()
    categories = _grouped(bought, "customer_id", "category", "day")["revenue"].sum()
    return RolledUp(moves, days, first_bought.reset_index(), categories.reset_index())


def _grouped(frame: pd.DataFrame, *names: str) -> DataFrameGroupBy[Any, Literal[True]]:
    return frame.groupby(list(names), observed=True, sort=False)


def vectors_at(rolled: RolledUp, as_of_day: int) -> pd.DataFrame:
    """Compute one cutoff's vectors, indexed by customer."""
    parts = (_money, _orders_and_rhythm, _breadth)
    vectors = pd.concat([part(rolled, as_of_day) for part in parts], axis=1)
    # Customers with refunds only, or whose orders were all returned, still have history.
    return vectors.loc[vectors["revenue_lifetime"].notna()]


def _windows(days: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Give each measure a column for each window, nothing where a row is older."""
    columns = {
        f"{name}_{window}d": days[name].where(days["age"] <= window, 0)
        for name in names
        for window in WINDOWS_DAYS
    }
    return days.assign(**columns)


def _money(rolled: RolledUp, as_of_day: int) -> pd.DataFrame:
    days = rolled.customer_days.loc[rolled.customer_days["day"] < as_of_day]
    days = _windows(days.assign(age=as_of_day - days["day"]), ("revenue", "margin"))
    windows = [f"{name}_{w}d" for name in ("revenue", "margin") for w in WINDOWS_DAYS]
    grouped = _grouped(days, "customer_id")
    sums = grouped[[*windows, "revenue", "margin", "lines", "return_lines", "refunds"]].sum()
    bought_lines = sums.pop("lines") - sums["return_lines"]
    returns = days.loc[days["return_lines"] > 0]
    last_return = _grouped(returns, "customer_id")["age"].min()
    renamed = sums.rename(
        columns={
            "revenue": "revenue_lifetime",
            "margin": "margin_lifetime",
            "refunds": "refunds_lifetime",
        }
    )
    return renamed.assign(
        return_line_rate=sums["return_lines"] / bought_lines.where(bought_lines > 0),
        last_return_days=last_return,
    )


def _orders_and_rhythm(rolled: RolledUp, as_of_day: int) -> pd.DataFrame:
    orders = _standing_orders(rolled.moves, as_of_day)
    orders = _windows(orders.assign(age=as_of_day - orders["day"], orders=1), ("orders",))
    orders["weekend"] = (orders["day"] + 3) % 7 >= 5
    grouped = _grouped(orders, "customer_id")
    means = grouped[["weekend", "lines", "quantity"]].mean()
    means.columns = pd.Index(["weekend_share", "lines_per_order", "units_per_order"])
    ages, values = grouped["age"], grouped["revenue"]
    counts = grouped[["orders", *(f"orders_{window}d" for window in WINDOWS_DAYS)]].sum()
    facts = counts.rename(columns={"orders": "orders_lifetime"}).assign(
        recency_days=ages.min(),
        first_order_days=ages.max(),
        order_value_mean=values.mean(),
        order_value_max=values.max(),
        orders_trend=2 * counts["orders_90d"] - counts["orders_180d"],
    )
    gaps = _gaps(orders)
    overdue = facts["recency_days"] / gaps["gap_mean_days"]
    return pd.concat([facts, means, gaps], axis=1).assign(overdue_ratio=overdue)


def _standing_orders(moves: pd.DataFrame, as_of_day: int) -> pd.DataFrame:
    """Return orders as on their first day, of those whose moves so far leave revenue."""
    known = moves.loc[moves["day"] < as_of_day]
    net = known.groupby("order", sort=False)["revenue"].transform("sum")
    return known.loc[known["is_first_day"] & (net >= 0.005)]


def _gaps(orders: pd.DataFrame) -> pd.DataFrame:
    """Describe the gaps between the distinct order days; orders are sorted by day."""
    days = orders[["customer_id", "day"]].drop_duplicates()
    gaps = _grouped(days, "customer_id")["day"].diff()
    grouped = gaps.groupby(days["customer_id"], observed=True, sort=False)
    mean = grouped.mean()
    return pd.DataFrame(
        {
            "order_days": grouped.size(),
            "gap_mean_days": mean,
            "gap_median_days": grouped.median(),
            "gap_max_days": grouped.max(),
            "gap_variation": grouped.std() / mean,
        }
    )


def _breadth(rolled: RolledUp, as_of_day: int) -> pd.DataFrame:
    first = rolled.first_bought.loc[rolled.first_bought["day"] < as_of_day]
    days = rolled.category_days.loc[rolled.category_days["day"] < as_of_day]
    by_category = _grouped(days, "customer_id", "category")
    spend = by_category["revenue"].sum().clip(lower=0).reset_index()
    grouped = _grouped(spend, "customer_id")["revenue"]
    return pd.DataFrame(
        {
            "products_bought": _grouped(first, "customer_id").size(),
            "categories_bought": grouped.size(),
            "top_category_share": grouped.max() / grouped.sum(),
        }
    )


def subset(task: Task) -> None:
    """Compute one cutoff after another and write them together."""
    rolled = roll_up(read_lines(task))
    vectors = {as_of: vectors_at(rolled, to_epoch_day(as_of)) for as_of in task.cutoffs}
    pd.concat(vectors, names=["as_of"]).reset_index().to_parquet(task.output)


if __name__ == "__main__":
    run_job({"subset": subset})
