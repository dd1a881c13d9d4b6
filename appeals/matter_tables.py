"""Tables of what people argue about; plain values until a session touches them.

Links to tracks, accounts, references, holders and decisions are plain ids.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, Text, text, true
from sqlmodel import Field, SQLModel

from appeals.columns import UtcDateTime, json_type

_UNTOLD = text("left_at IS NOT NULL AND told_at IS NULL")


class MatterRow(SQLModel):
    """What every matter has: see :class:`appeals.machine.Matter`.

    ``KIND`` is the name of its machine. ``deciders`` holds ids of all who decided it, or what it is about.
    """

    KIND: ClassVar[str]

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    version: int = 0
    state: str = Field(max_length=20)
    since: datetime = Field(sa_type=UtcDateTime)
    opens_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    holder: str | None = Field(default=None, max_length=36)
    deciders: list[str] = Field(default_factory=list, sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)


class Notice(MatterRow, table=True):
    """Somebody says that material infringes, or is illegal.

    ``form`` is one of :data:`appeals.forms.FORMS`; ``elements`` what was given, ``missing`` what is to be
    cured, both by element. ``token_digest`` is the SHA-256 of the token in the sender's link. ``open_to_appeal``
    is whether its sender was told of an appeal (DSA-19).
    """

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_tenant", "tenant_id", "state", "created_at"),)
    KIND: ClassVar[str] = "notice"

    form: str = Field(max_length=20)
    elements: dict[str, Any] = Field(sa_type=json_type())
    missing: dict[str, str] = Field(default_factory=dict, sa_type=json_type())
    text_versions: list[str] = Field(default_factory=list, sa_type=json_type())
    notifier_email: str | None = Field(default=None, max_length=320)
    notifier_name: str | None = Field(default=None, max_length=300)
    notifier_digest: str | None = Field(default=None, max_length=64, index=True)
    flagger_id: str | None = Field(default=None, max_length=36, index=True)
    holder_id: str | None = Field(default=None, max_length=36, index=True)
    reference_id: str | None = Field(default=None, max_length=36, index=True)
    right: str | None = Field(default=None, max_length=20)
    language: str = Field(default="en", max_length=10)
    email_confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    token_digest: str | None = Field(default=None, max_length=64)
    misuse: str | None = Field(default=None, max_length=20)
    reason: str | None = Field(default=None, sa_type=Text)
    remedy: str | None = Field(default=None, max_length=20)
    territories: list[str] = Field(
        default_factory=list, sa_type=json_type(), sa_column_kwargs={"server_default": "[]"}
    )
    open_to_appeal: bool = Field(default=True, sa_column_kwargs={"server_default": true()})


class NoticeTrack(SQLModel, table=True):
    """A track that a notice is about: named in it, or found by the work that it names (stay-down).

    ``state`` is named or found until somebody decides; then waiting (for the analysis), actioned,
    refused, restored, or gone (withdrawn). A copy that a person left has the moment of that in ``left_at``;
    once the sender was told, when, and until when they can appeal it, if they can (DSA-20).
    """

    __tablename__ = "notice_track"
    __table_args__ = (
        Index("ix_notice_track_track", "track_id"),
        Index("ix_notice_track_untold", "left_at", sqlite_where=_UNTOLD, postgresql_where=_UNTOLD),
    )

    notice_id: str = Field(primary_key=True, max_length=36)
    track_id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    origin: str = Field(max_length=20)
    state: str = Field(max_length=20)
    case_id: str | None = Field(default=None, max_length=36)
    statement_id: str | None = Field(default=None, max_length=36)
    prior_decision_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    contest_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CounterNotice(MatterRow, table=True):
    """What was taken down should come back (DMCA-CN)."""

    __tablename__ = "counter_notice"
    KIND: ClassVar[str] = "counter_notice"

    notice_id: str = Field(max_length=36, index=True)
    track_id: str = Field(max_length=36, index=True)
    account_id: str | None = Field(default=None, max_length=36, index=True)
    elements: dict[str, Any] = Field(sa_type=json_type())
    missing: dict[str, str] = Field(default_factory=dict, sa_type=json_type())
    text_versions: list[str] = Field(default_factory=list, sa_type=json_type())
    filing: str | None = Field(default=None, sa_type=Text)
    forwarded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Claim(MatterRow, table=True):
    """A rights holder's claim on segments of a track, from a match under their policy.

    ``segments`` are those of the match; ``remedy`` is what the claim does: track, monetise or block.
    """

    __tablename__ = "claim"
    __table_args__ = (Index("ix_claim_tenant", "tenant_id", "state", "created_at"),)
    KIND: ClassVar[str] = "claim"

    track_id: str = Field(max_length=36, index=True)
    account_id: str | None = Field(default=None, max_length=36, index=True)
    reference_id: str = Field(max_length=36, index=True)
    holder_id: str = Field(max_length=36, index=True)
    decision_id: str | None = Field(default=None, max_length=36)
    right: str = Field(max_length=20)
    remedy: str = Field(max_length=20)
    territories: list[str] = Field(default_factory=list, sa_type=json_type())
    segments: list[dict[str, Any]] = Field(sa_type=json_type())
    score: float
    coverage_query: float
    longest_ms: int
    money_held_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ground: str | None = Field(default=None, max_length=100)


class Dispute(MatterRow, table=True):
    """A creator's objection to a claim."""

    __tablename__ = "dispute"
    KIND: ClassVar[str] = "dispute"

    claim_id: str = Field(max_length=36, index=True)
    track_id: str = Field(max_length=36, index=True)
    account_id: str | None = Field(default=None, max_length=36, index=True)
    filed_by: str = Field(max_length=36)
    grounds: list[str] = Field(sa_type=json_type())
    text: str = Field(sa_type=Text)
    segments: list[dict[str, Any]] = Field(default_factory=list, sa_type=json_type())
    answer: str | None = Field(default=None, sa_type=Text)
    attestation: dict[str, Any] = Field(default_factory=dict, sa_type=json_type())


class PresumedUse(MatterRow, table=True):
    """A match that is presumed to be a lawful use in Germany, and its holder's complaint (DE-URHDAG).

    ``evidence`` is what the rule saw; ``reason`` the complaint's, ``block`` what a person attests who has it
    blocked before it is decided on. ``decision_id`` is what stands by this matter, ``prior_decision_id`` what did before.
    """

    __tablename__ = "presumed_use"
    __table_args__ = (
        Index("ix_presumed_use_match", "track_id", "reference_id", unique=True),
        Index("ix_presumed_use_tenant", "tenant_id", "state", "created_at"),
    )
    KIND: ClassVar[str] = "presumed_use"

    track_id: str = Field(max_length=36)
    account_id: str | None = Field(default=None, max_length=36, index=True)
    reference_id: str = Field(max_length=36)
    holder_id: str = Field(max_length=36, index=True)
    decision_id: str = Field(max_length=36)
    prior_decision_id: str | None = Field(default=None, max_length=36)
    evidence: dict[str, Any] = Field(sa_type=json_type())
    reason: str | None = Field(default=None, sa_type=Text)
    block: dict[str, Any] = Field(default_factory=dict, sa_type=json_type())
    outcome: str | None = Field(default=None, sa_type=Text)


class Appeal(MatterRow, table=True):
    """Somebody contests a decision before somebody who had no part in it (DSA-20).

    ``subject_kind`` and ``subject_id`` are what is contested: a decision on a track, a dispute that the
    holder won, a notice that was refused, the case of a copy that was left, a strike or a sanction. ``left_seconds`` is what is left of its
    target while a question is open. ``misuse`` is what its decider found of it besides (DSA-23).
    """

    __tablename__ = "appeal"
    __table_args__ = (
        Index("ix_appeal_tenant", "tenant_id", "state", "created_at"),
        Index("ix_appeal_subject", "subject_kind", "subject_id"),
    )
    KIND: ClassVar[str] = "appeal"

    subject_kind: str = Field(max_length=20)
    subject_id: str = Field(max_length=36)
    track_id: str | None = Field(default=None, max_length=36, index=True)
    account_id: str | None = Field(default=None, max_length=36, index=True)
    filed_by: str = Field(max_length=36)
    filed_as: str = Field(max_length=20)
    case_id: str | None = Field(default=None, max_length=36)
    reason: str = Field(sa_type=Text)
    outcome: str | None = Field(default=None, sa_type=Text)
    body: str | None = Field(default=None, max_length=300)
    body_case: str | None = Field(default=None, max_length=100)
    body_outcome: str | None = Field(default=None, sa_type=Text)
    window_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    left_seconds: float | None = None
    outcome_kind: str | None = Field(default=None, max_length=10)
    misuse: str | None = Field(default=None, max_length=20)


class PriorDecider(SQLModel, table=True):
    """Somebody who had a part in what an appeal is about; kept as of its filing (DSA-20)."""

    __tablename__ = "prior_decider"

    appeal_id: str = Field(primary_key=True, max_length=36)
    decider_id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)


class AppealDecider(SQLModel, table=True):
    """Who decided an appeal. The database refuses a prior decider, and a decision without one."""

    __tablename__ = "appeal_decider"

    appeal_id: str = Field(primary_key=True, max_length=36)
    decider_id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Strike(MatterRow, table=True):
    """Counts against an account until it expires or is reversed (DMCA-RI).

    ``open_to_appeal`` is whether the account was told of an appeal (DSA-19).
    """

    __tablename__ = "strike"
    KIND: ClassVar[str] = "strike"

    account_id: str = Field(max_length=36, index=True)
    ground_kind: str = Field(max_length=20)
    ground_id: str = Field(max_length=36)
    track_id: str | None = Field(default=None, max_length=36)
    weight: int = 1
    policy_version: str = Field(max_length=64)
    active_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_for: str | None = Field(default=None, max_length=200)
    open_to_appeal: bool = Field(default=True, sa_column_kwargs={"server_default": true()})


class Sanction(SQLModel, table=True):
    """A warning, a suspension or an end, given by a person to somebody who misuses (DSA-23, DMCA-RI).

    ``what`` is what is suspended: uploads, notices, complaints or the account. ``factors`` are the four of
    DSA-23 as they stood. An end of an account needs a second signer. ``open_to_appeal`` is whether whom it
    hits was told of an appeal (DSA-19).
    """

    __tablename__ = "sanction"
    __table_args__ = (Index("ix_sanction_party", "party_kind", "party_id"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    version: int = 0
    party_kind: str = Field(max_length=20)
    party_id: str = Field(max_length=64)
    what: str = Field(max_length=20)
    kind: str = Field(max_length=20)
    state: str = Field(max_length=20)
    factors: dict[str, Any] = Field(sa_type=json_type())
    reason: str = Field(sa_type=Text)
    signed_by: str = Field(max_length=36)
    second_signer: str | None = Field(default=None, max_length=36)
    starts_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_for: str | None = Field(default=None, max_length=200)
    open_to_appeal: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    created_at: datetime = Field(sa_type=UtcDateTime)


class Evidence(SQLModel, table=True):
    """A file or a text that a party put forward; the bytes are a blob of the tenant."""

    __tablename__ = "evidence"
    __table_args__ = (Index("ix_evidence_matter", "matter_kind", "matter_id"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    matter_kind: str = Field(max_length=20)
    matter_id: str = Field(max_length=36)
    by_kind: str = Field(max_length=20)
    by_id: str = Field(max_length=36)
    name: str = Field(max_length=300)
    media_type: str = Field(max_length=100)
    sha256: str = Field(max_length=64)
    size_bytes: int
    created_at: datetime = Field(sa_type=UtcDateTime)


class Message(SQLModel, table=True):
    """What was said about a matter: a question, an answer, a note for colleagues only."""

    __tablename__ = "matter_message"
    __table_args__ = (Index("ix_matter_message_matter", "matter_kind", "matter_id", "created_at"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    matter_kind: str = Field(max_length=20)
    matter_id: str = Field(max_length=36)
    kind: str = Field(max_length=20)
    by_kind: str = Field(max_length=20)
    by_id: str = Field(max_length=36)
    text: str = Field(sa_type=Text)
    internal: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class Deadline(SQLModel, table=True):
    """A clock of a matter: never counted anew; another one is opened if the time changes.

    ``state`` is open, met, missed, or ended (the matter went another way before it was due).
    """

    __tablename__ = "deadline"
    __table_args__ = (
        Index("ix_deadline_matter", "matter_kind", "matter_id"),
        Index("ix_deadline_due", "state", "due_at"),
        Index("ix_deadline_near", "state", "near_at"),
        Index("ix_deadline_opens", "state", "window_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    version: int = 0
    matter_kind: str = Field(max_length=20)
    matter_id: str = Field(max_length=36)
    rule: str = Field(max_length=60)
    calendar: str = Field(max_length=100)
    zone: str = Field(max_length=60)
    state: str = Field(max_length=10)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    opens_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    near_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    window_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
