"""Previews: what somebody listened to while it was made, of which nothing is kept."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Preview(SQLModel, table=True):
    """A request to listen, whether it may be, and what was heard.

    ``controls`` are what its listener set while it played, ``changes`` times, ``tally`` counts what happened. The mark's payload
    stands for whoever asked: by it a recording of a preview is known. No sound of it is in the store.
    """

    __tablename__ = "preview"
    __table_args__ = (
        Index("ix_preview_account", "account_id", "state"),
        Index("ix_preview_state", "state", "beat_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str | None = Field(default=None, max_length=36, foreign_key="account.id")
    asked_by: str = Field(max_length=200)
    version: int = 0
    state: str = Field(max_length=20)
    prompt: str = Field(sa_type=Text)
    parameters: dict[str, Any] = Field(sa_type=json_type())
    controls: dict[str, Any] = Field(sa_type=json_type())
    changes: int = 0
    reasons: list[dict[str, Any]] = Field(sa_type=json_type())
    tally: dict[str, Any] = Field(sa_type=json_type())
    engine: str = Field(max_length=60)
    engine_version: str = Field(max_length=60)
    payload_id: str | None = Field(default=None, max_length=24, unique=True)
    key_id: str | None = Field(default=None, max_length=36)
    sha256: str | None = Field(default=None, max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    beat_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
