"""Decisions as they were made, with all that is needed to make them again; packs and their rollout."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from policy.columns import UtcDateTime, json_type


class PolicyDecision(SQLModel, table=True):
    """What the policy pack said about a track, and on which facts.

    ``activation_id`` is null where no platform's activation decided; ``single_operator`` tells that one
    identity both proposed and approved the pack.
    """

    __tablename__ = "policy_decision"
    __table_args__ = (
        Index("ix_policy_decision_created", "tenant_id", "created_at", "id"),
        Index("ix_policy_decision_supersedes", "supersedes"),
    )

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
    ruled_by: str | None = Field(default=None, max_length=10)
    supersedes: str | None = Field(default=None, max_length=36)
    activation_id: str | None = Field(default=None, max_length=36)
    single_operator: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class PolicyPack(SQLModel, table=True):
    """One version of a platform's rules: its text never changes, its state does."""

    __tablename__ = "policy_pack"
    __table_args__ = (
        UniqueConstraint("tenant_id", "content_hash", name="uq_policy_pack_content"),
        Index("ix_policy_pack_created", "tenant_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    name: str = Field(max_length=80)
    content_hash: str = Field(max_length=64)
    text: str = Field(sa_type=Text)
    summary: dict[str, Any] = Field(sa_type=json_type())
    state: str = Field(max_length=20)
    version: int = 0
    author: str = Field(max_length=100)
    proposed_by: str | None = Field(default=None, max_length=100)
    approved_by: str | None = Field(default=None, max_length=100)
    single_operator: bool = False
    reason: str | None = Field(default=None, max_length=500)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class PolicyActivation(SQLModel, table=True):
    """One time that a pack was in force, had a share of the tracks, or ran in the shadow.

    ``before_id`` is the activation in force before it, to which a rollback returns.
    """

    __tablename__ = "policy_activation"
    __table_args__ = (Index("ix_policy_activation_pack", "pack_id", "started_at"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    pack_id: str = Field(max_length=36)
    mode: str = Field(max_length=20)
    share: float
    before_id: str | None = Field(default=None, max_length=36)
    started_by: str = Field(max_length=100)
    single_operator: bool = False
    stop_rate: float | None = None
    stop_minimum: int | None = None
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end_reason: str | None = Field(default=None, max_length=500)
    stopped: bool = Field(default=False, description="It strayed, and was ended by that.")


class PolicyRollout(SQLModel, table=True):
    """What decides a platform's tracks now; every move locks this row, every decision reads it."""

    __tablename__ = "policy_rollout"

    tenant_id: str = Field(primary_key=True, max_length=36)
    active_id: str = Field(max_length=36)
    candidate_id: str | None = Field(default=None, max_length=36)


class PolicyComparison(SQLModel, table=True):
    """A track on which a candidate and the live pack differ, or the candidate failed."""

    __tablename__ = "policy_comparison"
    __table_args__ = (Index("ix_policy_comparison_tenant", "tenant_id", "at"),)

    activation_id: str = Field(primary_key=True, max_length=36)
    decision_id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    track_id: str = Field(max_length=36)
    live: str = Field(max_length=20)
    candidate: str | None = Field(default=None, max_length=20)
    only_live: list[str] = Field(sa_type=json_type())
    only_candidate: list[str] = Field(sa_type=json_type())
    error: str | None = Field(default=None, max_length=500)
    at: datetime = Field(sa_type=UtcDateTime)


class ComparisonTally(SQLModel, table=True):
    """How many tracks a candidate was compared on in an hour, and what came of it."""

    __tablename__ = "policy_comparison_tally"

    activation_id: str = Field(primary_key=True, max_length=36)
    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    compared: int = 0
    differing: int = 0
    failed: int = 0


class RuleTally(SQLModel, table=True):
    """How many decisions of a pack a rule fired in, in an hour; rule ``*`` counts all decisions."""

    __tablename__ = "policy_rule_tally"
    __table_args__ = (Index("ix_policy_rule_tally_hour", "hour"),)

    tenant_id: str = Field(primary_key=True, max_length=36)
    pack_id: str = Field(primary_key=True, max_length=36)
    rule: str = Field(primary_key=True, max_length=80)
    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    fired: int = 0
    alarmed: bool = False
