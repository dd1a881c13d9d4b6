from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watermark import DEFAULT_STRENGTH, BuiltinWatermarker, Key, Payload
from watermark.embedding import marks_of
from watermark.layout import actions
from watermark.strength import AIMED_DECIBELS, LEAST_STRENGTH, suitable_strength
from watermark.tables import key_tables

KEY = Key(bytes(range(16)), "house")
PAYLOAD = Payload("0123456789abcdef0011223344556677")
TABLE = actions(PAYLOAD, key_tables(KEY, PAYLOAD.mode))
ENGINE = BuiltinWatermarker()


def bright(seconds: int, rate: int = 44100) -> np.ndarray:
    """Faint noise in the bands of a mark, where nearly all is changed, and a little bass."""
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(0, 1, seconds * rate))
    hertz = np.fft.rfftfreq(seconds * rate, 1 / rate)
    spectrum[(hertz < 900) | (hertz > 4200)] = 0
    sound = np.fft.irfft(spectrum)
    bass = 0.04 * np.sin(2 * np.pi * 300 * np.arange(sound.size) / rate)
    return (0.02 * sound / sound.std() + bass)[None].astype(np.float32)


def median_decibels(sound: np.ndarray, change: np.ndarray, rate: int) -> float:
    size = 2 * rate
    ratios = [
        (sound[:, at : at + size].astype(np.float64) ** 2).sum()
        / (change[:, at : at + size].astype(np.float64) ** 2).sum()
        for at in range(0, sound.shape[1] - size + 1, size)
    ]
    return 10 * float(np.log10(np.median(ratios)))


def test_sound_that_would_change_too_much_is_marked_more_faintly_and_still_read() -> None:
    sound = bright(60)
    default = ENGINE.embed(sound, 44100, PAYLOAD, KEY, DEFAULT_STRENGTH)
    assert median_decibels(sound, default - sound, 44100) < AIMED_DECIBELS - 1
    marked = ENGINE.embed(sound, 44100, PAYLOAD, KEY)
    assert 27 < median_decibels(sound, marked - sound, 44100) < AIMED_DECIBELS + 0.5
    assert ENGINE.detect(marked, 44100, [KEY])[0].payload == PAYLOAD


def test_most_sound_is_marked_with_the_default(music: Callable[..., np.ndarray]) -> None:
    sound = music(2, 10, 44100, 2)
    np.testing.assert_array_equal(
        ENGINE.embed(sound, 44100, PAYLOAD, KEY),
        ENGINE.embed(sound, 44100, PAYLOAD, KEY, DEFAULT_STRENGTH),
    )


@settings(max_examples=50)
@given(st.floats(-60, 60), st.integers(1, 3), st.integers(100, 9000))
def test_a_strength_is_within_bounds_and_fits(decibels: float, channels: int, count: int) -> None:
    sound = np.random.default_rng(count).normal(0, 0.1, (channels, count)).astype(np.float32)
    mark = (sound * 10 ** (-decibels / 20)).astype(np.float32)
    strength = suitable_strength(sound, mark, 1000)
    assert LEAST_STRENGTH <= strength <= DEFAULT_STRENGTH
    if LEAST_STRENGTH < strength < DEFAULT_STRENGTH:
        weaker = mark * np.float32(strength / DEFAULT_STRENGTH)
        assert suitable_strength(sound, weaker, 1000) == pytest.approx(DEFAULT_STRENGTH, rel=1e-3)


@pytest.mark.parametrize("level", [0, 1e-4])
def test_what_is_all_but_silent_says_nothing(level: float) -> None:
    sound = np.full((1, 9000), level, np.float32)
    assert suitable_strength(sound, sound * np.float32(0.5), 1000) == DEFAULT_STRENGTH


def test_the_mark_goes_with_the_strength() -> None:
    """What the choice stands on: half the strength is half the mark, within a twentieth."""
    sound = bright(6)
    whole, half = (marks_of(sound, 44100, TABLE, strength) for strength in (10, 5))
    assert np.abs(half - whole / 2).max() < 0.05 * np.abs(half).max()
