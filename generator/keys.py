"""Keys: a tonic and a mode, how they are written and which scale they have."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from generator.errors import InvalidRequestError

SCALES: Final[dict[str, tuple[int, ...]]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
_FIFTHS: Final = {
    "major": 0,
    "minor": -3,
    "dorian": -2,
    "phrygian": -4,
    "lydian": 1,
    "mixolydian": -1,
}
_LINE: Final = "FCGDAEB"
_FAR: Final = 7
"""A signature has at most so many sharps or flats."""


@dataclass(frozen=True)
class Key:
    """A key.

    Parameters
    ----------
    tonic : str
        ``C``, ``F#`` or ``Bb``.
    mode : str
        One of :data:`SCALES`.
    """

    tonic: str
    mode: str

    @cached_property
    def pitch_class(self) -> int:
        """Of the tonic, 0 (C) to 11."""
        return _line_of(self.tonic) * 7 % 12

    @cached_property
    def scale(self) -> tuple[int, ...]:
        """Seven pitch classes from the tonic up."""
        return tuple((self.pitch_class + step) % 12 for step in SCALES[self.mode])

    @property
    def fifths(self) -> int:
        """Sharps (positive) or flats of its signature."""
        return _line_of(self.tonic) + _FIFTHS[self.mode]

    @property
    def dark(self) -> bool:
        """Whether its third is minor."""
        return SCALES[self.mode][2] == 3

    def spelled(self, pitch_class: int) -> tuple[str, int]:
        """Letter and alteration (-2 to 2) of a pitch class in this key."""
        centre = self.fifths + 2.5
        places = [p for p in range(-15, 20) if p * 7 % 12 == pitch_class]
        place = min(places, key=lambda p: abs(p - centre))
        return _LINE[(place + 1) % 7], (place + 1) // 7

    def relative(self) -> "Key":
        """The key with the same signature: the minor of a major, the major of any other."""
        mode = "minor" if self.mode == "major" else "major"
        return Key(_name(self.fifths - _FIFTHS[mode]), mode)

    def __str__(self) -> str:
        return f"{self.tonic} {self.mode}"


def key_of(text: str) -> Key:
    """Read ``D minor``, ``F# major`` or ``Bb dorian``; keys that nobody writes are spelled anew.

    Raises
    ------
    InvalidRequestError
        If it is no key.
    """
    found = re.fullmatch(r"\s*([A-Ga-g])\s*(#|b|♯|♭|sharp|flat)?\s+([a-z]+)\s*", text)
    if not found or found[3] not in SCALES:
        raise InvalidRequestError(
            f"{text!r} is no key: write a tonic and a mode, as 'D minor', 'F# major' or 'Bb dorian'"
            f" (modes: {', '.join(SCALES)})"
        )
    sign = {"#": "#", "♯": "#", "sharp": "#", "b": "b", "♭": "b", "flat": "b"}.get(
        found[2] or "", ""
    )
    key = Key(found[1].upper() + sign, found[3])
    if abs(key.fifths) > _FAR:
        other = key.fifths - 12 if key.fifths > 0 else key.fifths + 12
        key = Key(_name(other - _FIFTHS[key.mode]), key.mode)
    return key


def _line_of(name: str) -> int:
    """Place on the line of fifths; C is 0."""
    return _LINE.index(name[0]) - 1 + 7 * (name.count("#") - name.count("b"))


def _name(place: int) -> str:
    sign = (place + 1) // 7
    return _LINE[(place + 1) % 7] + ("#" * sign if sign > 0 else "b" * -sign)
