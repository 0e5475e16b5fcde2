"""The subset in DuckDB SQL, written by hand for these columns and nothing else.

What a specialist does: roll lines up once, give customers small whole numbers and keep roll-ups
sorted by them, test windows by multiplication, ask of a category no more than its spend before
each cutoff, and go from cutoff to cutoff, which here beats one pass: the hash tables stay small.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.feature_engine.contender import Task, connect, run_job
from features.rollup import to_epoch_day

_ROLL_UP = """
CREATE TEMP VIEW lines AS
SELECT
    customer_id, order_id, product_id, day, quantity, revenue,
    coalesce(category, 'unknown') AS category,
    coalesce(revenue - quantity * unit_cost, revenue * 0.3) AS margin
FROM (
    SELECT
        o.*, p.category, p.unit_cost,
        (epoch_us(o.ts) // 86400000000)::INTEGER AS day,
        o.quantity * o.unit_price - abs(coalesce(o.discount, 0)) * sign(o.quantity) AS revenue
    FROM read_parquet('{orders}') AS o
    LEFT JOIN read_parquet('{products}') AS p USING (product_id)
)
WHERE day < {last_cutoff};

-- What moved in each order on each day: about a quarter as many rows as lines.
CREATE TEMP TABLE named_moves AS
SELECT
    customer_id, order_id, day,
    sum(revenue) AS revenue,
    sum(margin) AS margin,
    sum(quantity) AS units,
    count(*)::INTEGER AS lines,
    count_if(quantity <= 0)::INTEGER AS return_lines,
    -sum(revenue * (quantity <= 0)::INTEGER) AS refunds
FROM lines
GROUP BY ALL;

CREATE TEMP TABLE customers AS
SELECT customer_id, row_number() OVER (ORDER BY customer_id)::INTEGER AS customer
FROM (SELECT DISTINCT customer_id FROM named_moves);

CREATE TEMP TABLE moves AS
SELECT customer, named_moves.* EXCLUDE (customer_id)
FROM named_moves JOIN customers USING (customer_id)
ORDER BY customer, order_id, day;
DROP TABLE named_moves;

CREATE TEMP TABLE customer_days AS
SELECT
    customer, day,
    sum(revenue) AS revenue,
    sum(margin) AS margin,
    sum(lines - return_lines) AS bought_lines,
    sum(return_lines) AS return_lines,
    sum(refunds) AS refunds
FROM moves
GROUP BY ALL
ORDER BY customer, day;

-- An order keeps the value of its first day, and counts while its moves leave revenue.
CREATE TEMP TABLE orders AS
SELECT * EXCLUDE (net) FROM (
    SELECT
        customer,
        first(day) OVER order_so_far AS day,
        first(revenue) OVER order_so_far AS revenue,
        first(units) OVER order_so_far AS units,
        first(lines) OVER order_so_far AS lines,
        day AS known_from,
        lead(day) OVER order_so_far AS known_until,
        sum(revenue) OVER order_so_far AS net
    FROM moves
    WINDOW order_so_far AS (PARTITION BY customer, order_id ORDER BY day)
)
WHERE net >= 0.005
ORDER BY customer, day;
DROP TABLE moves;

-- A product counts from the first day that it was bought.
CREATE TEMP TABLE first_bought AS
SELECT customer, day, count(*) AS products
FROM (
    SELECT customer_id, product_id, min(day) AS day
    FROM lines WHERE quantity > 0 GROUP BY ALL
) JOIN customers USING (customer_id)
GROUP BY ALL
ORDER BY customer;
"""

_BREADTH = """
CREATE TEMP TABLE breadth AS
WITH categories AS (
    SELECT customer_id, {spend_before}
    FROM lines WHERE quantity > 0
    GROUP BY customer_id, category
)
SELECT
    customer,
    unnest([{cutoffs}]) AS as_of,
    unnest([{numbers}]) AS categories_bought,
    unnest([{top_shares}]) AS top_category_share
FROM categories JOIN customers USING (customer_id)
GROUP BY customer;
"""

_VECTORS = """
COPY (
    WITH money AS (
        SELECT
            customer,
            sum(revenue) AS revenue_lifetime,
            sum(margin) AS margin_lifetime,
            sum(revenue * (age <= 30)::INTEGER) AS revenue_30d,
            sum(revenue * (age <= 90)::INTEGER) AS revenue_90d,
            sum(revenue * (age <= 180)::INTEGER) AS revenue_180d,
            sum(revenue * (age <= 365)::INTEGER) AS revenue_365d,
            sum(margin * (age <= 30)::INTEGER) AS margin_30d,
            sum(margin * (age <= 90)::INTEGER) AS margin_90d,
            sum(margin * (age <= 180)::INTEGER) AS margin_180d,
            sum(margin * (age <= 365)::INTEGER) AS margin_365d,
            sum(return_lines) AS return_lines,
            sum(return_lines) / nullif(sum(bought_lines), 0) AS return_line_rate,
            sum(refunds) AS refunds_lifetime,
            min(CASE WHEN return_lines > 0 THEN age END) AS last_return_days
        FROM (SELECT *, {as_of} - day AS age FROM customer_days WHERE day < {as_of})
        GROUP BY customer
    ),
    placed AS (
        SELECT
            *, {as_of} - day AS age,
            -- Two orders of one day are no gap.
            nullif(day - lag(day) OVER (PARTITION BY customer ORDER BY day), 0) AS gap
        FROM orders
        WHERE known_from < {as_of} AND (known_until IS NULL OR known_until >= {as_of})
    ),
    habits AS (
        SELECT
            customer,
            min(age) AS recency_days,
            max(age) AS first_order_days,
            count(*) AS orders_lifetime,
            avg(revenue) AS order_value_mean,
            max(revenue) AS order_value_max,
            sum((age <= 30)::INTEGER) AS orders_30d,
            sum((age <= 90)::INTEGER) AS orders_90d,
            sum((age <= 180)::INTEGER) AS orders_180d,
            sum((age <= 365)::INTEGER) AS orders_365d,
            2 * orders_90d - orders_180d AS orders_trend,
            count(gap) + 1 AS order_days,
            avg(gap) AS gap_mean_days,
            median(gap) AS gap_median_days,
            max(gap) AS gap_max_days,
            stddev_samp(gap) / avg(gap) AS gap_variation,
            min(age) / avg(gap) AS overdue_ratio,
            avg(((day + 3) % 7 >= 5)::INTEGER) AS weekend_share,
            avg(lines) AS lines_per_order,
            avg(units) AS units_per_order
        FROM placed
        GROUP BY customer
    ),
    products AS (
        SELECT customer, sum(products) AS products_bought
        FROM first_bought WHERE day < {as_of}
        GROUP BY customer
    )
    SELECT
        customer_id,
        DATE '1970-01-01' + {as_of} AS as_of,
        COLUMNS(* EXCLUDE (customer, customer_id, as_of))
    FROM money
    LEFT JOIN habits USING (customer)
    LEFT JOIN products USING (customer)
    LEFT JOIN (FROM breadth WHERE as_of = {as_of}) USING (customer)
    JOIN customers USING (customer)
) TO '{output}' (FORMAT parquet);
"""


def subset(task: Task) -> None:
    """Roll up once, then write one file for each cutoff."""
    connection = connect(task)
    days = [to_epoch_day(cutoff) for cutoff in task.cutoffs]
    files = {"orders": task.shop.orders, "products": task.shop.products}
    connection.execute(_ROLL_UP.format(**files, last_cutoff=max(days)))
    connection.execute(_BREADTH.format(**_by_cutoff(days)))
    task.output.mkdir()
    for day in days:
        connection.execute(_VECTORS.format(as_of=day, output=task.output / f"{day}.parquet"))


def _by_cutoff(days: Sequence[int]) -> dict[str, str]:
    """Write what is asked of each category before each cutoff: one column for each."""
    spend = [f"sum(CASE WHEN day < {day} THEN revenue END) AS before_{day}" for day in days]
    tops = [f"max(before_{d}) / nullif(sum(greatest(before_{d}, 0)), 0)" for d in days]
    return {
        "cutoffs": ", ".join(map(str, days)),
        "spend_before": ", ".join(spend),
        "numbers": ", ".join(f"nullif(count(before_{day}), 0)" for day in days),
        "top_shares": ", ".join(tops),
    }


if __name__ == "__main__":
    run_job({"subset": subset})
