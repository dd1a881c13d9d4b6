"""Figures of a melody by which takes are compared with the books' tunes."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from generator.analysis import heard_chords, heard_key, weights_of
from generator.chords import chord_at
from generator.keys import SCALES
from generator.notes import Note


def figures(notes: Sequence[Note], bar: int, grid: int = 6) -> dict[str, float]:
    """Statistics of one voice.

    Parameters
    ----------
    notes : sequence of Note
        In order of onset.
    bar : int
        Ticks of a bar.
    grid : int
        Ticks of the grid on which rhythms are compared.

    Returns
    -------
    dict
        ``pitch_classes``: entropy in bits; ``in_scale``: share of time inside the key heard, of any mode that takes can be in;
        ``groove``: how alike the onsets of neighbouring bars are, 0 to 1; ``repetition``: share of bars
        whose rhythm and line come again; ``range``: semitones from lowest to highest;
        ``dissonance``: share of notes on the first beat outside the chord heard;
        ``leaps``: share of intervals wider than a fourth.
    """
    weights = weights_of(notes)
    shares = weights[weights > 0] / weights.sum()
    key = heard_key(notes, SCALES)
    chords = heard_chords(notes, key, bar)
    strong = [note for note in notes if note.onset % bar == 0]
    outside = sum(note.pitch % 12 not in chord_at(chords, note.onset).classes for note in strong)
    pitches = np.array([note.pitch for note in notes])
    return {
        "pitch_classes": float(-(shares * np.log2(shares)).sum()),
        "in_scale": float(weights[list(key.scale)].sum() / weights.sum()),
        "groove": _groove(notes, bar, grid),
        "repetition": _repetition(notes, bar),
        "range": float(np.ptp(pitches)),
        "dissonance": outside / max(1, len(strong)),
        "leaps": float(np.mean(np.abs(np.diff(pitches)) > 5)) if len(pitches) > 1 else 0.0,
    }


def _bars(notes: Sequence[Note], bar: int) -> dict[int, list[Note]]:
    found: dict[int, list[Note]] = {}
    for note in notes:
        found.setdefault(note.onset // bar, []).append(note)
    return found


def _groove(notes: Sequence[Note], bar: int, grid: int) -> float:
    bars = _bars(notes, bar)
    slots = np.zeros((max(bars) + 1, -(-bar // grid)), bool)
    for note in notes:
        slots[note.onset // bar, note.onset % bar // grid] = True
    if len(slots) < 2:
        return 1.0
    return float(1 - (slots[1:] ^ slots[:-1]).mean())


def _repetition(notes: Sequence[Note], bar: int) -> float:
    shapes = []
    for own in _bars(notes, bar).values():
        first = own[0].pitch
        shapes.append(tuple((note.onset % bar, note.pitch - first) for note in own))
    counts = Counter(shapes)
    return sum(count for count in counts.values() if count > 1) / len(shapes)
