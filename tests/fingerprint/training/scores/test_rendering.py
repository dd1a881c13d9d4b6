"""Rendered notes sound when and how high they should."""

import numpy as np
import pytest

from fingerprint.training.scores.arrangement import Event
from fingerprint.training.scores.rendering import RATE, render, soundfont


def installed(number: int) -> bool:
    try:
        return soundfont(number).exists()
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(not installed(0), reason="no soundfont is installed")


def test_a_note_sounds_at_its_time_and_pitch() -> None:
    samples = render([Event(0.5, 1.5, 0, 73, 81, 100)], reverb=False)  # a flute's a''
    assert samples.dtype == np.float32
    assert np.abs(samples[: int(0.48 * RATE)]).max() < 0.01
    middle = samples[int(0.7 * RATE) : int(1.3 * RATE)]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    peak = np.argmax(spectrum) * RATE / len(middle)
    assert peak == pytest.approx(880, rel=0.01)


def test_the_same_notes_give_the_same_samples_and_nothing_lingers() -> None:
    low, high = [Event(0.0, 0.5, 0, 0, 48, 100)], [Event(0.0, 0.5, 0, 40, 84, 100)]
    first = render(low, reverb=False)
    render(high, reverb=False)
    again = render(low, reverb=False)
    assert len(first) == len(again)
    assert np.abs(first - again).max() < 1e-3


def test_nothing_to_play_is_refused() -> None:
    with pytest.raises(ValueError, match="give at least one event"):
        render([])
