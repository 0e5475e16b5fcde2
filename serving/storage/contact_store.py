"""The durable log of contacts, in which caps are counted and contacts reserved at once.

A reservation counts and writes under a lock that every other reservation for the same customers
waits for: SQLite's only writer, or PostgreSQL's advisory locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from zlib import crc32

import sqlalchemy as sql

from features.vocabulary import Columns as C
from serving.decisions.gates.contact_policy import (
    NO_CONTACTS,
    Contact,
    ContactHistory,
    customer_stop,
    offer_stop,
    reach_back,
)
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import Offer, OfferBook
from serving.storage.batches import batches
from serving.storage.erasure import erased_since, hold_off_erasure
from serving.storage.store_tables import CONTACTS, EVENTS
from serving.storage.times import without_zone

_RESPONSES: Final = ("click", "accept", "purchase")
# Customers share this many locks, so that a large reservation needs no more than these.
_LOCKS: Final = 64
_FIRST_LOCK: Final = 7_348_200  # any range that no other program locks


class ContactStore:
    """A :class:`serving.decisions.gates.contact_policy.ContactLog` in a database.

    Parameters
    ----------
    connected
        Yields a connection in a transaction that is committed, thus durable, at the end.
    """

    def __init__(self, connected: Callable[[], AbstractContextManager[sql.Connection]]) -> None:
        self._connected = connected

    def history(
        self, customer_ids: Iterable[str] | None, since: datetime
    ) -> dict[str, ContactHistory]:
        """Return what these customers, or all, were sent since then; see the protocol."""
        found: dict[str, ContactHistory] = {}
        with self._connected() as connection:
            if customer_ids is None:
                return _history(connection, None, since)
            for some in batches(dict.fromkeys(customer_ids)):
                found |= _history(connection, some, since)
        return found

    def reserve(self, proposed: Sequence[Contact], book: OfferBook) -> list[Stop]:
        """Write down each contact that the policy still allows; see the protocol.

        Contacts of many customers are written in groups, each of which is durable at once. One
        that is there already, by its id, stays as it is and passes.

        Raises
        ------
        StoreError
            What was written before stays; the rest may be proposed again, under the same ids.
        """
        offers = {offer.offer_id: offer for offer in book.offers}
        stops: list[Stop] = []
        for some in batches(proposed):
            with self._connected() as connection:
                stops += _reserve(connection, some, book, offers)
        return stops

    def release(self, contact_ids: Iterable[str]) -> int:
        """Take back contacts that were not made after all; return how many there were."""
        released = 0
        with self._connected() as connection:
            for some in batches(contact_ids):
                gone = sql.delete(CONTACTS).where(CONTACTS.c.contact_id.in_(some))
                released += connection.execute(gone).rowcount
        return released


def _reserve(
    connection: sql.Connection,
    proposed: Sequence[Contact],
    book: OfferBook,
    offers: dict[str, Offer],
) -> list[Stop]:
    hold_off_erasure(connection)
    _lock(connection, [contact.customer_id for contact in proposed])
    was_erased = erased_since(connection, min(contact.ts for contact in proposed))
    ids = [contact.contact_id for contact in proposed]
    is_there = sql.select(CONTACTS.c.contact_id).where(CONTACTS.c.contact_id.in_(ids))
    there = set(connection.scalars(is_there))
    customers = list(dict.fromkeys(contact.customer_id for contact in proposed))
    since = min(contact.ts for contact in proposed) - reach_back(book)
    past = defaultdict(lambda: NO_CONTACTS, _history(connection, customers, since))
    stops, rows = [], []
    for contact in proposed:
        if contact.contact_id in there:
            stops.append(Stop.PASSED)
            continue
        known = past[contact.customer_id]
        stop = Stop.NOBODY if was_erased(contact.customer_id, contact.ts) else Stop.PASSED
        stop = stop or customer_stop(book, contact.channel, known, contact.ts)
        stop = stop or offer_stop(offers[contact.offer_id], known, contact.ts)
        stops.append(stop)
        if not stop:
            there.add(contact.contact_id)
            past[contact.customer_id] = replace(known, contacts=[*known.contacts, contact])
            rows.append(_row(contact))
    if rows:
        connection.execute(sql.insert(CONTACTS), rows)
    return stops


def _lock(connection: sql.Connection, customer_ids: Iterable[str]) -> None:
    """Let no one else reserve for these customers until the transaction ends."""
    if connection.dialect.name == "sqlite":
        # Before anything is read: what is counted must not be older than what is written.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    locks = {_FIRST_LOCK + crc32(id_.encode()) % _LOCKS for id_ in customer_ids}
    for lock in sorted(locks):  # in one order everywhere, so that none waits in a circle
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(lock)))


def _history(
    connection: sql.Connection, customer_ids: Sequence[str] | None, since: datetime
) -> dict[str, ContactHistory]:
    wanted = sql.select(CONTACTS).where(CONTACTS.c.ts > without_zone(since))
    if customer_ids is not None:
        wanted = wanted.where(CONTACTS.c.customer_id.in_(customer_ids))
    contacts: dict[str, list[Contact]] = defaultdict(list)
    for row in connection.execute(wanted.order_by(CONTACTS.c.ts, CONTACTS.c.contact_id)):
        values = {**row._mapping, C.TS: row.ts.replace(tzinfo=UTC)}
        contacts[row.customer_id].append(Contact(**values))
    responses = _last_responses(connection, contacts, since)
    return {id_: ContactHistory(sent, responses.get(id_)) for id_, sent in contacts.items()}


def _last_responses(
    connection: sql.Connection, customer_ids: Iterable[str], since: datetime
) -> dict[str, datetime]:
    """Return when those who were contacted last clicked, accepted or bought."""
    found = {}
    for some in batches(customer_ids):
        answered = (
            sql.select(EVENTS.c.customer_id, sql.func.max(EVENTS.c.ts))
            .where(
                EVENTS.c.customer_id.in_(some),
                EVENTS.c.event_type.in_(_RESPONSES),
                EVENTS.c.ts > without_zone(since),
            )
            .group_by(EVENTS.c.customer_id)
        )
        for customer_id, ts in connection.execute(answered):
            found[customer_id] = ts.replace(tzinfo=UTC)
    return found


def _row(contact: Contact) -> dict[str, object]:
    return {
        "contact_id": contact.contact_id,
        C.CUSTOMER_ID: contact.customer_id,
        C.OFFER_ID: contact.offer_id,
        C.CHANNEL: contact.channel,
        C.TS: without_zone(contact.ts),
        "decision_id": contact.decision_id,
    }
