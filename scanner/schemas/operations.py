"""The audit trail, keys, policies, dead letters, health."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from scanner.schemas.common import Answer, Asked, Moment, ShortText


class AuditRow(Answer):
    """One journal row with its seal; null seal: the relay has not come to it yet."""

    id: str
    type: str
    subject: str
    version: int
    time: Moment
    actor: str
    role: str
    causation_id: str | None
    correlation_id: str | None
    data: dict[str, Any]
    erased: list[str]
    seal: dict[str, Any] | None


class AuditRows(Answer):
    """A page of the journal, newest first."""

    items: list[AuditRow]
    next_cursor: str | None


class AuditVerdict(Answer):
    """What a walk over the tenant's hash chain found."""

    whole: bool
    sealed: int
    unsealed: int
    checkpoints: int = 0
    breaks: list[dict[str, Any]]


class CheckpointAnswer(Answer):
    """A signed statement on the tenant's chain."""

    statement: dict[str, Any]
    signature: str


class ProofAnswer(Answer):
    """What happened to an object, each record with its way to a signed checkpoint."""

    format: str
    object: str
    rows: list[dict[str, Any]]
    checkpoint: CheckpointAnswer | None
    waiting: int = Field(description="Records that no checkpoint has yet.")
    evidence: list[dict[str, Any]] = Field(
        description="Files put forward, once the matter is over."
    )
    sealed_evidence: int = Field(description="Files that are sealed until then.")


class KeyAsked(Asked):
    """An API key to make."""

    name: ShortText
    scopes: Annotated[list[str], Field(min_length=1, max_length=50)]
    sandbox: bool = Field(False, description="Make a `clr_test_` key for the sandbox.")
    expires_at: AwareDatetime | None = Field(
        None, description="From when on it is refused; none: until it is revoked."
    )


class KeyAnswer(Answer):
    """An API key, without the key itself."""

    id: str
    name: str
    hint: str
    scopes: list[str]
    kind: Literal["live", "test"]
    version: int
    created_at: Moment
    revoked_at: Moment | None
    expires_at: Moment | None
    used_at: Moment | None = Field(description="When it was last used, to ten minutes.")


class KeyMade(KeyAnswer):
    """A new API key, shown this once."""

    key: str


class Keys(Answer):
    """A page of API keys, newest first."""

    items: list[KeyAnswer]
    next_cursor: str | None


class DeadLetterAnswer(Answer):
    """An event that a stage gave up on."""

    id: str
    group: str
    topic: str
    event_id: str
    subject: str | None
    error: str
    detail: str
    attempts: int
    state: str
    created_at: Moment
    replayed_at: Moment | None


class DeadLetterWhole(DeadLetterAnswer):
    """A dead letter with the message itself."""

    payload: dict[str, Any] | None


class DeadLetters(Answer):
    """A page of dead letters, oldest first."""

    items: list[DeadLetterAnswer]
    next_cursor: str | None


class Check(BaseModel):
    """How one part of the service is."""

    model_config = ConfigDict(extra="allow")

    ok: bool


class Readiness(BaseModel):
    """Whether every part answers."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, Check]
    warnings: list[str] = Field([], description="What should be done soon; nothing fails yet.")


class Liveness(BaseModel):
    """The process runs."""

    status: Literal["ok"]
