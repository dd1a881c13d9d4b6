"""Who is logged in to the console, and what reviewers ask for themselves there."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class ConsoleSession(SQLModel, table=True):
    """A login of a person at one browser; of its token only the SHA-256 is kept."""

    __tablename__ = "console_session"

    digest: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(max_length=36, foreign_key="user_login.id", index=True)
    language: str | None = Field(default=None, max_length=10)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class ReviewerWish(SQLModel, table=True):
    """What a reviewer wants to be spared; without a row the defaults hold.

    ``without`` names categories of words whose cases they are not given next. ``put_off`` says until when
    (ISO 8601) a case, by its id, is not given to them again. ``calm`` mutes and covers what is hard to hear
    or read until they ask for it.
    """

    __tablename__ = "reviewer_wish"

    user_id: str = Field(primary_key=True, max_length=36, foreign_key="user_login.id")
    break_cases: int = 40
    break_minutes: int = 50
    calm: bool = True
    without: list[str] = Field(default_factory=list, sa_type=json_type())
    put_off: dict[str, str] = Field(default_factory=dict, sa_type=json_type())
    rested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
