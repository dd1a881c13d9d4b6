"""Stored tracks looked at again with newer detectors (`scanner/rescans.py`)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Rescan(SQLModel, table=True):
    """One walk over a tenant's tracks; at most one is running. ``state`` is running, done or stopped.

    ``wanted`` has the versions by detector, ``cursor`` the id of the last track that was taken, ``at_work`` the
    tracks that workers are at, each with until when and how often one began.
    """

    __tablename__ = "rescan"
    __table_args__ = (Index("ix_rescan_state", "state", "touched_at"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id", index=True)
    version: int = 0
    state: str = Field(max_length=10)
    wanted: dict[str, str] = Field(sa_type=json_type())
    total: int
    cursor: str = Field(default="", max_length=36)
    last_track_id: str = Field(max_length=36)
    at_work: dict[str, dict[str, Any]] = Field(default_factory=dict, sa_type=json_type())
    looked_at: int = 0
    stricter: int = 0
    looser: int = 0
    without_audio: int = 0
    failed: int = 0
    asked_by: str = Field(max_length=100)
    started_at: datetime = Field(sa_type=UtcDateTime)
    touched_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
