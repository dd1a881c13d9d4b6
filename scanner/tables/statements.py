"""The outbox of statements of reasons to the EU's public database."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class DatabasePush(SQLModel, table=True):
    """A statement that waits for the EU's database, or what became of it.

    ``state`` is waiting, sent, or refused: the database, or our own check, did not take it and a person has to
    look. ``uuid`` is the database's own id of it. ``late`` once it was due and not sent.
    """

    __tablename__ = "database_push"
    __table_args__ = (Index("ix_database_push_due", "state", "not_before"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    statement_id: str = Field(max_length=36, unique=True)
    track_id: str | None = Field(default=None, max_length=36, index=True)
    payload: dict[str, Any] = Field(sa_type=json_type())
    state: str = Field(max_length=10)
    attempts: int = 0
    not_before: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    late: bool = False
    error: str | None = Field(default=None, max_length=500)
    uuid: str | None = Field(default=None, max_length=60)
    created_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
