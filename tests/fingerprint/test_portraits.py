"""What a waveform, or a fingerprint alone, looks like."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fingerprint
from fingerprint import Fingerprint, TooShortError, UnusableAudioError, envelope, portrait
from fingerprint.portraits import ROWS
from fingerprint.spectrum import BINS_PER_OCTAVE, LOWEST_HERTZ, MARGIN

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
