"""A simulated shop with known truth: the entry point of :mod:`features.simulation`.

Customers arrive, buy, browse, are sent e-mails at random, return goods, answer surveys, collect
points, hold passes, refer others and one day drop out unseen. The tables look like a shop's own
records; the truth that no shop has comes with them, so that models can be judged by it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from features.errors import DataError
from features.simulation.baskets import fill_baskets
from features.simulation.browsing import browse
from features.simulation.catalogue import (
    Catalogue,
    build_catalogue,
    complements_frame,
    product_truth_frame,
    products_frame,
)
from features.simulation.contacts import campaign_truth_frame, contacts_frame
from features.simulation.contracts import contracts_frame, draw_terms, renewal_truth_frame
from features.simulation.costs import costs_frame, draw_tickets
from features.simulation.customers import customer_truth_frame, draw_customers
from features.simulation.offers import offers_frame
from features.simulation.orders import assign_contacts, draw_orders
from features.simulation.plan import BLOCK_CUSTOMERS, ShopPlan, random_stream
from features.simulation.points import points_frame
from features.simulation.profiles import customers_frame
from features.simulation.referrals import referrals_frame
from features.simulation.returns import draw_returns, first_return_second, orders_frame
from features.simulation.surveys import surveys_frame
from features.simulation.truth import campaign_outcomes, true_churn_probability

__all__ = [
    "ShopPlan",
    "SimulatedChunk",
    "campaign_outcomes",
    "read_plan",
    "simulate",
    "true_churn_probability",
    "write_shop",
]

Frames = dict[str, pd.DataFrame]
_PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class SimulatedChunk:
    """Some customers and all of their records.

    ``tables`` and ``truth`` hold frames by name. The tables that belong to no customer
    (``products``, ``offers``; in the truth ``products``, ``complements``) are only in the first
    chunk. ``n_customers`` is the number of customers in the chunk.
    """

    tables: Frames
    truth: Frames
    n_customers: int


def simulate(plan: ShopPlan, chunk_customers: int = 10_000) -> Iterator[SimulatedChunk]:
    """Simulate a shop chunk by chunk, with memory bounded by the chunk.

    Parameters
    ----------
    plan
        The shop. The same plan gives the same shop whatever the chunks.
    chunk_customers
        Customers per chunk, rounded up to whole blocks of 1,000.
    """
    catalogue = build_catalogue(plan)
    blocks_per_chunk = max(1, -(-chunk_customers // BLOCK_CUSTOMERS))
    for first in range(0, plan.n_blocks, blocks_per_chunk):
        numbers = range(first, min(first + blocks_per_chunk, plan.n_blocks))
        blocks = [_simulate_block(plan, catalogue, number) for number in numbers]
        tables = _concatenate([tables for tables, _ in blocks])
        truth = _concatenate([truth for _, truth in blocks])
        n_customers = len(tables["customers"])
        if first == 0:
            tables |= {"products": products_frame(catalogue, plan), "offers": offers_frame(plan)}
            truth |= {
                "products": product_truth_frame(catalogue),
                "complements": complements_frame(catalogue),
            }
        yield SimulatedChunk(tables, truth, n_customers)


def write_shop(
    plan: ShopPlan, folder: Path, progress: Callable[[int, int], None] | None = None
) -> None:
    """Simulate a shop into a folder of Parquet, all or nothing.

    Writes ``<table>/part-00000.parquet`` and so on, one part per chunk, ``truth/<table>/``
    likewise, and ``plan.json``. The folder appears once it is complete; an earlier simulated shop
    of the same name is replaced.

    Parameters
    ----------
    plan
        The shop.
    folder
        Where to write it.
    progress
        Called after each chunk with the numbers of customers done and of all customers.

    Raises
    ------
    DataError
        When the folder holds something that is not a simulated shop.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()) and not (folder / _PLAN_FILE).exists():
        raise DataError(
            f"{folder} is not empty and holds no simulated shop",
            "Choose another folder, or empty this one.",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        shop = Path(temporary) / "shop"
        done = 0
        for part, chunk in enumerate(simulate(plan)):
            _write_part(chunk.tables, shop, part)
            _write_part(chunk.truth, shop / "truth", part)
            done += chunk.n_customers
            if progress is not None:
                progress(done, plan.n_customers)
        text = json.dumps(asdict(plan), default=date.isoformat, indent=1)
        (shop / _PLAN_FILE).write_text(text + "\n", encoding="utf-8")
        if folder.exists():
            shutil.move(folder, Path(temporary) / "replaced")
        shop.rename(folder)


def read_plan(folder: Path) -> ShopPlan:
    """Return the plan of a shop that :func:`write_shop` wrote.

    Raises
    ------
    DataError
        When the folder holds no simulated shop.
    """
    path = Path(folder) / _PLAN_FILE
    if not path.exists():
        raise DataError(f"{folder} holds no simulated shop", "Simulate one into it first.")
    stored = json.loads(path.read_text(encoding="utf-8"))
    return ShopPlan(**stored | {"end": date.fromisoformat(stored["end"])})


def _simulate_block(plan: ShopPlan, catalogue: Catalogue, block: int) -> tuple[Frames, Frames]:
    customers = draw_customers(plan, catalogue, block)
    assignment = assign_contacts(plan, customers, block)
    orders = draw_orders(plan, customers, assignment, block)
    lines, accepted = fill_baskets(plan, catalogue, customers, orders, block)
    returns = draw_returns(plan, catalogue, orders, lines, block)
    first_return = first_return_second(orders, lines, returns)
    terms = draw_terms(plan, customers, orders, block)
    rng = random_stream(plan, "service", block)
    tickets = draw_tickets(plan, orders, first_return, rng)
    truth_customers = customer_truth_frame(plan, customers)
    tables = {
        "orders": orders_frame(plan, customers, orders, lines, returns),
        "customers": customers_frame(plan, customers, block),
        "events": browse(plan, catalogue, customers, orders, lines, block),
        "contacts": contacts_frame(plan, customers, assignment, accepted, block),
        "costs": costs_frame(plan, customers, orders, lines, tickets, block),
        "surveys": surveys_frame(plan, customers, orders, tickets, first_return, rng, block),
        "points": points_frame(plan, customers, orders, lines, rng),
        "contracts": contracts_frame(plan, customers, terms),
        "referrals": referrals_frame(plan, customers, orders, block),
    }
    truth = {
        "customers": truth_customers,
        "campaign_effects": campaign_truth_frame(plan, customers, assignment, truth_customers),
        "renewals": renewal_truth_frame(customers, terms),
    }
    return tables, truth


def _concatenate(blocks: list[Frames]) -> Frames:
    return {
        name: pd.concat([block[name] for block in blocks], ignore_index=True) for name in blocks[0]
    }


def _write_part(frames: Frames, folder: Path, part: int) -> None:
    for name, table in frames.items():
        path = folder / name / f"part-{part:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path, index=False)
