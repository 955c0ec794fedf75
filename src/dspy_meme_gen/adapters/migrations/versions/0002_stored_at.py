"""When each meme was first stored; for what is there already nobody knows, and it counts as very old."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The column, and an index for questions about a period."""
    op.add_column("memes", sa.Column("stored_at_s", sa.Float(53), nullable=False, server_default="0"))
    op.create_index("memes_by_time", "memes", ["stored_at_s"])


def downgrade() -> None:
    """The times are forgotten."""
    op.drop_index("memes_by_time", "memes")
    with op.batch_alter_table("memes") as table:
        table.drop_column("stored_at_s")
