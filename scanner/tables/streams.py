"""Live streams that are listened to, and what was on."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Stream(SQLModel, table=True):
    """A stream and how far it was heard; times within it are seconds from its first sample on.

    ``connections`` are stretches without a gap: ``{"at", "start", "end"}``, the first in UTC.
    ``position_at`` is when the stream was at ``heard_seconds``, ``heard_at`` when audio came last.
    ``unsearched`` are ranges ``[start, end]`` that were heard while no index answered.
    """

    __tablename__ = "stream"
    __table_args__ = (
        Index("ix_stream_tenant", "tenant_id", "created_at", "id"),
        Index("ix_stream_due", "state", "retry_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    name: str = Field(max_length=200)
    url: str | None = Field(default=None, sa_type=Text)
    sandbox: bool = False
    version: int = 0
    state: str = Field(max_length=20)
    heard_seconds: float = 0.0
    connections: list[dict[str, Any]] = Field(sa_type=json_type())
    unsearched: list[list[float]] = Field(sa_type=json_type())
    problem: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    lease: str | None = Field(default=None, max_length=36)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    retries: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    position_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    heard_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StreamPlay(SQLModel, table=True):
    """A reference that was on, from when to when."""

    __tablename__ = "stream_play"
    __table_args__ = (Index("ix_stream_play_stream", "stream_id", "start"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    stream_id: str = Field(max_length=36, foreign_key="stream.id")
    reference_id: str = Field(max_length=36)
    start: float
    end: float
    reference_start: float
    reference_end: float
    score: float
    pitch_semitones: float
    tempo_ratio: float
    said_after: float
    is_over: bool = False
    noted_at: datetime = Field(sa_type=UtcDateTime)
