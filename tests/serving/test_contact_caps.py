"""Caps are never exceeded, whoever decides at the same time; nor are they under-used."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.offers.declarations import Caps, Channel, Fatigue, Policy
from serving.decisions.gates.contact_policy import Contact
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import Offer, OfferBook
from serving.events import Event
from serving.storage.sql_store import SqlStore

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
WORKERS = 4
BOOK = OfferBook(
    offers=(
        Offer("tea", "Tea", channels=("email", "sms"), caps=Caps(day=1, month=3)),
        Offer("mug", "Mug", channels=("email", "web"), caps=Caps(week=2)),
        Offer("jam", "Jam", channels=("email", "sms", "web")),
    ),
    policy=Policy(
        caps=Caps(day=2, week=4),
        channels={"sms": Channel(consent="true", caps=Caps(week=1))},
    ),
)
OUTBOUND = ("email", "sms")


@pytest.fixture(params=["sqlite", "postgresql"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[SqlStore]]:
    """Stores as several workers open them: each with connections of its own."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_store_url")
    stores = [SqlStore(url) for _ in range(WORKERS)]
    yield stores
    for store in stores:
        store.close()


def most_within(times: Sequence[datetime], days: int) -> int:
    """Return the most contacts in any window of so many days."""
    window = timedelta(days=days)
    return max((sum(end - window < ts <= end for ts in times) for end in times), default=0)


def exceeded(contacts: Sequence[Contact]) -> list[str]:
    """Return the caps of the book that one customer's contacts exceed, counted afresh."""
    outbound = [c.ts for c in contacts if c.channel in OUTBOUND]
    by_offer = {o.offer_id: [c.ts for c in contacts if c.offer_id == o.offer_id]
                for o in BOOK.offers}  # fmt: skip
    sms = [c.ts for c in contacts if c.channel == "sms"]
    limits = {
        "customer, day": (outbound, 1, 2),
        "customer, week": (outbound, 7, 4),
        "sms, week": (sms, 7, 1),
        "tea, day": (by_offer["tea"], 1, 1),
        "tea, month": (by_offer["tea"], 30, 3),
        "mug, week": (by_offer["mug"], 7, 2),
    }
    return [name for name, (times, days, most) in limits.items() if most_within(times, days) > most]


def random_contacts(seed: int, count: int) -> list[Contact]:
    """Proposals for three customers over three weeks, in no order of time."""
    drawn = random.Random(seed)  # noqa: S311
    contacts = []
    for number in range(count):
        offer = drawn.choice(BOOK.offers)
        ts = NOW + timedelta(minutes=drawn.randrange(21 * 24 * 60))
        who, how = drawn.choice(["ada", "ben", "änne"]), drawn.choice(offer.channels)
        contacts.append(Contact(f"{seed}-{number}", who, offer.offer_id, how, ts))
    return contacts


def test_caps_hold_under_random_concurrent_decisions(workers: list[SqlStore]) -> None:
    def decide(number: int) -> Counter[bool]:
        store, said = workers[number], Counter[bool]()
        proposed = random_contacts(number, 60)
        for start in range(0, len(proposed), 3):
            stops = store.contacts.reserve(proposed[start : start + 3], BOOK)
            said.update(stop == Stop.PASSED for stop in stops)
        return said

    with ThreadPoolExecutor(WORKERS) as threads:
        said = sum(threads.map(decide, range(WORKERS)), Counter[bool]())
    history = workers[0].contacts.history(None, NOW - timedelta(days=1))
    assert {who: exceeded(past.contacts) for who, past in history.items()} == {
        "ada": [],
        "ben": [],
        "änne": [],
    }
    # All that was allowed is there, and a good deal was refused.
    assert sum(len(past.contacts) for past in history.values()) == said[True]
    assert said[False] > said[True] > 0


def test_the_last_place_under_a_cap_is_given_to_exactly_one(workers: list[SqlStore]) -> None:
    def decide(number: int) -> list[Stop]:
        proposed = [Contact(f"{number}-{day}", "ada", "tea", "email", NOW + timedelta(days=2 * day))
                    for day in range(3)]  # fmt: skip
        return workers[number].contacts.reserve(proposed, BOOK)

    with ThreadPoolExecutor(WORKERS) as threads:
        stops = [stop for made in threads.map(decide, range(WORKERS)) for stop in made]
    # Three of the offer a month, whoever came first.
    assert sum(stop == Stop.PASSED for stop in stops) == 3


def test_a_reservation_says_which_cap_stopped_it(workers: list[SqlStore]) -> None:
    proposed = [
        Contact("1", "ada", "tea", "email", NOW),
        Contact("2", "ada", "tea", "email", NOW),
        Contact("3", "ada", "jam", "sms", NOW),
        Contact("4", "ada", "jam", "email", NOW),
        Contact("5", "ada", "jam", "sms", NOW + timedelta(days=2)),
        Contact("6", "ada", "jam", "web", NOW),  # inbound: no cap of the customer's
        Contact("7", "ben", "tea", "email", NOW),
    ]
    assert workers[0].contacts.reserve(proposed, BOOK) == [
        Stop.PASSED,
        Stop.OFFER_CAP_DAY,
        Stop.PASSED,
        Stop.CUSTOMER_CAP_DAY,
        Stop.CHANNEL_CAP_WEEK,
        Stop.PASSED,
        Stop.PASSED,
    ]


def test_a_repeated_reservation_counts_once(workers: list[SqlStore]) -> None:
    contact = Contact("1", "ada", "tea", "email", NOW, "decision")
    for store in workers[:2]:
        assert store.contacts.reserve([contact, contact], BOOK) == [Stop.PASSED] * 2
    assert workers[0].contacts.history(["ada"], NOW - timedelta(1))["ada"].contacts == [contact]


def test_what_was_not_made_is_released(workers: list[SqlStore]) -> None:
    first, second = (Contact(id_, "ada", "tea", "email", NOW) for id_ in "12")
    log = workers[0].contacts
    assert log.reserve([first], BOOK) == [Stop.PASSED]
    assert log.reserve([second], BOOK) == [Stop.OFFER_CAP_DAY]
    assert log.release(["1", "other"]) == 1
    assert log.reserve([second], BOOK) == [Stop.PASSED]


def test_a_window_rolls(workers: list[SqlStore]) -> None:
    log = workers[0].contacts
    assert log.reserve([Contact("1", "ada", "tea", "email", NOW)], BOOK) == [Stop.PASSED]
    early, late = NOW + timedelta(days=1, seconds=-1), NOW + timedelta(days=1)
    assert log.reserve([Contact("2", "ada", "tea", "email", early)], BOOK) == [Stop.OFFER_CAP_DAY]
    assert log.reserve([Contact("3", "ada", "tea", "email", late)], BOOK) == [Stop.PASSED]


def test_who_never_answers_is_left_in_peace_until_they_do(workers: list[SqlStore]) -> None:
    store = workers[0]
    book = OfferBook(BOOK.offers, Policy(fatigue=Fatigue(unanswered=2, rest_days=10)))
    sent = [Contact(f"{n}", "ada", "jam", "email", NOW + timedelta(days=n)) for n in range(4)]
    assert store.contacts.reserve(sent, book) == [Stop.PASSED] * 2 + [Stop.FATIGUE] * 2
    click = {"event_id": "c", "type": "click", "ts": NOW + timedelta(days=1), "offer_id": "jam",
             "customer_id": "ada"}  # fmt: skip
    store.add_events([Event.model_validate(click)], NOW)
    assert store.contacts.reserve(sent[2:], book) == [Stop.PASSED] * 2
    # Or until they have rested.
    rested = Contact("9", "ada", "jam", "email", NOW + timedelta(days=12, hours=1))
    assert store.contacts.reserve([rested], book) == [Stop.PASSED]


def test_who_is_erased_is_erased_here_too(workers: list[SqlStore]) -> None:
    log = workers[0].contacts
    log.reserve([Contact("1", "ada", "tea", "email", NOW)], BOOK)
    assert workers[0].erase("ada", lambda: NOW) == 1
    assert log.history(None, NOW - timedelta(days=1)) == {}
