"""Key of cadences and scales in every key."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.facts import key, spectrum
from fingerprint.facts.key import MAJOR_NAMES, MINOR_NAMES

RATE = 22050
KEYS = [
    *((tonic, "major", name) for tonic, name in enumerate(MAJOR_NAMES)),
    *((tonic, "minor", name) for tonic, name in enumerate(MINOR_NAMES)),
]
CHORDS = {
    "major": [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)],
    "minor": [(0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7)],
}
SCALES = {"major": [0, 2, 4, 5, 7, 9, 11, 12], "minor": [0, 2, 3, 5, 7, 8, 10, 12]}


def cadence(tonic: int, mode: str, cents: float = 0, seconds: int = 16) -> NDArray[np.float32]:
    """I IV V I a second each, under a scale; shape (1, n)."""
    t = np.arange(RATE) / RATE
    bars = []
    for n in range(seconds):
        notes = [48 + tonic + step for step in CHORDS[mode][n % 4]]
        notes.append(60 + tonic + SCALES[mode][(3 * n) % 8])
        hertz = [440 * 2 ** ((note + cents / 100 - 69) / 12) for note in notes]
        partials = [np.sin(2 * np.pi * f * h * t) * 0.5**h for f in hertz for h in (1, 2, 3, 4)]
        bars.append(np.sum(partials, axis=0) * np.exp(-2 * t) / 8)
    return np.concatenate(bars)[None].astype(np.float32)


@pytest.mark.parametrize(("tonic", "mode", "name"), KEYS)
def test_a_cadence_is_in_its_key(tonic: int, mode: str, name: str) -> None:
    found = key(spectrum(cadence(tonic, mode), RATE))

    assert found is not None
    assert found.name == f"{name} {mode}"
    assert found.confidence > 0.8
    assert found.other != found.name


@pytest.mark.parametrize("cents", [-30, -15, 15, 30])
def test_a_cadence_that_is_out_of_tune_is_in_its_key(cents: float) -> None:
    found = key(spectrum(cadence(2, "minor", cents), RATE))

    assert found is not None
    assert found.name == "D minor"


def test_music_with_a_note_of_every_pitch_is_less_sure_of_its_key() -> None:
    chromatic = np.concatenate([cadence(tonic, "major", seconds=4) for tonic in range(0, 12, 3)], 1)
    mixed, pure = key(spectrum(chromatic, RATE)), key(spectrum(cadence(0, "major"), RATE))

    assert pure is not None
    assert mixed is None or mixed.confidence < pure.confidence - 0.2


@pytest.mark.parametrize("kind", ["silence", "white noise", "tone", "too short"])
def test_what_has_no_pitches_has_no_key(kind: str) -> None:
    t = np.arange(20 * RATE) / RATE
    samples = {
        "silence": np.zeros_like(t),
        "white noise": 0.1 * np.random.default_rng(1).standard_normal(len(t)),
        "tone": 0.1 * np.sin(2 * np.pi * 440 * t),
        "too short": cadence(0, "major", seconds=1)[0],
    }[kind]

    assert key(spectrum(samples[None].astype(np.float32), RATE)) is None
