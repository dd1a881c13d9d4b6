"""What can happen to a preview. No prompt is in an event: events can't be erased, the table can."""

from typing import ClassVar

from scanner.events import GENERATIONS, EventData, EvidenceRules, EvidenceText


class PreviewEvent(EventData):
    """Base of what happens to a preview."""

    topic: ClassVar[str] = GENERATIONS


class PreviewAsked(PreviewEvent):
    """Somebody asked to listen, and may."""

    type: ClassVar[str] = "clearance.preview.asked"

    account_id: str | None
    prompt_sha256: EvidenceText


class PreviewRefused(PreviewEvent):
    """It will not be played; ``rules`` say why."""

    type: ClassVar[str] = "clearance.preview.refused"

    account_id: str | None
    prompt_sha256: EvidenceText
    rules: EvidenceRules


class PreviewStarted(PreviewEvent):
    """It is being played, marked with a payload that stands for who listens."""

    type: ClassVar[str] = "clearance.preview.started"

    engine: str
    engine_version: str
    payload_id: str


class Previewed(PreviewEvent):
    """It was played, as much of it as anybody heard.

    ``sha256`` is of the marked samples that went out, 32-bit floats, channels interleaved; None if the service
    broke off and nobody can say. ``drawn_anew`` counts bars that resembled a training piece before they
    were drawn again, ``silenced`` those that resembled a reference.
    """

    type: ClassVar[str] = "clearance.preview.previewed"

    sha256: str | None
    seconds: float
    bars: int
    drawn_anew: int
    silenced: int
    repeated: int
