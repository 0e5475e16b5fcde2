"""Contacts: how often a customer is contacted, responds, and stops responding.

Held-out customers received nothing, so their contacts do not count. Opening a contact or
accepting its offer is an answer, and counts from its own day. Rates are shares of the contacts
sent in the window that were answered so far.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, AS_OF_DAY, KEYS, Column, Family, history, left_join, within
from features.rollup import DAY, KNOWN_FROM, Rollups
from features.vocabulary import Columns as C

WINDOWS_DAYS = (30, 90, 365)
_COUNTS = {
    "contacts": ("reached", "contacts that reached the customer"),
    "contacts_opened": ("opened", "contacts opened"),
    "offers_accepted": ("accepted", "contacts whose offer was accepted"),
}
_NEVER = "never contacted"
_NOT_IN_YEAR = "not contacted in 365 days"

COLUMNS = (
    *(Column(f"{name}_{days}d", f"{meaning} in the last {days} days", "contacts", _NEVER)
      for name, (_, meaning) in _COUNTS.items() for days in WINDOWS_DAYS),
    Column("contact_open_rate_365d", "share of the contacts of the last 365 days that were opened",
           "share", _NOT_IN_YEAR),
    Column("offer_acceptance_rate_365d", "share of the contacts of the last 365 days whose offer "
           "was accepted", "share", _NOT_IN_YEAR),
    Column("contacts_unanswered", "contacts since the day of the last one opened or accepted; "
           "all, where none was", "contacts", _NEVER),
    Column("contact_pressure", "contacts of the last 30 days over the mean of 30 days in the 335 "
           "days before, or since the first contact", "ratio",
           "not contacted in the 335 days before the last 30"),
    Column("last_contact_days", "days since the last contact", "days", _NEVER),
    Column("last_contact_opened_days", "days since a contact was last opened", "days",
           "never opened one"),
    Column("last_offer_accepted_days", "days since an offer was last accepted", "days",
           "never accepted one"),
    Column("contact_cost_365d", "money spent on contacts in the last 365 days", "money",
           "no contact's cost is known"),
    Column("preferred_channel", "channel with the most contacts opened and accepted; ties go to "
           "the first by name", "name", "never answered on a known channel", kind="category"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Count contacts, openings and acceptances, each by its own day."""
    seen = history(_with_next_answer(rollups["contact_moves"]), cutoffs)
    facts = _counts(seen)
    joined = left_join(facts, _preferred_channel(seen))
    # A rate over less than 30 days would say little.
    usual_days = ibis.greatest(ibis.least(joined.first_contact_days, 365) - 30, 30)
    before = joined.contacts_365d - joined.contacts_30d
    rated = joined.mutate(
        contact_open_rate_365d=joined.year_opened / joined.contacts_365d.nullif(0),
        offer_acceptance_rate_365d=joined.year_accepted / joined.contacts_365d.nullif(0),
        contact_pressure=joined.contacts_30d / (before.nullif(0) * 30.0 / usual_days),
    )
    return rated.select(*KEYS, *(column.name for column in COLUMNS))


def _with_next_answer(moves: ir.Table) -> ir.Table:
    """Add the day on which the first answer given on a move's day or later became known.

    It may lie in a cutoff's future: as with the orders' ``known_until``, families may only ask
    whether it lies before the cutoff.
    """
    answer_known = ibis.ifelse(moves.reached == 0, moves[KNOWN_FROM], None)
    this_day_or_later = ibis.window(
        group_by=moves[C.CUSTOMER_ID],
        order_by=[ibis.desc(moves[DAY]), ibis.asc(moves.reached)],
        preceding=None,
        following=0,
    )
    return moves.mutate(answer_known_from=answer_known.min().over(this_day_or_later))


def _counts(seen: ir.Table) -> ir.Table:
    """Sum moves by window, and outcomes by the day on which their contact was sent."""
    opened_age = ibis.ifelse(seen.opened == 1, seen[AGE_DAYS], None)
    accepted_age = ibis.ifelse(seen.accepted == 1, seen[AGE_DAYS], None)
    reached_age = ibis.ifelse(seen.reached == 1, seen[AGE_DAYS], None)
    sent_in_year = (seen[AS_OF_DAY] - seen.sent_on <= 365).cast("int64")
    since_answer = seen.answer_known_from.isnull() | (seen.answer_known_from >= seen[AS_OF_DAY])
    return seen.group_by(*KEYS).aggregate(
        **{
            f"{name}_{days}d": (seen[move] * within(seen, days)).sum()
            for name, (move, _) in _COUNTS.items()
            for days in WINDOWS_DAYS
        },
        year_opened=(seen.opened * sent_in_year).sum(),
        year_accepted=(seen.accepted * sent_in_year).sum(),
        contacts_unanswered=(seen.reached * since_answer.cast("int64")).sum(),
        first_contact_days=reached_age.max(),
        last_contact_days=reached_age.min(),
        last_contact_opened_days=opened_age.min(),
        last_offer_accepted_days=accepted_age.min(),
        contact_cost_365d=(seen[C.COST] * within(seen, 365)).sum(),
    )


def _preferred_channel(seen: ir.Table) -> ir.Table:
    """Return the channel with the most answers, for customers who answered on one."""
    answers = seen.filter((seen.opened + seen.accepted > 0) & seen[C.CHANNEL].notnull())
    by_channel = answers.group_by(*KEYS, C.CHANNEL).aggregate(answers=answers.count())
    most_first = ibis.window(
        group_by=[by_channel[key] for key in KEYS],
        order_by=[ibis.desc(by_channel.answers), ibis.asc(by_channel[C.CHANNEL])],
    )
    ranked = by_channel.mutate(rank=ibis.row_number().over(most_first))
    return ranked.filter(ranked.rank == 0).select(*KEYS, preferred_channel=ranked[C.CHANNEL])


FAMILY = Family(
    name="contacts",
    meaning="how often a customer is contacted, and responds",
    reads=("contact_moves",),
    columns=COLUMNS,
    compute=compute,
)
