"""Cases: what reviewers take, ask, decide; reasons; how well they decide."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Moment

Words = Annotated[str, StringConstraints(min_length=1, max_length=5000, strip_whitespace=True)]
Code = Annotated[str, StringConstraints(min_length=3, max_length=60)]
VerdictName = Annotated[str, StringConstraints(min_length=1, max_length=20)]
Id = Annotated[str, StringConstraints(min_length=36, max_length=36)]
Disposition = Literal["confirmed", "false", "licensed"]


class NoteAnswer(Answer):
    """Something said about a case; `question` and `answer` are seen by whom it affects."""

    id: str
    kind: str
    role: str
    text: str
    author: str | None = Field(None, description="For staff; a pseudonym.")
    created_at: Moment


class VerdictGiven(Answer):
    """A verdict on a case, its reviewer under a pseudonym."""

    id: str
    verdict: str
    reason: str
    text: str
    territories: list[str]
    restrictions: list[dict[str, Any]]
    state: str
    second: bool
    reviewer: str | None
    created_at: Moment


class CaseAnswer(Answer):
    """Something a person should look at: a track, a reference, or a matter such as a notice."""

    id: str
    track_id: str | None
    reference_id: str | None
    kind: str
    state: str
    priority: int
    reach: int | None
    right: str | None
    language: str | None
    matter_kind: str | None
    matter_id: str | None
    decision_id: str | None
    reasons: list[dict[str, Any]]
    version: int
    opened_at: Moment
    due_at: Moment | None
    legal_due_at: Moment | None
    closed_at: Moment | None
    holder: str | None = Field(None, description="Who has it now, for staff; a pseudonym.")
    mine: bool = Field(False, description="For staff: whether the caller has it now.")


class CaseWhole(CaseAnswer):
    """A case with its notes; for who holds it, with matches and verdicts."""

    uploader: str | None = Field(None, description="A pseudonym.")
    matches: list[dict[str, Any]] = Field([], description="With ids, for a verdict's `matches`.")
    notes: list[NoteAnswer] = Field([])
    verdicts: list[VerdictGiven] = Field([])


class Cases(Answer):
    """A page of cases: newest first, or of the queue, most pressing first."""

    items: list[CaseAnswer]
    next_cursor: str | None


class NextAsked(Asked):
    """Which case to take; an empty object: the most pressing one."""

    kind: Annotated[str, StringConstraints(max_length=30)] | None = None


class CaseTaken(Answer):
    """The case that was taken; null: there is none for this reviewer."""

    case: CaseAnswer | None


class CaseText(Asked):
    """A note, question, answer, or why a case is passed up or opened again."""

    text: Words


class VerdictAsked(Asked):
    """A verdict on a case."""

    verdict: VerdictName
    reason: Code = Field(description="Code of a reason, of `GET /v1/cases/reasons`.")
    text: Words | None = Field(None, description="What is told besides the reason's own words.")
    territories: Annotated[list[str], Field(max_length=249)] = Field(
        [], description="ISO 3166 codes; none: everywhere."
    )
    restrictions: Annotated[list[dict[str, Any]], Field(max_length=20)] = Field(
        [], description="With `restrict`: each with a `kind`: age, territory, monetise."
    )
    matches: Annotated[dict[str, Disposition], Field(max_length=500)] = Field(
        {}, description="What single matches are, by id; of the others the reason tells."
    )
    remedy: str | None = Field(
        None,
        max_length=60,
        description="Of a notice that is acted on: `block` or `label`, with `:DE,AT` for some countries.",
    )
    misuse: Literal["unfounded", "grave", "meant"] | None = Field(
        None, description="What the notice was besides, if it was misuse (DSA-23)."
    )


class BulkAsked(VerdictAsked):
    """One verdict for cases about the same recording."""

    case_id: Id = Field(description="The case that was looked at, and is held.")
    by: Literal["audio", "reference"] = "audio"
    dry_run: bool = Field(description="Show which cases these are; decide nothing.")
    case_ids: Annotated[list[Id], Field(max_length=200)] = Field(
        [], description="Those to decide, as the dry run named them."
    )


class BulkAnswer(Answer):
    """Cases about the same recording, and what became of each."""

    count: int
    sample: list[str]
    case_ids: list[str]
    more: bool
    results: list[dict[str, Any]]


class PreviewAnswer(Answer):
    """What the affected person would be told."""

    effect: str | None
    reasons: dict[str, str]
    statement: dict[str, Any] | None


class GoldenAsked(Asked):
    """A closed case to put up once more, and the verdict that is right."""

    case_id: Id
    verdict: VerdictName


class ReasonAsked(Asked):
    """A platform's own words for a reason."""

    verdicts: Annotated[list[VerdictName], Field(min_length=1, max_length=20)]
    texts: Annotated[dict[str, Words], Field(min_length=1)] = Field(
        description="By language: en, and if you like de, fr, es."
    )
    legal_basis: Annotated[list[Code], Field(max_length=20)] = Field([])
    matches: Disposition | None = Field(None, description="What it says of the matches.")


class ReasonAnswer(Answer):
    """A reason that a verdict can give."""

    code: str
    verdicts: list[str]
    texts: dict[str, str]
    legal_basis: list[str]
    matches: str | None
    own: bool


class Reasons(Answer):
    """All reasons of a platform."""

    items: list[ReasonAnswer]


class ReviewQuality(Answer):
    """How well reviewers decide."""

    since: Moment | None
    second_reviews: dict[str, Any]
    golden: dict[str, Any]
    reviewers: list[dict[str, Any]]
