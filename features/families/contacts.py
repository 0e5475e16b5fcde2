"""Contacts: how often a customer is reached, answers, and tires of it.

Held-out contacts reached nobody and count for nothing. To open a contact or to accept its
offer is to answer it; both count from their own day. Rates are by contact: of those sent in
the window, the share answered so far.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, AS_OF_DAY, KEYS, Column, Family, history, within
from features.rollup import DAY, KNOWN_FROM, Rollups
from features.vocabulary import Columns as C

WINDOWS_DAYS = (30, 90, 365)
_COUNTS = {
    "contacts": ("reached", "contacts that reached the customer"),
    "contacts_opened": ("opened", "contacts opened"),
    "offers_accepted": ("accepted", "offers of contacts taken up"),
}
_NEVER = "never contacted"
_NOT_IN_YEAR = "not contacted in 365 days"

COLUMNS = (
    *(Column(f"{name}_{days}d", f"{meaning} in the last {days} days", "contacts", _NEVER)
      for name, (_, meaning) in _COUNTS.items() for days in WINDOWS_DAYS),
    Column("contact_open_rate_365d", "of the contacts of the last 365 days, those opened so far",
           "share", _NOT_IN_YEAR),
    Column("offer_acceptance_rate_365d", "of the contacts of the last 365 days, those whose "
           "offer was taken up so far", "share", _NOT_IN_YEAR),
    Column("contacts_unanswered", "contacts since the day of the last one opened or accepted; "
           "all, where none was", "contacts", _NEVER),
    Column("contact_pressure", "contacts of the last 30 days over those of a usual 30 days: the "
           "mean of the year before them, as far as contacts go back", "ratio",
           "not contacted in the 335 days before the last 30"),
    Column("last_contact_days", "days since the last contact", "days", _NEVER),
    Column("last_contact_opened_days", "days since a contact was last opened", "days",
           "never opened one"),
    Column("last_offer_accepted_days", "days since an offer was last taken up", "days",
           "never accepted one"),
    Column("contact_cost_365d", "money spent on contacts in the last 365 days", "money",
           "no contact's cost is known"),
    Column("preferred_channel", "channel of most contacts opened and accepted; of equals, the "
           "first by name", "name", "never answered on a known channel", kind="category"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Count sendings, openings and acceptances by their own day."""
    seen = history(_with_next_answer(rollups["contact_moves"]), cutoffs)
    facts = _counts(seen)
    joined = facts.left_join(_preferred_channel(seen), list(KEYS))
    joined = joined.drop(*(f"{key}_right" for key in KEYS))
    # Over less than 30 days no rate is usual.
    usual_days = ibis.greatest(ibis.least(joined.first_contact_days, 365) - 30, 30)
    before = joined.contacts_365d - joined.contacts_30d
    rated = joined.mutate(
        contact_open_rate_365d=joined.year_opened / joined.contacts_365d.nullif(0),
        offer_acceptance_rate_365d=joined.year_accepted / joined.contacts_365d.nullif(0),
        contact_pressure=joined.contacts_30d / (before.nullif(0) * 30.0 / usual_days),
    )
    return rated.select(*KEYS, *(column.name for column in COLUMNS))


def _with_next_answer(moves: ir.Table) -> ir.Table:
    """Add when the first answer given on the day of a move or later became known.

    As with the orders' ``known_until``, only whether it lies before a cutoff may be asked.
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
    """Add up moves by window, and outcomes by the day that their contact was sent."""
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
    """Return the channel of most answers, where there is one."""
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
    meaning="how a customer is reached, answers and tires of it",
    reads=("contact_moves",),
    columns=COLUMNS,
    compute=compute,
)
