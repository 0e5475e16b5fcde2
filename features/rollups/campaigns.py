"""Campaigns: every contact, made or held out, and when its offer was accepted."""

from __future__ import annotations

import ibis.expr.types as ir

from features.rollup import Rollup, Tables, dated, epoch_day
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def campaign_contacts(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per record of a contact. For labels only: ``accepted_day`` may lie in the future.

    A contact without an id is identified by its campaign and time. A contact whose record is
    delivered again once its offer was accepted has two rows: combine them by its id.
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
        "contacts of each customer, made or held out, and when the offer was accepted",
        reads=("contacts",),
        build=campaign_contacts,
    ),
)
