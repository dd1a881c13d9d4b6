"""What a waveform, or a fingerprint alone, looks like."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fingerprint
from fingerprint import (
    Fingerprint,
    TooShortError,
    UnusableAudioError,
    Waveform,
    envelope,
    kept_envelope,
    portrait,
)
from fingerprint.portraits import ROWS
from fingerprint.spectrum import BINS_PER_OCTAVE, LOWEST_HERTZ, MARGIN
from fingerprint.waveform import COLUMNS_PER_SECOND, WaveformMeter, compressed

RATE = 11025


def tone(hertz: float, seconds: float = 6.0) -> np.ndarray:
    """A tone that starts anew every half second, shape (1, n)."""
    t = np.arange(int(seconds * RATE)) / RATE
    return (0.4 * np.sin(2 * np.pi * hertz * t) * np.exp(-3 * (t % 0.5)))[None].astype(np.float32)


@pytest.mark.parametrize("hertz", [220.0, 880.0])
def test_a_tone_is_a_row_at_its_pitch(hertz: float) -> None:
    samples = tone(hertz)
    print_ = fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)

    drawn = portrait(print_, 0, 6)

    row = (MARGIN + BINS_PER_OCTAVE * np.log2(hertz / LOWEST_HERTZ)) / 2
    assert drawn.shows == "peaks"
    assert drawn.values.shape[0] == ROWS
    assert abs(int(drawn.values.sum(axis=1).argmax()) - row) <= 1


def test_what_is_no_longer_there_is_drawn_by_what_is(song: Callable, synthetic: Callable) -> None:
    samples = song(1, 20.0)
    words = fingerprint.fingerprint(samples, RATE)
    vectors = Fingerprint(
        words.sub_fingerprints, words.duration, embedding=fingerprint.embed(samples, RATE)
    )

    assert portrait(vectors, 0, 20).shows == "chroma"
    drawn = portrait(words, 0, 20)
    assert (drawn.shows, len(drawn.values)) == ("words", 32)
    assert set(np.unique(drawn.values)) == {0.0, 1.0}


def test_nothing_to_draw_is_said(synthetic: Callable) -> None:
    with pytest.raises(TooShortError, match=r"from 3\.00 to 3\.00 s"):
        portrait(synthetic(1), 3, 3)
    with pytest.raises(TooShortError, match="shows nothing"):
        portrait(Fingerprint(np.empty(0, np.uint32), 2.0), 0, 2)


@given(
    st.integers(1, 3),
    st.integers(1, 5000),
    st.integers(1, 300),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_an_envelope_misses_no_peak_and_invents_none(
    channels: int, n: int, columns: int, a: float, b: float
) -> None:
    samples = np.random.default_rng(n).uniform(-1, 1, (channels, n)).astype(np.float32)
    start, end = sorted((a * n / RATE, b * n / RATE))
    first, last = round(start * RATE), round(end * RATE)
    if last <= first:
        with pytest.raises(UnusableAudioError, match="no samples from"):
            envelope(samples, RATE, start, end, columns)
        return

    found = envelope(samples, RATE, start, end, columns)

    mono = samples.mean(axis=0, dtype=np.float32)[first:last]
    assert len(found.low) == len(found.high) == min(columns, last - first)
    assert found.high.max() == mono.max()
    assert found.low.min() == mono.min()
    assert (found.low <= found.high).all()


def test_an_envelope_shows_where_a_click_is() -> None:
    samples = np.zeros((2, 3 * RATE), np.float32)
    samples[:, 2 * RATE] = 0.8

    found = envelope(samples, RATE, 0, 3, 300)

    assert int(found.high.argmax()) == 200
    assert (found.high > 0).sum() == 1


def test_a_kept_waveform_is_drawn_where_the_samples_are() -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, (2, 10 * RATE)).astype(np.float32)
    samples[:, 4 * RATE :] *= 0.1
    meter = WaveformMeter(samples.shape[1], RATE)
    meter.add(samples)

    kept = kept_envelope(meter.waveform(), 2.0, 7.0)

    fine = envelope(samples, RATE, 2.0, 7.0, 5 * COLUMNS_PER_SECOND)
    assert (kept.start, kept.end) == (fine.start, fine.end) == (2.0, 7.0)
    np.testing.assert_allclose(kept.low, fine.low, rtol=0.05)
    np.testing.assert_allclose(kept.high, fine.high, rtol=0.05)


@given(st.integers(1, 400), st.integers(1, 60), st.floats(-5, 90), st.floats(-5, 90))
def test_a_kept_waveform_that_is_thinned_out_misses_no_peak(
    n: int, columns: int, a: float, b: float
) -> None:
    samples = np.sort(np.random.default_rng(n).uniform(-1, 1, (n, 2)).astype(np.float32), axis=1)
    waveform = Waveform(compressed(samples))
    start, end = sorted((a, b))
    first = max(0, int(np.floor(start * COLUMNS_PER_SECOND)))
    last = min(n, int(np.ceil(end * COLUMNS_PER_SECOND)))
    if last <= first:
        with pytest.raises(UnusableAudioError, match="no waveform from"):
            kept_envelope(waveform, start, end, columns)
        return

    found = kept_envelope(waveform, start, end, columns)

    low, high = waveform.extremes()
    assert len(found.low) == len(found.high) == min(columns, last - first)
    assert found.low.min() == low[first:last].min()
    assert found.high.max() == high[first:last].max()
    assert found.start <= max(start, 0) + 1e-9
    assert found.end >= min(end, n / COLUMNS_PER_SECOND) - 1e-9
