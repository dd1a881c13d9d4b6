"""What can happen to a live stream; times are seconds of the stream."""

from typing import ClassVar

from scanner.events import STREAMS, EventData


class StreamEvent(EventData):
    """Base of what happens to a stream."""

    topic: ClassVar[str] = STREAMS


class StreamAdded(StreamEvent):
    """A stream is to be listened to."""

    type: ClassVar[str] = "clearance.stream.added"

    has_url: bool


class StreamConnected(StreamEvent):
    """Audio comes, after a gap where there was audio before."""

    type: ClassVar[str] = "clearance.stream.connected"

    at: float
    gap_seconds: float


class StreamLost(StreamEvent):
    """No audio comes any more; it is tried again, or waited for."""

    type: ClassVar[str] = "clearance.stream.lost"

    at: float
    problem: str | None


class StreamMatched(StreamEvent):
    """A reference is on."""

    type: ClassVar[str] = "clearance.stream.matched"

    play_id: str
    reference_id: str
    start: float
    reference_start: float
    score: float
    pitch_semitones: float
    tempo_ratio: float
    said_after: float


class StreamPlayOver(StreamEvent):
    """A reference that was on is over."""

    type: ClassVar[str] = "clearance.stream.play_over"

    play_id: str
    reference_id: str
    start: float
    end: float


class StreamEnded(StreamEvent):
    """Nothing more is heard; the cue sheet is whole."""

    type: ClassVar[str] = "clearance.stream.ended"

    reason: str
    heard_seconds: float
    plays: int
