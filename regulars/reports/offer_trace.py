"""The work of `regulars why`: one decision in full, offer by offer and term by term."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import orjson
import sqlalchemy as sql
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from features.errors import BundleError, DataError
from features.progress import silent
from models.bundle.folder import list_versions, read_bundle
from models.bundle.manifest import Manifest
from regulars.decisions import NO_OFFERS, open_decisions
from regulars.server import existing_store
from regulars.settings import Settings
from serving.decisions.gates.contact_policy import NO_CONTACTS
from serving.decisions.gates.moment import Context
from serving.decisions.learning.logged_choices import read_trace_record
from serving.decisions.next_best_offer import next_best_offer
from serving.decisions.offer_outcome import Decider, OfferAsk
from serving.decisions.offers import OfferBook, open_offer_book
from serving.decisions.policies.experiments import Experiments
from serving.decisions.terms import Terms
from serving.decisions.traces.gate_trace import TraceEntry
from serving.decisions.traces.logged_trace import read_trace
from serving.storage.store_tables import DECISIONS

_MONEY: Final = (
    ("discount", "- price cut, expected"),
    ("acceptance_cost", "- cost of an acceptance, expected"),
    ("contact_cost", "- contact"),
    ("retention", "+ uplift x remaining value"),
    ("breadth", "+ P(accept) x breadth effect x remaining value"),
    ("offer_value", "= offer value"),
)


@dataclass(frozen=True)
class DecisionReport:
    """One decision, ready to be printed."""

    decision_id: str
    customer_id: str | None
    at: datetime
    channel: str
    variant: str
    manifest: Manifest
    actions: Sequence[tuple[str, Terms]]
    trace: Sequence[TraceEntry]
    considered: int


def show_decision(
    console: Console,
    settings: Settings,
    customer_id: str,
    channel: str,
    as_of: date | None,
    now: datetime,
    offer_id: str | None,
) -> None:
    """Decide for one customer by the bundle's scores and print why; nothing is logged or sent."""
    opened = open_decisions(settings, channel, as_of, now, silent)
    inputs, at = opened.inputs, opened.situation
    if inputs.catalogue.customers.position(customer_id) is None:
        raise DataError(
            f"customer {customer_id} is not in the bundle",
            "check the id, or run `regulars train` on newer orders",
        )
    _require_offer(inputs.book, offer_id)
    policy = Experiments(settings.serving).policy_of(customer_id, at.now.date())
    past = at.history.get(customer_id, NO_CONTACTS)
    outcome = next_best_offer(
        inputs,
        at.shoppers.find(customer_id),
        OfferAsk(customer_id, channel=channel),
        Decider(f"{customer_id} {at.now}", at.now, policy, past),
    )
    report = DecisionReport(
        "not logged",
        customer_id,
        at.now,
        channel,
        outcome.chosen.variant,
        inputs.catalogue.manifest,
        [
            (_action_name(item.name, item.offer_id, item.product_id), item.terms)
            for item in outcome.items
        ],
        outcome.trace(offer_id),
        outcome.considered,
    )
    _print(console, report)


def show_logged_decision(
    console: Console, settings: Settings, decision_id: str, offer_id: str | None
) -> None:
    """Print why a decision of the log was made, by the offers of its own bundle."""
    with existing_store(settings) as store:
        wanted = sql.select(DECISIONS).where(DECISIONS.c.id == decision_id)
        rows = [] if store is None else [dict(row) for row in store.rows(wanted)]
    record = read_trace_record(rows[0]["choices"] or "[]") if rows else None
    if record is None:
        raise DataError(
            f"no decision {decision_id} is logged with a trace of its offers",
            "take the decision_id of an answer about offers",
        )
    (row,) = rows
    version = row["model_version"]
    if version not in list_versions(settings.bundles):
        raise BundleError(
            f"bundle {version}, which was decided on, is no longer in {settings.bundles}",
            "its offers' rules are there alone; `regulars evaluate policy` needs none of them",
        )
    bundle = read_bundle(settings.bundles / version)
    sent, items = row["context"], orjson.loads(row["answer"])["items"]
    placements = sent.get("placements") or [None]
    context = Context(sent.get("channel", "web"), placements[0], sent)
    at = row["ts"].replace(tzinfo=UTC)
    book, currency = open_offer_book(bundle), bundle.manifest.currency
    _require_offer(book, offer_id)
    entries = read_trace(book, record, context, at, items, currency)
    report = DecisionReport(
        decision_id,
        row["customer_id"],
        at,
        context.channel,
        row["variant"],
        bundle.manifest,
        [
            (_action_name(item["name"], item["offer_id"], item["product_id"]),
             Terms(**item["terms"]))
            for item in items
        ],
        [entry for entry in entries if offer_id in (None, entry.offer_id)],
        row["candidates"],
    )  # fmt: skip
    _print(console, report)


def _require_offer(book: OfferBook, offer_id: str | None) -> None:
    known = [offer.offer_id for offer in book.offers]
    if offer_id is not None and offer_id not in known:
        listed = f"choose from {', '.join(known)}" if known else NO_OFFERS
        raise DataError(f"there is no offer {offer_id} in the bundle", listed)


def _action_name(name: str | None, offer_id: str | None, product_id: str | None) -> str:
    return name or offer_id or product_id or "do nothing"


def _print(console: Console, report: DecisionReport) -> None:
    manifest = report.manifest
    console.print(
        f"[bold]Customer {escape(str(report.customer_id))}[/] by {escape(report.channel)} at "
        f"{report.at:%Y-%m-%d %H:%M} UTC; bundle {manifest.version}, as of {manifest.as_of}; "
        f"policy {report.variant}; decision {report.decision_id}"
    )
    for name, terms in report.actions:
        _print_action(console, name, terms, report.considered)
    if not report.trace:
        console.print(escape(NO_OFFERS))
        return
    table = Table(title="Every offer: where it stopped, and why", title_justify="left")
    for column in ("offer", "gate", "code", f"worth, {manifest.currency}", "why"):
        table.add_column(column, justify="right" if column.startswith("worth") else "left")
    for entry in report.trace:
        worth = "" if entry.offer_value is None else f"{entry.offer_value:.2f}"
        cells = (f"{entry.offer_id}: {entry.name}", entry.gate, entry.code, worth, entry.reason)
        table.add_row(*map(escape, cells), style="bold" if entry.made else None)
    console.print(table)
    _print_terms(console, report.trace)


def _print_action(console: Console, name: str, terms: Terms, considered: int) -> None:
    console.print(
        f"[bold]Decided: {escape(name)}[/], worth {terms.offer_value:.2f} {terms.currency} "
        f"({terms.offer_value_lower:.2f} to {terms.offer_value_upper:.2f}), the most of "
        f"{considered} actions; evidence of retention: {terms.evidence}"
    )


def _print_terms(console: Console, trace: Iterable[TraceEntry]) -> None:
    """Print the terms of the offers that were priced, side by side."""
    priced = [(entry, entry.terms) for entry in trace if entry.terms is not None]
    if not priced:
        return
    table = Table(title="What the offers that passed are worth, term by term", title_justify="left")
    table.add_column("term")
    for entry, _ in priced:
        table.add_column(escape(entry.offer_id), justify="right")
    table.add_row("P(accept)", *(f"{terms.p_accept:.4f}" for _, terms in priced))
    table.add_row("   based on", *(terms.acceptance_basis for _, terms in priced))
    table.add_row("margin of an acceptance", *(f"{terms.margin:.4f}" for _, terms in priced))
    earned = (f"{terms.p_accept * terms.margin:.4f}" for _, terms in priced)
    table.add_row("P(accept) x margin", *earned)
    for field, label in _MONEY:
        table.add_row(label, *(f"{getattr(terms, field):.4f}" for _, terms in priced))
    table.add_row("   from", *(f"{terms.offer_value_lower:.4f}" for _, terms in priced))
    table.add_row("   to", *(f"{terms.offer_value_upper:.4f}" for _, terms in priced))
    for name in ("retention", "breadth"):
        bounds = [
            (getattr(terms, f"{name}_lower"), getattr(terms, f"{name}_upper"))
            for _, terms in priced
        ]
        shown = ["" if low is None else f"{low:.4f} to {high:.4f}" for low, high in bounds]
        table.add_row(f"{name}, 95 %", *shown)
    table.add_row("evidence of retention", *(terms.evidence for _, terms in priced))
    table.add_row("evidence of breadth", *(terms.breadth_evidence or "" for _, terms in priced))
    console.print(table)
