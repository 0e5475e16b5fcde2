"""Who was erased, by a hash of the id, and which calls of administrators were made."""

import sqlalchemy as sql
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add both tables, and find a customer's events and decisions without reading all."""
    op.create_table(
        "erased",
        sql.Column("customer_hash", sql.Text, primary_key=True),
        sql.Column("erased_at", sql.DateTime, nullable=False),
    )
    op.create_table(
        "audit",
        sql.Column("sequence", sql.Integer, primary_key=True, autoincrement=True),
        sql.Column("ts", sql.DateTime, nullable=False),
        sql.Column("key_name", sql.Text),
        sql.Column("action", sql.Text, nullable=False),
        sql.Column("subject", sql.Text, nullable=False),
        sql.Column("outcome", sql.Text, nullable=False),
    )
    op.create_index("events_by_customer", "events", ["customer_id"])
    op.create_index("decisions_by_customer", "decisions", ["customer_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("decisions_by_customer", "decisions")
    op.drop_index("events_by_customer", "events")
    op.drop_table("audit")
    op.drop_table("erased")
