"""A work as the corpus keeps it: one voice of notes, with its bars."""

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Note:
    """A note of a melody.

    Parameters
    ----------
    onset, duration : float
        Quarter-note beats; bars begin at multiples of the work's ``bar_beats``.
    pitch : int
        MIDI note number.
    """

    onset: float
    duration: float
    pitch: int


@dataclass(frozen=True)
class Work:
    """A tune: its first voice with repeats written out, monophonic, in order of onset.

    Parameters
    ----------
    id : str
        Book and number, stable between runs.
    source : str
        Folder of the corpus.
    title : str
    group : str
        Variants of one tune share a group, and a group lies in one split.
    split : str
        ``train``, ``validation`` or ``test``.
    bar_beats : float
        Quarter-note beats of a bar. A pick-up begins late in the first bar, so bars begin at
        multiples of it.
    melody : tuple of Note
    """

    id: str
    source: str
    title: str
    group: str
    split: Split
    bar_beats: float
    melody: tuple[Note, ...]

    @property
    def beats(self) -> float:
        """Quarter-note beats to the end of the last note."""
        return self.melody[-1].onset + self.melody[-1].duration
