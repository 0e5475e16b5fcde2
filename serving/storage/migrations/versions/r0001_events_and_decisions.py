"""Events and decisions. Databases from before the steps were counted have these already."""

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make what is not there."""
    there = sql.inspect(op.get_bind()).get_table_names()
    if "events" not in there:
        texts = (
            "customer_id", "session_id", "product_id", "offer_id", "order_id",
            "recommendation_id", "decision_id",
        )  # fmt: skip
        op.create_table(
            "events",
            sql.Column("event_id", sql.Text, primary_key=True),
            sql.Column("event_type", sql.Text, nullable=False),
            sql.Column("ts", sql.DateTime, nullable=False),
            sql.Column("received_at", sql.DateTime, nullable=False),
            sql.Column("batch_id", sql.Text, nullable=False),
            *(sql.Column(name, sql.Text) for name in texts),
            sql.Column("quantity", sql.Float),
            sql.Column("unit_price", sql.Float),
            sql.Column("query", sql.Text),
            sql.Column("survey", sql.Text),
            sql.Column("score", sql.Float),
        )
        op.create_index("events_by_type", "events", ["event_type", "ts"])
    if "decisions" not in there:
        op.create_table(
            "decisions",
            sql.Column("id", sql.Text, primary_key=True),
            sql.Column("ts", sql.DateTime, nullable=False),
            sql.Column("kind", sql.Text, nullable=False),
            sql.Column("customer_id", sql.Text),
            sql.Column("session_id", sql.Text),
            sql.Column("model_version", sql.Text, nullable=False),
            sql.Column("variant", sql.Text, nullable=False),
            sql.Column("fallback", sql.Text),
            sql.Column("items", sql.JSON, nullable=False),
            sql.Column("propensity", sql.Float, nullable=False),
            sql.Column("candidates", sql.Integer, nullable=False),
            sql.Column("context", sql.JSON, nullable=False),
        )
        op.create_index("ix_decisions_ts", "decisions", ["ts"])


def downgrade() -> None:
    """Drop both."""
    op.drop_table("decisions")
    op.drop_table("events")
