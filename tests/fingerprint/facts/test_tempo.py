"""Tempo of clicks and drums whose tempo is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fingerprint.facts import spectrum, tempo

RATE = 22050


def struck(bpm: float, sounds: dict[int, list[NDArray[np.float64]]], per_beat: int, seconds: float):
    """Sounds on the subdivisions of a bar of four beats, again and again."""
    samples = np.zeros(int(seconds * RATE))
    for n, at in enumerate(np.arange(0, seconds, 60 / bpm / per_beat)):
        for sound in sounds.get(n % (4 * per_beat), []):
            room = samples[int(at * RATE) : int(at * RATE) + len(sound)]
            room += sound[: len(room)]
    return (0.5 * samples)[None].astype(np.float32)


def click(hertz: float) -> NDArray[np.float64]:
    t = np.arange(int(0.06 * RATE)) / RATE
    return np.sin(2 * np.pi * hertz * t) * np.exp(-60 * t)


def clicks(bpm: float, seconds: float = 30) -> NDArray[np.float32]:
    low = [click(1000)]
    return struck(bpm, {0: [click(1500)], 1: low, 2: low, 3: low}, 1, seconds)


def drums(bpm: float, seconds: float = 30) -> NDArray[np.float32]:
    t = np.arange(int(0.15 * RATE)) / RATE
    noise = np.random.default_rng(4).standard_normal(len(t))
    hat, snare = 0.15 * noise * np.exp(-80 * t), 0.5 * noise * np.exp(-25 * t)
    kick = np.sin(2 * np.pi * (60 + 80 * np.exp(-40 * t)) * t) * np.exp(-18 * t)
    bar = {n: [hat] for n in range(8)}
    for n in (0, 5):
        bar[n] = [hat, kick]
    for n in (2, 6):
        bar[n] = [hat, snare]
    return struck(bpm, bar, 2, seconds)


@settings(max_examples=30)
@given(st.floats(60, 150))
def test_a_metronome_is_read_to_a_thousandth(bpm: float) -> None:
    found = tempo(spectrum(clicks(bpm), RATE))

    assert found is not None
    assert found.bpm == pytest.approx(bpm, rel=0.001)
    assert found.confidence > 0.8


@pytest.mark.parametrize(
    ("music", "bpm"),
    [(clicks, bpm) for bpm in (45, 65, 100, 172, 180, 200, 220)]
    + [(drums, bpm) for bpm in (65, 70, 78, 85, 100, 118, 132, 140, 150, 160, 172)],
)
def test_a_tempo_is_right_or_its_half_or_double_is_named(music, bpm: float) -> None:
    found = tempo(spectrum(music(bpm), RATE))

    assert found is not None
    near = [found.bpm] if found.other_bpm is None else [found.bpm, found.other_bpm]
    assert any(each == pytest.approx(bpm, rel=0.005) for each in near), found
    if found.other_bpm is not None:
        assert found.other_bpm / found.bpm in {0.5, 2.0}


def test_faster_music_has_a_faster_tempo_by_as_much() -> None:
    slow, fast = (tempo(spectrum(drums(bpm), RATE)) for bpm in (100, 110))

    assert slow is not None and fast is not None
    assert fast.bpm / slow.bpm == pytest.approx(1.1, rel=0.002)


def test_loudness_does_not_change_the_tempo() -> None:
    quiet, loud = (tempo(spectrum(drums(120) * gain, RATE)) for gain in (0.05, 1.0))

    assert quiet is not None and loud is not None
    assert quiet.bpm == pytest.approx(loud.bpm, rel=0.002)


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "too short"])
def test_what_does_not_pulse_has_no_tempo(kind: str) -> None:
    t = np.arange(20 * RATE) / RATE
    samples = {
        "silence": np.zeros_like(t),
        "noise": 0.1 * np.random.default_rng(1).standard_normal(len(t)),
        "tone": 0.1 * np.sin(2 * np.pi * 440 * t),
        "too short": clicks(120, 3)[0],
    }[kind]

    assert tempo(spectrum(samples[None].astype(np.float32), RATE)) is None
