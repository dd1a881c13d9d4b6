"""What can happen to people's ages, consents and controls, and to what they ask a generator for.

No band, country, guardian or prompt is in an event: events can't be erased, the tables can. What would
tell one, such as rules about children and until when an age is assured, is encrypted.
"""

from typing import Annotated, ClassVar

from scanner.events import ACCOUNTS, GENERATIONS, EventData, EvidenceRules, EvidenceText
from scanner.privacy.personal import Personal

_Expiry = Annotated[str | None, Personal("evidence", empty=True)]
"""Who is assured to be an adult has none."""


class PersonEvent(EventData):
    """Base of what happens to the person behind an account."""

    topic: ClassVar[str] = ACCOUNTS

    account_id: str


class AgeAssured(PersonEvent):
    """Somebody vouched for an age band."""

    type: ClassVar[str] = "clearance.age.assured"

    method: str
    level: str
    expires_at: _Expiry


class AgePurged(PersonEvent):
    """An assurance is out of force and its band is forgotten: it expired, or was replaced."""

    type: ClassVar[str] = "clearance.age.purged"

    cause: str


class ConsentEvent(PersonEvent):
    """Base of what happens to a parent's consent."""

    scopes: list[str]


class ConsentRequested(ConsentEvent):
    """A parent is asked."""

    type: ClassVar[str] = "clearance.consent.requested"

    text_version: str
    text_sha256: str


class ConsentGranted(ConsentEvent):
    """A parent has agreed."""

    type: ClassVar[str] = "clearance.consent.granted"

    method: str
    receipt_sha256: EvidenceText
    expires_at: _Expiry


class ConsentWithdrawn(ConsentEvent):
    """A parent has said no, or has taken consent back."""

    type: ClassVar[str] = "clearance.consent.withdrawn"

    was_granted: bool


class ConsentExpired(ConsentEvent):
    """Consent ran out, or nobody answered in time."""

    type: ClassVar[str] = "clearance.consent.expired"

    was_granted: bool


class ControlsChanged(PersonEvent):
    """A parent's controls were set."""

    type: ClassVar[str] = "clearance.controls.changed"

    changed: list[str]


class ObjectionsChanged(PersonEvent):
    """The person behind an account objects to something, or no longer does."""

    type: ClassVar[str] = "clearance.objections.changed"

    changed: list[str]


class GenerationEvent(EventData):
    """Base of what happens to a generation."""

    topic: ClassVar[str] = GENERATIONS


class GenerationRequested(GenerationEvent):
    """Somebody asked for a track."""

    type: ClassVar[str] = "clearance.generation.requested"

    account_id: str | None
    prompt_sha256: EvidenceText


class GenerationRefused(GenerationEvent):
    """It will not be made; ``rules`` say why."""

    type: ClassVar[str] = "clearance.generation.refused"

    rules: EvidenceRules


class GenerationWaiting(GenerationEvent):
    """It waits for a parent's consent."""

    type: ClassVar[str] = "clearance.generation.waiting_consent"

    rules: EvidenceRules


class GenerationQueued(GenerationEvent):
    """It may be made and counts to the day's quota."""

    type: ClassVar[str] = "clearance.generation.queued"


class GenerationWithdrawn(GenerationEvent):
    """What allowed it, or might have, was taken back."""

    type: ClassVar[str] = "clearance.generation.withdrawn"

    rules: EvidenceRules


class GenerationMade(GenerationEvent):
    """A take was made of it and submitted as a track; what becomes of it, the track's events say."""

    type: ClassVar[str] = "clearance.generation.made"

    track_id: str
    take_id: str
    engine: str
    engine_version: str


class GenerationFailed(GenerationEvent):
    """It could not be made."""

    type: ClassVar[str] = "clearance.generation.failed"

    problem: str


class TakeShared(GenerationEvent):
    """Others of the platform may fork a take, or no more."""

    type: ClassVar[str] = "clearance.take.shared"

    shared: bool
    track_id: str


class ProjectChanged(GenerationEvent):
    """A project goes on from another take, or others may work on it."""

    type: ClassVar[str] = "clearance.project.changed"

    changed: list[str]
    current_take_id: str | None


class InvitationChanged(GenerationEvent):
    """Somebody was asked to work on a project, answered, or is asked no more."""

    type: ClassVar[str] = "clearance.invitation.changed"

    state: str
    project_id: str
