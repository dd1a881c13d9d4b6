"""Baselines of detectors' scores, and how far each day is from them (`scanner/drift.py`)."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class DriftBaseline(SQLModel, table=True):
    """The frozen distribution of one kind of score; a tenant has one of each kind that has not ended.

    ``edges`` and ``counts`` are those of `scanner.stability.Bins`; days are ISO 8601, UTC.
    """

    __tablename__ = "drift_baseline"
    __table_args__ = (Index("ix_drift_baseline_open", "tenant_id", "ended_at"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    kind: str = Field(max_length=20)
    version: int = 0
    edges: list[float] = Field(sa_type=json_type())
    counts: list[int] = Field(sa_type=json_type())
    first_day: str = Field(max_length=10)
    last_day: str = Field(max_length=10)
    frozen_by: str = Field(max_length=100)
    frozen_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DriftDay(SQLModel, table=True):
    """One day beside a baseline; ``state`` is steady, drifted, or few: too few tracks to tell."""

    __tablename__ = "drift_day"
    __table_args__ = (Index("ix_drift_day_judged", "judged_at"),)

    baseline_id: str = Field(primary_key=True, max_length=36, foreign_key="drift_baseline.id")
    day: str = Field(primary_key=True, max_length=10)
    tracks: int
    psi: float | None = None
    state: str = Field(max_length=10)
    judged_at: datetime = Field(sa_type=UtcDateTime)
