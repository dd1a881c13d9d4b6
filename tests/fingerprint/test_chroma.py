"""What chroma tell along a path: the pitch, and whether the same sounds at the same time."""

import numpy as np
import pytest

from fingerprint.embedding.following import Line, Path
from fingerprint.embedding.geometry import CENTRE_SECONDS, HOP_SECONDS
from fingerprint.index.chroma import BY_CHANCE, _unison, agreement
from fingerprint.spectrum import BINS_PER_OCTAVE

COUNT = 60


def times(count: int) -> np.ndarray:
    return np.arange(count) * HOP_SECONDS + CENTRE_SECONDS


def chroma(seed: int, count: int = COUNT) -> np.ndarray:
    """Of notes that come and go, three in each window, as peaks that are a little wider than a bin."""
    random = np.random.default_rng(seed)
    played = np.zeros((count + 4, BINS_PER_OCTAVE))
    played[np.arange(count + 4), 2 * random.choice([0, 2, 4, 5, 7, 9, 11], count + 4)] = 1
    peaks = played + 0.4 * np.roll(played, 1, axis=1) + 0.4 * np.roll(played, -1, axis=1)
    windows = sum(peaks[n : n + count] for n in range(4))
    return unit(windows)


def unit(windows: np.ndarray) -> np.ndarray:
    windows = windows - windows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(windows, axis=1, keepdims=True)
    return (windows / np.maximum(norms, 1e-6)).astype(np.float32)


def along(offset: float = 0.0, tempo_ratio: float = 1.0, count: int = COUNT) -> Path:
    seconds = times(count)
    line = Line(0, offset, tempo_ratio)
    return Path(line, line, float(seconds[0]), float(seconds[-1]), 20.0, 0.8, count, 10.0)


def compared(query: np.ndarray, reference: np.ndarray, path: Path, coarse: float = 0.0):
    return agreement(path, query, times(len(query)), reference, coarse)


@pytest.mark.parametrize("quarter_tones", [-5, -2, 0, 3, 4])
def test_a_raised_copy_is_in_unison_at_its_pitch_alone(quarter_tones: int) -> None:
    reference = chroma(1)
    query = np.roll(reference, quarter_tones, axis=1)
    found = compared(query, reference, along())
    assert found is not None
    assert found.semitones == pytest.approx(quarter_tones / 2, abs=0.05)
    assert found.unison > 0.95
    elsewhere = compared(query, reference, along(), coarse=quarter_tones / 2 + 6)
    assert elsewhere is None or elsewhere.unison < 0.65


def test_a_copy_at_another_tempo_and_place_is_in_unison() -> None:
    reference = chroma(2, 120)
    at = (7.3 + 1.2 * times(COUNT) - CENTRE_SECONDS) / HOP_SECONDS
    query = np.stack([np.interp(at, np.arange(120), column) for column in reference.T], axis=1)
    found = compared(query.astype(np.float32), reference, along(7.3, 1.2))
    assert found is not None
    assert found.unison > 0.95


@pytest.mark.parametrize("seed", range(10, 16))
def test_another_tune_of_one_scale_is_not(seed: int) -> None:
    found = compared(chroma(seed), chroma(3), along())
    assert found is None or found.unison < 0.65


def test_what_lies_over_a_copy_as_loud_leaves_most_of_it() -> None:
    reference = chroma(4)
    found = compared(unit(reference + chroma(5)), reference, along())
    assert found is not None
    assert found.unison > 0.8


def test_a_held_note_says_no_more_than_chance() -> None:
    steady = np.repeat(chroma(6, 1), COUNT, axis=0)
    found = compared(steady, steady, along())
    assert found is not None
    assert found.unison == BY_CHANCE


@pytest.mark.parametrize("count", [1, 4])
def test_nor_does_a_reference_that_has_no_other_place(count: int) -> None:
    short = chroma(7, count)
    found = compared(short, short, along(count=count))
    assert found is not None
    assert found.unison == BY_CHANCE


@pytest.mark.parametrize("at", [-500.0, -25.5, COUNT + 25.5, 500.0])
def test_nor_does_a_path_that_lies_beyond_the_reference(at: float) -> None:
    places = at + np.arange(4.0)
    assert _unison(chroma(9, 4), chroma(10), places, 1.0) == BY_CHANCE


def test_silence_agrees_with_nothing() -> None:
    silence = np.zeros((COUNT, BINS_PER_OCTAVE), np.float32)
    assert compared(silence, chroma(8), along()) is None
