"""Takes that were made, their stems, and the projects that they belong to."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class TakeProject(SQLModel, table=True):
    """A tree of takes: whose it is, and from which take it goes on."""

    __tablename__ = "take_project"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str | None = Field(
        default=None, max_length=36, foreign_key="account.id", index=True
    )
    current_take_id: str | None = Field(default=None, max_length=36)
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class TakeContributor(SQLModel, table=True):
    """An account that may vary the takes of somebody's project."""

    __tablename__ = "take_contributor"

    project_id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(primary_key=True, max_length=36, foreign_key="account.id", index=True)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    added_at: datetime = Field(sa_type=UtcDateTime)


class TakeInvitation(SQLModel, table=True):
    """An account that is asked to work on somebody's project, and its answer; it goes with the project."""

    __tablename__ = "take_invitation"
    __table_args__ = (
        Index("ix_take_invitation_asked", "project_id", "account_id"),
        Index("ix_take_invitation_due", "state", "expires_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    project_id: str = Field(max_length=36, foreign_key="take_project.id", ondelete="CASCADE")
    account_id: str = Field(max_length=36, foreign_key="account.id", index=True)
    state: str = Field(max_length=20)
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Take(SQLModel, table=True):
    """A take: a node of its project's tree. What is heard of it is a track and cleared as one.

    ``digest`` is the generator's id of it. ``document_sha256`` holds plan, notes and seeds, from which it is
    varied. A parent may be of another project: then this is a fork, and credits it.
    """

    __tablename__ = "take"
    __table_args__ = (
        Index("ix_take_project", "project_id", "id"),
        Index("ix_take_listed", "tenant_id", "account_id", "id"),
        Index("ix_take_engine", "engine", "engine_version"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    project_id: str = Field(max_length=36)
    generation_id: str = Field(max_length=36, unique=True)
    account_id: str | None = Field(
        default=None, max_length=36, foreign_key="account.id", index=True
    )
    track_id: str = Field(max_length=36, foreign_key="track.id", index=True)
    parent_id: str | None = Field(default=None, max_length=36, index=True)
    digest: str = Field(max_length=64)
    engine: str = Field(max_length=100)
    engine_version: str = Field(max_length=100)
    locked: list[str] = Field(sa_type=json_type())
    locked_bars: list[int] = Field(sa_type=json_type())
    amount: float
    seed: int = Field(sa_type=BigInteger)
    bars: int
    bar_seconds: float
    credits: list[str] = Field(sa_type=json_type())
    """Accounts, by their ids, that made what this goes back to in others' projects, the first one first."""
    document_sha256: str = Field(max_length=64)
    shared_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)


class TakeStem(SQLModel, table=True):
    """A stem of a take as its engine gave it, before any mark: never handed out, only varied from.

    ``segments`` say bar by bar who made it: human, generated or mixed, in which take.
    """

    __tablename__ = "take_stem"

    take_id: str = Field(primary_key=True, max_length=36, foreign_key="take.id")
    place: int = Field(primary_key=True)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str | None = Field(default=None, max_length=36, foreign_key="account.id")
    track_id: str = Field(max_length=36, foreign_key="track.id", index=True)
    name: str = Field(max_length=100)
    instrument: str = Field(max_length=100)
    made_by: str = Field(max_length=10)
    segments: list[dict[str, Any]] = Field(sa_type=json_type())
    sound_sha256: str = Field(max_length=64)
    midi_sha256: str | None = Field(default=None, max_length=64)
