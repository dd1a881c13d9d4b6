"""What was found in the words of a track is kept with its analysis.

Revision ID: 0011_words
Revises: 0010_privacy
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011_words"
down_revision = "0010_privacy"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("analysis", sa.Column("words", _JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("analysis", "words")
