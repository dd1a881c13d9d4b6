"""The scale under a chord, on which melodies move by steps."""

from functools import lru_cache
from typing import Final

import numpy as np

from generator.arrays import BoolArray, I64Array
from generator.chords import Chord, scale_under
from generator.keys import SCALES, Key
from generator.tune_model import WIDEST

_LOWEST: Final = -24
"""The lowest place that anything asks for."""


class Ladder:
    """The scale under a chord as whole numbers: 7 an octave."""

    def __init__(self, key: Key, chord: Chord) -> None:
        bent = scale_under(key, chord)
        home = SCALES[key.mode]
        self._tonic = key.pitch_class
        self._steps = [
            home[d] + (bent[d] - key.scale[d] + 6) % 12 - 6 for d in range(7)
        ]  # semitones above the tonic
        self.tones = frozenset(d for d in range(7) if bent[d] in chord.classes)
        self.root = next((d for d in range(7) if bent[d] == chord.root), 0)
        places = range(_LOWEST, _LOWEST + 128)
        self._pitches = np.array([self.pitch(place) for place in places])
        self._tones = np.array([place % 7 in self.tones for place in places])

    def pitch(self, index: int) -> int:
        """MIDI note number of a place."""
        octave, degree = divmod(index, 7)
        return self._tonic + 12 * octave + self._steps[degree]

    def around(self, index: int) -> tuple[I64Array, BoolArray]:
        """Pitches of all places that a line can go to, and which are the chord's, each of shape (2 * WIDEST + 1,)."""
        first = index - WIDEST - _LOWEST
        near = slice(first, first + 2 * WIDEST + 1)
        return self._pitches[near], self._tones[near]


@lru_cache(maxsize=1024)
def _ladder(key: Key, root: int, quality: str) -> Ladder:
    return Ladder(key, Chord(0, 1, root, quality))


def ladder_of(key: Key, chord: Chord) -> Ladder:
    """The scale under a chord; every chord of one name shares it."""
    return _ladder(key, chord.root, chord.quality)
