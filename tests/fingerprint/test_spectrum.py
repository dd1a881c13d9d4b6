"""Log-frequency spectra: pitch moves them, level and rate do not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import UnusableAudioError
from fingerprint.spectrum import (
    BINS,
    BINS_PER_OCTAVE,
    FLOOR_DB,
    HOP,
    LOWEST_HERTZ,
    MARGIN,
    RATE,
    spectrum,
)


def sine(hertz: float, seconds: float = 2.0, rate: int = 44100) -> np.ndarray:
    times = np.arange(int(seconds * rate)) / rate
    return np.sin(2 * np.pi * hertz * times).astype(np.float32)[None]


def hertz_of(bin_: int) -> float:
    return LOWEST_HERTZ * 2 ** (bin_ / BINS_PER_OCTAVE)


@settings(max_examples=25, deadline=None)
@given(
    bin_=st.integers(0, BINS - 1), rate=st.sampled_from([8000, 16000, 22050, 44100, 48000, 96000])
)
def test_a_sine_stands_in_its_own_bin_at_its_own_level(bin_: int, rate: int) -> None:
    if hertz_of(bin_) > 0.45 * rate:
        return
    middle = spectrum(0.5 * sine(hertz_of(bin_), rate=rate), rate)[20:30]
    loudest = middle.mean(axis=0).argmax() - MARGIN
    # Below about 400 Hz and just above the split, windows are shorter than quarter tones are wide.
    assert abs(int(loudest) - bin_) <= 1
    assert middle.max() == pytest.approx(-6.0, abs=4)


@given(shift=st.integers(-MARGIN, MARGIN))
@settings(max_examples=10, deadline=None)
def test_a_pitch_shift_is_a_move(shift: int) -> None:
    chord = [30, 62, 75, 100]
    low = sum(sine(hertz_of(bin_)) for bin_ in chord)
    high = sum(sine(hertz_of(bin_ + shift)) for bin_ in chord)
    here, there = (spectrum(each / 8, 44100)[25] for each in (low, high))
    moved = np.roll(here, shift)
    peaks = [bin_ + shift + MARGIN for bin_ in chord]
    assert np.abs(moved[peaks] - there[peaks]).max() < 3


def test_frames_are_where_they_say() -> None:
    click = np.zeros((1, 3 * RATE), np.float32)
    click[0, 50 * HOP] = 1
    made = spectrum(click, RATE)
    assert made.shape == (1 + 3 * RATE // HOP, BINS + 2 * MARGIN)
    assert made[:, -20:].mean(axis=1).argmax() == 50


def test_channels_are_averaged_and_silence_is_the_floor() -> None:
    tone = sine(440)
    assert np.allclose(spectrum(np.concatenate([tone, tone]), 44100), spectrum(tone, 44100))
    assert spectrum(0 * tone, 44100) == pytest.approx(FLOOR_DB)
    assert spectrum(np.zeros((2, 0), np.float32), 44100).shape[0] == 1


def test_channels_that_cancel_each_other_are_heard() -> None:
    tone = sine(440)
    assert np.allclose(spectrum(np.concatenate([tone, -tone]), 44100), spectrum(tone, 44100))


def test_a_long_track_is_what_its_parts_are() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 200 * RATE)).astype(np.float32)
    whole = spectrum(noise, RATE)
    part = spectrum(noise[:, 80 * RATE : 90 * RATE], RATE)
    assert np.allclose(whole[2010:2240], part[10:240], atol=0.5)


@pytest.mark.parametrize("channels", [1, 2])
def test_one_absurd_sample_is_heard_near_it_alone(channels: int) -> None:
    tone = np.tile(0.5 * sine(440, seconds=6.0), (channels, 1))
    click = tone.copy()
    click[:, 44100] = np.finfo(np.float32).max
    plain, clicked = spectrum(tone, 44100), spectrum(click, 44100)
    assert np.isfinite(clicked).all()
    assert np.allclose(clicked[75:], plain[75:], atol=0.01)


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(UnusableAudioError, match="shape"):
        spectrum(np.zeros(100, np.float32), 44100)
