"""What is cut is gone, what is muted is silent, and the borders do not click."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scanner.audio.mending import Part, mended

RATE = 8000


def tone(seconds: float) -> np.ndarray:
    at = np.arange(round(seconds * RATE)) / RATE
    return np.stack([np.sin(2 * np.pi * 440 * at), np.cos(2 * np.pi * 440 * at)]).astype(np.float32)


@given(st.floats(0, 4), st.floats(0.1, 1), st.sampled_from(["cut", "mute"]))
def test_what_is_named_is_gone_and_the_rest_is_as_it_was(start: float, length: float, kind) -> None:
    sound = tone(5)
    first, last = round(start * RATE), round((start + length) * RATE)

    done = mended(sound, RATE, [Part(kind, start, start + length)])

    left = sound.shape[1] - (last - first if kind == "cut" else 0)
    assert done.shape == (2, left)
    assert np.array_equal(done[:, : max(0, first - 80)], sound[:, : max(0, first - 80)])
    assert np.array_equal(done[:, left - sound.shape[1] + last + 80 :], sound[:, last + 80 :])
    if kind == "mute":
        assert not done[:, first:last].any()


def test_the_border_of_a_cut_does_not_click() -> None:
    done = mended(tone(2), RATE, [Part("cut", 0.5003, 1.2)])

    assert np.abs(np.diff(done)).max() <= np.abs(np.diff(tone(2))).max() * 1.1
