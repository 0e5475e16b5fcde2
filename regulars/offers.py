"""The work of `regulars offers`: read and check the file of offers, put it into the bundle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from features.wording import counted
from models.bundle.folder import Bundle, activate, current_version, read_bundle, write_bundle
from models.offers.bundling import with_offers
from models.offers.declarations import (
    Caps,
    Declaration,
    Declarations,
    check_declarations,
    compiled_rules,
    read_declarations,
)
from models.offers.errors import OfferError
from models.offers.schema import rule_schema
from regulars.server import contact_history, erased_customers, served_version
from regulars.settings import Settings

_ALWAYS_GIVEN = {"context.channel", "context.today", "context.hour", "context.weekday"}


def declared_offers(settings: Settings) -> Declarations:
    """Return the offers that the settings name, their rules checked; none where none is named.

    Raises
    ------
    OfferError
        The file is missing, or a declaration or rule in it is wrong.
    """
    if settings.serving.offers is None:
        return Declarations()
    declared = read_declarations(settings.base / settings.serving.offers)
    check_declarations(declared, rule_schema(declared.policy))
    return declared


def check_offers(console: Console, settings: Settings, now: datetime) -> None:
    """Print every offer, its rules as they were read, and how many customers pass its gates.

    Parameters
    ----------
    now
        Naive UTC.
    """
    declared = _must_declare(settings)
    console.print(_offer_table(declared))
    for place, rule in compiled_rules(declared):
        console.print(f"  {escape(place)}: [green]{escape(str(rule))}[/]", soft_wrap=True)
    version = current_version(settings.bundles)
    if version is None:
        console.print("  To count who passes each gate, publish a bundle first: regulars train")
        return
    bundle = with_offers(read_bundle(settings.bundles / version), declared, now)
    console.print(_gate_table(settings, bundle, now.replace(tzinfo=UTC)))
    for notice in _notices(bundle, declared):
        console.print(f"  [yellow]{escape(notice)}[/]", soft_wrap=True)


def apply_offers(console: Console, settings: Settings, now: datetime) -> None:
    """Put the declared offers into a copy of the current bundle and make it current.

    Raises
    ------
    BundleError
        There is none yet.
    """
    from models.bundle.erasure import without_customers

    declared = _must_declare(settings)
    bundle = read_bundle(settings.bundles / served_version(settings))
    bundle = with_offers(bundle, declared, now)
    bundle = without_customers(bundle, erased_customers(settings))
    folder = write_bundle(settings.bundles, bundle)
    activate(settings.bundles, bundle.manifest.version)
    console.print(f"  {counted(bundle.offers.num_rows, 'offer')}, published as {folder}")


def _must_declare(settings: Settings) -> Declarations:
    if settings.serving.offers is None:
        raise OfferError(
            "the settings name no file of offers", 'add [serving] offers = "offers.toml"'
        )
    return declared_offers(settings)


def _offer_table(declared: Declarations) -> Table:
    table = Table(
        title=f"{counted(len(declared.offers), 'offer')}, times in {declared.policy.time_zone}"
    )
    for heading in ("offer", "what", "when", "where", "gives", "caps"):
        table.add_column(heading)
    for offer in declared.offers:
        goods = offer.product_id or offer.category or "anything"
        where = ", ".join([*(offer.channels or ("inbound",)), *offer.placements])
        table.add_row(
            escape(offer.offer_id),
            escape(f"{offer.name} ({goods})"),
            _when(offer),
            escape(where),
            _gives(offer),
            _caps(offer.caps),
        )
    return table


def _when(offer: Declaration) -> str:
    start = f"from {offer.starts_on}" if offer.starts_on else ""
    end = f"to before {offer.ends_on}" if offer.ends_on else ""
    return f"{start} {end}".strip() or "any day"


def _gives(offer: Declaration) -> str:
    parts = {
        f"{offer.discount_rate:.0%} off": offer.discount_rate,
        f"{offer.points:g} points": offer.points,
        f"{offer.contact_cost:g} a contact": offer.contact_cost,
        f"{offer.acceptance_cost:g} an acceptance": offer.acceptance_cost,
        f"up to {offer.budget or 0:g} in all": offer.budget is not None,
    }
    return ", ".join(words for words, is_there in parts.items() if is_there) or "nothing"


def _caps(caps: Caps) -> str:
    limits = [f"{most} in {days} d" for days, most in caps.limits.items()]
    return ", ".join(limits) or "none"


def _gate_table(settings: Settings, bundle: Bundle, now: datetime) -> Table:
    """Count who passes each gate, on the first channel of each offer, as of this moment."""
    from serving.decisions.gates.contact_policy import reach_back
    from serving.decisions.gates.customer_columns import open_customer_columns
    from serving.decisions.gates.gate import gate
    from serving.decisions.gates.moment import Context
    from serving.decisions.offers import open_offer_book
    from serving.products.shoppers import Shoppers

    book = open_offer_book(bundle)
    customers = open_customer_columns(bundle, book.names)
    history = contact_history(settings, now - reach_back(book))
    first = [offer.channels[0] if offer.channels else "web" for offer in book.offers]
    table = Table(title=f"Of {len(customers):,} customers pass, as of {now:%Y-%m-%d %H:%M} UTC")
    for heading in ("offer", "on"):
        table.add_column(heading)
    for heading in ("eligible", "applicable", "suitable", "contact policy"):
        table.add_column(heading, justify="right")
    gates = {
        channel: gate(book, customers, Context(channel), now, Shoppers(), history).gates
        for channel in sorted(set(first))
    }
    for number, offer in enumerate(book.offers):
        stopped = gates[first[number]][:, number]
        passed = [int(((stopped == 0) | (stopped > place)).sum()) for place in (1, 2, 3, 4)]
        counts = [f"{count:,}" for count in passed]
        table.add_row(escape(offer.offer_id), escape(first[number]), *counts)
    return table


def _notices(bundle: Bundle, declared: Declarations) -> Iterator[str]:
    """Yield why a rule cannot be decided for anyone here: what is unknown does not pass."""
    known = {*bundle.customers.column_names, *bundle.vectors.column_names}
    for place, rule in compiled_rules(declared):
        if absent := [n for n in rule.names if n not in known and not n.startswith("context.")]:
            yield f"{place}: {', '.join(absent)} is missing for all: the shop has no such table"
        if asked := [n for n in rule.names if n.startswith("context.") and n not in _ALWAYS_GIVEN]:
            yield f"{place}: {', '.join(asked)} comes with each request; here it counts as missing"
