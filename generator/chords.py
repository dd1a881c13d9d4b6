"""Chords: how they are written and which pitch classes they have."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from generator.errors import InvalidRequestError
from generator.keys import Key

QUALITIES: Final[dict[str, tuple[int, ...]]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
    "sus4": (0, 5, 7),
    "sus2": (0, 2, 7),
    "9": (0, 4, 7, 10, 2),
    "5": (0, 7),
}
_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Chord:
    """A chord and when it sounds.

    Parameters
    ----------
    onset, duration : int
        Ticks.
    root : int
        Pitch class.
    quality : str
        One of :data:`QUALITIES`.
    """

    onset: int
    duration: int
    root: int
    quality: str

    @property
    def classes(self) -> tuple[int, ...]:
        """Pitch classes from the root up."""
        return tuple((self.root + step) % 12 for step in QUALITIES[self.quality])

    @property
    def end(self) -> int:
        """Tick at which the next begins."""
        return self.onset + self.duration

    def written(self, key: Key) -> str:
        """As ``Bbmaj7``, spelled for a key."""
        letter, sign = key.spelled(self.root)
        return letter + ("#" * sign if sign > 0 else "b" * -sign) + self.quality


def scale_under(key: Key, chord: Chord) -> tuple[int, ...]:
    """Seven pitch classes from the tonic up: the key's, bent where the chord needs other ones.

    A dominant in minor raises the seventh degree, so that melodies keep out of the chord's way.
    """
    scale = list(key.scale)
    for wanted in chord.classes:
        if wanted in scale:
            continue
        near = min(
            range(7),
            key=lambda n: (abs((scale[n] - wanted + 6) % 12 - 6), scale[n] in chord.classes),
        )
        scale[near] = wanted
    return tuple(scale)


def chord_at(row: Sequence[Chord], tick: int) -> Chord:
    """The chord that sounds at a tick; the last one after the end."""
    low, high = 0, len(row) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if row[middle].onset <= tick else (low, middle - 1)
    return row[low]


def symbol(text: str) -> tuple[int, str]:
    """Root and quality of ``Dm``, ``Bb``, ``F#m7``; a bass after ``/`` is left out.

    Raises
    ------
    InvalidRequestError
        If it is no chord.
    """
    found = re.fullmatch(r"([A-G])([#b♯♭]?)(.*)", text.strip().split("/")[0])
    quality = {"min": "m", "-": "m", "M7": "maj7", "Δ": "maj7", "°": "dim", "+": "aug", "min7": "m7",
               "ø": "m7b5", "maj": "", "sus": "sus4", "6": "", "m6": "m", "add9": "",
               "m9": "m7", "maj9": "maj7", "11": "9", "13": "9"}  # fmt: skip
    if found:
        own = quality.get(found[3], found[3])
        if own in QUALITIES:
            sign = {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(found[2], 0)
            return (_LETTERS[found[1]] + sign) % 12, own
    raise InvalidRequestError(
        f"{text!r} is no chord known here: write a root and one of {', '.join(filter(None, QUALITIES))}, as Dm7"
    )
