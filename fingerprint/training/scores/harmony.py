"""Chords for a tune: its key, then the likeliest row of triads, with a little chance in it.

Key by correlation with the profiles of Krumhansl and Kessler (1982); chords by Viterbi over the
triads of the key with their usual successions.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from fingerprint.arrays import F64Array
from fingerprint.training.scores.melody import Note, Work

_MAJOR: Final = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR: Final = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_SCALES: Final = {False: (0, 2, 4, 5, 7, 9, 11), True: (0, 2, 3, 5, 7, 8, 10)}
_QUALITIES: Final = {"": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "dim": (0, 3, 6)}

# Root above the tonic, quality, and how welcome the chord is.
_IN_MAJOR: Final = (
    (0, "", 0.6), (2, "m", 0.1), (4, "m", -0.3), (5, "", 0.4), (7, "", 0.5), (7, "7", 0.3),
    (9, "m", 0.2), (10, "", -0.7),
)  # fmt: skip
_IN_MINOR: Final = (
    (0, "m", 0.6), (3, "", 0.3), (5, "m", 0.3), (7, "", 0.3), (7, "7", 0.3), (7, "m", -0.3),
    (8, "", 0.2), (10, "", 0.3),
)  # fmt: skip

_FIFTH_DOWN: Final = 0.5
_STAY: Final = -0.2
_CADENCE: Final = 1.5
_CHANCE: Final = 0.5
_STRAY: Final = 0.9


class Key(NamedTuple):
    """A key: pitch class of its tonic, and whether it is minor."""

    tonic: int
    minor: bool

    @property
    def scale(self) -> frozenset[int]:
        """Its pitch classes."""
        return frozenset((self.tonic + step) % 12 for step in _SCALES[self.minor])


class Chord(NamedTuple):
    """A chord from a beat on: root pitch class and quality ("", "m", "7" or "dim")."""

    onset: float
    duration: float
    root: int
    quality: str

    @property
    def classes(self) -> tuple[int, ...]:
        """Pitch classes from the root up."""
        return tuple((self.root + step) % 12 for step in _QUALITIES[self.quality])


def key_of(work: Work) -> Key:
    """The likeliest key; the last note counts for the tonic."""
    weights = np.zeros(12)
    for note in work.melody:
        weights[note.pitch % 12] += note.duration
    weights[work.melody[-1].pitch % 12] += 0.1 * weights.sum()
    found = []
    for minor, profile in ((False, _MAJOR), (True, _MINOR)):
        for tonic in range(12):
            likeness = float(np.corrcoef(weights, np.roll(profile, tonic))[0, 1])
            found.append((likeness, Key(tonic, minor)))
    return max(found)[1]


def chords(work: Work, random: np.random.Generator) -> tuple[Chord, ...]:
    """Chords under a tune, a bar or half a bar each, from its first bar to its end.

    Parameters
    ----------
    work : Work
    random : numpy Generator
        Chooses the pace and tips close calls, so that two draws may differ.
    """
    key = key_of(work)
    pool = _IN_MINOR if key.minor else _IN_MAJOR
    halves = work.bar_beats >= 4 and random.random() < 0.4
    slot = work.bar_beats / 2 if halves else work.bar_beats
    if slot < 2 and random.random() < 0.7:
        slot *= 2
    count = math.ceil(work.beats / slot - 1e-9)
    roots = np.array([(key.tonic + root) % 12 for root, _, _ in pool])
    fits = _fits(work.melody, pool, key.tonic, slot, count)
    fits += random.normal(0, _CHANCE, fits.shape)
    fits[0, roots == key.tonic] += 0.5
    fits[-1, roots == key.tonic] += _CADENCE
    path = _likeliest(fits, _successions(roots, [quality for _, quality, _ in pool]))
    return tuple(
        Chord(n * slot, slot, int(roots[each]), pool[each][1]) for n, each in enumerate(path)
    )


def _fits(
    melody: tuple[Note, ...],
    pool: tuple[tuple[int, str, float], ...],
    tonic: int,
    slot: float,
    count: int,
) -> F64Array:
    """How well each chord of the pool carries the notes of each slot, shape (count, chords)."""
    sounding = np.zeros((count, 12))
    for note in melody:
        start, end = note.onset, note.onset + note.duration
        for n in range(int(start / slot), min(count, math.ceil(end / slot))):
            overlap = min(end, (n + 1) * slot) - max(start, n * slot)
            strong = 1.6 if abs(start - n * slot) < 1e-6 else 1.0
            sounding[n, note.pitch % 12] += strong * max(0.0, overlap)
    sounding *= 4 / slot
    tones = np.full((len(pool), 12), -_STRAY)
    for n, (root, quality, _) in enumerate(pool):
        tones[n, [(tonic + root + step) % 12 for step in _QUALITIES[quality]]] = 1.0
    welcome: F64Array = np.array([each for _, _, each in pool])
    return np.asarray(sounding @ tones.T + welcome)


def _successions(roots: F64Array, qualities: list[str]) -> F64Array:
    """How welcome each chord is after each, shape (before, after)."""
    after = np.zeros((len(roots), len(roots)))
    for i, before in enumerate(roots):
        for j, then in enumerate(roots):
            step = (then - before) % 12
            after[i, j] = {0: _STAY, 5: _FIFTH_DOWN, 7: 0.2, 2: 0.2, 9: 0.2, 10: 0.0}.get(
                step, -0.3
            )
            if qualities[i] == "7" and step != 5:
                after[i, j] -= 0.8
    return after


def _likeliest(fits: F64Array, after: F64Array) -> list[int]:
    score = fits[0]
    came: list[np.ndarray] = []
    for fit in fits[1:]:
        through = score[:, None] + after
        came.append(through.argmax(axis=0))
        score = through.max(axis=0) + fit
    path = [int(score.argmax())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return path[::-1]
