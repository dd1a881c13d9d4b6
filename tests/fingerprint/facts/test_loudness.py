"""Loudness against the values of EBU Tech 3341 and 3342, against pyloudnorm, and against a slow oracle."""

import warnings
from typing import Final

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import resample_poly

from fingerprint import UnusableAudioError
from fingerprint.facts import loudness
from fingerprint.facts.true_peak import GAIN, PHASES, true_peak
from tests.songs import song

RATE: Final = 48000


def tones(*parts: tuple[float, float], rate: int = RATE, channels: int = 2) -> NDArray[np.float32]:
    """1 kHz sines one after the other: (peak level in dBFS, seconds), the same in all channels."""
    pieces = [
        10 ** (level / 20) * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * rate)) / rate)
        for level, seconds in parts
    ]
    return np.tile(np.concatenate(pieces), (channels, 1)).astype(np.float32)


# Tech 3341, table 1, cases 1 to 5: signals and expected integrated loudness, within 0.1 LU.
INTEGRATED = [
    ([(-23, 20)], -23.0),
    ([(-33, 20)], -33.0),
    ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
]


@pytest.mark.parametrize(("parts", "expected"), INTEGRATED)
@pytest.mark.parametrize("rate", [44100, 48000])
def test_the_signals_of_the_ebu_read_what_it_says(
    parts: list[tuple[float, float]], expected: float, rate: int
) -> None:
    found = loudness(tones(*parts, rate=rate), rate)

    assert found.integrated_lufs == pytest.approx(expected, abs=0.1)


# Tech 3342, table 1, cases 1 to 4: expected loudness range, within 1 LU.
RANGES = [
    ([(-20, 20), (-30, 20)], 10.0),
    ([(-20, 20), (-15, 20)], 5.0),
    ([(-40, 20), (-20, 20)], 20.0),
    ([(-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)], 15.0),
]


@pytest.mark.parametrize(("parts", "expected"), RANGES)
def test_the_loudness_range_of_the_ebus_signals_is_what_it_says(
    parts: list[tuple[float, float]], expected: float
) -> None:
    assert loudness(tones(*parts), RATE).range_lu == pytest.approx(expected, abs=1.0)


# Tech 3341, cases 15 to 19: (share of the sample rate, phase in degrees, peak), +0.2 and -0.4 dB.
PEAKS = [(1 / 4, 0, 0.5), (1 / 4, 45, 0.5), (1 / 6, 60, 0.5), (1 / 8, 67.5, 0.5), (1 / 4, 45, 1.41)]


@pytest.mark.parametrize(("share", "phase", "peak"), PEAKS)
def test_the_peak_between_the_samples_is_found(share: float, phase: float, peak: float) -> None:
    n = np.arange(RATE)
    fade = np.minimum(1, np.minimum(n, n[::-1]) / 4800)  # switching on is a peak of its own
    tone = peak * fade * np.sin(2 * np.pi * share * n + np.radians(phase))

    found = loudness(np.tile(tone, (2, 1)).astype(np.float32), RATE).true_peak_dbtp

    assert found is not None
    assert -0.4 <= found - 20 * np.log10(peak) <= 0.2


def test_a_sine_whose_samples_all_miss_its_top_is_three_decibels_above_them() -> None:
    n = np.arange(4096)
    tone = (0.5 * np.sin(np.pi / 2 * n + np.pi / 4)).astype(np.float32)[None]

    assert np.abs(tone).max() == pytest.approx(0.5 / np.sqrt(2), rel=1e-6)
    assert true_peak(tone) == pytest.approx(0.5, rel=0.05)


def interpolated_everywhere(samples: NDArray[np.float32]) -> float:
    """The annex' interpolator, without passing anything over."""
    phases = np.concatenate([PHASES, PHASES[::-1, ::-1]])
    made = [np.convolve(channel, phase) for channel in samples for phase in phases]
    return max(float(np.abs(samples).max()), *(float(np.abs(each).max()) for each in made))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 2),
    st.integers(1, 3000),
    st.sampled_from([0.0, 1.0, 3.0]),
)
def test_what_is_passed_over_is_never_the_true_peak(
    seed: int, channels: int, n: int, burst: float
) -> None:
    random = np.random.default_rng(seed)
    samples = random.standard_normal((channels, n)).astype(np.float32) * 0.1
    samples[:, n // 2 : n // 2 + 20] *= 1 + burst
    quiet = int(random.integers(0, n))
    samples[:, quiet : quiet + 500] *= 0.01

    found = true_peak(samples)

    assert found == pytest.approx(interpolated_everywhere(samples), rel=1e-5)
    assert np.abs(samples).max() <= found <= GAIN * np.abs(samples).max() * 1.0001


def test_the_true_peak_of_music_is_that_of_a_longer_interpolator() -> None:
    music = song(3, 10, 44100)[None]
    ideal = np.abs(
        resample_poly(music.astype(np.float64), 4, 1, axis=1, window=("kaiser", 9))
    ).max()

    assert 20 * np.log10(true_peak(music) / ideal) == pytest.approx(0, abs=0.2)


@settings(max_examples=15)
@given(
    st.integers(0, 1000),
    st.sampled_from([8000, 22050, 44100, 48000, 96000]),
    st.integers(1, 2),
    st.floats(-50, 0),
)
def test_loudness_is_that_of_pyloudnorm(seed: int, rate: int, channels: int, level: float) -> None:
    random = np.random.default_rng(seed)
    music = np.stack([song(seed + c, 6, rate) for c in range(channels)])
    steps = np.repeat(random.uniform(0.05, 1, 12), rate // 2)
    samples = (music * steps * 10 ** (level / 20)).astype(np.float32)
    meter = pyloudnorm.Meter(rate)

    found = loudness(samples, rate)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = meter.integrated_loudness(samples.T.astype(np.float64))
    if np.isfinite(expected):
        assert found.integrated_lufs == pytest.approx(expected, abs=0.05)
    else:
        assert found.integrated_lufs is None


def test_silence_has_a_share_and_no_loudness() -> None:
    silence = loudness(np.zeros((2, 5 * RATE), np.float32), RATE)
    half = loudness(tones((-20, 5), (-90, 5)), RATE)

    assert (silence.integrated_lufs, silence.range_lu, silence.true_peak_dbtp) == (None, None, None)
    assert silence.silence_share == 1.0
    assert half.silence_share == pytest.approx(0.5, abs=0.03)
    assert half.integrated_lufs == pytest.approx(-20, abs=0.3)  # gating leaves silence out


def test_what_is_shorter_than_a_gating_block_has_no_loudness_but_a_peak() -> None:
    found = loudness(tones((-6, 0.3)), RATE)

    assert found.integrated_lufs is None
    assert found.true_peak_dbtp == pytest.approx(-6, abs=0.2)


def test_surround_counts_more_and_the_low_frequency_channel_not() -> None:
    def only(channel: int) -> float | None:
        samples = np.zeros((6, 5 * RATE), np.float32)
        samples[channel] = tones((-20, 5), channels=1)[0]
        return loudness(samples, RATE).integrated_lufs

    left, low, surround = only(0), only(3), only(4)
    assert left is not None and surround is not None
    assert surround - left == pytest.approx(1.49, abs=0.01)
    assert low is None


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(UnusableAudioError, match="8000 Hz or more, this is 4000 Hz"):
        loudness(np.zeros((1, 4000), np.float32), 4000)
    with pytest.raises(UnusableAudioError, match="shape"):
        loudness(np.zeros(4000, np.float32), RATE)


@pytest.mark.parametrize("absurd", [1e20, float(np.finfo(np.float32).max), float("nan")])
def test_a_number_that_is_none_is_told_of_no_track(absurd: float) -> None:
    samples = tones((-20, 2))
    samples[0, RATE] = absurd
    with pytest.raises(UnusableAudioError, match="absurdly large"):
        loudness(samples, RATE)
