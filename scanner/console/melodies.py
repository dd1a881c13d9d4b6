"""A melody that comes with the studio's form: what was understood of its MIDI, told before anything is made."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from scanner.generators import MELODY_BYTES
from scanner.wording import Told

NAME_LENGTH: Final = 120
TOO_LARGE: Final = "it has more than %(count)s bytes: give the melody alone"


class BadMelodyError(ValueError):
    """A file is no melody to build on; says what to do."""


def melody_in(form: Mapping[str, str]) -> bytes | None:
    """Return the MIDI file in a form, where it is in base64; None if there is none.

    Raises
    ------
    BadMelodyError
        If it is larger than the API takes one, or can't be read.
    """
    if not form.get("melody") and not form.get("melody_name"):
        return None
    try:
        content = base64.b64decode(form.get("melody", ""), validate=True)
    except binascii.Error as error:
        raise BadMelodyError(
            Told("it can't be read (%(error)s); save it anew", error=str(error))
        ) from error
    if max(len(content), _said_size(form)) > MELODY_BYTES:
        raise BadMelodyError(TOO_LARGE % {"count": MELODY_BYTES})
    return content


def understood(form: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what the page says of the melody in a form: notes, bars, tempo, range; or why it is none."""
    from generator import InvalidRequestError, Request
    from generator.given_melody import given_melody

    name = form.get("melody_name", "")[:NAME_LENGTH]
    try:
        content = melody_in(form)
        if content is None:
            return None
        given = given_melody(content)
    except (BadMelodyError, InvalidRequestError) as error:
        return {"name": name, "wrong": str(error).removeprefix("melody_midi: ")}
    pitches = [note.pitch for note in given.notes]
    return {
        "name": name,
        "wrong": None,
        "content": base64.b64encode(content).decode(),
        "part": given.part,
        "notes": len(given.notes),
        "tempos": given.tempos,
        "low": min(pitches),
        "high": max(pitches),
        **given.fields(Request()),
    }


def _said_size(form: Mapping[str, str]) -> int:
    """The size of a file that its page did not send for its size."""
    said = form.get("melody_size", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0
