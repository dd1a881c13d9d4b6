"""Manifests that were signed here: what each says, of which file, and where its bytes are."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type

NO_MANIFEST: Final = ""
"""Instead of the SHA-256 of a manifest that was taken away, since it named somebody who was erased."""


class Provenance(SQLModel, table=True):
    """A signed file of a track; its manifest is found again by the file, the track or the mark."""

    __tablename__ = "provenance"
    __table_args__ = (
        UniqueConstraint("tenant_id", "file_sha256", name="uq_provenance_file"),
        Index("ix_provenance_payload", "payload"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    track_id: str = Field(max_length=36, foreign_key="track.id", index=True)
    part: str = Field(max_length=110)
    form: str = Field(max_length=10)
    file_sha256: str = Field(max_length=64)
    manifest_sha256: str = Field(max_length=64)
    label: str = Field(max_length=500)
    issuer: str = Field(max_length=500)
    payload: str | None = Field(default=None, max_length=32)
    source_type: str | None = Field(default=None, max_length=60)
    model: str | None = Field(default=None, max_length=200)
    model_version: str | None = Field(default=None, max_length=200)
    prompt_sha256: str | None = Field(default=None, max_length=64)
    seed: str | None = Field(default=None, max_length=20)
    parents: list[dict[str, Any]] = Field(default_factory=list, sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)
