"""Notes in ticks: what composers write and renderers play."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

TICKS: Final = 24
"""Ticks of a quarter note: semiquavers are 6, triplet quavers 8."""

Voice = Literal["melody", "counter", "chords", "pad", "bass", "drums"]


@dataclass(frozen=True, order=True)
class Note:
    """A note of one stem.

    Parameters
    ----------
    onset, duration : int
        Ticks, :data:`TICKS` of which are a quarter note; the onset counts from the take's beginning.
    pitch : int
        MIDI note number; of drums the key of the General MIDI drum map.
    velocity : int
        1 to 127.
    voice : str
        What the note is for; a stem of one pianist may hold several voices.
    """

    onset: int
    duration: int
    pitch: int
    velocity: int
    voice: Voice = "melody"

    @property
    def end(self) -> int:
        """Tick at which it ends."""
        return self.onset + self.duration


def seconds_of(ticks: float, tempo: float) -> float:
    """Seconds of so many ticks at a tempo in quarter notes a minute."""
    return ticks * 60 / (tempo * TICKS)


def tidy(notes: Iterable[Note], end: int) -> tuple[Note, ...]:
    """Notes in order; one that would sound when its own pitch begins anew, or after the end, is cut."""
    ordered = sorted(each for each in notes if each.onset < end)
    following: dict[int, int] = {}
    kept: list[Note] = []
    for note in reversed(ordered):
        limit = min(end, following.get(note.pitch, end))
        duration = min(note.duration, limit - note.onset)
        if duration > 0:
            kept.append(Note(note.onset, duration, note.pitch, note.velocity, note.voice))
            following[note.pitch] = note.onset
    return tuple(reversed(kept))
