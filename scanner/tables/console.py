"""Who is logged in to the console."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime


class ConsoleSession(SQLModel, table=True):
    """A login of a person at one browser; of its token only the SHA-256 is kept."""

    __tablename__ = "console_session"

    digest: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(max_length=36, foreign_key="user_login.id", index=True)
    language: str | None = Field(default=None, max_length=10)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
