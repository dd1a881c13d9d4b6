"""A track, what was declared with it, what was measured on it and what was found."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Track(SQLModel, table=True):
    """One submitted track and the state it is in (`scanner/track_states.py`)."""

    __tablename__ = "track"
    __table_args__ = (
        Index("ix_track_tenant_created", "tenant_id", "created_at", "id"),
        Index("ix_track_tenant_sha256", "tenant_id", "sha256"),
        Index("ix_track_tenant_external", "tenant_id", "external_id"),
        Index("ix_track_state", "state"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str | None = Field(
        default=None, max_length=36, foreign_key="account.id", index=True
    )
    external_id: str | None = Field(default=None, max_length=200)
    origin: str = Field(default="upload", max_length=20)
    state: str = Field(max_length=20)
    version: int = 0
    sha256: str | None = Field(default=None, max_length=64)
    size_bytes: int | None = None
    source_url: str | None = Field(default=None, max_length=2000)
    client_fingerprint: str | None = Field(default=None, max_length=64)
    file_name: str | None = Field(default=None, max_length=255)
    duration: float | None = None
    problem: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    analysis_id: str | None = Field(default=None, max_length=36)
    decision_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Submission(SQLModel, table=True):
    """What the client declared: kept as evidence, word for word."""

    __tablename__ = "submission"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id", index=True)
    track_id: str = Field(max_length=36, foreign_key="track.id", unique=True)
    entrance: str = Field(max_length=20)
    declaration: dict[str, Any] = Field(sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)


class Analysis(SQLModel, table=True):
    """Evidence only, no judgement."""

    __tablename__ = "analysis"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id", index=True)
    track_id: str = Field(max_length=36, foreign_key="track.id", index=True)
    detectors: dict[str, str] = Field(sa_type=json_type())
    versions: dict[str, str] = Field(sa_type=json_type())
    audio: dict[str, Any] = Field(sa_type=json_type())
    warnings: list[dict[str, str]] = Field(sa_type=json_type())
    seconds: dict[str, float] = Field(sa_type=json_type())
    fingerprint_sha256: str | None = Field(default=None, max_length=64)
    index_version: str | None = Field(default=None, max_length=100)
    index_epoch: int | None = Field(default=None, sa_type=BigInteger)
    index_age_seconds: float | None = None
    banks_left_out: list[str] = Field(default_factory=list, sa_type=json_type())
    provenance: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    watermarks: list[dict[str, Any]] = Field(default_factory=list, sa_type=json_type())
    words: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime = Field(sa_type=UtcDateTime)


class TrackMatch(SQLModel, table=True):
    """A reference found in a track, with the places on both sides."""

    __tablename__ = "track_match"
    __table_args__ = (
        Index("ix_track_match_reference", "tenant_id", "reference_id"),
        Index("ix_track_match_decided", "tenant_id", "reference_id", "disposition"),
        Index("ix_track_match_newest", "tenant_id", "id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36, foreign_key="track.id", index=True)
    analysis_id: str = Field(max_length=36, foreign_key="analysis.id", index=True)
    reference_id: str = Field(max_length=36)
    kind: str = Field(max_length=20)
    score: float
    coverage_query: float
    coverage_reference: float
    longest_seconds: float
    segments: list[dict[str, Any]] = Field(sa_type=json_type())
    explained: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    disposition: str = Field(default="open", max_length=20)


class IdempotencyKey(SQLModel, table=True):
    """The first answer to a key, so that a replay gets the same one."""

    __tablename__ = "idempotency_key"

    tenant_id: str = Field(primary_key=True, max_length=36, foreign_key="tenant.id")
    key: str = Field(primary_key=True, max_length=200)
    operation: str = Field(max_length=100)
    body_digest: str | None = Field(default=None, max_length=64)
    status: int | None = None
    answer: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    about: str | None = Field(default=None, max_length=36, index=True)
    """Id of the account that the answer is about, with which it is erased."""
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
