"""Backtests that people asked for, and how far workers have come with them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class BacktestRun(SQLModel, table=True):
    """A pack over the facts of past decisions; ``state`` is waiting, running, done or failed.

    ``at`` and ``last_id`` are the last decision that is counted in ``result``. A worker that takes a part of
    it holds it until ``leased_until``.
    """

    __tablename__ = "policy_backtest"
    __table_args__ = (
        Index("ix_policy_backtest_pack", "pack_id", "created_at"),
        Index("ix_policy_backtest_state", "state", "leased_until"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    pack_id: str = Field(max_length=36)
    asked_by: str = Field(max_length=100)
    state: str = Field(max_length=10)
    since: datetime = Field(sa_type=UtcDateTime)
    total: int = 0
    replayed: int = 0
    at: datetime = Field(sa_type=UtcDateTime)
    last_id: str = Field(default="", max_length=36)
    result: dict[str, Any] = Field(default_factory=dict, sa_type=json_type())
    problem: str | None = Field(default=None, max_length=500)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
