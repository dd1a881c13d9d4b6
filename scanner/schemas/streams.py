"""The shapes of live streams and of their cue sheets."""

from typing import Literal

from pydantic import Field

from scanner.schemas.common import Answer, Asked, Moment, ShortText

StreamState = Literal["waiting", "listening", "ended"]


class StreamAsked(Asked):
    """A stream to listen to."""

    name: ShortText = Field(description="What it is called in lists and cue sheets.")
    url: str | None = Field(
        None,
        max_length=2000,
        description="Where it plays, by HTTP or Icecast; without it, send its audio.",
    )


class StreamProblem(Answer):
    """Why no audio comes."""

    type: str


class StreamAnswer(Answer):
    """A stream and how far it was heard."""

    stream_id: str
    name: str
    url: str | None
    state: StreamState
    heard_seconds: float = Field(description="Seconds from its first sample on, gaps included.")
    problem: StreamProblem | None
    created_at: Moment
    heard_at: Moment | None
    ended_at: Moment | None
    version: int
    on_air: "list[CueEntry]" = Field([], description="What is on now.")


class Streams(Answer):
    """A page of streams."""

    items: list[StreamAnswer]
    next_cursor: str | None


class Range(Answer):
    """A stretch of a stream, in seconds."""

    start: float
    end: float


class CueEntry(Answer):
    """A reference that was on, on both time axes."""

    play_id: str
    reference_id: str
    title: str | None
    isrc: str | None
    holder: str | None
    from_: Moment | None = Field(alias="from", description="When it began, in UTC.")
    to: Moment | None = Field(description="When it ended; null while it is on.")
    start: float
    end: float
    reference_start: float
    reference_end: float
    pitch_semitones: float
    tempo_ratio: float
    score: float
    is_over: bool
    said_after: float = Field(description="Seconds from its first sound to the event that said it.")


class CueSheet(Answer):
    """What was on from when to when, and what is not known."""

    stream_id: str
    name: str
    is_final: bool
    heard_seconds: float
    entries: list[CueEntry]
    gaps: list[Range] = Field(description="No audio came.")
    unsearched: list[Range] = Field(description="Audio came, and was not searched.")
