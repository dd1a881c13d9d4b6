"""The shapes of bodies and answers about previews."""

from typing import Annotated, Any, Literal

from pydantic import Field

from policy.facts import ConsentScope
from scanner.schemas.common import Answer, Asked, Moment, ShortText
from scanner.schemas.people import GateReasonAnswer, MusicAskedFor


class PreviewAskedFor(MusicAskedFor):
    """What is to be heard; `stems` says nothing here."""

    endless: bool | None = Field(
        None,
        description="Whether it goes on after its bars, with its theme coming back; default: yes.",
    )


class ControlsAsked(Asked):
    """What holds from the next bar on that is not made yet; what is left out stays."""

    tempo: Annotated[float, Field(ge=30, le=300)] | None = Field(
        None, description="Quarter notes a minute."
    )
    moods: Annotated[list[ShortText], Field(max_length=6)] | None = None
    instruments: Annotated[list[ShortText], Field(min_length=1, max_length=8)] | None = None


class UnderstoodWords(Answer):
    """A field that was read in the prompt, and in which words."""

    field: str
    value: str
    words: str


class Tally(Answer):
    """What was heard so far."""

    bars: int
    seconds: float
    drawn_anew: int = Field(description="Bars drawn again, since they resembled a training piece.")
    silenced: int = Field(description="Bars that were silent, since they resembled a reference.")
    repeated: int = Field(description="Bars of the last phrase, since the next was late.")
    compared: int = Field(description="Stretches that were looked up among the references.")
    first_audio_seconds: float | None = None


class PreviewAnswer(Answer):
    """A preview: whether it may be heard, what was understood, what happened."""

    id: str
    state: Literal["refused", "open", "playing", "ended"]
    account: str | None
    prompt: str
    parameters: dict[str, Any]
    controls: dict[str, Any]
    understood: list[UnderstoodWords]
    not_understood: list[str]
    needs_consent: ConsentScope | None
    reasons: list[GateReasonAnswer]
    tally: Tally
    audio_url: str | None = Field(description="Where it is heard, once, within ten minutes.")
    version: int
    created_at: Moment
    ended_at: Moment | None
