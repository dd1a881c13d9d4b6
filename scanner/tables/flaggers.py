"""Trusted flaggers: whose notices come first, as long as they are right (DSA-22)."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime


class Flagger(SQLModel, table=True):
    """A trusted flagger of a platform; ``state`` is trusted or lost."""

    __tablename__ = "flagger"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id", index=True)
    version: int = 0
    name: str = Field(max_length=200)
    email: str = Field(max_length=320)
    state: str = Field(max_length=20)
    created_at: datetime = Field(sa_type=UtcDateTime)
    lost_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
