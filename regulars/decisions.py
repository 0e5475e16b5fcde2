"""The work of the decision commands: open a bundle and the store, decide, write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from features.errors import BundleError, DataError
from features.progress import Progress
from features.vocabulary import Columns as C
from models.bundle import current_version, list_versions, read_bundle, read_manifest
from models.erasure import erased_positions
from regulars.console import progress_bars
from regulars.files import write_frame, write_frames
from regulars.server import erased_customers, existing_store
from regulars.settings import Settings
from regulars.shop import read_customers
from serving.catalogue import Catalogue, open_catalogue
from serving.decisions.bulk.budget import Limits
from serving.decisions.bulk.decide import Situation, decide
from serving.decisions.bulk.retention_list import RetentionList, retention_list
from serving.decisions.desk import Desk, open_desk
from serving.decisions.gates.contact_policy import Contacted, reach_back
from serving.decisions.policies.experiments import Experiments
from serving.products.shoppers import WISH_DAYS, Shoppers

# What a spreadsheet would take for a formula (OWASP, CSV injection).
_FORMULA = r"^[=+\-@\t\r]"


@dataclass(frozen=True, eq=False)
class Opened:
    """A bundle's desk, and what is known of customers since it was made."""

    desk: Desk
    situation: Situation


def decide_to(
    console: Console,
    settings: Settings,
    out: Path,
    customers: Path | None,
    channel: str,
    as_of: date | None,
    now: datetime,
) -> None:
    """Write the best action of every customer, or of those in a file."""
    wanted = None if customers is None else read_customers(customers)
    with progress_bars(console) as progress:
        opened = open_decisions(settings, channel, as_of, now, progress)
        positions, unknown = _positions(opened.desk.catalogue, wanted)
        positions, held_out = _without_holdout(settings, opened, positions)
        counted: dict[str, int] = {}

        def blocks() -> Iterator[pd.DataFrame]:
            for block in decide(opened.desk, positions, opened.situation, progress):
                for action, count in block["action"].value_counts().items():
                    counted[str(action)] = counted.get(str(action), 0) + int(count)
                yield spreadsheet_safe(block) if out.suffix == ".csv" else block

        write_frames(blocks(), out)
    _say_left_out(console, unknown, held_out)
    said = ", ".join(f"{count:,} x {action}" for action, count in sorted(counted.items()))
    console.print(f"  Wrote {len(positions):,} decisions by {channel} to {out}: {said}")
    _say_evidence(console, opened.desk)


def retention_list_to(
    console: Console,
    settings: Settings,
    out: Path,
    limits: Limits,
    customers: Path | None,
    as_of: date | None,
    now: datetime,
) -> None:
    """Write whom to contact, with what and how, for the best use of contacts and money."""
    wanted = None if customers is None else read_customers(customers)
    with progress_bars(console) as progress:
        opened = open_decisions(settings, "email", as_of, now, progress)
        positions, unknown = _positions(opened.desk.catalogue, wanted)
        positions, held_out = _without_holdout(settings, opened, positions)
        at = opened.situation
        drawn = retention_list(
            opened.desk, positions, limits, at.now, at.shoppers, at.history, progress
        )
    write_frame(spreadsheet_safe(drawn.rows) if out.suffix == ".csv" else drawn.rows, out)
    _say_left_out(console, unknown, held_out)
    _say_list(console, drawn, opened.desk, out)


def open_decisions(
    settings: Settings, channel: str, as_of: date | None, now: datetime, progress: Progress
) -> Opened:
    """Open the bundle to decide on, and what the store knows of customers since.

    Parameters
    ----------
    as_of
        Decide as on this day, by the newest bundle that knew nothing later; now by default.
    now
        Naive UTC.

    Raises
    ------
    BundleError
        There is no bundle, or none that old.
    """
    tick = progress("Bundle and what happened since", 2)
    at = now.replace(tzinfo=UTC)
    if as_of is not None:
        at = datetime.combine(as_of, time(12), UTC)
    catalogue = open_catalogue(read_bundle(settings.bundles / _version(settings, as_of)))
    tick()
    desk = open_desk(catalogue)
    erased = erased_customers(settings)
    if erased:
        ids = catalogue.bundle.customers.column(C.CUSTOMER_ID).to_pylist()
        catalogue.customers.forgotten.update(erased_positions(ids, erased).tolist())
    with existing_store(settings) as store:
        shoppers, history = Shoppers(), dict[str, Contacted]()
        if store is not None:
            manifest = catalogue.manifest
            since = datetime.combine(manifest.as_of, time(), UTC)
            events = store.shopper_events(since, manifest.created_at, at - WISH_DAYS)
            shoppers = Shoppers(event for event in events if event.ts <= at)
            history = store.contacts.history(None, at - reach_back(desk.book))
    tick()
    return Opened(desk, Situation(channel, at, shoppers, history))


def _version(settings: Settings, as_of: date | None) -> str:
    versions = list_versions(settings.bundles) if settings.bundles.is_dir() else ()
    if not versions:
        raise BundleError(f"there is no bundle in {settings.bundles}", "run `regulars train` first")
    if as_of is None:
        return current_version(settings.bundles) or versions[-1]
    days = {version: read_manifest(settings.bundles / version).as_of for version in versions}
    early = [version for version in versions if days[version] <= as_of]
    if not early:
        raise BundleError(
            f"every bundle knows of days after {as_of}: the first is as of {min(days.values())}",
            f"choose a later day, or run `regulars train --as-of {as_of}`",
        )
    return max(early, key=lambda version: (days[version], versions.index(version)))


def _positions(
    catalogue: Catalogue, wanted: list[str] | None
) -> tuple[NDArray[np.int64], list[str]]:
    """Return where the wanted customers stand, by default all, and who is not there."""
    if wanted is None:
        everyone = np.arange(len(catalogue.customers), dtype=np.int64)
        return np.setdiff1d(everyone, list(catalogue.customers.forgotten)), []
    found = {name: catalogue.customers.position(name) for name in wanted}
    positions = sorted({place for place in found.values() if place is not None})
    if not positions:
        raise DataError(
            "none of the customers asked for is in the bundle",
            "check the ids, or run `regulars train` on newer orders",
        )
    return np.array(positions, dtype=np.int64), [n for n, at in found.items() if at is None]


def _without_holdout(
    settings: Settings, opened: Opened, positions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Return the customers who are not kept from offers by an experiment, and how many are."""
    ids = opened.desk.catalogue.bundle.customers.column(C.CUSTOMER_ID).take(positions)
    day = opened.situation.now.date()
    kept = Experiments(settings.serving).may_be_offered(ids.to_pylist(), day)
    return positions[kept], int((~kept).sum())


def spreadsheet_safe(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with texts that a spreadsheet would run as formulas made plain texts."""
    safe = frame.copy()
    for name in safe.columns:
        if pd.api.types.is_string_dtype(safe[name]) or safe[name].dtype == object:
            texts = safe[name].astype("str")
            risky = texts.str.contains(_FORMULA, regex=True, na=False)
            safe[name] = safe[name].where(~risky, "'" + texts)
    return safe


def _say_list(console: Console, drawn: RetentionList, desk: Desk, out: Path) -> None:
    allocation, currency = drawn.allocation, desk.catalogue.manifest.currency
    console.print(
        f"  Wrote {allocation.contacts:,} of {drawn.considered:,} customers to {out}; "
        f"expected cost {allocation.cost:,.2f} {currency}"
    )
    if not allocation.contacts:
        console.print(
            "  [yellow]Nobody may be contacted with a gain:[/] consent, caps, quiet hours and "
            "rules keep the others; `regulars decide` shows how many offers each one is allowed"
        )
    elif desk.plan.evidence == "risk_only":
        console.print("  Ranked by value at risk: expected_gain is empty")
    else:
        console.print(
            f"  Expected gain {allocation.gain:,.2f} {currency}; no list within these limits "
            f"could be expected to gain more than {allocation.bound:,.2f}"
        )
    _say_evidence(console, desk)


def _say_evidence(console: Console, desk: Desk) -> None:
    manifest = desk.catalogue.manifest
    console.print(f"  Evidence: {manifest.evidence}; {manifest.evidence_because}")


def _say_left_out(console: Console, unknown: list[str], held_out: int) -> None:
    if unknown:
        shown = ", ".join(unknown[:3]) + (" ..." if len(unknown) > 3 else "")
        console.print(f"  [yellow]{len(unknown):,} customers are not in the bundle:[/] {shown}")
    if held_out:
        console.print(f"  {held_out:,} customers are held out by an experiment and get no offer")
