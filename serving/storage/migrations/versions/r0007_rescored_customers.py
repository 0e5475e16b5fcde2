"""Scores made since a bundle from what was sent since, and how far that has come."""

import sqlalchemy as sql
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add both tables; rescoring begins with the events that the bundle does not hold."""
    op.create_table(
        "rescored",
        sql.Column("customer_id", sql.Text, primary_key=True),
        sql.Column("model_version", sql.Text, nullable=False),
        sql.Column("as_of", sql.Date, nullable=False),
        sql.Column("scored_at", sql.DateTime, nullable=False),
        sql.Column("scores", sql.Text, nullable=False),
        sql.Column("vector", sql.Text, nullable=False),
        sql.Column("orders", sql.Text, nullable=False),
        sql.Column("batch_id", sql.Text, nullable=False),
    )
    op.create_index("rescored_by_batch", "rescored", ["batch_id"])
    op.create_table(
        "rescoring",
        sql.Column("model_version", sql.Text, primary_key=True),
        sql.Column("heard", sql.Integer, nullable=False),
        sql.Column("seen_at", sql.DateTime, nullable=False),
    )


def downgrade() -> None:
    """Drop them: the scores can be made again."""
    op.drop_table("rescoring")
    op.drop_index("rescored_by_batch", "rescored")
    op.drop_table("rescored")
