"""Stored tracks compared with references that came later (`scanner/retro.py`)."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class RetroDue(SQLModel, table=True):
    """A reference that became active and that stored tracks were not yet compared with."""

    __tablename__ = "retro_due"

    reference_id: str = Field(primary_key=True, max_length=36, foreign_key="reference.id")
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id", index=True)


class RetroSweep(SQLModel, table=True):
    """One walk over a tenant's tracks with a batch of new references; at most one is open.

    ``cursor`` is the id of the last track that was compared, ``last_track_id`` where the walk ends,
    ``epoch`` the catalogue's when it began: an analysis whose index held it has looked for these
    references itself, but for those in banks that it left out.
    """

    __tablename__ = "retro_sweep"
    __table_args__ = (Index("ix_retro_sweep_open", "tenant_id", "ended_at"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    version: int = 0
    reference_ids: list[str] = Field(sa_type=json_type())
    epoch: int = Field(sa_type=BigInteger)
    cursor: str = Field(default="", max_length=36)
    last_track_id: str = Field(max_length=36)
    compared: int = 0
    found: int = 0
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RetroMatch(SQLModel, table=True):
    """A reference, or more of one, found in a track that was decided before that was found."""

    __tablename__ = "retro_match"
    __table_args__ = (
        UniqueConstraint("track_id", "reference_id", name="uq_retro_match"),
        Index("ix_retro_match_reference", "tenant_id", "reference_id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36, foreign_key="track.id")
    reference_id: str = Field(max_length=36, foreign_key="reference.id")
    analysis_id: str = Field(max_length=36)
    sweep_id: str | None = Field(default=None, max_length=36)
    kind: str = Field(max_length=20)
    score: float
    coverage_query: float
    coverage_reference: float
    segments: list[dict[str, float]] = Field(sa_type=json_type())
    explained: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    decision: str = Field(max_length=20)
    disposition: str = Field(default="open", max_length=20)
    case_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)
