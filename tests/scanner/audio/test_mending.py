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


def test_what_is_replaced_is_the_fill_and_no_seam_clicks() -> None:
    sound, other = tone(5), tone(2) * np.float32(0.5)
    parts = [Part("replace", 1, 3, "other"), Part("mute", 2.5, 2.7)]

    done = mended(sound, RATE, parts, [other, None])

    assert done.shape == sound.shape
    assert np.array_equal(done[:, : RATE - 80], sound[:, : RATE - 80])
    assert np.array_equal(done[:, RATE + 80 : 2 * RATE], other[:, 80:RATE])
    assert not done[:, round(2.5 * RATE) : round(2.7 * RATE)].any()
    assert np.array_equal(done[:, 3 * RATE + 80 :], sound[:, 3 * RATE + 80 :])
    assert np.abs(np.diff(done)).max() <= np.abs(np.diff(sound)).max() * 1.1


def test_the_border_of_a_cut_does_not_click() -> None:
    done = mended(tone(2), RATE, [Part("cut", 0.5003, 1.2)])

    assert np.abs(np.diff(done)).max() <= np.abs(np.diff(tone(2))).max() * 1.1
