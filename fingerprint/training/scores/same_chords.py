"""Another melody over the same chords: what must not be taken for the same work."""

from typing import Final, NamedTuple

import numpy as np

from fingerprint.training.scores.harmony import Chord, Key, key_of
from fingerprint.training.scores.harmony import chords as drawn_chords
from fingerprint.training.scores.melody import Note, Work
from fingerprint.training.scores.variants import outline, similarity

SIMILARITY: Final = 0.2
"""Above this a made melody is rejected: tunes of the corpus that are not variants stay below."""
SAME_PLACE: Final = 0.35
"""Share of the time that both melodies may hold the same pitch class at once."""
_TRIES: Final = 12


class SameChords(NamedTuple):
    """A melody that is not work_a's, and the chords that both go with.

    Play both with one performance: ``performance(work_a, random, split, chords=pair.chords)``.
    """

    work: Work
    chords: tuple[Chord, ...]


def same_chords(
    work_a: Work,
    work_b: Work,
    random: np.random.Generator,
    chords: tuple[Chord, ...] | None = None,
) -> SameChords:
    """Fit the rhythm and contour of one melody onto the chords, key and length of another.

    Parameters
    ----------
    work_a : Work
        Whose chords, key and length.
    work_b : Work
        Whose rhythm and contour.
    random : numpy Generator
    chords : tuple of Chord, optional
        Of ``work_a``, at its own pitch; drawn if they are not given.

    Raises
    ------
    ValueError
        If bars differ in length (and are not double), or the outcome stays too like ``work_a``.
    """
    ratio = work_a.bar_beats / work_b.bar_beats
    if ratio not in (0.5, 1.0, 2.0):
        raise ValueError(
            f"bars of {work_a.bar_beats} and {work_b.bar_beats} beats: give two works whose bars agree"
        )
    row = chords or drawn_chords(work_a, random)
    key = key_of(work_a)
    for _ in range(_TRIES):
        melody = _fitted(work_a, work_b, row, key, random)
        near = similarity(outline(melody), outline(work_a.melody))
        if near < SIMILARITY and _together(melody, work_a.melody) < SAME_PLACE:
            made = Work(
                f"{work_a.id}+{work_b.id}",
                work_b.source,
                f"{work_b.title} over the chords of {work_a.title}",
                f"{work_a.id}+{work_b.id}",
                work_a.split,
                work_a.bar_beats,
                melody,
            )
            return SameChords(made, row)
    raise ValueError(f"{work_b.id} over {work_a.id} comes out too alike: give another work")


def _fitted(
    work_a: Work,
    work_b: Work,
    row: tuple[Chord, ...],
    key: Key,
    random: np.random.Generator,
) -> tuple[Note, ...]:
    """Chord tones on the beats, tones of the key between, as near to b's steps as that allows."""
    pitches = [note.pitch for note in work_a.melody]
    middle = float(np.median(pitches))
    low, high = min(pitches) - 3, max(pitches) + 3
    bars = int(work_b.beats // work_b.bar_beats)
    skipped = float(random.integers(0, max(1, bars // 2))) * work_b.bar_beats
    target = middle + float(random.integers(-5, 6))
    source = [note for note in work_b.melody if note.onset >= skipped] or list(work_b.melody)
    span = np.ceil((work_b.beats - skipped) / work_b.bar_beats) * work_b.bar_beats
    found: list[Note] = []
    round_start, last = -skipped, source[0].pitch
    while not found or found[-1].onset + found[-1].duration < work_a.beats - 1e-6:
        for note in source:
            onset = note.onset + round_start
            if onset >= work_a.beats - 1e-6:
                return tuple(found)
            target += note.pitch - last
            target += 0.15 * (middle - target)
            chord = row[min(int(onset / row[0].duration), len(row) - 1)]
            strong = onset % 1 < 1e-6 or note.duration >= 1
            allowed = chord.classes if strong else key.scale
            pitch = min(
                (p for p in range(low, high + 1) if p % 12 in allowed),
                key=lambda p: abs(p - target),
            )
            found.append(Note(onset, min(note.duration, work_a.beats - onset), pitch))
            last = note.pitch
        round_start += float(span)
    return tuple(found)


def _together(one: tuple[Note, ...], other: tuple[Note, ...]) -> float:
    """Share of the beats, sampled every quarter of one, on which both sound the same class."""
    grid = np.arange(0, min(one[-1].onset, other[-1].onset), 0.25)
    classes = []
    for melody in (one, other):
        onsets = np.array([note.onset for note in melody])
        held = np.array([note.pitch for note in melody])
        classes.append(held[np.clip(np.searchsorted(onsets, grid, "right") - 1, 0, None)] % 12)
    return float((classes[0] == classes[1]).mean())
