"""Cross-sell as retention, on the simulated shop: the claim raw, adjusted, and the truth.

In the simulated shop what a customer has bought changes nothing about when that customer drops
out: the true effect of one more category is zero. Those with more categories do churn less, as
they are the ones who buy often. The vectors at one cutoff adjust for that; columns that only say
the number of categories in other words are left out of them.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.table import Row
from features.engines import open_engine
from features.family import discover_families
from features.labels import build_labels
from features.prepare import prepare
from features.progress import Progress
from features.settings import DataSettings
from features.simulate import ShopPlan, write_shop
from features.vectors import build_vectors
from features.vocabulary import TABLES
from features.vocabulary import Columns as C
from models.tabular import Encoder
from models.uplift.cross_sell import Step, cross_sell_effect, cross_sell_report
from regulars.console import progress_bars, show_frame

_PLAN = ShopPlan(n_customers=8_000)
_HORIZON_DAYS = 90
_HELD = "categories_bought"
_SAME_IN_OTHER_WORDS = {
    _HELD, "category_entropy", "top_category_share", "product_dependency", "products_bought",
    "categories_per_order",
}  # fmt: skip
_MOST = 9
_TRUTH = 0.0


def rows(progress: Progress) -> list[Row]:
    """Return how far the adjusted claim is from the truth, beside the raw one."""
    steps = study(progress)
    weights = np.array([step.customers for step in steps], dtype=np.float64)
    raw, adjusted = (
        float(np.average([each.value for each in effects], weights=weights))
        for effects in ([step.raw for step in steps], [step.adjusted for step in steps])
    )
    covered = np.mean([step.adjusted.low <= _TRUTH <= step.adjusted.high for step in steps])
    return [
        Row(
            "cross-sell: |adjusted - true| change in churn by one more category",
            abs(adjusted - _TRUTH),
            "<=",
            abs(raw - _TRUTH) / 2,
            {
                "raw": raw,
                "adjusted": adjusted,
                "true": _TRUTH,
                "raw intervals that hold the truth": float(
                    np.mean([step.raw.low <= _TRUTH <= step.raw.high for step in steps])
                ),
                "adjusted intervals that do": float(covered),
            },
        )
    ]


def study(progress: Progress) -> list[Step]:
    """Simulate a shop and estimate the effect of each further category."""
    tick = progress("Cross-sell: a simulated shop", 4)
    now = datetime.now(UTC).replace(tzinfo=None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shop(_PLAN, folder / "data")
        tick()
        tables = {table: {"path": f"data/{table}/*.parquet"} for table in TABLES}
        settings = DataSettings.model_validate({"tables": tables, "base": folder})
        with open_engine(settings.engine, folder / "spill") as engine:
            prepared = prepare(engine, settings, now)
            tick()
            cutoff = prepared.today - timedelta(days=_HORIZON_DAYS)
            vectors = build_vectors(engine, prepared.rollups, discover_families(), [cutoff])
            labels = build_labels(
                engine, prepared.rollups, [cutoff], _HORIZON_DAYS,
                lookback_days=settings.shop.lookback_days,
                yearly_discount_rate=settings.shop.discount_rate,
            )  # fmt: skip
            tick()
    table = labels.merge(vectors.frame, on=[C.CUSTOMER_ID, C.AS_OF], validate="one_to_one")
    known = [column for column in vectors.columns if column.name not in _SAME_IN_OTHER_WORDS]
    encoder = Encoder.fit(table, known)
    steps = cross_sell_effect(
        encoder.transform(table),
        table[_HELD].to_numpy(dtype=np.int64),
        table["churned"].to_numpy(dtype=np.float64),
        categorical=encoder.categorical_positions,
        most=_MOST,
    )
    tick()
    return steps


def main() -> None:
    """Print the report beside the truth."""
    console = Console(width=170, highlight=False)
    with progress_bars(console) as progress:
        steps = study(progress)
    shown = cross_sell_report(steps).drop(columns="because").round(4)
    shown.insert(9, "true", _TRUTH)
    show_frame(console, shown, "Change in P(churned) by one more category: raw, adjusted, true")


if __name__ == "__main__":
    main()
