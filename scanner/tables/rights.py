"""Who holds how much of what, what of a match is held against nobody, and how a track was mended."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Share(SQLModel, table=True):
    """A holder's share of one right in one recording or work: all of them come to 100 % at most.

    ``parts`` are ten-thousandths of a percent. ``subject`` is the id of a reference, or an ISWC.
    ``territory`` is an ISO 3166 code, or ``*`` for everywhere. ``starts_on`` and ``ends_on`` are its first
    and last days; none: without beginning, without end.
    """

    __tablename__ = "rights_share"
    __table_args__ = (
        Index("ix_rights_share_subject", "tenant_id", "subject", "right"),
        Index("ix_rights_share_holder", "tenant_id", "holder_id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    holder_id: str = Field(max_length=36, foreign_key="holder.id")
    subject: str = Field(max_length=36)
    right: str = Field(max_length=20)
    territory: str = Field(max_length=2)
    parts: int
    starts_on: date | None = None
    ends_on: date | None = None
    version: int = 1
    created_at: datetime = Field(sa_type=UtcDateTime)


class MatchExemption(SQLModel, table=True):
    """A match of one track that its holder no longer claims, since a matter ended so.

    ``segments`` are the parts of the track, in seconds, that are free; none: all of it. ``claimed_in`` are
    the territories where the claim stays; none: it stays nowhere.
    """

    __tablename__ = "match_exemption"
    __table_args__ = (
        UniqueConstraint("track_id", "reference_id", "ground_kind", "ground_id", name="uq_exempt"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36, index=True)
    reference_id: str = Field(max_length=36)
    ground_kind: str = Field(max_length=20)
    ground_id: str = Field(max_length=36)
    segments: list[dict[str, float]] = Field(default_factory=list, sa_type=json_type())
    claimed_in: list[str] = Field(default_factory=list, sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)


class TrackEdit(SQLModel, table=True):
    """A new version of a track from which its creator cut, or in which they muted, what was claimed.

    ``state`` is submitted, replaced (the new version went out, and the old one was withdrawn) or failed
    (the new version did not go out either).
    """

    __tablename__ = "track_edit"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36, index=True)
    new_track_id: str = Field(max_length=36, unique=True)
    account_id: str | None = Field(default=None, max_length=36)
    parts: list[dict[str, Any]] = Field(sa_type=json_type())
    seconds_removed: float
    state: str = Field(max_length=20)
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
