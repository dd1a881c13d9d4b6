"""The generator's benchmark finds what it looks for."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.generator import RUNS, Kept, Runs, onset_seconds, requests
from generator.notes import Note
from generator.training.tunes import tunes


def test_a_tune_is_found_to_be_copied_in_another_key_and_a_made_up_line_is_not() -> None:
    tune = tunes()[0]
    known = Runs([tune.notes])
    moved = [replace(note, pitch=note.pitch + 5) for note in tune.notes]
    assert known.longest(moved) == max(RUNS)
    assert known.longest(moved[:8]) == 7
    line = [Note(12 * n, 12, 60 + n * n % 7, 80) for n in range(40)]
    assert known.longest(line) == 0


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    Kept(path).row("composed", 1, lambda: {"n": 1})
    assert Kept(path).row("composed", 1, lambda: {"n": 2}) == {"n": 1}
    path.write_text(path.read_text().replace('"state": "', '"state": "other'))
    assert Kept(path).row("composed", 1, lambda: {"n": 3}) == {"n": 3}


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
