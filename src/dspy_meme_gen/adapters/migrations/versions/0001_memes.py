"""The table of memes, as the first release made it (without alembic: such databases are taken for this revision)."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """The table."""
    op.create_table(
        "memes",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("style", sa.Text),
        sa.Column("context", sa.Text),
        sa.Column("meme", sa.Text, nullable=False),
        sa.Column("png", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Nothing is left."""
    op.drop_table("memes")
