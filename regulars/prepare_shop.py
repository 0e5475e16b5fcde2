"""The work of the commands about records: simulate a shop, check it, refresh it, write vectors."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from rich.console import Console

from features.family import discover_families
from features.simulate import ShopPlan, write_shop
from features.vectors import available_families, write_vectors
from features.wording import counted
from regulars.console import progress_bars, show_checks
from regulars.settings import Settings
from regulars.shop import count_orders, open_shop, open_shop_on

_WORK_DONE = {"kept": "nothing new", "appended": "new files added", "rebuilt": "rebuilt"}


def simulate_shop(console: Console, plan: ShopPlan, folder: Path) -> None:
    """Write a simulated shop's tables and its truth."""
    with progress_bars(console) as progress:
        tick = progress(f"Simulating {counted(plan.n_customers, 'customer')}", plan.n_customers)
        ticks = 0

        def advance(customers_done: int, _customers: int) -> None:
            nonlocal ticks
            for _ in range(customers_done - ticks):
                tick()
            ticks = customers_done

        write_shop(plan, folder, advance)


def check_shop(console: Console, settings: Settings, now: datetime) -> None:
    """Check all tables and print the report."""
    with progress_bars(console) as progress, open_shop(settings, now, progress) as shop:
        prepared, counts = shop.prepared, count_orders(shop)
    show_checks(console, prepared.reports, reused=prepared.reused)
    console.print(
        f"  Orders from {prepared.first_day} to {prepared.last_day}: "
        f"{counted(counts.orders, 'order')} by {counted(counts.customers, 'customer')}, "
        f"{counted(counts.products, 'product')}, revenue {counts.revenue:,.2f} "
        f"{settings.shop.currency} net of returns"
    )
    if any(report.rows_quarantined for report in prepared.reports):
        console.print(
            f"  Rows set aside, with the reasons: {settings.workspace / 'quarantine'}",
            soft_wrap=True,
        )


def refresh_shop(console: Console, settings: Settings, now: datetime, *, rebuild: bool) -> None:
    """Bring tables and roll-ups up to date and print what was done to each."""
    with (
        progress_bars(console) as progress,
        open_shop(settings, now, progress, rebuild=rebuild) as shop,
    ):
        prepared = shop.prepared
    for table, work in prepared.work.items():
        console.print(f"  {table.replace('rollups', 'roll-ups')}: {_WORK_DONE[work]}")
    console.print(f"  Orders from {prepared.first_day} to {prepared.last_day}.")


def write_shop_vectors(
    console: Console, settings: Settings, out: Path, days: list[date], now: datetime
) -> None:
    """Write vectors as of some days, by default the day after the last order."""
    with open_shop_on(console, settings, now) as shop:
        cutoffs = [shop.as_of(day) for day in days] or [shop.as_of(None)]
        families = available_families(discover_families(), shop.prepared.rollups)
        with progress_bars(console) as progress:
            write_vectors(shop.engine, shop.prepared.rollups, families, cutoffs, out, progress)
    columns = sum(len(family.columns) for family in families)
    console.print(
        f"  Wrote {counted(columns, 'column')} of "
        f"{counted(len(families), 'feature family', 'feature families')} at "
        f"{counted(len(cutoffs), 'cutoff')} to {out}"
    )
