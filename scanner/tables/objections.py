"""What the person behind an account objects to (GDPR-21, GDPR-22)."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime


class Objections(SQLModel, table=True):
    """An account's objections: since when each holds, null if it does not; its own id is its events' subject."""

    __tablename__ = "objections"

    account_id: str = Field(primary_key=True, max_length=36, foreign_key="account.id")
    id: str = Field(max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    version: int = 0
    training_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    automated_decisions_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rehearsal_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
