"""What is asked for, and what of it may be left open."""

import base64
import re
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from generator.chords import symbol
from generator.errors import InvalidRequestError
from generator.form import letters_of
from generator.instruments import instrument, numbered
from generator.keys import key_of
from generator.metre import metre_of
from generator.moods import MOODS, mood_of, style_of

LONGEST_SECONDS: Final = 600.0
MOST_STEMS: Final = 8
_URL_SAFE: Final = str.maketrans("-_", "+/")
SEEDS: Final = 2**63
"""Seeds are below it."""
Word = Annotated[str, Field(max_length=64)]
MOST_BARS: Final = 2000
"""That ten minutes of the fastest and shortest hold."""
Bars = Annotated[int, Field(ge=1, le=400)]


class GivenStem(BaseModel):
    """A stem to build on: it stays as it is, and the others are composed around it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of cleared audio, WAV or FLAC.")
    name: str = Field(pattern=r"^[\w -]{1,40}$", description="Of its stem in the take.")
    instrument: Word | None = None

    @field_validator("instrument")
    @classmethod
    def _instrument(cls, value: str | None) -> str | None:
        return None if value is None else instrument(value).name


class Request(BaseModel):
    """One request; whatever is None an engine decides, and says why.

    It is modelled on the widest public contract (ACE-Step's): what one engine can't honour comes back as
    an ignored control.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64")

    prompt: str = Field(
        "", max_length=2000, description="Free text; fields given besides win over it."
    )
    tempo: float | None = Field(None, ge=30, le=300, description="Quarter notes a minute.")
    key: Word | None = Field(None, description="Tonic and mode, as 'D minor'.")
    metre: Word | None = Field(None, description="Time signature, as '3/4'.")
    moods: tuple[Word, ...] = Field(
        (), max_length=6, description=f"Among {', '.join(sorted(MOODS))}."
    )
    genre: Word | None = None
    instruments: tuple[Word, ...] = Field((), max_length=MOST_STEMS, description="One stem each.")
    without: tuple[Word, ...] = Field(
        (), max_length=64, description="Instruments that must not be heard."
    )
    bars: Bars | None = None
    seconds: float | None = Field(None, gt=0, le=LONGEST_SECONDS)
    form: str | None = Field(None, max_length=256, description="'AABA' or 'intro-verse-chorus'.")
    chords: tuple[Word, ...] = Field(
        (), max_length=400, description="One a bar, from the beginning again."
    )
    melody_midi: bytes | None = Field(
        None, max_length=1_000_000, description="MIDI to build on; as text in base64."
    )
    given_stems: tuple[GivenStem, ...] = Field(
        (), max_length=MOST_STEMS - 1, description="Stems to build on."
    )
    audio_reference: Word | None = Field(None, description="SHA-256 of cleared audio.")
    lyrics: str | None = Field(None, max_length=10_000)
    seed: int = Field(0, ge=0, lt=SEEDS)
    parent: Word | None = Field(None, description="Take that is varied.")
    locked: tuple[Word, ...] = Field(
        (), max_length=MOST_STEMS, description="Stems of the parent that stay as they are."
    )
    locked_bars: tuple[int, ...] = Field(
        (), max_length=MOST_BARS, description="Bars, from 0, whose notes stay."
    )
    amount: float = Field(1.0, gt=0, le=1, description="How much of the rest is made anew.")

    @field_validator("melody_midi", mode="before")
    @classmethod
    def _melody_midi(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return base64.b64decode(value.translate(_URL_SAFE), validate=True)
        except ValueError as error:
            raise InvalidRequestError("a MIDI file is written in base64 here") from error

    @field_validator("key")
    @classmethod
    def _key(cls, value: str | None) -> str | None:
        return None if value is None else str(key_of(value))

    @field_validator("metre")
    @classmethod
    def _metre(cls, value: str | None) -> str | None:
        return None if value is None else str(metre_of(value))

    @field_validator("moods")
    @classmethod
    def _moods(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        mood_of(value)
        return value

    @field_validator("genre")
    @classmethod
    def _genre(cls, value: str | None) -> str | None:
        style_of(value)
        return value

    @field_validator("instruments", "without")
    @classmethod
    def _instruments(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(instrument(each).name for each in value)

    @field_validator("form")
    @classmethod
    def _form(cls, value: str | None) -> str | None:
        if value is not None:
            letters_of(value)
        return value

    @field_validator("chords")
    @classmethod
    def _chords(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            symbol(each)
        return value

    @model_validator(mode="after")
    def _together(self) -> Self:
        names = [stem.name for stem in self.given_stems]
        if len(set(names)) < len(names) or set(names) & set(numbered(self.instruments)):
            raise InvalidRequestError(
                "given stems need names of their own: no instrument's, no name twice"
            )
        both = set(self.instruments) & set(self.without)
        if both:
            raise InvalidRequestError(
                f"{', '.join(sorted(both))}: asked for and excluded; choose one"
            )
        if self.parent is None and (self.locked or self.locked_bars):
            raise InvalidRequestError("stems or bars are locked in a parent: name the parent take")
        if any(bar < 0 for bar in self.locked_bars):
            raise InvalidRequestError("locked bars count from 0: leave negative ones out")
        return self


def request_of(fields: dict[str, Any]) -> Request:
    """A request from outside.

    Raises
    ------
    InvalidRequestError
        If a field is unknown or its value can't be: the message names each and says what to write.
    """
    try:
        return Request(**fields)
    except ValidationError as error:
        told = [
            f"{'.'.join(str(part) for part in each['loc']) or 'request'}: "
            + re.sub(r"^Value error, ", "", each["msg"])
            for each in error.errors()
        ]
        raise InvalidRequestError("; ".join(told)) from error
