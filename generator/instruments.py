"""Instruments of General MIDI: what they can play and where they stand."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from generator.errors import InvalidRequestError
from generator.notes import Voice


@dataclass(frozen=True)
class Instrument:
    """An instrument.

    Parameters
    ----------
    name : str
    program : int
        Of General MIDI, from 0.
    low, high : int
        MIDI note numbers that a good player reaches with ease.
    voices : tuple of str
        What it is good for, best first.
    pan : float
        -1 (left) to 1.
    reverb : float
        Level of its reverberation, 0 to 1.
    level_db : float
        Against the other stems.
    """

    name: str
    program: int
    low: int
    high: int
    voices: tuple[Voice, ...]
    pan: float = 0.0
    reverb: float = 0.18
    level_db: float = 0.0

    @property
    def drums(self) -> bool:
        """Whether its notes are keys of the drum map."""
        return self.voices == ("drums",)

    @property
    def polyphonic(self) -> bool:
        """Whether one player plays chords on it."""
        return "chords" in self.voices

    @property
    def alone(self) -> bool:
        """Whether one player plays melody and chords on it at once."""
        return self.name in _ALONE

    def within(self, pitch: int) -> int:
        """The pitch, by octaves, inside the instrument's range."""
        while pitch < self.low:
            pitch += 12
        while pitch > self.high:
            pitch -= 12
        return pitch


_LEAD: Final[tuple[Voice, ...]] = ("melody", "counter")
_KEYS: Final[tuple[Voice, ...]] = ("chords", "melody")
_LOW: Final[tuple[Voice, ...]] = ("bass",)
_ALONE: Final = frozenset(
    ("piano", "electric piano", "harpsichord", "organ", "accordion", "harp", "acoustic guitar",
     "marimba", "vibraphone")
)  # fmt: skip

_ALL: Final = (
    Instrument("piano", 0, 28, 100, _KEYS, -0.1, 0.16),
    Instrument("electric piano", 4, 36, 96, _KEYS, -0.15, 0.14, -0.5),
    Instrument("harpsichord", 6, 36, 88, _KEYS, -0.1, 0.18, -1.0),
    Instrument("glockenspiel", 9, 79, 107, ("melody", "counter"), 0.35, 0.25, -3.0),
    Instrument("vibraphone", 11, 53, 89, ("melody", "chords", "counter"), 0.3, 0.22),
    Instrument("marimba", 12, 45, 96, ("melody", "chords", "counter"), 0.25, 0.18),
    Instrument("organ", 19, 36, 96, ("pad", "chords", "melody"), 0.0, 0.3, -1.0),
    Instrument("accordion", 21, 53, 89, _KEYS, 0.2, 0.14, -1.0),
    Instrument("acoustic guitar", 24, 40, 83, _KEYS, 0.3, 0.14),
    Instrument("electric guitar", 27, 40, 84, _KEYS, 0.35, 0.14),
    Instrument("distorted guitar", 30, 40, 84, _KEYS, 0.4, 0.1, -1.5),
    Instrument("banjo", 105, 48, 84, _KEYS, 0.35, 0.1, -1.0),
    Instrument("double bass", 32, 28, 58, _LOW, 0.0, 0.08, 0.0),
    Instrument("electric bass", 33, 28, 60, _LOW, 0.0, 0.05, 0.0),
    Instrument("synth bass", 38, 26, 58, _LOW, 0.0, 0.04, -0.5),
    Instrument("violin", 40, 55, 93, _LEAD, -0.3, 0.22),
    Instrument("viola", 41, 48, 81, ("counter", "melody"), 0.15, 0.22),
    Instrument("cello", 42, 36, 74, ("melody", "counter", "bass"), 0.25, 0.22),
    Instrument("harp", 46, 31, 98, _KEYS, -0.35, 0.22),
    Instrument("strings", 48, 40, 91, ("pad", "melody", "chords"), -0.15, 0.3, -1.5),
    Instrument("choir", 52, 48, 79, ("pad", "melody", "chords"), 0.1, 0.34, -2.0),
    Instrument("trumpet", 56, 55, 82, _LEAD, 0.2, 0.18),
    Instrument("trombone", 57, 41, 70, _LEAD, 0.3, 0.18),
    Instrument("french horn", 60, 42, 76, ("counter", "melody"), -0.25, 0.26),
    Instrument("saxophone", 66, 45, 75, _LEAD, 0.15, 0.16),
    Instrument("oboe", 68, 58, 88, _LEAD, -0.15, 0.2),
    Instrument("bassoon", 70, 35, 69, ("counter", "melody", "bass"), 0.2, 0.2),
    Instrument("clarinet", 71, 50, 87, _LEAD, 0.15, 0.2),
    Instrument("flute", 73, 60, 95, _LEAD, -0.2, 0.22),
    Instrument("recorder", 74, 72, 96, _LEAD, -0.15, 0.2),
    Instrument("synth lead", 81, 48, 93, _LEAD, 0.1, 0.18, -1.5),
    Instrument("synth pad", 89, 40, 88, ("pad", "chords"), 0.0, 0.3, -2.0),
    Instrument("drums", 0, 35, 81, ("drums",), 0.0, 0.07, 0.5),
)  # fmt: skip
INSTRUMENTS: Final[dict[str, Instrument]] = {each.name: each for each in _ALL}


def instrument(name: str) -> Instrument:
    """The instrument of a name; ``violin 2`` is a second violin.

    Raises
    ------
    InvalidRequestError
        If there is none.
    """
    own = name.rstrip("0123456789 ")
    if own not in INSTRUMENTS:
        raise InvalidRequestError(
            f"no instrument {name!r}: choose among {', '.join(sorted(INSTRUMENTS))}"
        )
    return INSTRUMENTS[own]


def numbered(names: Iterable[str]) -> tuple[str, ...]:
    """Names of stems: a second violin is ``violin 2``."""
    found: list[str] = []
    for name in names:
        count = sum(each.rstrip("0123456789 ") == name for each in found)
        found.append(f"{name} {count + 1}" if count else name)
    return tuple(found)
