"""The decision log and its events as frames, in spans of days so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import orjson
import pandas as pd
import sqlalchemy as sql

from features.vocabulary import Columns as C
from serving.decisions.learning.logged_choices import contenders, read_choices
from serving.decisions.learning.outcome_columns import OutcomeColumns as O
from serving.decisions.learning.outcomes import BOUGHT, join_outcomes
from serving.decisions.policies.exploration import NOTHING_ID
from serving.storage.store_tables import DECISIONS, EVENTS

NEXT_BEST_OFFER: Final = "next_best_offer"
"""The kind of decision that is explored and judged."""

_SPAN: Final = timedelta(days=15)
_CLOCKS_BEHIND: Final = timedelta(days=1)  # of shops whose events name the answer they follow
_OUTCOME_EVENTS: Final = ("click", "accept", "reject", *BOUGHT)
_SHOWN_COLUMNS: Final = {
    O.DECISION_ID: "string", O.KIND: "string", C.TS: "datetime64[us]", C.CUSTOMER_ID: "string",
    C.SESSION_ID: "string", O.MODEL_VERSION: "string", O.VARIANT: "string",
    O.PLACEMENT: "string", O.RANK: "int64", O.ACTION: "string", C.PRODUCT_ID: "string",
    C.OFFER_ID: "string", C.CATEGORY: "string", C.CONTACT_COST: "float64",
    O.NAMED_MARGIN: "float64", O.PROPENSITY: "float64", O.CHOICE: "object",
}  # fmt: skip
_ANSWER_COLUMNS: Final = (
    O.KIND, C.TS, C.CUSTOMER_ID, C.SESSION_ID, O.MODEL_VERSION, O.VARIANT,
)  # fmt: skip
_EVENT_COLUMNS: Final = {
    C.EVENT_ID: "string", C.EVENT_TYPE: "string", C.TS: "datetime64[us]",
    C.CUSTOMER_ID: "string", C.SESSION_ID: "string", C.PRODUCT_ID: "string",
    C.OFFER_ID: "string", C.ORDER_ID: "string", O.DECISION_ID: "string",
    C.QUANTITY: "float64", C.UNIT_PRICE: "float64",
}  # fmt: skip


class Rows(Protocol):
    """The part of a store that is read here."""

    def rows(self, wanted: sql.Select[Any]) -> Iterator[Mapping[Any, Any]]:
        """Yield the rows of a query, streamed."""
        ...


def outcomes_in_spans(
    store: Rows,
    products: pd.DataFrame,
    attribution_days: int,
    since: datetime,
    now: datetime,
    kinds: Collection[str] = (NEXT_BEST_OFFER,),
) -> Iterator[pd.DataFrame]:
    """Yield what was shown from ``since`` to ``now`` with its outcomes, by spans of 15 days.

    Each span is joined together with the days after it, as a later answer may claim an event.
    """
    window = timedelta(days=attribution_days)
    start = first_decision(store, since, kinds)
    while start is not None and start <= now:
        end = start + _SPAN
        shown = read_shown(store, start, end + window, kinds)
        events = read_events(store, start - _CLOCKS_BEHIND, end + window)
        joined = join_outcomes(shown, events, products, attribution_days, now)
        yield joined[joined[C.TS] < end].reset_index(drop=True)
        start = first_decision(store, end, kinds)


def first_decision(store: Rows, since: datetime, kinds: Collection[str]) -> datetime | None:
    """Return when the first decision was made from a time on; None without any."""
    wanted = sql.select(sql.func.min(DECISIONS.c.ts).label(C.TS)).where(
        DECISIONS.c.ts >= since, DECISIONS.c.kind.in_(kinds)
    )
    (row,) = store.rows(wanted)
    found: datetime | None = row[C.TS]
    return found


def read_shown(
    store: Rows, since: datetime, until: datetime, kinds: Collection[str]
) -> pd.DataFrame:
    """Return one row per item shown in ``[since, until)``, and per placement left empty, by time.

    ``choice`` (a :class:`~serving.decisions.learning.logged_choices.LoggedChoice`, with its
    contenders) and its ``propensity`` are with the item drawn to come first in its placement,
    where logged.
    """
    wanted = (
        sql.select(DECISIONS)
        .where(DECISIONS.c.ts >= since, DECISIONS.c.ts < until, DECISIONS.c.kind.in_(kinds))
        .order_by(DECISIONS.c.ts, DECISIONS.c.id)
    )
    items = [item for row in store.rows(wanted) for item in _items(row)]
    return shown_frame(items)


def read_events(store: Rows, since: datetime, until: datetime) -> pd.DataFrame:
    """Return the events in ``[since, until)`` that may be outcomes, by time."""
    answer = sql.func.coalesce(EVENTS.c.decision_id, EVENTS.c.recommendation_id)
    columns = [
        answer.label(name) if name == O.DECISION_ID else EVENTS.c[name] for name in _EVENT_COLUMNS
    ]
    wanted = (
        sql.select(*columns)
        .where(EVENTS.c.ts >= since, EVENTS.c.ts < until, EVENTS.c.event_type.in_(_OUTCOME_EVENTS))
        .order_by(EVENTS.c.ts, EVENTS.c.event_id)
    )
    return event_frame([dict(row) for row in store.rows(wanted)])


def _items(row: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    """Yield the items of a decision as rows, then the placements left empty."""
    choices = [contenders(each) for each in read_choices(row["choices"] or "[]")]
    leading = {choice.rank: choice for choice in choices if choice.rank is not None}
    of_answer = {name: row[name] for name in _ANSWER_COLUMNS} | {O.DECISION_ID: row["id"]}
    items = orjson.loads(row["answer"])["items"]
    if choices:
        items = [item for item in items if item["action"] != NOTHING_ID]
    for item in items:
        terms = item.get("terms", {})
        choice = leading.get(item["rank"])
        yield of_answer | {
            O.PLACEMENT: item.get("placement"),
            O.RANK: item["rank"],
            O.ACTION: item.get("action", "product"),
            C.PRODUCT_ID: item.get("product_id"),
            C.OFFER_ID: item.get("offer_id"),
            C.CATEGORY: item.get("category"),
            C.CONTACT_COST: terms.get("contact_cost", 0.0),
            O.NAMED_MARGIN: terms.get("margin"),
            O.PROPENSITY: choice.propensity if choice else None,
            O.CHOICE: choice,
        }
    left_empty = (choice for choice in choices if choice.rank is None)
    for rank, choice in enumerate(left_empty, start=len(items) + 1):
        yield of_answer | {
            O.PLACEMENT: choice.placement,
            O.RANK: rank,
            O.ACTION: NOTHING_ID,
            C.CONTACT_COST: 0.0,
            O.PROPENSITY: choice.propensity,
            O.CHOICE: choice,
        }


def shown_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return items as a frame of the columns and types that outcomes are joined to."""
    return pd.DataFrame(rows, columns=list(_SHOWN_COLUMNS)).astype(dict(_SHOWN_COLUMNS))


def event_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return events as a frame of the columns and types that outcomes are joined from."""
    return pd.DataFrame(rows, columns=list(_EVENT_COLUMNS)).astype(dict(_EVENT_COLUMNS))
