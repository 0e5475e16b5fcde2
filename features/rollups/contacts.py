"""Contacts: sent, opened, accepted, each a fact of its own day.

Held-out customers received nothing and have no row: being held out is chance, and says nothing
about a customer.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import Rollup, Tables, epoch_day
from features.settings import ShopSettings
from features.vocabulary import Columns as C

MOVES = ("reached", "opened", "accepted")


def contact_moves(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per contact sent, one more when it was opened, one more when it was accepted.

    The contacts table holds an outcome beside its contact, though it came later. In a row of its
    own it is known from its own day, not from the day on which the contact was sent.
    """
    contacts = tables["contacts"]
    reached = contacts.filter(contacts[C.TREATED])
    sent = _moves(reached, C.TS, "reached")
    opened = _moves(reached.filter(reached[C.OPENED_AT].notnull()), C.OPENED_AT, "opened")
    accepted = _moves(reached.filter(reached[C.ACCEPTED_AT].notnull()), C.ACCEPTED_AT, "accepted")
    return sent.union(opened).union(accepted)


def _moves(contacts: ir.Table, moment: str, move: str) -> ir.Table:
    """Return one row per contact for what happened to it at ``moment``."""
    sent_on, day = epoch_day(contacts[C.TS]), epoch_day(contacts[moment])
    cost = contacts[C.COST] if move == "reached" else ibis.null().cast("float64")
    return contacts.select(
        C.CUSTOMER_ID,
        C.CHANNEL,
        sent_on=sent_on,
        day=day,
        # Two clocks may date an outcome before its contact: then it is known with the contact.
        known_from=ibis.greatest(sent_on, day),
        cost=cost,
        **{name: ibis.literal(int(name == move), "int64") for name in MOVES},
    )


ROLLUPS = (
    Rollup(
        "contact_moves",
        "contacts of each customer: sent, opened, accepted",
        reads=("contacts",),
        build=contact_moves,
    ),
)
