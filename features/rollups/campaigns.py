"""Campaigns: every contact, made or held out, and when its offer was taken up."""

from __future__ import annotations

import ibis.expr.types as ir

from features.rollup import Rollup, Tables, dated, epoch_day
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def campaign_contacts(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per record of a contact. For labels alone: ``accepted_day`` lies in its future.

    A contact without an id is told apart by its campaign and time. One whose record comes again,
    once its offer was taken up, has two rows: put them together by its id.
    """
    contacts = dated(tables["contacts"])
    unnamed = contacts[C.CAMPAIGN_ID] + " " + contacts[C.TS].epoch_seconds().cast("string")
    return contacts.select(
        C.CUSTOMER_ID,
        C.CAMPAIGN_ID,
        C.OFFER_ID,
        C.CHANNEL,
        C.TREATED,
        contact_id=contacts[C.CONTACT_ID].fill_null(unnamed),
        day=contacts.day,
        known_from=contacts.known_from,
        accepted_day=epoch_day(contacts[C.ACCEPTED_AT]),
    )


ROLLUPS = (
    Rollup(
        "campaign_contacts",
        "contacts of each customer, made or held out, and when the offer was taken up",
        reads=("contacts",),
        build=campaign_contacts,
    ),
)
