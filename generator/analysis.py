"""What a melody is in: its key and its chords, heard from the notes alone.

Used to learn from tunes that come without chords, and to compare takes with them by the same ear.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from generator.arrays import F64Array
from generator.chords import Chord
from generator.keys import SCALES, Key
from generator.notes import Note

_OF_TUNES: Final = ("major", "minor", "dorian", "mixolydian")
"""Modes that the books' tunes are in."""
_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_WELCOME: Final = np.array([0.6, 0.05, -0.25, 0.35, 0.45, 0.1, -0.1])
"""How welcome the triad on each degree is."""
_STAY, _FIFTH, _OTHER = -0.1, 0.3, -0.15


def weights_of(notes: Sequence[Note]) -> F64Array:
    """Ticks of each pitch class, shape (12,)."""
    found = np.zeros(12)
    for note in notes:
        found[note.pitch % 12] += note.duration
    return found


def heard_key(notes: Sequence[Note], modes: Iterable[str] = _OF_TUNES) -> Key:
    """The likeliest key: what its scale holds, what its tonic and fifth weigh, where the line ends."""
    weights = weights_of(notes)
    weights = weights / weights.sum()
    best, found = -1.0, Key("C", "major")
    for mode in modes:
        for tonic in range(12):
            scale = [(tonic + step) % 12 for step in SCALES[mode]]
            score = weights[scale].sum() + 0.25 * (notes[-1].pitch % 12 == tonic)
            score += 0.5 * weights[tonic] + 0.15 * weights[(tonic + 7) % 12]
            score += 0.1 * weights[(tonic + SCALES[mode][2]) % 12]
            if score > best:
                best, found = score, Key(_NAMES[tonic], mode)
    return found


def heard_chords(notes: Sequence[Note], key: Key, bar: int) -> tuple[Chord, ...]:
    """A triad of the key for each bar, by the notes on and off its beats and by usual successions."""
    count = -(-max(note.end for note in notes) // bar)
    sounding = np.zeros((count, 12))
    for note in notes:
        strong = 1.6 if note.onset % bar == 0 else 1.0
        sounding[note.onset // bar, note.pitch % 12] += strong * note.duration / bar
    scale = key.scale
    tones = np.full((7, 12), -0.9)
    for degree in range(7):
        tones[degree, [scale[(degree + step) % 7] for step in (0, 2, 4)]] = 1.0
    fits = 4 * sounding @ tones.T + _WELCOME  # (bars, degrees)
    fits[-1, 0] += 1.0
    after = np.full((7, 7), _OTHER)
    for before in range(7):
        after[before, before] = _STAY
        after[before, (before + 3) % 7] = _FIFTH
    path = _likeliest(fits, after)
    return tuple(Chord(n * bar, bar, scale[d], _quality(scale, d)) for n, d in enumerate(path))


def _quality(scale: tuple[int, ...], degree: int) -> str:
    root, third, fifth = (scale[(degree + step) % 7] for step in (0, 2, 4))
    if (fifth - root) % 12 == 6:
        return "dim"
    return "m" if (third - root) % 12 == 3 else ""


def _likeliest(fits: F64Array, after: F64Array) -> list[int]:
    """Viterbi over rows of scores."""
    score, came = fits[0], []
    for fit in fits[1:]:
        through = score[:, None] + after
        came.append(through.argmax(axis=0))
        score = through.max(axis=0) + fit
    path = [int(score.argmax())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return path[::-1]


def scale_index(pitch: int, scale: tuple[int, ...]) -> int:
    """Place of a pitch on a scale that goes on through the octaves; strays count as the degree below."""
    tonic = scale[0]
    octave, rest = divmod(pitch - tonic, 12)
    steps = [(each - tonic) % 12 for each in scale]
    return 7 * octave + max(n for n, step in enumerate(steps) if step <= rest)


def pitch_at(index: int, scale: tuple[int, ...]) -> int:
    """The pitch of a place on a scale."""
    octave, degree = divmod(index, 7)
    tonic = scale[0]
    return tonic + 12 * octave + (scale[degree] - tonic) % 12
