"""Takes that are kept: all but the sound as a JSON document, the sound as one file a stem.

What a take was made of comes back whole, whatever its engine would decide today: a variation begins from
the notes and samples that were heard.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from generator.arrays import I32Array
from generator.chords import Chord
from generator.composer import Seeds
from generator.errors import InvalidRequestError
from generator.mastering import mastered
from generator.midi import stem_midi
from generator.mixing import mixed
from generator.notes import Note
from generator.plan import Plan, Seat
from generator.prompts import understood
from generator.request import Request
from generator.takes import Origin, Stem, Take

FORM: Final = 1
"""Of the document; another one is refused."""
_NO_DOCUMENT: Final = (json.JSONDecodeError, UnicodeDecodeError, RecursionError)
_PARTS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "request": TypeAdapter(Request),
    "plan": TypeAdapter(Plan),
    "chords": TypeAdapter(tuple[Chord, ...]),
    "seeds": TypeAdapter(Seeds),
}
_SEAT: Final = TypeAdapter(Seat)
_NOTES: Final = TypeAdapter(tuple[Note, ...])
_ORIGIN: Final = TypeAdapter(Origin)
_SAID: Final = ("id", "engine", "version", "rate", "lufs", "true_peak_db")


def document_of(take: Take) -> bytes:
    """All of a take but its sound, as JSON."""
    said: dict[str, Any] = {name: getattr(take, name) for name in _SAID}
    parts = {
        name: adapter.dump_python(getattr(take, name), mode="json")
        for name, adapter in _PARTS.items()
    }
    stems = [
        {
            "seat": _SEAT.dump_python(stem.seat, mode="json"),
            "notes": _NOTES.dump_python(stem.notes, mode="json"),
            "origin": stem.origin,
        }
        for stem in take.stems
    ]
    ignored = list(take.ignored_controls)
    whole = {"form": FORM, **said, **parts, "stems": stems, "ignored_controls": ignored}
    return json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()


def take_of(document: bytes, sounds: Mapping[str, I32Array]) -> Take:
    """The take of a document and of its stems' samples.

    Parameters
    ----------
    document : bytes
        What :func:`document_of` gave.
    sounds : mapping of str to int32 array, shape (2, n)
        By stem: 24-bit whole numbers.

    Raises
    ------
    InvalidRequestError
        If it is no such document, or a stem's samples are missing.
    """
    try:
        said = json.loads(document)
        if said["form"] != FORM:
            raise InvalidRequestError(f"a kept take of form {said['form']}: this reads {FORM}")
        parts = {name: adapter.validate_python(said[name]) for name, adapter in _PARTS.items()}
        stems = tuple(_stem(parts["plan"], each, sounds) for each in said["stems"])
        kept = {name: said[name] for name in _SAID}
        ignored = tuple(said["ignored_controls"])
    except (*_NO_DOCUMENT, KeyError, TypeError, ValidationError) as error:
        raise InvalidRequestError(f"no kept take, or one that is not whole: {error}") from error
    mix = mixed([stem.samples for stem in stems])
    final = mastered(mix)
    return Take(
        **kept,
        **parts,
        understood=understood(parts["request"].prompt),
        stems=stems,
        mix=mix,
        master=final.samples,
        gain=final.gain,
        ignored_controls=ignored,
    )


def names_of(document: bytes) -> list[str]:
    """The stems of a kept take, in their order."""
    return [each["seat"]["stem"] for each in json.loads(document)["stems"]]


def outline_of(document: bytes, count: int) -> Take:
    """A kept take with ``count`` samples of silence in place of its sound, which take no memory."""
    silence = np.broadcast_to(np.int32(0), (2, count))
    said = json.loads(document)
    parts = {name: adapter.validate_python(said[name]) for name, adapter in _PARTS.items()}
    sounds = dict.fromkeys(names_of(document), silence)
    return Take(
        **{name: said[name] for name in _SAID},
        **parts,
        understood=understood(parts["request"].prompt),
        stems=tuple(_stem(parts["plan"], each, sounds) for each in said["stems"]),
        mix=silence,
        master=silence,
        gain=np.broadcast_to(np.float32(0), (count,)),
        ignored_controls=tuple(said["ignored_controls"]),
    )


def notes_of(document: bytes) -> tuple[Plan, dict[str, tuple[Note, ...]]]:
    """Plan and notes of a kept take, by stem: enough for a score."""
    said = json.loads(document)
    notes = {each["seat"]["stem"]: _NOTES.validate_python(each["notes"]) for each in said["stems"]}
    return _PARTS["plan"].validate_python(said["plan"]), notes


def kept_bars(stem: Stem, before: Stem, bar: int, bars: int) -> tuple[bool, ...]:
    """Of each bar, whether its notes are those of the take before."""

    def by_bar(notes: tuple[Note, ...]) -> list[list[Note]]:
        found: list[list[Note]] = [[] for _ in range(bars)]
        for note in notes:
            found[min(note.onset // bar, bars - 1)].append(note)
        return found

    pairs = zip(by_bar(stem.notes), by_bar(before.notes), strict=True)
    return tuple(one == other for one, other in pairs)


def _stem(plan: Plan, said: Mapping[str, Any], sounds: Mapping[str, I32Array]) -> Stem:
    seat = _SEAT.validate_python(said["seat"])
    notes = _NOTES.validate_python(said["notes"])
    if seat.stem not in sounds:
        raise InvalidRequestError(f"the samples of the stem {seat.stem!r} are missing")
    origin = _ORIGIN.validate_python(said["origin"])
    return Stem(seat, notes, stem_midi(plan, seat, notes), sounds[seat.stem], origin)
