"""Decisions keep the whole answer as it was sent, where they kept its items.

Written once, it is both sent and kept; earlier rows hold an answer of items alone.
"""

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Put each list of items into an answer."""
    with op.batch_alter_table("decisions") as table:
        table.alter_column(
            "items",
            new_column_name="answer",
            existing_type=sql.JSON(),
            type_=sql.Text(),
            existing_nullable=False,
            postgresql_using="items::text",
        )
    op.execute("UPDATE decisions SET answer = '{\"items\":' || answer || '}'")


def downgrade() -> None:
    """Keep of each answer its items."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    items = "answer::json ->> 'items'" if on_postgresql else "json_extract(answer, '$.items')"
    op.execute(f"UPDATE decisions SET answer = {items}")
    with op.batch_alter_table("decisions") as table:
        table.alter_column(
            "answer",
            new_column_name="items",
            existing_type=sql.Text(),
            type_=sql.JSON(),
            existing_nullable=False,
            postgresql_using="answer::json",
        )
