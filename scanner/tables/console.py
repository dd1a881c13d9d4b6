"""Who is at the console, what reviewers ask for themselves there, and what creators began to write."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class ConsoleSession(SQLModel, table=True):
    """Somebody at one browser; of its token only the SHA-256 is kept.

    Of a member of staff it has ``user_id``; of a creator ``account_id`` and the ``link_id`` they came by; of a
    parent ``guardian_id``, the ``consent_id`` they came by and, as ``account_id``, whose parent they are.
    ``browser`` is its kind alone, as "Firefox, Linux".
    """

    __tablename__ = "console_session"

    digest: str = Field(primary_key=True, max_length=64)
    user_id: str | None = Field(
        default=None, max_length=36, foreign_key="user_login.id", index=True
    )
    account_id: str | None = Field(
        default=None, max_length=36, foreign_key="account.id", index=True
    )
    link_id: str | None = Field(default=None, max_length=36, foreign_key="entry_link.id")
    guardian_id: str | None = Field(default=None, max_length=36, foreign_key="guardian.id")
    consent_id: str | None = Field(default=None, max_length=36)
    browser: str | None = Field(default=None, max_length=60)
    language: str | None = Field(default=None, max_length=10)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class ReviewerWish(SQLModel, table=True):
    """What a reviewer wants to be spared; without a row the defaults hold.

    ``without`` names categories of words whose cases they are not given next. ``put_off`` says until when
    (ISO 8601) a case, by its id, is not given to them again. ``calm`` mutes and covers what is hard to hear
    or read until they ask for it. ``keys`` holds their own keys by what they do.
    """

    __tablename__ = "reviewer_wish"

    user_id: str = Field(primary_key=True, max_length=36, foreign_key="user_login.id")
    break_cases: int = 40
    break_minutes: int = 50
    calm: bool = True
    without: list[str] = Field(default_factory=list, sa_type=json_type())
    put_off: dict[str, str] = Field(default_factory=dict, sa_type=json_type())
    keys: dict[str, str] = Field(default_factory=dict, sa_type=json_type())
    rested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ContestDraft(SQLModel, table=True):
    """What a creator has typed into a form and not sent; ``content`` is encrypted under their key."""

    __tablename__ = "contest_draft"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", "subject_id", name="uq_contest_draft"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str = Field(max_length=36, foreign_key="account.id")
    kind: str = Field(max_length=20)
    subject_id: str = Field(max_length=36)
    content: dict[str, Any] = Field(sa_type=json_type())
    saved_at: datetime = Field(sa_type=UtcDateTime, index=True)
