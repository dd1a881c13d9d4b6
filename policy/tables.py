"""Decisions as they were made, with all that is needed to make them again."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from policy.columns import UtcDateTime, json_type


class PolicyDecision(SQLModel, table=True):
    """What the policy pack said about a track, and on which facts."""

    __tablename__ = "policy_decision"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, index=True)
    track_id: str = Field(max_length=36, index=True)
    analysis_id: str | None = Field(default=None, max_length=36)
    decision: str = Field(max_length=20)
    outcomes: dict[str, str] = Field(sa_type=json_type())
    restrictions: list[dict[str, Any]] = Field(sa_type=json_type())
    reasons: list[dict[str, Any]] = Field(sa_type=json_type())
    explanation: dict[str, Any] = Field(sa_type=json_type())
    facts: dict[str, Any] = Field(sa_type=json_type())
    pack: str = Field(max_length=200)
    facts_hash: str = Field(max_length=64)
    outcome_hash: str = Field(max_length=64)
    index_version: str | None = Field(default=None, max_length=100)
    automation: str = Field(max_length=10)
    supersedes: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)
