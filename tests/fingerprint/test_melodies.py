"""Bare melodies of one sound: alike to the ear at any moment, and not the same recording."""

import functools

import numpy as np
import pytest

from benchmarks.alterations import shifted
from fingerprint import SegmentIndex
from fingerprint.index.score import altered_probability
from tests.fingerprint.hearing import heard

RATE = 44100
SECONDS = 30
TUNES = 4
SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


@functools.cache
def melody(seed: int) -> np.ndarray:
    """Steps and leaps through one scale, three notes a second of one struck sound, shape (1, n)."""
    random = np.random.default_rng(seed)
    length = RATE // 3
    times = np.arange(int(1.2 * length)) / RATE
    out = np.zeros(SECONDS * RATE + len(times))
    degree = 7
    for start in range(0, SECONDS * RATE, length):
        degree = int(np.clip(degree + random.integers(-3, 4), 0, 14))
        hertz = 262 * 2 ** ((SCALE[degree % 7] + 12 * (degree // 7)) / 12)
        note = sum(np.sin(2 * np.pi * hertz * k * times) / k**1.5 for k in range(1, 7))
        out[start : start + len(times)] += note * np.exp(-4 * times)
    return (0.3 * out / out.std())[None, : SECONDS * RATE].astype(np.float32)


@pytest.fixture(scope="module")
def index(tmp_path_factory, open_index) -> SegmentIndex:
    index = open_index(tmp_path_factory.mktemp("melodies"))
    index.apply([(f"tune {seed}", heard(melody(seed), RATE)) for seed in range(TUNES)], [], 1)
    return index


@pytest.mark.parametrize("seed", range(100, 106))
def test_another_melody_of_the_same_sound_is_no_altered_recording(index, seed: int) -> None:
    query = heard(melody(seed), RATE)
    assert query.embedding is not None
    traces = index.traces(query.embedding)
    assert max(trace.path.likeness for trace in traces) > 0.6  # alike they are
    assert max(altered_probability(each.path, each.unison, SECONDS) for each in traces) < 0.5
    assert not [each for each in index.search(query) if each.kind == "recording"]


@pytest.mark.parametrize("seed", range(TUNES))
def test_each_is_found_raised_and_sped_up_and_no_other(index: SegmentIndex, seed: int) -> None:
    part = melody(seed)[:, 6 * RATE : 24 * RATE]
    found = index.search(heard(shifted(part, RATE, 2.0, 1.1), RATE))
    match, *others = [each for each in found if each.kind == "recording"]
    longest = max(match.segments, key=lambda each: each.query_end - each.query_start)
    assert match.reference_id == f"tune {seed}"
    assert not others
    assert longest.pitch_semitones == pytest.approx(2, abs=0.25)
    assert longest.tempo_ratio == pytest.approx(1.1, rel=0.03)
    assert longest.reference_start == pytest.approx(6, abs=1.5)
