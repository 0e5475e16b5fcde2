"""How far rescoring has come is a number of the journal's column ``sequence``: named after it."""

import sqlalchemy as sql
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Rename the column."""
    _rename("heard", "last_sequence")


def downgrade() -> None:
    """Name it as before."""
    _rename("last_sequence", "heard")


def _rename(old: str, new: str) -> None:
    with op.batch_alter_table("rescoring") as table:
        table.alter_column(old, new_column_name=new, existing_type=sql.Integer())
