"""Rows on which a chore failed, so that they take their turn later and keep nobody behind them."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from appeals.columns import UtcDateTime


class Setback(SQLModel, table=True):
    """A row that a chore could do nothing with, and when it is tried again.

    ``error`` is the type of what was raised; null where the row only was not ready yet.
    """

    __tablename__ = "setback"
    __table_args__ = (Index("ix_setback_not_before", "not_before"),)

    chore: str = Field(primary_key=True, max_length=30)
    row_id: str = Field(primary_key=True, max_length=36)
    attempts: int = 0
    error: str | None = Field(default=None, max_length=100)
    since: datetime = Field(sa_type=UtcDateTime)
    not_before: datetime = Field(sa_type=UtcDateTime)
