"""Casework: notices, counter-notices, claims, disputes, appeals, strikes, their clocks and letters.

Revision ID: 0012_casework
Revises: 0011_words
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_casework"
down_revision = "0011_words"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "appeal",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("deciders", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject_kind", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=True),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("filed_by", sa.String(36), nullable=False),
        sa.Column("filed_as", sa.String(20), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("body", sa.String(300), nullable=True),
        sa.Column("body_case", sa.String(100), nullable=True),
        sa.Column("body_outcome", sa.Text(), nullable=True),
        sa.Column("window_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_appeal_account_id", "appeal", ["account_id"])
    op.create_index("ix_appeal_subject", "appeal", ["subject_kind", "subject_id"])
    op.create_index("ix_appeal_tenant", "appeal", ["tenant_id", "state", "created_at"])
    op.create_index("ix_appeal_track_id", "appeal", ["track_id"])

    op.create_table(
        "claim",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("deciders", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("reference_id", sa.String(36), nullable=False),
        sa.Column("holder_id", sa.String(36), nullable=False),
        sa.Column("decision_id", sa.String(36), nullable=True),
        sa.Column("right", sa.String(20), nullable=False),
        sa.Column("remedy", sa.String(20), nullable=False),
        sa.Column("territories", _JSON, nullable=False),
        sa.Column("segments", _JSON, nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("coverage_query", sa.Float(), nullable=False),
        sa.Column("longest_ms", sa.Integer(), nullable=False),
        sa.Column("money_held_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ground", sa.String(100), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_claim_account_id", "claim", ["account_id"])
    op.create_index("ix_claim_holder_id", "claim", ["holder_id"])
    op.create_index("ix_claim_reference_id", "claim", ["reference_id"])
    op.create_index("ix_claim_tenant", "claim", ["tenant_id", "state", "created_at"])
    op.create_index("ix_claim_track_id", "claim", ["track_id"])

    op.create_table(
        "counter_notice",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("deciders", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("notice_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("elements", _JSON, nullable=False),
        sa.Column("missing", _JSON, nullable=False),
        sa.Column("text_versions", _JSON, nullable=False),
        sa.Column("filing", sa.Text(), nullable=True),
        sa.Column("forwarded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_counter_notice_account_id", "counter_notice", ["account_id"])
    op.create_index("ix_counter_notice_notice_id", "counter_notice", ["notice_id"])
    op.create_index("ix_counter_notice_track_id", "counter_notice", ["track_id"])

    op.create_table(
        "deadline",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("matter_kind", sa.String(20), nullable=False),
        sa.Column("matter_id", sa.String(36), nullable=False),
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("calendar", sa.String(100), nullable=False),
        sa.Column("zone", sa.String(60), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("near_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_deadline_due", "deadline", ["state", "due_at"])
    op.create_index("ix_deadline_matter", "deadline", ["matter_kind", "matter_id"])
    op.create_index("ix_deadline_near", "deadline", ["state", "near_at"])
    op.create_index("ix_deadline_opens", "deadline", ["state", "window_at"])

    op.create_table(
        "dispute",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("deciders", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claim_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("filed_by", sa.String(36), nullable=False),
        sa.Column("grounds", _JSON, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("segments", _JSON, nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("attestation", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_dispute_account_id", "dispute", ["account_id"])
    op.create_index("ix_dispute_claim_id", "dispute", ["claim_id"])
    op.create_index("ix_dispute_track_id", "dispute", ["track_id"])

    op.create_table(
        "evidence",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("matter_kind", sa.String(20), nullable=False),
        sa.Column("matter_id", sa.String(36), nullable=False),
        sa.Column("by_kind", sa.String(20), nullable=False),
        sa.Column("by_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_evidence_matter", "evidence", ["matter_kind", "matter_id"])

    op.create_table(
        "matter_message",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("matter_kind", sa.String(20), nullable=False),
        sa.Column("matter_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("by_kind", sa.String(20), nullable=False),
        sa.Column("by_id", sa.String(36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_matter_message_matter", "matter_message", ["matter_kind", "matter_id", "created_at"]
    )

    op.create_table(
        "notice",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("deciders", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("form", sa.String(20), nullable=False),
        sa.Column("elements", _JSON, nullable=False),
        sa.Column("missing", _JSON, nullable=False),
        sa.Column("text_versions", _JSON, nullable=False),
        sa.Column("notifier_email", sa.String(320), nullable=True),
        sa.Column("notifier_name", sa.String(300), nullable=True),
        sa.Column("notifier_digest", sa.String(64), nullable=True),
        sa.Column("flagger_id", sa.String(36), nullable=True),
        sa.Column("holder_id", sa.String(36), nullable=True),
        sa.Column("reference_id", sa.String(36), nullable=True),
        sa.Column("right", sa.String(20), nullable=True),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("email_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_digest", sa.String(64), nullable=True),
        sa.Column("misuse", sa.String(20), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("remedy", sa.String(20), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_notice_flagger_id", "notice", ["flagger_id"])
    op.create_index("ix_notice_holder_id", "notice", ["holder_id"])
    op.create_index("ix_notice_notifier_digest", "notice", ["notifier_digest"])
    op.create_index("ix_notice_reference_id", "notice", ["reference_id"])
    op.create_index("ix_notice_tenant", "notice", ["tenant_id", "state", "created_at"])

    op.create_table(
        "notice_track",
        sa.Column("notice_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=True),
        sa.Column("statement_id", sa.String(36), nullable=True),
        sa.Column("prior_decision_id", sa.String(36), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", "track_id"),
    )
    op.create_index("ix_notice_track_track", "notice_track", ["track_id"])

    op.create_table(
        "sanction",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("party_kind", sa.String(20), nullable=False),
        sa.Column("party_id", sa.String(64), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("factors", _JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("signed_by", sa.String(36), nullable=False),
        sa.Column("second_signer", sa.String(36), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_for", sa.String(200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sanction_party", "sanction", ["party_kind", "party_id"])

    op.create_table(
        "strike",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("deciders", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("ground_kind", sa.String(20), nullable=False),
        sa.Column("ground_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=True),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.String(64), nullable=False),
        sa.Column("active_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_for", sa.String(200), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_strike_account_id", "strike", ["account_id"])

    op.create_table(
        "letter",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("recipient_kind", sa.String(20), nullable=False),
        sa.Column("recipient_id", sa.String(64), nullable=False),
        sa.Column("address", sa.String(320), nullable=True),
        sa.Column("template", sa.String(60), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("matter_kind", sa.String(20), nullable=True),
        sa.Column("matter_id", sa.String(36), nullable=True),
        sa.Column("track_id", sa.String(36), nullable=True),
        sa.Column("legal_basis", _JSON, nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenant.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_letter_due", "letter", ["state", "not_before"])
    op.create_index("ix_letter_matter", "letter", ["matter_kind", "matter_id"])
    op.create_index(
        "ix_letter_recipient", "letter", ["tenant_id", "recipient_kind", "recipient_id", "id"]
    )
    op.create_index("ix_letter_track_id", "letter", ["track_id"])

    op.add_column("api_key", sa.Column("user_id", sa.String(36), nullable=True))
    op.add_column("api_key", sa.Column("holder_id", sa.String(36), nullable=True))
    op.add_column("api_key", sa.Column("flagger_id", sa.String(36), nullable=True))
    op.add_column("appeal_case", sa.Column("since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("appeal_case", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("appeal_case", sa.Column("holder", sa.String(36), nullable=True))
    op.add_column("appeal_case", sa.Column("deciders", _JSON, nullable=False, server_default="[]"))
    op.add_column("appeal_case", sa.Column("matter_kind", sa.String(20), nullable=True))
    op.add_column("appeal_case", sa.Column("matter_id", sa.String(36), nullable=True))
    op.add_column("appeal_case", sa.Column("right", sa.String(20), nullable=True))
    op.add_column("appeal_case", sa.Column("language", sa.String(10), nullable=True))
    op.add_column(
        "appeal_case", sa.Column("legal_due_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("user_login", sa.Column("tenant_id", sa.String(36), nullable=True))
    op.add_column("user_login", sa.Column("skills", _JSON, nullable=False, server_default="[]"))
    op.add_column("user_login", sa.Column("languages", _JSON, nullable=False, server_default="[]"))
    op.create_index("ix_appeal_case_matter", "appeal_case", ["matter_kind", "matter_id"])
    op.execute("UPDATE appeal_case SET since = opened_at")

    op.add_column("policy_decision", sa.Column("ruled_by", sa.String(10), nullable=True))


def downgrade() -> None:
    op.drop_column("policy_decision", "ruled_by")
    op.drop_index("ix_appeal_case_matter", "appeal_case")
    op.drop_column("user_login", "languages")
    op.drop_column("user_login", "skills")
    op.drop_column("user_login", "tenant_id")
    op.drop_column("appeal_case", "legal_due_at")
    op.drop_column("appeal_case", "language")
    op.drop_column("appeal_case", "right")
    op.drop_column("appeal_case", "matter_id")
    op.drop_column("appeal_case", "matter_kind")
    op.drop_column("appeal_case", "deciders")
    op.drop_column("appeal_case", "holder")
    op.drop_column("appeal_case", "due_at")
    op.drop_column("appeal_case", "since")
    op.drop_column("api_key", "flagger_id")
    op.drop_column("api_key", "holder_id")
    op.drop_column("api_key", "user_id")
    for table in (
        "letter",
        "strike",
        "sanction",
        "notice_track",
        "notice",
        "matter_message",
        "evidence",
        "dispute",
        "deadline",
        "counter_notice",
        "claim",
        "appeal",
    ):
        op.drop_table(table)
