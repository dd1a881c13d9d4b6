"""Ages, guardians, consents, parental controls, and requests to a generator.

Revision ID: 0009_people
Revises: 0008_policy_packs
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_people"
down_revision = "0008_policy_packs"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _of(table: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(f"{table}_id", sa.String(36), sa.ForeignKey(f"{table}.id"), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "age_assurance",
        _text("id", 36),
        _of("tenant"),
        _of("account"),
        _number("version"),
        _text("state", 20),
        _text("band", 10, nullable=True),
        _text("country", 2, nullable=True),
        _number("consent_age", nullable=True),
        _text("method", 20),
        _text("level", 20),
        _text("issuer", 200, nullable=True),
        _moment("assured_at"),
        _moment("expires_at", nullable=True),
        _moment("purged_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_age_assurance_account_id", "age_assurance", ["account_id"])
    op.create_index("ix_age_assurance_expiry", "age_assurance", ["state", "expires_at"])
    op.create_table(
        "guardian",
        _text("id", 36),
        _of("tenant"),
        _of("account"),
        _text("external_id", 200),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "external_id", name="uq_guardian"),
    )
    op.create_table(
        "consent",
        _text("id", 36),
        _of("tenant"),
        _of("account"),
        _of("guardian"),
        _number("version"),
        _text("state", 20),
        sa.Column("scopes", _JSON, nullable=False),
        _text("method", 20, nullable=True),
        _text("text_version", 200),
        sa.Column("text", sa.Text(), nullable=False),
        _text("text_sha256", 64),
        _text("language", 35),
        _text("token_digest", 64, nullable=True),
        _number("lasts_days", nullable=True),
        _text("receipt_sha256", 64, nullable=True),
        _moment("requested_at"),
        _moment("granted_at", nullable=True),
        _moment("expires_at", nullable=True),
        _moment("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_consent_account", "consent", ["account_id", "state"])
    op.create_index("ix_consent_expiry", "consent", ["state", "expires_at"])
    op.create_table(
        "parental_controls",
        _of("account"),
        _text("id", 36),
        _of("tenant"),
        _number("version"),
        _number("daily_generations", nullable=True),
        _text("opens", 5, nullable=True),
        _text("closes", 5, nullable=True),
        _text("zone", 60),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("publishing", sa.Boolean(), nullable=False),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "generation",
        _text("id", 36),
        _of("tenant"),
        _of("account", nullable=True),
        _number("version"),
        _text("state", 20),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("parameters", _JSON, nullable=False),
        sa.Column("reasons", _JSON, nullable=False),
        _text("quota_day", 10, nullable=True),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_generation_account", "generation", ["account_id", "state"])
    op.create_index("ix_generation_quota", "generation", ["account_id", "quota_day"])


def downgrade() -> None:
    for table in ("generation", "parental_controls", "consent", "guardian", "age_assurance"):
        op.drop_table(table)
