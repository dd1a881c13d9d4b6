"""From tunes to counts."""

import math
from collections.abc import Iterable, Iterator

from generator.analysis import heard_chords, heard_key, scale_index
from generator.chords import chord_at
from generator.metre import CELLS, pulse_of
from generator.notes import Note
from generator.training.tunes import Tune
from generator.tune_model import (
    DURATIONS,
    STEPS,
    WIDEST,
    TuneModel,
    pitch_contexts,
    rhythm_contexts,
)
from generator.variable_order import Counts, VariableOrder

LEAST_RHYTHM, LEAST_PITCH = 2, 3
"""Contexts that were seen less often are left out: they would make the file large, not better."""


def learned(some: Iterable[Tune]) -> TuneModel:
    """Both models of some tunes."""
    rhythm, pitch = Counts(len(DURATIONS)), Counts(STEPS)
    for tune in some:
        if not tune.cell:
            continue
        for contexts, symbol in rhythm_events(tune):
            rhythm.add(contexts, symbol)
        for contexts, symbol in pitch_events(tune):
            pitch.add(contexts, symbol)
    return TuneModel(rhythm.learned(LEAST_RHYTHM), pitch.learned(LEAST_PITCH))


def rhythm_events(tune: Tune) -> Iterator[tuple[list[int], int]]:
    """Contexts and number of every duration of the bars that are filled without rests or ties."""
    before: list[int] = []
    for bar in _full_bars(tune):
        place = 0
        numbers = [DURATIONS.index(note.duration) for note in bar]
        for note, number in zip(bar, numbers, strict=True):
            yield list(rhythm_contexts(tune.cell, place, before)), number
            place += note.duration
            before = [*before, number][-8:]


def _full_bars(tune: Tune) -> Iterator[list[Note]]:
    length = CELLS[tune.cell]
    bars: dict[int, list[Note]] = {}
    for note in tune.notes:
        bars.setdefault(note.onset // length, []).append(note)
    for number, bar in bars.items():
        whole = sum(note.duration for note in bar) == length and bar[0].onset == number * length
        if whole and all(note.duration in DURATIONS for note in bar):
            yield bar


def pitch_events(tune: Tune) -> Iterator[tuple[list[int], int]]:
    """Contexts and number of every step of a tune over the chords it is heard in."""
    key = heard_key(tune.notes)
    chords = heard_chords(tune.notes, key, tune.bar)
    pulse = pulse_of(tune.cell)
    scale = key.scale
    places = [scale_index(note.pitch, scale) for note in tune.notes]
    steps: list[int] = []
    for last, here, note in zip(places, places[1:], tune.notes[1:], strict=False):
        root = scale_index(chord_at(chords, note.onset).root + 60, scale)
        place = note.onset % tune.bar
        weight = 2 if place == 0 else int(place % pulse == 0)
        step = max(-WIDEST, min(WIDEST, here - last))
        yield list(pitch_contexts((last - root) % 7, weight, note.duration, steps)), step + WIDEST
        steps = [*steps, step][-8:]


def nats(model: VariableOrder, events: Iterable[tuple[list[int], int]]) -> tuple[float, int]:
    """Cross-entropy a symbol, and how many symbols."""
    total, count = 0.0, 0
    for contexts, symbol in events:
        total -= math.log(model.probabilities(contexts)[symbol])
        count += 1
    return total / max(1, count), count
