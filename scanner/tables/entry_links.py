"""Links by which a creator enters without a password."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime


class EntryLink(SQLModel, table=True):
    """A link that a platform made for one of its accounts; of its token only the SHA-256 is kept."""

    __tablename__ = "entry_link"
    __table_args__ = (
        UniqueConstraint("digest", name="uq_entry_link_digest"),
        Index("ix_entry_link_account", "tenant_id", "account_id", "id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    account_id: str = Field(max_length=36)
    digest: str = Field(max_length=64)
    hint: str = Field(max_length=40)
    sandbox: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
