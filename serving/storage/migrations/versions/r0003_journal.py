"""A journal of written groups, in the order of their commits: how workers read each other's."""

import sqlalchemy as sql
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Begin the journal; existing events need no entry, since a server reads them at its start."""
    op.create_table(
        "journal",
        sql.Column("sequence", sql.Integer, primary_key=True, autoincrement=True),
        sql.Column("batch_id", sql.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_batch", "events", ["batch_id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("events_by_batch", "events")
    op.drop_table("journal")
