"""What can happen: one model an event type, the source of the JSON Schemas of ``data``.

Events hold ids, hashes and outcomes; what is personal stays in the tables, or is marked `Personal`
and encrypted in the journal under its person's key.
"""

from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict

from scanner.privacy.personal import Personal

TRACKS: Final = "clearance.tracks"
CASES: Final = "clearance.cases"
REFERENCES: Final = "clearance.references"
ACCOUNTS: Final = "clearance.accounts"
DEADLINES: Final = "clearance.deadlines"
GENERATIONS: Final = "clearance.generations"
SUBMISSIONS: Final = "clearance.submissions"
STREAMS: Final = "clearance.streams"
OPERATIONS: Final = "clearance.operations"
TOPICS: Final = (SUBMISSIONS, TRACKS, CASES, ACCOUNTS, REFERENCES, DEADLINES, GENERATIONS, STREAMS)


EvidenceText = Annotated[str, Personal("evidence")]
EvidenceRules = Annotated[list[str], Personal("evidence")]
"""Ids of rules that fired: some are about a person's age."""
EvidenceNames = Annotated[dict[str, str], Personal("evidence")]
Problem = Annotated[dict[str, Any], Personal("operations", within="detail")]


class EventData(BaseModel):
    """Base of every event's ``data``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: ClassVar[str]
    type: ClassVar[str]
    schema_version: ClassVar[int] = 1


class TrackEvent(EventData):
    """Base of what happens to a track."""

    topic: ClassVar[str] = TRACKS


class TrackSubmitted(TrackEvent):
    """A track was accepted; from here on it is not lost."""

    type: ClassVar[str] = "clearance.track.submitted"

    submission_id: str
    entrance: str
    sha256: str | None = None
    declaration_sha256: EvidenceText


class TrackAnalysing(TrackEvent):
    """A worker began to look at the track."""

    type: ClassVar[str] = "clearance.track.analysing"

    attempt: int = 1


class TrackAnalysed(TrackEvent):
    """The evidence is in."""

    type: ClassVar[str] = "clearance.track.analysed"

    analysis_id: str
    sha256: str | None
    detectors: dict[str, str]
    index_version: str | None
    matches: int


class TrackIndeterminate(TrackEvent):
    """The analysis failed; it is tried again, and a person is asked when that does not help."""

    type: ClassVar[str] = "clearance.track.indeterminate"

    problem: Problem
    final: bool


class TrackHeld(TrackEvent):
    """The track can't be read; its problem says why."""

    type: ClassVar[str] = "clearance.track.held"

    problem: Problem


class TrackDecided(TrackEvent):
    """The policy pack has spoken."""

    type: ClassVar[str] = "clearance.track.decided"

    decision_id: str
    decision: str
    outcomes: dict[str, str]
    rules: EvidenceRules
    pack: str
    outcome_hash: str


class TrackSuperseded(TrackEvent):
    """The policy pack has spoken again, since what is known of the person behind the track changed."""

    type: ClassVar[str] = "clearance.track.superseded"

    decision_id: str
    supersedes: str
    decision: str
    outcomes: dict[str, str]
    rules: EvidenceRules
    pack: str
    outcome_hash: str


class TrackRuled(TrackEvent):
    """A person has decided, or law orders, what becomes of the track; the effect follows."""

    type: ClassVar[str] = "clearance.track.ruled"

    decision_id: str
    supersedes: str
    decision: str
    outcomes: dict[str, str]
    reason: str
    ground_kind: str | None = None
    ground_id: str | None = None


class TrackReleased(TrackEvent):
    """The effect of ``clear``."""

    type: ClassVar[str] = "clearance.track.released"

    decision_id: str


class TrackConditioned(TrackEvent):
    """The effect of ``restrict``."""

    type: ClassVar[str] = "clearance.track.conditioned"

    decision_id: str
    statement_id: str
    restrictions: list[dict[str, Any]]


class TrackQuarantined(TrackEvent):
    """The effect of ``review``, and of an analysis that failed for good."""

    type: ClassVar[str] = "clearance.track.quarantined"

    decision_id: str | None
    statement_id: str | None
    case_id: str


class TrackBlocked(TrackEvent):
    """The effect of ``block``."""

    type: ClassVar[str] = "clearance.track.blocked"

    decision_id: str
    statement_id: str


class TrackRescanned(TrackEvent):
    """Somebody asked for a new analysis."""

    type: ClassVar[str] = "clearance.track.rescanned"

    reason: EvidenceText


class TrackMarked(TrackEvent):
    """The mark of a generated track's take is in its master; ``state`` says if it was read back."""

    type: ClassVar[str] = "clearance.track.marked"

    watermark_id: str
    take_id: EvidenceText
    key_id: str
    state: str
    master_sha256: str
    stems: EvidenceNames


class TrackFileMade(TrackEvent):
    """A file of the track that may go out, with its mark read back from it."""

    type: ClassVar[str] = "clearance.track.file_made"

    file_id: str
    part: EvidenceText
    form: str
    sha256: str


class TrackPublished(TrackEvent):
    """The track can be found by its mark or its sound by anybody."""

    type: ClassVar[str] = "clearance.track.published"

    watermark_id: str


class TrackUnpublished(TrackEvent):
    """Nobody but its platform finds the track any more."""

    type: ClassVar[str] = "clearance.track.unpublished"

    watermark_id: str


class TrackRetroMatched(TrackEvent):
    """References that are newer than the track's analysis are in it; its state stays."""

    type: ClassVar[str] = "clearance.track.retro_matched"

    reference_ids: list[str]
    decision: str
    case_id: str | None


class TrackWithdrawn(TrackEvent):
    """The client took the track back."""

    type: ClassVar[str] = "clearance.track.withdrawn"

    reason: str


class CaseOpened(EventData):
    """A person should look."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.case.opened"

    track_id: str | None = None
    reference_id: str | None = None
    kind: str
    decision_id: str | None = None


class CaseExtended(EventData):
    """There is more to look at in a case that is open."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.case.extended"

    track_id: str | None = None
    reference_id: str | None = None
    reasons: int


class CaseClosed(EventData):
    """Nobody needs to look any more."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.case.closed"

    action: str = "close"
    track_id: str | None = None
    reference_id: str | None = None
    reason: EvidenceText


class AccountErased(EventData):
    """An account and what was kept of it are gone: how many tracks, and why (GDPR-17)."""

    topic: ClassVar[str] = ACCOUNTS
    type: ClassVar[str] = "clearance.account.erased"

    tracks: int
    cause: str


class LegalHoldPlaced(EventData):
    """Nothing of an object is erased until a time, or until this is lifted."""

    topic: ClassVar[str] = ACCOUNTS
    type: ClassVar[str] = "clearance.legal_hold.placed"

    object_kind: str
    object_id: str
    basis: EvidenceText
    until: str | None


class LegalHoldLifted(EventData):
    """An object may be erased again."""

    topic: ClassVar[str] = ACCOUNTS
    type: ClassVar[str] = "clearance.legal_hold.lifted"

    object_kind: str
    object_id: str


class RetentionApplied(EventData):
    """What had had its time is gone: rows by table, keys, blobs (GDPR-5e)."""

    topic: ClassVar[str] = ACCOUNTS
    type: ClassVar[str] = "clearance.retention.applied"

    rows: dict[str, int]
    keys: int


class LicenseeEvent(EventData):
    """Base of what happens to somebody's right to use a model and its marks (CA-942)."""

    topic: ClassVar[str] = ACCOUNTS


class LicenseeAdded(LicenseeEvent):
    """Somebody may use the model and its marks."""

    type: ClassVar[str] = "clearance.licensee.added"


class LicenseeNoticed(LicenseeEvent):
    """It is known that a licensee strips or lacks the marks: the right ends at ``due_at``."""

    type: ClassVar[str] = "clearance.licensee.noticed"

    rule: str
    due_at: str
    reason: EvidenceText


class LicenseeRevoked(LicenseeEvent):
    """The right has ended; ``in_time`` is null if no clock was running."""

    type: ClassVar[str] = "clearance.licensee.revoked"

    rule: str
    reason: EvidenceText
    in_time: bool | None


class Administered(EventData):
    """Keys, users, webhooks and dead letters: what operators and clients changed."""

    topic: ClassVar[str] = OPERATIONS
    type: ClassVar[str] = "clearance.operations.changed"

    action: str
    object_id: str
    detail: dict[str, Any] = {}


class PolicyEvent(EventData):
    """Base of what happens to a platform's packs of rules; the subject is the pack's version."""

    topic: ClassVar[str] = OPERATIONS


class PolicyPackAdded(PolicyEvent):
    """There is a new version of the rules; nothing is decided by it yet."""

    type: ClassVar[str] = "clearance.policy.added"

    pack: str
    state: str


class PolicyPackMoved(PolicyEvent):
    """A pack was proposed, approved, rejected, rehearsed, put in force, or retired."""

    type: ClassVar[str] = "clearance.policy.moved"

    pack: str
    move: str
    state: str
    activation_id: str | None = None
    share: float | None = None
    single_operator: bool = False
    reason: str = ""


class PolicyAlarmRaised(PolicyEvent):
    """A canary strays from the live pack, or a live rule fires far more often than it used to."""

    type: ClassVar[str] = "clearance.policy.alarm"

    pack: str
    kind: str
    activation_id: str
    rule: str | None = None
    seen: int
    of: int
    usual_seen: int | None = None
    usual_of: int | None = None
    taken_back: bool


class DriftBaselineFrozen(EventData):
    """The scores of some days are what later days are held against."""

    topic: ClassVar[str] = OPERATIONS
    type: ClassVar[str] = "clearance.drift.frozen"

    kind: str
    tracks: int
    first_day: str
    last_day: str


class DriftAlarmRaised(EventData):
    """A day's scores are distributed otherwise than the baseline's."""

    topic: ClassVar[str] = OPERATIONS
    type: ClassVar[str] = "clearance.drift.alarm"

    kind: str
    day: str
    tracks: int
    psi: float
    threshold: float
    found: int | None = None
    """Tracks with a find: half or twice the baseline's share is an alarm, too."""


class RescanStarted(EventData):
    """Stored tracks are looked at again that other versions of detectors looked at."""

    topic: ClassVar[str] = OPERATIONS
    type: ClassVar[str] = "clearance.rescan.started"

    wanted: dict[str, str]
    tracks: int


class RescanEnded(EventData):
    """All stored tracks were looked at again, or somebody stopped it."""

    topic: ClassVar[str] = OPERATIONS
    type: ClassVar[str] = "clearance.rescan.ended"

    state: str
    looked_at: int
    stricter: int
    without_audio: int
    failed: int


class SubmissionRefused(EventData):
    """An upload was refused while it was received: nothing is stored but this record."""

    topic: ClassVar[str] = OPERATIONS
    type: ClassVar[str] = "clearance.submission.refused"

    entrance: str
    problem: Problem
