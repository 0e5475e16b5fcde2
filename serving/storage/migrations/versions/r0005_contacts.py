"""Offers made to customers, in which the caps of contact policy are counted."""

import sqlalchemy as sql
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Begin the log of contacts."""
    op.create_table(
        "contacts",
        sql.Column("contact_id", sql.Text, primary_key=True),
        sql.Column("customer_id", sql.Text, nullable=False),
        sql.Column("offer_id", sql.Text, nullable=False),
        sql.Column("channel", sql.Text, nullable=False),
        sql.Column("ts", sql.DateTime, nullable=False),
        sql.Column("decision_id", sql.Text),
    )
    op.create_index("contacts_by_customer", "contacts", ["customer_id", "ts"])
    op.create_index("contacts_by_time", "contacts", ["ts"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("contacts")
