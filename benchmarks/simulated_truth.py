"""The simulated shop: what was learned, beside the simulation's truth.

Compares the AUC of churn scores with that of the true probabilities, which know each customer's own
rates but not who has left, and the cross-sell neighbours with the true complements.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.table import Row, report
from features.simulate import ShopPlan, true_churn_probability, write_shop
from features.vocabulary import Columns as C
from models.metrics.classification import churn_scorecard
from models.recommend.cosine import Cosine
from models.recommend.interactions import Interactions
from regulars.console import progress_bars, show_frame
from regulars.settings import read_settings
from regulars.shop import Shop, open_shop
from training.horizons import Horizons
from training.recommend.purchases import read_purchases
from training.run import run_job
from training.task import TrainingTask

_CONFIG = Path(__file__).parent.parent / "examples" / "simulated_shop" / "regulars.toml"
_HORIZON_DAYS = 90


def last_activity(shop: Shop, as_of: date) -> pd.Series[Any]:
    """Return each customer's last order or event before a date."""
    orders, events = shop.prepared.clean["orders"], shop.prepared.clean["events"]
    bought = orders.filter(orders[C.QUANTITY] > 0).select(C.CUSTOMER_ID, C.TS)
    seen = bought.union(events.select(C.CUSTOMER_ID, C.TS))
    seen = seen.filter(seen[C.TS] < ibis.literal(as_of).cast("timestamp"))
    last = seen.group_by(C.CUSTOMER_ID).aggregate(seen[C.TS].max().name(C.TS))
    return shop.engine.frame(last).set_index(C.CUSTOMER_ID)[C.TS]


def complements(interactions: Interactions, truth: pd.DataFrame) -> pd.DataFrame:
    """Return every true complement with its probability, our estimate and its rank."""
    together = Cosine(basis="orders", neighbours=50).fit(interactions)
    anchors = interactions.product_index(truth[C.PRODUCT_ID].to_numpy(dtype=str))
    others = interactions.product_index(truth["complement_id"].to_numpy(dtype=str))
    scores = together.similar(anchors, 50).toarray()
    rows = np.arange(len(truth))
    own = scores[rows, others]
    return truth.assign(
        rank=np.where(own > 0, (scores > own[:, None]).sum(axis=1) + 1, np.nan),
        estimated=together.support(anchors).toarray()[rows, others],
    )


def main() -> None:
    """Simulate, learn, compare, print."""
    console = Console(width=150, highlight=False)
    plan = ShopPlan()
    with tempfile.TemporaryDirectory() as folder, progress_bars(console) as progress:
        write_shop(plan, Path(folder) / "data")
        settings = read_settings(_CONFIG).model_copy(update={"base": Path(folder)})
        now = pd.Timestamp(plan.end).to_pydatetime()
        with open_shop(settings, now, progress) as shop:
            horizons = Horizons(_HORIZON_DAYS, "fixed", _HORIZON_DAYS, "fixed")
            task = TrainingTask(
                shop.engine, shop.prepared, settings.shop, settings.training, horizons, plan.end,
                progress,
            )  # fmt: skip
            job = run_job("churn", task)
            activity = last_activity(shop, job.test)
            interactions = read_purchases(shop.engine, shop.prepared.rollups, plan.end)
        truth = pd.read_parquet(Path(folder) / "data" / "truth" / "customers")
        renewals = pd.read_parquet(Path(folder) / "data" / "truth" / "renewals")
        pairs = pd.read_parquet(Path(folder) / "data" / "truth" / "complements")
    known = true_churn_probability(plan, truth, activity, job.test, _HORIZON_DAYS, renewals)
    chances = known.reindex(list(job.contest.customer_ids)).to_numpy()
    best = churn_scorecard(job.contest.actual, chances)
    ours = {name: float(column["churn"]) for name, column in job.scorecard.items()}
    rivals = job.scorecard["roc_auc"].drop("churn")
    found = complements(interactions, pairs)
    show_frame(
        console,
        found.sort_values("probability", ascending=False).head(12).round(3),
        "The strongest true complements and what was learned of them",
    )
    report(
        "simulated_truth",
        f"Simulated shop of {plan.n_customers:,} customers, cutoff {job.test}",
        [
            Row("churn ROC AUC", ours["roc_auc"], ">=", float(rivals.max()),
                {"true probabilities": best["roc_auc"]}),
            Row("churn ECE", ours["ece"], "<=", 0.05, {"true probabilities": best["ece"]}),
            Row("true complements ranked first", (found["rank"] == 1).mean(), ">=", 0.5),
            Row("true complements in the top 3", (found["rank"] <= 3).mean(), ">=", 0.9),
            Row("mean |estimated - true| P(complement)",
                (found["estimated"] - found["probability"]).abs().mean(), "<=", 0.05),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
