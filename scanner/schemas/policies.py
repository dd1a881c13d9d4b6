"""Packs of rules: bodies and answers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Decision, Digest, Moment

PackText = Annotated[str, StringConstraints(min_length=1, max_length=2_000_000)]
Why = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
PackState = Literal[
    "draft", "proposed", "approved", "rejected", "shadow", "canary", "active", "retired"
]


class PackAsked(Asked):
    """A pack to keep."""

    text: PackText = Field(description="The pack in YAML, as docs/policy.md says.")


class PolicyReason(Asked):
    """Why; kept on record."""

    reason: Why


class PolicyRollback(PolicyReason):
    """Why, and what is to be undone."""

    undone: str | None = Field(
        None,
        max_length=200,
        description="Id of the pack that is to decide nothing any more; another is not undone.",
    )


class PackActivated(Asked):
    """How much a pack is to decide."""

    share: float = Field(
        1.0, gt=0, le=1, description="Of all tracks; below 1 the pack is a canary."
    )


class BacktestAsked(Asked):
    """Which decisions to replay."""

    since: AwareDatetime = Field(description="The first moment that counts.")
    limit: int = Field(2000, ge=1, le=10_000, description="Tracks at most, the oldest first.")


class RuleAnswer(BaseModel):
    """A rule of a policy pack."""

    id: str
    title: str
    titles: dict[str, str] = Field({}, description="`title` in other languages.")
    phase: Literal["exempt", "decide"]
    outcome: str
    legal_basis: list[str]


class PolicyAnswer(Answer):
    """A policy pack."""

    id: str = Field(description="`name@sha256:…`, as decisions carry it.")
    name: str
    content_hash: Digest
    description: str
    active: bool
    state: PackState
    version: int
    thresholds: dict[str, float]
    rules: list[RuleAnswer]
    author: str
    proposed_by: str | None
    approved_by: str | None
    single_operator: bool = Field(description="One identity both proposed and approved it.")
    reason: str | None
    created_at: Moment
    updated_at: Moment


class Policies(Answer):
    """The policy packs, newest first."""

    items: list[PolicyAnswer]
    next_cursor: str | None


class ActivationAnswer(BaseModel):
    """One time that a pack was in force, had a share of the tracks, or ran in the shadow."""

    id: str
    mode: Literal["shadow", "canary", "active"]
    share: float
    started_by: str
    single_operator: bool
    stop_rate: float | None
    stop_minimum: int | None
    stopped: bool
    started_at: Moment
    ended_at: Moment | None
    end_reason: str | None
    compared: int
    differing: int
    failed: int


class ComparisonAnswer(BaseModel):
    """A track on which a candidate differed from the live pack, or failed."""

    track_id: str
    decision_id: str
    live: Decision
    candidate: Decision | None
    only_live: list[str]
    only_candidate: list[str]
    error: str | None


class PolicyWhole(PolicyAnswer):
    """A policy pack with its text, its past, and the last differences of its last rehearsal."""

    text: str
    activations: list[ActivationAnswer]
    differences: list[ComparisonAnswer]


class CaseResult(BaseModel):
    """What one of a pack's tests came to."""

    name: str
    line: int
    passed: bool
    differences: list[str]
    decision: Decision


class CaseResults(Answer):
    """What a pack's tests came to, and what the linter finds."""

    id: str
    passed: bool
    items: list[CaseResult]
    findings: list[str]


class Flip(BaseModel):
    """A track that a pack decides otherwise."""

    track_id: str
    live: Decision
    candidate: Decision
    only_live: list[str]
    only_candidate: list[str]
    human: str | None = Field(description="What a person decided in the place of the live pack.")


class Overturned(BaseModel):
    """Flips among the tracks that a person decided otherwise."""

    differing: int
    examples: list[Flip]


class BacktestAnswer(Answer):
    """What a pack would have decided on stored facts."""

    pack: str
    since: datetime
    compared: int
    differing: int
    table: dict[str, dict[str, int]] = Field(description="Tracks by live, then new outcome.")
    examples: list[Flip]
    overturned: Overturned
    unreadable: int
    seconds: float
    tracks_per_second: float | None
    more: bool = Field(description="There are tracks beyond the limit.")
