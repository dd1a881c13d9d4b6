"""The catalogue that tracks are compared with; the index is built from it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Holder(SQLModel, table=True):
    """Who holds the rights in references.

    One that nobody named belongs to the one reference it was made for, whatever it is called.
    """

    __tablename__ = "holder"
    __table_args__ = (Index("ix_holder_tenant_name", "tenant_id", "name"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    name: str = Field(max_length=200)
    named: bool = True
    verified: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class Reference(SQLModel, table=True):
    """A recording to compare with, and what its holder wants done on a match.

    ``epoch`` orders the changes of one tenant's catalogue (`scanner/catalogue.py`); the index
    remembers the last epoch it holds.
    """

    __tablename__ = "reference"
    __table_args__ = (
        Index("ix_reference_tenant_epoch", "tenant_id", "epoch"),
        Index("ix_reference_tenant_audio", "tenant_id", "audio_sha256"),
        Index("ix_reference_tenant_created", "tenant_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    holder_id: str = Field(max_length=36, foreign_key="holder.id", index=True)
    version: int = 0
    epoch: int = Field(sa_type=BigInteger)
    status: str = Field(max_length=20)
    policy: str = Field(max_length=20)
    title: str = Field(max_length=300)
    path: str | None = Field(default=None, max_length=1000)
    isrc: str | None = Field(default=None, max_length=12)
    territories: list[str] = Field(default_factory=list, sa_type=json_type())
    operator_added: bool = False
    duration: float
    audio_sha256: str | None = Field(default=None, max_length=64)
    fingerprint_sha256: str = Field(max_length=64)
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class CatalogueEpoch(SQLModel, table=True):
    """The last change number of a tenant's catalogue; its row lock orders the changes."""

    __tablename__ = "catalogue_epoch"

    tenant_id: str = Field(primary_key=True, max_length=36, foreign_key="tenant.id")
    value: int = Field(sa_type=BigInteger)


class CatalogueChange(SQLModel, table=True):
    """Every change number that was given out, so that an index of another past is known as such."""

    __tablename__ = "catalogue_change"

    tenant_id: str = Field(primary_key=True, max_length=36, foreign_key="tenant.id")
    epoch: int = Field(primary_key=True, sa_type=BigInteger)


class Licence(SQLModel, table=True):
    """A licence on record: the only thing that makes a match *licensed*."""

    __tablename__ = "licence"
    __table_args__ = (Index("ix_licence_tenant_holder", "tenant_id", "holder_id"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    holder_id: str = Field(max_length=36, foreign_key="holder.id")
    account_id: str | None = Field(default=None, max_length=36)
    reference_id: str | None = Field(default=None, max_length=36)
    territories: list[str] = Field(default_factory=list, sa_type=json_type())
    valid_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    valid_to: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
