"""What was done without an id is found by its visit, and visits of the erased are remembered.

An erasure reads and deletes in one transaction, so that nothing is written in between; by the
former indexes it would read all that was ever done without an id, while nobody can write.
"""

import sqlalchemy as sql
from alembic import op

revision = "0008"
down_revision = "0007"

_INDEXES = {"events_by_customer": "events", "decisions_by_customer": "decisions"}


def upgrade() -> None:
    """Add the visit to the indexes by customer, and add the table."""
    _index("customer_id", "session_id")
    op.create_table(
        "erased_visits",
        sql.Column("visit_hash", sql.Text, primary_key=True),
        sql.Column("erased_at", sql.DateTime, nullable=False),
    )


def downgrade() -> None:
    """Drop it, and make the indexes as they were."""
    op.drop_table("erased_visits")
    _index("customer_id")


def _index(*columns: str) -> None:
    for name, table in _INDEXES.items():
        op.drop_index(name, table)
        op.create_index(name, table, list(columns))
