"""The catalogue that tracks are compared with; the index is built from it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Holder(SQLModel, table=True):
    """Who holds the rights in references.

    One that nobody named belongs to the one reference it was made for, whatever it is called.
    ``peer_key`` is the key of the peer that named it; None, if it was named here.
    """

    __tablename__ = "holder"
    __table_args__ = (Index("ix_holder_tenant_name", "tenant_id", "name"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    name: str = Field(max_length=200)
    named: bool = True
    verified: bool = False
    peer_key: str | None = Field(default=None, max_length=64)
    contact_email: str | None = Field(default=None, max_length=320)
    language: str = Field(default="en", max_length=10)
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)


class Bank(SQLModel, table=True):
    """A named part of the catalogue, switched on and off as a whole (`scanner/banks.py`).

    ``peer_key`` is the Ed25519 public key, hexadecimal, of whoever shared what is in it.
    """

    __tablename__ = "bank"
    __table_args__ = (UniqueConstraint("tenant_id", "name", name="uq_bank_tenant_name"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    name: str = Field(max_length=100)
    kind: str = Field(max_length=20)
    enabled: bool = True
    rollout: float = 1.0
    peer_key: str | None = Field(default=None, max_length=64)
    version: int = 1
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Reference(SQLModel, table=True):
    """A recording to compare with, and what its holder wants done on a match.

    ``epoch`` orders the changes of one tenant's catalogue (`scanner/catalogue.py`); the index
    remembers the last epoch it holds. ``status`` moves by `scanner/reference_states.py`.

    ``quarantined_for`` says why it is not found: ``conflict``, ``flood`` or ``deconfirmed``.
    ``flood_rate`` is in how many things a day it was found when that was taken for a flood, and
    ``accepted_rate`` how many a person found right. ``peer_key`` and ``origin_id`` say who shared
    it, and what it is called there. ``preview_sha256`` is sound for reviewers to compare with, and
    ``preview_lufs`` how loud that is, where the operator keeps it (`scanner/reference_previews.py`).
    """

    __tablename__ = "reference"
    __table_args__ = (
        Index("ix_reference_tenant_epoch", "tenant_id", "epoch"),
        Index("ix_reference_tenant_audio", "tenant_id", "audio_sha256"),
        Index("ix_reference_tenant_created", "tenant_id", "created_at", "id"),
        Index("ix_reference_bank", "bank_id", "status"),
        Index("ix_reference_status", "status", "snoozed_until"),
        Index("ix_reference_peer", "tenant_id", "peer_key", "origin_id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    bank_id: str = Field(max_length=36, foreign_key="bank.id")
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
    preview_sha256: str | None = Field(default=None, max_length=64)
    preview_lufs: float | None = None
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    quarantined_for: str | None = Field(default=None, max_length=20)
    conflicts: list[dict[str, Any]] = Field(default_factory=list, sa_type=json_type())
    flood_rate: float = 0.0
    accepted_rate: float = 0.0
    peer_key: str | None = Field(default=None, max_length=64)
    origin_id: str | None = Field(default=None, max_length=100)
    opinion: str | None = Field(default=None, max_length=20)
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ReferenceExclusion(SQLModel, table=True):
    """A part of a reference, in seconds, that its holder does not own."""

    __tablename__ = "reference_exclusion"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    reference_id: str = Field(max_length=36, foreign_key="reference.id", index=True)
    start_s: float
    end_s: float
    origin: str = Field(max_length=20)
    note: str = Field(default="", max_length=500)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ReferenceLyrics(SQLModel, table=True):
    """What is sung in a reference: as it was given, and folded as it is compared (`policy.quoting`)."""

    __tablename__ = "reference_lyrics"

    number: int | None = Field(default=None, primary_key=True)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    reference_id: str = Field(max_length=36, foreign_key="reference.id", unique=True)
    text: str = Field(max_length=20_000)
    folded: str = Field(max_length=60_000)
    created_at: datetime = Field(sa_type=UtcDateTime)


class LyricShingle(SQLModel, table=True):
    """Lyrics that have three words in a row; ``digest`` is made of the words and of whose platform it is."""

    __tablename__ = "lyric_shingle"
    __table_args__ = {"sqlite_with_rowid": False}

    digest: int = Field(sa_type=BigInteger, primary_key=True)
    number: int = Field(primary_key=True)


class ReferenceTally(SQLModel, table=True):
    """In how many different things a reference was found within one hour."""

    __tablename__ = "reference_tally"

    reference_id: str = Field(primary_key=True, max_length=36)
    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    matches: int


class ReferenceSighting(SQLModel, table=True):
    """In what a reference was found, by which analysis first.

    ``content`` is the SHA-256 of its bytes or of its fingerprint, or of who sent it that day and how many before it.
    """

    __tablename__ = "reference_sighting"

    reference_id: str = Field(primary_key=True, max_length=36)
    content: str = Field(primary_key=True, max_length=64)
    analysis_id: str = Field(max_length=36)
    at: datetime = Field(sa_type=UtcDateTime, index=True)


class ReferenceOpinion(SQLModel, table=True):
    """What a peer that got a reference from here thinks of it."""

    __tablename__ = "reference_opinion"

    reference_id: str = Field(primary_key=True, max_length=36, foreign_key="reference.id")
    peer_key: str = Field(primary_key=True, max_length=64)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    verdict: str = Field(max_length=20)
    reason: str = Field(default="", max_length=500)
    at: datetime = Field(sa_type=UtcDateTime)


class CatalogueEpoch(SQLModel, table=True):
    """The last change number of a tenant's catalogue; its row lock orders the changes.

    ``names`` counts changes that the index need not know of, of what prompts may not name.
    """

    __tablename__ = "catalogue_epoch"

    tenant_id: str = Field(primary_key=True, max_length=36, foreign_key="tenant.id")
    value: int = Field(sa_type=BigInteger)
    names: int = Field(default=0, sa_type=BigInteger)


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
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
