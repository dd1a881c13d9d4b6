"""Walks over the chains of the audit trail that a worker does, and what they found."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class AuditWalk(SQLModel, table=True):
    """A chain's walk: asked for, under way, or done, with what the last one found.

    ``place`` is how far it is, ``fitted`` the last signed checkpoint that a whole walk fitted: each with
    ``sequence``, ``hash`` and the tree's ``edge``. ``first`` is where this one began, ``size`` how long the chain was.
    """

    __tablename__ = "audit_walk"

    chain: str = Field(primary_key=True, max_length=36)
    state: str = Field(max_length=10)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    first: int = 0
    size: int = 0
    place: dict[str, Any] = Field(sa_type=json_type())
    fitted: dict[str, Any] = Field(default_factory=dict, sa_type=json_type())
    result: dict[str, Any] = Field(default_factory=dict, sa_type=json_type())
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
