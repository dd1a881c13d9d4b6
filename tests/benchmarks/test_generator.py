"""The generator's benchmark finds what it looks for."""

from dataclasses import replace

import numpy as np

from benchmarks.generator import _grams as grams
from benchmarks.generator import copied_share, onset_seconds, requests
from generator.notes import Note
from generator.training.tunes import tunes


def test_a_tune_is_found_to_be_copied_in_another_key_and_a_made_up_line_is_not() -> None:
    tune = tunes()[0]
    known = frozenset(grams(tune.notes))
    moved = [replace(note, pitch=note.pitch + 5) for note in tune.notes]
    assert copied_share(moved, known) == 1
    line = [Note(12 * n, 12, 60 + n * n % 7, 80) for n in range(40)]
    assert copied_share(line, known) == 0


def test_clicks_are_heard_where_they_are() -> None:
    rate = 44100
    samples = np.zeros(3 * rate, np.float32)
    at = np.array([0.5, 1.0, 1.5, 2.0])
    for start in (at * rate).astype(int):
        samples[start : start + 2000] = np.exp(-np.arange(2000) / 300) * np.sin(np.arange(2000))
    found = onset_seconds(samples, rate)
    assert np.abs(found - at).max() < 0.02


def test_a_shorter_run_asks_for_what_a_longer_one_asks_first() -> None:
    assert requests(5) == requests(9)[:5]
