"""The limit: read the raw columns once and add them up by customer. Nobody can do less."""

from __future__ import annotations

from benchmarks.feature_engine.contender import Task, connect, run_job


def scan(task: Task) -> None:
    """Scan and group, whatever the number of cutoffs."""
    connect(task).execute(f"""
        COPY (
            SELECT
                customer_id,
                count(order_id), count(product_id), min(ts), max(ts),
                sum(quantity), sum(unit_price), sum(discount)
            FROM read_parquet('{task.shop.orders}')
            GROUP BY customer_id
        ) TO '{task.output}' (FORMAT parquet)
    """)


if __name__ == "__main__":
    run_job({"subset": scan})
