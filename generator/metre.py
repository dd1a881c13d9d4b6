"""Metres, and the cells that melodies fill them with."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from generator.errors import InvalidRequestError
from generator.notes import TICKS

CELLS: Final[dict[str, int]] = {"4/4": 96, "3/4": 72, "2/4": 48, "6/8": 72, "3/8": 36}
"""Kinds of bars that the model of rhythm has learned, and their ticks."""
_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "2/4": ("2/4",),
    "3/4": ("3/4",),
    "4/4": ("4/4",),
    "2/2": ("4/4",),
    "5/4": ("3/4", "2/4"),
    "6/4": ("3/4", "3/4"),
    "7/4": ("4/4", "3/4"),
    "3/8": ("3/8",),
    "6/8": ("6/8",),
    "7/8": ("2/4", "3/8"),
    "9/8": ("6/8", "3/8"),
    "12/8": ("6/8", "6/8"),
}
METRES: Final = tuple(_PARTS)


@dataclass(frozen=True)
class Metre:
    """A time signature.

    Parameters
    ----------
    beats, unit : int
        ``6`` and ``8`` of 6/8.
    """

    beats: int
    unit: int

    @cached_property
    def bar(self) -> int:
        """Ticks of a bar."""
        return 4 * TICKS * self.beats // self.unit

    @property
    def cells(self) -> tuple[str, ...]:
        """Kinds of :data:`CELLS` that a bar consists of."""
        return _PARTS[str(self)]

    @cached_property
    def pulses(self) -> tuple[int, ...]:
        """Ticks in the bar at which one counts."""
        found: list[int] = []
        start = 0
        for cell in self.cells:
            step = pulse_of(cell)
            found += range(start, start + CELLS[cell], step)
            start += CELLS[cell]
        return tuple(found)

    @property
    def halves(self) -> tuple[int, ...]:
        """Ticks in the bar at which a second chord may begin: the bar's start and its later strong beat."""
        if len(self.cells) > 1:
            return (0, CELLS[self.cells[0]])
        return (0, self.bar // 2) if str(self) in ("4/4", "2/2", "6/8") else (0,)

    def weight(self, tick: int) -> int:
        """2 on the bar's first beat, 1 where one counts, else 0."""
        place = tick % self.bar
        return 2 if place == 0 else int(place in self.pulses)

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"


def pulse_of(cell: str) -> int:
    """Ticks of what one counts in a cell: a quarter, or three quavers."""
    return TICKS * 3 // 2 if cell.endswith("/8") else TICKS


def metre_of(text: str) -> Metre:
    """Read ``3/4``.

    Raises
    ------
    InvalidRequestError
        If it is none of :data:`METRES`.
    """
    text = text.strip()
    if text not in _PARTS:
        raise InvalidRequestError(f"{text!r} is no metre known here: ask for {', '.join(METRES)}")
    beats, unit = text.split("/")
    return Metre(int(beats), int(unit))
