"""The work of `regulars decide` and `retention-list`: open bundle and store, decide, write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from features.errors import BundleError, DataError
from features.progress import Progress
from features.vocabulary import Columns as C
from features.wording import counted, first_few
from models.bundle.erasure import erased_positions
from models.bundle.folder import current_version, list_versions, read_bundle, read_manifest
from regulars.console import progress_bars
from regulars.files import write_frame, write_frames
from regulars.reports.empty_list import reasons_of_empty_list
from regulars.server import erased_customers, existing_store
from regulars.settings import Settings
from regulars.shop import read_customers
from serving.catalogue import Catalogue, open_catalogue
from serving.decisions.bulk.budget import Limits
from serving.decisions.bulk.decide import Situation, decide
from serving.decisions.bulk.retention_list import RetentionList, retention_list
from serving.decisions.gates.contact_policy import ContactHistory, reach_back
from serving.decisions.inputs import DecisionInputs, open_decision_inputs
from serving.decisions.policies.experiments import Experiments
from serving.products.shoppers import VISIT_WINDOW, Shoppers

NO_OFFERS = (
    "No offers are declared, so there is none to choose. To have some, declare them in a file "
    "(docs/offers.md), name it under [serving] offers, and run `regulars offers apply`"
)

# Texts that begin so are formulas to a spreadsheet (OWASP, CSV injection).
_FORMULA = r"^[=+\-@\t\r]"


@dataclass(frozen=True, eq=False)
class Opened:
    """A bundle opened for decisions, and what happened to customers since it was made."""

    inputs: DecisionInputs
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
        positions, unknown = _positions(opened.inputs.catalogue, wanted)
        positions, held_out = _without_holdout(settings, opened, positions)
        actions: Counter[str] = Counter()

        def blocks() -> Iterator[pd.DataFrame]:
            for block in decide(opened.inputs, positions, opened.situation, progress):
                actions.update(block["action"].tolist())
                yield spreadsheet_safe(block) if out.suffix == ".csv" else block

        write_frames(blocks(), out)
    _print_left_out(console, unknown, held_out)
    listed = ", ".join(f"{count:,} x {action}" for action, count in sorted(actions.items()))
    decisions = counted(len(positions), "decision")
    console.print(f"  Wrote {decisions} for channel {channel} to {out}: {listed}")
    if not opened.inputs.book.offers:
        console.print(f"  {escape(NO_OFFERS)}")
    _print_evidence(console, opened.inputs)


def retention_list_to(
    console: Console,
    settings: Settings,
    out: Path,
    limits: Limits,
    customers: Path | None,
    as_of: date | None,
    now: datetime,
) -> None:
    """Write the customers to contact, with offer and channel, for the best use of a budget."""
    wanted = None if customers is None else read_customers(customers)
    with progress_bars(console) as progress:
        opened = open_decisions(settings, "email", as_of, now, progress)
        positions, unknown = _positions(opened.inputs.catalogue, wanted)
        positions, held_out = _without_holdout(settings, opened, positions)
        at = opened.situation
        drawn = retention_list(
            opened.inputs, positions, limits, at.now, at.shoppers, at.history, progress
        )
    write_frame(spreadsheet_safe(drawn.rows) if out.suffix == ".csv" else drawn.rows, out)
    _print_left_out(console, unknown, held_out)
    _print_list(console, drawn, opened.inputs, out)


def open_decisions(
    settings: Settings, channel: str, as_of: date | None, now: datetime, progress: Progress
) -> Opened:
    """Open the bundle to decide on, and what the store knows of customers since.

    Parameters
    ----------
    as_of
        Decide as on this day, by the newest bundle made from nothing later; now by default.
    now
        Naive UTC.

    Raises
    ------
    BundleError
        There is no bundle, or none old enough.
    """
    tick = progress("Bundle and what happened since", 2)
    at = now.replace(tzinfo=UTC)
    if as_of is not None:
        at = datetime.combine(as_of, time(12), UTC)
    catalogue = open_catalogue(read_bundle(settings.bundles / _version(settings, as_of)))
    tick()
    inputs = open_decision_inputs(catalogue)
    erased = erased_customers(settings)
    if erased:
        ids = catalogue.bundle.customers.column(C.CUSTOMER_ID).to_pylist()
        catalogue.customers.forgotten.update(erased_positions(ids, erased).tolist())
    with existing_store(settings) as store:
        shoppers, history = Shoppers(), dict[str, ContactHistory]()
        if store is not None:
            manifest = catalogue.manifest
            since = datetime.combine(manifest.as_of, time(), UTC)
            events = store.shopper_events(since, manifest.created_at, at - VISIT_WINDOW)
            shoppers = Shoppers(event for event in events if event.ts <= at)
            history = store.contacts.history(None, at - reach_back(inputs.book))
    tick()
    return Opened(inputs, Situation(channel, at, shoppers, history))


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
    """Return the positions of the wanted customers, by default all, and the unknown ids."""
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
    """Return who is not held out from offers by an experiment, and how many are."""
    ids = opened.inputs.catalogue.bundle.customers.column(C.CUSTOMER_ID).take(positions)
    day = opened.situation.now.date()
    kept = Experiments(settings.serving).may_be_offered(ids.to_pylist(), day)
    return positions[kept], int((~kept).sum())


def spreadsheet_safe(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with an apostrophe before texts that a spreadsheet would run."""
    safe = frame.copy()
    for name in safe.columns:
        if pd.api.types.is_string_dtype(safe[name]) or safe[name].dtype == object:
            texts = safe[name].astype("str")
            risky = texts.str.contains(_FORMULA, regex=True, na=False)
            safe[name] = safe[name].where(~risky, "'" + texts)
    return safe


def _print_list(console: Console, drawn: RetentionList, inputs: DecisionInputs, out: Path) -> None:
    allocation, currency = drawn.allocation, inputs.catalogue.manifest.currency
    console.print(
        f"  Wrote {allocation.contacts:,} of {counted(drawn.considered, 'customer')} to {out}; "
        f"expected cost {allocation.cost:,.2f} {currency}"
    )
    if not allocation.contacts:
        console.print("  [yellow]No contact is both allowed and worth its cost:[/]")
        for reason in reasons_of_empty_list(inputs.catalogue, inputs.book, drawn.stopped):
            console.print(f"    {escape(reason)}")
    elif inputs.plan.evidence == "risk_only":
        console.print("  Ranked by value at risk, as no effect was measured: no expected_gain")
    else:
        console.print(
            f"  Expected gain {allocation.gain:,.2f} {currency}, of at most "
            f"{allocation.bound:,.2f} for any list within these limits"
        )
    _print_evidence(console, inputs)


def _print_evidence(console: Console, inputs: DecisionInputs) -> None:
    manifest = inputs.catalogue.manifest
    console.print(f"  Evidence: {manifest.evidence}; {manifest.evidence_because}")


def _print_left_out(console: Console, unknown: list[str], held_out: int) -> None:
    if unknown:
        console.print(
            f"  [yellow]{len(unknown):,} of the customers asked for are not in the bundle:[/] "
            f"{escape(first_few(unknown))}"
        )
    if held_out:
        console.print(f"  Held out by an experiment, without an offer: {held_out:,}")
