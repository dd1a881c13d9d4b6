"""What is known of the people behind accounts: age bands, guardians, consents, controls, requests.

No birth date, document or address is kept anywhere.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class AgeAssurance(SQLModel, table=True):
    """What somebody vouches for about an age; once purged, only that somebody did."""

    __tablename__ = "age_assurance"
    __table_args__ = (Index("ix_age_assurance_expiry", "state", "expires_at"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str = Field(max_length=36, foreign_key="account.id", index=True)
    version: int = 0
    state: str = Field(max_length=20)
    band: str | None = Field(max_length=10)
    country: str | None = Field(max_length=2)
    consent_age: int | None = None
    method: str = Field(max_length=20)
    level: str = Field(max_length=20)
    issuer: str | None = Field(default=None, max_length=200)
    assured_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    purged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Guardian(SQLModel, table=True):
    """A parent of the person behind an account, under the platform's own name for them."""

    __tablename__ = "guardian"
    __table_args__ = (UniqueConstraint("account_id", "external_id", name="uq_guardian"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str = Field(max_length=36, foreign_key="account.id")
    external_id: str = Field(max_length=200)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Consent(SQLModel, table=True):
    """A parent's consent: what was asked, in which words, what became of it.

    ``token_digest`` is the SHA-256 of the token in the parent's link, which is good for one move.
    """

    __tablename__ = "consent"
    __table_args__ = (
        Index("ix_consent_account", "account_id", "state"),
        Index("ix_consent_expiry", "state", "expires_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str = Field(max_length=36, foreign_key="account.id")
    guardian_id: str = Field(max_length=36, foreign_key="guardian.id")
    version: int = 0
    state: str = Field(max_length=20)
    scopes: list[str] = Field(sa_type=json_type())
    method: str | None = Field(default=None, max_length=20)
    text_version: str = Field(max_length=200)
    text: str = Field(sa_type=Text)
    text_sha256: str = Field(max_length=64)
    language: str = Field(max_length=35)
    token_digest: str | None = Field(default=None, max_length=64, index=True)
    lasts_days: int | None = None
    receipt_sha256: str | None = Field(default=None, max_length=64)
    requested_at: datetime = Field(sa_type=UtcDateTime)
    granted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ParentalControls(SQLModel, table=True):
    """What a parent has set for an account; its own id is the subject of its events."""

    __tablename__ = "parental_controls"

    account_id: str = Field(primary_key=True, max_length=36, foreign_key="account.id")
    id: str = Field(max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    version: int = 0
    daily_generations: int | None = None
    opens: str | None = Field(default=None, max_length=5)
    closes: str | None = Field(default=None, max_length=5)
    zone: str = Field(default="UTC", max_length=60)
    explicit: bool = True
    publishing: bool = True
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Generation(SQLModel, table=True):
    """A request to a generator, whether it may be made, and what was.

    ``take`` is what its engine says of it: what was understood, why each choice was made, the stems.
    ``melody_sha256`` is MIDI that it builds on. ``quota_day`` is the day, in the zone of the account's controls, to whose quota it counts.
    """

    __tablename__ = "generation"
    __table_args__ = (
        Index("ix_generation_account", "account_id", "state"),
        Index("ix_generation_quota", "account_id", "quota_day"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str | None = Field(default=None, max_length=36, foreign_key="account.id")
    version: int = 0
    state: str = Field(max_length=20)
    prompt: str = Field(sa_type=Text)
    parameters: dict[str, Any] = Field(sa_type=json_type())
    reasons: list[dict[str, Any]] = Field(sa_type=json_type())
    quota_day: str | None = Field(default=None, max_length=10)
    melody_sha256: str | None = Field(default=None, max_length=64)
    track_id: str | None = Field(default=None, max_length=36)
    take: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
