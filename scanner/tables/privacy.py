"""Legal holds, erasures that were done, and bytes that are to go."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime


class LegalHold(SQLModel, table=True):
    """Nothing of an object is erased while this stands (GDPR-17(3)); null ``until``: until lifted."""

    __tablename__ = "legal_hold"
    __table_args__ = (Index("ix_legal_hold_object", "tenant_id", "object_kind", "object_id"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    object_kind: str = Field(max_length=20)
    object_id: str = Field(max_length=36)
    basis: str = Field(max_length=500)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    placed_by: str = Field(max_length=100)
    placed_at: datetime = Field(sa_type=UtcDateTime)
    lifted_by: str | None = Field(default=None, max_length=100)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 0


class Erasure(SQLModel, table=True):
    """An account or a track was erased; finished once keys and bytes are gone too.

    ``cause`` is ``asked``, ``retention``, or ``restored`` if a backup had brought it back.
    """

    __tablename__ = "erasure"
    __table_args__ = (
        UniqueConstraint("object_kind", "object_id", name="uq_erasure_object"),
        Index("ix_erasure_unfinished", "finished_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    object_kind: str = Field(max_length=20)
    object_id: str = Field(max_length=36)
    cause: str = Field(max_length=20)
    at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BlobRelease(SQLModel, table=True):
    """Bytes that an erased row held: removed unless another row holds them too."""

    __tablename__ = "blob_release"

    tenant_id: str = Field(primary_key=True, max_length=36, foreign_key="tenant.id")
    sha256: str = Field(primary_key=True, max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)
