"""Deciding for 100,000 customers x 50 offers: how long, and how much memory.

In a process of its own, so that the peak is its own. Offers on products, on categories and on
everything, half of them with rules over scores and vectors, five of them with budgets; scores,
candidates and catalogue drawn at random (``benchmarks/serving/synthetic.py``).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.feature_engine.contender import peak_memory_bytes
from benchmarks.serving.synthetic import product_id, publish
from benchmarks.table import Row
from features.progress import Progress, silent
from models.bundle.folder import read_bundle
from models.offers.declarations import Caps, Policy
from models.offers.rules import Rule
from serving.catalogue import open_catalogue
from serving.decisions.bulk.decide import Situation, decide
from serving.decisions.inputs import open_decision_inputs
from serving.decisions.offers import Offer, OfferBook
from serving.products.shoppers import Shoppers

_CUSTOMERS, _PRODUCTS, _OFFERS = 100_000, 5_000, 50
_NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)
_RULES = (
    "orders >= 2",
    "churn_probability > 0.3 and value_if_retained > 20",
    'tier in ["top_10", "top_50"] or feature_3 > 0.5',
    'stage != "lost" and days_since_last_order < 200',
)


def rows(progress: Progress) -> list[Row]:
    """Return the seconds and the memory of deciding for everyone."""
    tick = progress("Deciding for 100,000 customers x 50 offers", 2)
    with tempfile.TemporaryDirectory() as name:
        folder = publish(Path(name), _CUSTOMERS, _PRODUCTS)
        tick()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.decisions.speed", str(folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        tick()
    said = json.loads(done.stdout)
    return [
        Row(
            "speed: seconds to decide for 100,000 customers x 50 offers",
            said["seconds"],
            "<=",
            60.0,
            {key: said[key] for key in ("opened after", "offers made", "with budgets")},
        ),
        Row("speed: peak memory, MB, bundle included", said["megabytes"], "<=", 2_048.0,
            {"before deciding": said["megabytes before"]}),
    ]  # fmt: skip


def offers() -> tuple[Offer, ...]:
    """Return fifty offers of every kind."""
    made = []
    for k in range(_OFFERS):
        rule = Rule(_RULES[k // 2 % len(_RULES)]) if k % 2 else None
        made.append(
            Offer(
                f"O{k:02d}",
                f"Offer {k}",
                product_id=product_id(k * 97 % _PRODUCTS) if k % 3 == 0 else None,
                category=f"Category {k % 40}" if k % 3 == 1 else None,
                discount_rate=0.02 * (k % 6),
                contact_cost=0.01 * (k % 5),
                eligible=rule,
                caps=Caps(week=2) if k % 7 == 0 else Caps(),
                channels=("web",),
                budget=5_000.0 if k % 10 == 0 else None,
            )
        )
    return tuple(made)


def _measure(folder: Path) -> dict[str, float]:
    start = time.perf_counter()
    inputs = open_decision_inputs(open_catalogue(read_bundle(folder)))
    opened, before = time.perf_counter() - start, peak_memory_bytes() / 1e6
    everyone = np.arange(_CUSTOMERS)
    situation = Situation("web", _NOON, Shoppers(), {})

    def seconds(book: OfferBook) -> tuple[float, int]:
        begun, made = time.perf_counter(), 0
        for frame in decide(inputs.with_book(book), everyone, situation, silent):
            made += int((frame["action"] == "offer").sum())
        return time.perf_counter() - begun, made

    free = OfferBook(tuple(replace(offer, budget=None) for offer in offers()), Policy())
    taken, made = seconds(free)
    budgeted, _ = seconds(OfferBook(offers(), Policy()))
    return {
        "seconds": taken,
        "with budgets": budgeted,
        "opened after": opened,
        "offers made": made,
        "megabytes": peak_memory_bytes() / 1e6,
        "megabytes before": before,
    }


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]))))
