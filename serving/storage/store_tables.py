"""The store's tables as they are now; :mod:`serving.storage.migrations` leads to them.

Times are UTC without a zone: SQLite has none to keep.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sql

from features.vocabulary import Columns as C

METADATA: Final = sql.MetaData()
# An erasure looks for a customer's rows and visits, then for rows of those visits without an id.
_BY_CUSTOMER: Final = (C.CUSTOMER_ID, C.SESSION_ID)

EVENTS: Final = sql.Table(
    "events",
    METADATA,
    sql.Column(C.EVENT_ID, sql.Text, primary_key=True),
    sql.Column(C.EVENT_TYPE, sql.Text, nullable=False),
    sql.Column(C.TS, sql.DateTime, nullable=False),
    sql.Column("received_at", sql.DateTime, nullable=False),
    sql.Column("batch_id", sql.Text, nullable=False),
    sql.Column(C.CUSTOMER_ID, sql.Text),
    sql.Column(C.SESSION_ID, sql.Text),
    sql.Column(C.PRODUCT_ID, sql.Text),
    sql.Column(C.OFFER_ID, sql.Text),
    sql.Column(C.ORDER_ID, sql.Text),
    sql.Column("recommendation_id", sql.Text),
    sql.Column("decision_id", sql.Text),
    sql.Column(C.QUANTITY, sql.Float),
    sql.Column(C.UNIT_PRICE, sql.Float),
    sql.Column(C.QUERY, sql.Text),
    sql.Column(C.SURVEY, sql.Text),
    sql.Column(C.SCORE, sql.Float),
    sql.Index("events_by_type", C.EVENT_TYPE, C.TS),
    sql.Index("events_by_batch", "batch_id"),
    sql.Index("events_by_customer", *_BY_CUSTOMER),
)
# One row for each group of events, numbered in the order of the commits.
JOURNAL: Final = sql.Table(
    "journal",
    METADATA,
    sql.Column("sequence", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("batch_id", sql.Text, nullable=False),
    sqlite_autoincrement=True,
)
DECISIONS: Final = sql.Table(
    "decisions",
    METADATA,
    sql.Column("id", sql.Text, primary_key=True),
    sql.Column(C.TS, sql.DateTime, nullable=False, index=True),
    sql.Column("kind", sql.Text, nullable=False),
    sql.Column(C.CUSTOMER_ID, sql.Text),
    sql.Column(C.SESSION_ID, sql.Text),
    sql.Column("model_version", sql.Text, nullable=False),
    sql.Column("variant", sql.Text, nullable=False),
    sql.Column("fallback", sql.Text),
    sql.Column("answer", sql.Text, nullable=False),
    sql.Column("propensity", sql.Float, nullable=False),
    sql.Column("candidates", sql.Integer, nullable=False),
    sql.Column("context", sql.JSON, nullable=False),
    sql.Column("choices", sql.Text),
    sql.Index("decisions_by_customer", *_BY_CUSTOMER),
)
# One row for each offer made, or about to be, where caps are counted.
CONTACTS: Final = sql.Table(
    "contacts",
    METADATA,
    sql.Column("contact_id", sql.Text, primary_key=True),
    sql.Column(C.CUSTOMER_ID, sql.Text, nullable=False),
    sql.Column(C.OFFER_ID, sql.Text, nullable=False),
    sql.Column(C.CHANNEL, sql.Text, nullable=False),
    sql.Column(C.TS, sql.DateTime, nullable=False),
    sql.Column("decision_id", sql.Text),
    sql.Index("contacts_by_customer", C.CUSTOMER_ID, C.TS),
    sql.Index("contacts_by_time", C.TS),
)
# Scores of customers with events since the bundle was made, by its own models.
RESCORED: Final = sql.Table(
    "rescored",
    METADATA,
    sql.Column(C.CUSTOMER_ID, sql.Text, primary_key=True),
    sql.Column("model_version", sql.Text, nullable=False),
    sql.Column(C.AS_OF, sql.Date, nullable=False),
    sql.Column("scored_at", sql.DateTime, nullable=False),
    sql.Column("scores", sql.Text, nullable=False),
    sql.Column("vector", sql.Text, nullable=False),
    sql.Column("orders", sql.Text, nullable=False),
    sql.Column("batch_id", sql.Text, nullable=False),
    sql.Index("rescored_by_batch", "batch_id"),
)
# How far that has come: one row, of the active bundle.
RESCORING: Final = sql.Table(
    "rescoring",
    METADATA,
    sql.Column("model_version", sql.Text, primary_key=True),
    sql.Column("last_sequence", sql.Integer, nullable=False),
    sql.Column("seen_at", sql.DateTime, nullable=False),
)
ERASED: Final = sql.Table(
    "erased",
    METADATA,
    sql.Column("customer_hash", sql.Text, primary_key=True),
    sql.Column("erased_at", sql.DateTime, nullable=False),
)
# Visits in which they were named, for a day: decisions on them may wait to be written.
ERASED_VISITS: Final = sql.Table(
    "erased_visits",
    METADATA,
    sql.Column("visit_hash", sql.Text, primary_key=True),
    sql.Column("erased_at", sql.DateTime, nullable=False),
)
AUDIT: Final = sql.Table(
    "audit",
    METADATA,
    sql.Column("sequence", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column(C.TS, sql.DateTime, nullable=False),
    sql.Column("key_name", sql.Text),
    sql.Column("action", sql.Text, nullable=False),
    sql.Column("subject", sql.Text, nullable=False),
    sql.Column("outcome", sql.Text, nullable=False),
)
