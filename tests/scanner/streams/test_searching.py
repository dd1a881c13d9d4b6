"""What of a window's matches counts."""

from dataclasses import replace

import numpy as np

from fingerprint import Match, Segment
from scanner.audio.live import RATE
from scanner.streams.searching import audible
from tests.songs import song


def test_what_surrounds_a_silence_is_no_match() -> None:
    """Three seconds of silence and what comes in behind them are alike in many recordings."""
    window = np.concatenate([song(1, 5, RATE), np.zeros(3 * RATE), song(2, 2, RATE)])
    around = Segment(4.8, 8.5, 90.8, 94.5, 0.58)
    music = Segment(0.0, 4.8, 10.0, 14.8, 0.99)
    both = Match("a", "recording", 0.99, (music, around), 1.0, 0.1)
    only = replace(both, reference_id="b", segments=(around,))

    samples = np.stack([window, window]).astype(np.float32)
    assert audible(samples, [both, only]) == [replace(both, segments=(music,))]
