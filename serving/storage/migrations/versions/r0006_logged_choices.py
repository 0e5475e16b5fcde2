"""What each decision chose from, with every candidate's probability: see logged_choices."""

import sqlalchemy as sql
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; decisions from before it have none."""
    op.add_column("decisions", sql.Column("choices", sql.Text))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("decisions", "choices")
