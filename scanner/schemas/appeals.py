"""The shapes of bodies and answers about appeals, standing and sanctions."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from policy.territories import Territory
from scanner.schemas.common import Answer, Asked, Moment, ShortText

SUBJECTS = ("decision", "track", "dispute", "notice", "strike", "sanction")
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=5000, strip_whitespace=True, pattern=r"^[^\x00]*$"),
]
EvidenceWords = Annotated[
    str, StringConstraints(min_length=1, max_length=100_000, pattern=r"^[^\x00]*$")
]
LinkToken = Annotated[
    str | None,
    Field(max_length=200, description="Of the link to your notice, where you have no key."),
]
AppealState = Literal[
    "filed",
    "assigned",
    "questions",
    "granted",
    "partly",
    "denied",
    "out_of_court",
    "outcome_recorded",
    "withdrawn",
    "closed",
]


class AppealAsked(Asked):
    """What is contested, one of six, and why; a copy that was left is its `track` and your `notice`."""

    decision: Id | None = None
    track: Id | None = Field(None, description="The decision that is in force on it.")
    dispute: Id | None = None
    notice: Id | None = Field(
        None,
        description="Yours, which was refused, or acted on in part; with `track`: a copy of its work that was left.",
    )
    strike: Id | None = None
    sanction: Id | None = None
    reason: Reason
    evidence: EvidenceWords | None = None
    token: LinkToken = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self._is_copy():
            return self
        if sum(getattr(self, name) is not None for name in SUBJECTS) != 1:
            raise ValueError(f"send exactly one of: {', '.join(SUBJECTS)}")
        return self

    def _is_copy(self) -> bool:
        given = {name for name in SUBJECTS if getattr(self, name) is not None}
        return given == {"notice", "track"}

    def subject(self) -> tuple[Any, str]:
        """Return kind and id of what is contested; of a copy the notice's."""
        if self._is_copy():
            return "copy", self.notice or ""
        kind = next(name for name in SUBJECTS if getattr(self, name) is not None)
        return kind, getattr(self, kind)


class ByToken(Asked):
    """Nothing but, without a key, the token of a link."""

    token: LinkToken = None


class Said(Asked):
    """Something that a party says."""

    text: Reason
    token: LinkToken = None


class EvidenceAsked(Asked):
    """A text that a party puts forward."""

    name: ShortText
    text: EvidenceWords
    token: LinkToken = None


class NoteAsked(Asked):
    """A note for colleagues only."""

    note: Reason


class QuestionAsked(Asked):
    """What the officer wants to know."""

    question: Reason


class ExclusionOf(Asked):
    """A part of a reference that is not its holder's, in seconds."""

    reference: Id
    start: float = Field(ge=0, allow_inf_nan=False)
    end: float = Field(gt=0, allow_inf_nan=False)


class AppealDecisionAsked(Asked):
    """What the officer decides."""

    outcome: Literal["grant", "grant_partly", "deny"]
    reason: Reason
    becomes: Literal["clear", "restrict", "block"] = Field(
        "restrict", description="With grant_partly: what becomes of the track."
    )
    territories: list[Territory] = Field([], max_length=260)
    restrictions: list[dict[str, Any]] = Field([], max_length=20)
    exclusion: ExclusionOf | None = None
    misuse: Literal["unfounded", "grave", "meant"] | None = Field(
        None, description="With deny: what the appeal was besides, if it was misuse (DSA-23)."
    )


class OutOfCourtAsked(Asked):
    """Which certified body the appellant went to (DSA-21)."""

    body: ShortText
    body_case: Annotated[str, StringConstraints(max_length=100)] | None = None
    complex: bool = Field(False, description="It may take 90 days more.")
    token: LinkToken = None


class OutcomeAsked(Asked):
    """What the body said."""

    outcome: Reason
    reverses: bool = Field(False, description="What was decided is reversed by it.")
    becomes: Literal["restrict", "block"] = Field(
        "restrict",
        description="Of a refused notice about a likeness: its tracks get a label, or go.",
    )


class AppealMessage(Answer):
    """Something that was said about an appeal."""

    id: str
    kind: str
    by: str
    text: str
    internal: bool
    created_at: Moment


class AppealAnswer(Answer):
    """An appeal."""

    id: str
    subject: dict[str, str]
    track_id: str | None
    filed_as: str
    state: AppealState
    reason: str
    outcome: str | None
    outcome_kind: str | None
    misuse: str | None = Field(description="What its officer found of it besides (DSA-23).")
    mine: bool = Field(description="The caller's own key is its officer's.")
    due_at: Moment | None
    left_seconds: float | None = Field(description="While a question is open: what is left.")
    window_until: Moment | None
    body: str | None
    body_case: str | None
    body_outcome: str | None
    version: int
    created_at: Moment


class AppealWhole(AppealAnswer):
    """An appeal with what was said, and where to go next."""

    messages: list[AppealMessage]
    evidence: list[dict[str, Any]]
    bodies: list[dict[str, Any]] = Field(description="Certified out-of-court bodies (DSA-21).")


class Appeals(Answer):
    """A page of appeals, newest first."""

    items: list[AppealAnswer]
    next_cursor: str | None


class EvidenceKept(Answer):
    """Evidence as it is kept."""

    id: str
    name: str
    sha256: str
    size_bytes: int


class PartyAsked(Asked):
    """Whom a sanction is to hit."""

    kind: Literal["account", "holder", "flagger", "notifier"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class FactorsAsked(Asked):
    """The four factors: number and share, gravity, intent (DSA-23)."""

    total: int = Field(ge=1)
    unfounded: int = Field(ge=0)
    gravity: Literal["minor", "serious", "grave"]
    intent: bool

    @model_validator(mode="after")
    def _part(self) -> Self:
        if self.unfounded > self.total:
            raise ValueError("unfounded is a part of total")
        return self


class SanctionAsked(Asked):
    """What an officer proposes."""

    party: PartyAsked
    what: Literal["uploads", "notices", "complaints", "account"]
    kind: Literal["warning", "suspension", "termination"]
    reason: Reason
    factors: FactorsAsked
    days: int | None = Field(None, ge=1, le=365)


class SignatureAsked(Asked):
    """What the second officer says."""

    agrees: bool
    reason: Reason


class LiftAsked(Asked):
    """Why a sanction is lifted."""

    reason: Reason


class SanctionAnswer(Answer):
    """A sanction."""

    id: str
    party: dict[str, str]
    what: str
    kind: str
    state: Literal["proposed", "in_force", "refused", "lifted", "expired"]
    factors: dict[str, Any]
    reason: str
    signatures: int
    version: int
    starts_at: Moment | None
    ends_at: Moment | None
    ended_for: str | None
    open_to_appeal: bool = Field(description="Whom it hits was told of an appeal (DSA-19).")
    created_at: Moment


class Sanctions(Answer):
    """A page of sanctions, newest first."""

    items: list[SanctionAnswer]
    next_cursor: str | None


class StandingAnswer(Answer):
    """Where an account stands, all of it from records."""

    id: str
    account_id: str
    standing: Literal["good", "warned", "limited", "suspended"]
    counting: int = Field(description="Weight of the strikes that count now.")
    policy_version: str
    strikes: list[dict[str, Any]]
    sanctions: list[dict[str, Any]]
    reputation: float | None = Field(description="Share of its decided tracks that are out.")
    history: dict[str, int]
    badges: list[Literal["clean-record", "verified-creator", "signed-provenance"]]
