"""AIVA, and any composer that exports MIDI and stems but has no public API: its exports become a take.

It is no engine that can be asked; :func:`take_of_export` is called with what somebody exported there. It was tried with
files of our own only, never with an export of AIVA's.
"""

from collections.abc import Mapping

from generator.engines import Sounds, Support
from generator.engines.audio_takes import Heard, asked, take_of
from generator.errors import InvalidRequestError
from generator.given_audio import read_given
from generator.given_melody import given_melody
from generator.instruments import INSTRUMENTS
from generator.rendering import RATE
from generator.request import MOST_STEMS, Request
from generator.takes import Take


class Export:
    """What exported takes name as their engine."""

    name = "aiva"
    supports = Support(frozenset({"prompt", "tempo", "key", "metre"}), stems=True)

    def __init__(self, version: str) -> None:
        self.version = version

    def generate(
        self, request: Request, parent: Take | None = None, sounds: Sounds | None = None
    ) -> Take:
        raise InvalidRequestError(
            "aiva has no public API: export MIDI and stems there, and give them as files"
        )


def take_of_export(
    request: Request, stems: Mapping[str, bytes], midi: bytes | None = None, version: str = "export"
) -> Take:
    """A take of exported stems.

    Parameters
    ----------
    request : Request
        What is known of it: the prompt, tempo, key.
    stems : mapping of str to bytes
        WAV or FLAC by name; an instrument's name is taken as that instrument.
    midi : bytes, optional
        The export's MIDI: tempo, key and metre where the request leaves them open.
    version : str

    Raises
    ------
    InvalidRequestError
        If there are no stems, too many, or a file can't be read.
    """
    if not 1 <= len(stems) <= MOST_STEMS:
        raise InvalidRequestError(f"{len(stems)} stems are given: 1 to {MOST_STEMS} are taken")
    parts = [
        Heard(name, read_given(data, name), RATE, player=INSTRUMENTS[name])
        if name in INSTRUMENTS
        else Heard(name, read_given(data, name), RATE)
        for name, data in stems.items()
    ]
    brought = given_melody(midi).fields(request) if midi else {}
    brought.pop("bars", None)
    seconds = max(part.samples.shape[1] for part in parts) / RATE
    known = request.model_copy(update={**brought, "seconds": seconds})
    own = Export(version)
    read, plan = asked(own, known)
    return take_of(own, known, read, plan, parts)
