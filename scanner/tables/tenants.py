"""Who uses the service: tenants, their keys, their people."""

from datetime import datetime

from sqlalchemy import UniqueConstraint, true
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Tenant(SQLModel, table=True):
    """A platform. A sandbox is a tenant of its own that knows whose sandbox it is.

    ``micro_or_small`` is its size (DSA-19); None: as the setting says. ``small_until`` is when it stopped being that
    small; ``offers_means`` whether it offers appeals and such of its own will where it is exempt.
    """

    __tablename__ = "tenant"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=200)
    sandbox_of: str | None = Field(
        default=None, max_length=36, foreign_key="tenant.id", unique=True
    )
    micro_or_small: bool | None = Field(default=None)
    small_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    offers_means: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    created_at: datetime = Field(sa_type=UtcDateTime)


class ApiKey(SQLModel, table=True):
    """A bearer key; only the SHA-256 of its 256 random bits is kept.

    One of a person names their login, one of a rights holder the holder, one of a trusted flagger the
    flagger; others are the platform's own. ``used_at`` is when it was last used, to ten minutes.
    """

    __tablename__ = "api_key"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id", index=True)
    name: str = Field(max_length=200)
    hint: str = Field(max_length=20)
    digest: str = Field(max_length=64, unique=True)
    scopes: list[str] = Field(sa_type=json_type())
    user_id: str | None = Field(default=None, max_length=36)
    holder_id: str | None = Field(default=None, max_length=36)
    flagger_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SigningKey(SQLModel, table=True):
    """The public half of the Ed25519 key with which a tenant signs its bus messages."""

    __tablename__ = "signing_key"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id", index=True)
    name: str = Field(max_length=200)
    public_key: str = Field(max_length=500)
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class User(SQLModel, table=True):
    """Somebody who logs in to the console.

    ``subject_digest`` is the SHA-256 of who they are at the identity provider, once they came from there;
    a rights holder's login names the holder that it acts for.
    """

    __tablename__ = "user_login"

    id: str = Field(primary_key=True, max_length=36)
    email: str = Field(max_length=320, unique=True)
    password_hash: str = Field(max_length=200)
    role: str = Field(max_length=30)
    tenant_id: str | None = Field(default=None, max_length=36)
    holder_id: str | None = Field(default=None, max_length=36)
    skills: list[str] = Field(default_factory=list, sa_type=json_type())
    languages: list[str] = Field(default_factory=list, sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    subject_digest: str | None = Field(default=None, max_length=64, index=True, unique=True)
    language: str | None = Field(default=None, max_length=10)


class LoginLink(SQLModel, table=True):
    """A link by which somebody sets the password of their login, once; it is removed when it is used.

    What the link holds beside the id follows from it and the installation's key, and is kept nowhere.
    """

    __tablename__ = "login_link"

    id: str = Field(primary_key=True, max_length=36)
    user_id: str = Field(max_length=36, foreign_key="user_login.id", index=True)
    reason: str = Field(max_length=20)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class Account(SQLModel, table=True):
    """A creator's account on the platform, under the platform's own name for it."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("tenant_id", "external_id"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    external_id: str = Field(max_length=200)
    created_at: datetime = Field(sa_type=UtcDateTime)


class UsageCounter(SQLModel, table=True):
    """All that a precheck leaves behind: one number a tenant, a day and a name."""

    __tablename__ = "usage_counter"

    tenant_id: str = Field(primary_key=True, max_length=36, foreign_key="tenant.id")
    day: str = Field(primary_key=True, max_length=10)
    name: str = Field(primary_key=True, max_length=60)
    value: int
