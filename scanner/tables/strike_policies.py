"""A platform's own policies against repeat infringers, each as it was proposed."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime


class StrikePolicyVersion(SQLModel, table=True):
    """One version: ``proposed``, ``in_force``, ``replaced`` by a later one, or ``rejected``.

    ``policy_hash`` is what each strike keeps of the policy that it was given under.
    """

    __tablename__ = "strike_policy"
    __table_args__ = (Index("ix_strike_policy_tenant", "tenant_id", "state"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    version: int = 1
    policy_hash: str = Field(max_length=64)
    text: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    state: str = Field(max_length=10)
    proposed_by: str = Field(max_length=36)
    decided_by: str | None = Field(default=None, max_length=36)
    single_operator: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    in_force_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
