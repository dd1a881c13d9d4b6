"""What reviewers heard, and what creators changed in what they had declared."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class CaseHearing(SQLModel, table=True):
    """A reviewer said that they listened to a case's track; a bulk verdict needs it of a sample."""

    __tablename__ = "case_hearing"
    __table_args__ = (UniqueConstraint("case_id", "user_id", name="uq_case_hearing"),)

    id: str = Field(primary_key=True, max_length=36)
    case_id: str = Field(max_length=36)
    user_id: str = Field(max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    heard_at: datetime = Field(sa_type=UtcDateTime)


class TrackAmendment(SQLModel, table=True):
    """What a creator adds to what was declared with a track: a credit, fewer territories, a licence.

    ``content`` is what the kind asks for. ``state`` is drafted, applied (it counts, and the rules judged anew) or
    undone; ``decision_id`` is the decision that it led to, if it changed anything.
    """

    __tablename__ = "track_amendment"
    __table_args__ = (Index("ix_track_amendment_track", "track_id", "state"),)
    KIND: ClassVar[str] = "amendment"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36)
    account_id: str | None = Field(default=None, max_length=36, index=True)
    kind: str = Field(max_length=20)
    content: dict[str, Any] = Field(sa_type=json_type())
    state: str = Field(max_length=20)
    decision_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)
    applied_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
