"""Marks: the keys they are written with, what each says, the stems and the files that carry them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


def _unique(name: str, column: str, where: str) -> Index:
    """A column that no two rows of these share. NULL equals nothing, so the service has its own."""
    part = text(where)
    return Index(name, column, unique=True, sqlite_where=part, postgresql_where=part)


class WatermarkKey(SQLModel, table=True):
    """A key by its id and digest; its bytes are in its file and nowhere else.

    ``tenant_id`` is null for a key of the service, ``owner`` null for one of ours and the name of the
    other service for one that is only read with.
    """

    __tablename__ = "watermark_key"
    __table_args__ = (
        UniqueConstraint("tenant_id", "digest", name="uq_watermark_key_digest"),
        _unique("uq_watermark_key_service_digest", "digest", "tenant_id IS NULL"),
        _unique("uq_watermark_key_writing", "tenant_id", "state = 'writing'"),
        _unique(
            "uq_watermark_key_service_writing", "state", "state = 'writing' AND tenant_id IS NULL"
        ),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str | None = Field(default=None, max_length=36, foreign_key="tenant.id", index=True)
    owner: str | None = Field(default=None, max_length=200)
    digest: str = Field(max_length=64)
    state: str = Field(max_length=20)
    reason: str | None = Field(default=None, max_length=500)
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Watermark(SQLModel, table=True):
    """What a mark stands for: one a generated track. The mark itself holds only ``payload``."""

    __tablename__ = "watermark"
    __table_args__ = (
        Index("ix_watermark_take", "tenant_id", "take_id"),
        Index("ix_watermark_published", "published_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36, foreign_key="track.id", unique=True)
    account_id: str | None = Field(default=None, max_length=36, foreign_key="account.id")
    licensee_id: str | None = Field(default=None, max_length=36, foreign_key="mark_licensee.id")
    take_id: str = Field(max_length=200)
    model: str = Field(max_length=200)
    model_version: str | None = Field(default=None, max_length=200)
    scheme: str = Field(max_length=40)
    payload_id: str = Field(max_length=24, unique=True)
    payload: str = Field(max_length=32)
    key_id: str = Field(max_length=36, foreign_key="watermark_key.id")
    state: str = Field(max_length=20)
    measurement: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    master_sha256: str | None = Field(default=None, max_length=64)
    warnings: list[dict[str, str]] = Field(default_factory=list, sa_type=json_type())
    issued_at: datetime = Field(sa_type=UtcDateTime)
    verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TrackStem(SQLModel, table=True):
    """A stem of a generated track, marked with the take's payload or measured to be unmarkable."""

    __tablename__ = "track_stem"
    __table_args__ = (UniqueConstraint("track_id", "name", name="uq_track_stem_name"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36, foreign_key="track.id")
    name: str = Field(max_length=100)
    sha256: str = Field(max_length=64)
    size_bytes: int = Field(sa_type=BigInteger)
    state: str = Field(max_length=20)
    measurement: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    master_sha256: str | None = Field(default=None, max_length=64)
    fingerprint_sha256: str | None = Field(default=None, max_length=64)
    duration: float | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)


class ReleasedFile(SQLModel, table=True):
    """A file that may go out, by its SHA-256: what it is and how its mark was read back from it."""

    __tablename__ = "released_file"
    __table_args__ = (
        UniqueConstraint(
            "track_id", "part", "form", "bit_rate", "payload", name="uq_released_file_form"
        ),
        Index("ix_released_file_sha256", "sha256"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36, foreign_key="track.id", index=True)
    part: str = Field(max_length=110)
    form: str = Field(max_length=10)
    bit_rate: int
    payload: str = Field(max_length=32)
    sha256: str = Field(max_length=64)
    size_bytes: int = Field(sa_type=BigInteger)
    mark: dict[str, Any] = Field(sa_type=json_type())
    likeness: float | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)


class MarkLicensee(SQLModel, table=True):
    """Whom a platform lets use its model and its marks, until that right is revoked (CA-942)."""

    __tablename__ = "mark_licensee"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name", name="uq_mark_licensee_name"),
        Index("ix_mark_licensee_due", "due_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    name: str = Field(max_length=200)
    state: str = Field(max_length=20)
    reason: str | None = Field(default=None, max_length=500)
    version: int = 0
    noticed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
