"""Marking sound that comes bit by bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watermark import (
    BuiltinWatermarker,
    Key,
    StreamEmbedder,
    StreamEndedError,
    UnusableAudioError,
    Verdict,
    signed_payload,
)

RATE = 44100
KEY = Key(bytes(range(16)), "key")
PAYLOAD = signed_payload("0123456789abcdef01234567", KEY)


def music(seconds: float, level: float = 0.5) -> np.ndarray:
    random = np.random.default_rng(3)
    time = np.arange(round(seconds * RATE)) / RATE
    tones = sum(
        np.sin(2 * np.pi * hz * time + n) / (n + 1)
        for n, hz in enumerate((220, 990, 1475, 2210, 3120))
    )
    noise = random.standard_normal((2, time.size)) * 0.05
    return ((tones[None] / 2 + noise) * level).astype(np.float32)


def streamed(samples: np.ndarray, cuts: list[int]) -> np.ndarray:
    stream = StreamEmbedder(PAYLOAD, KEY, RATE, strength=10.0)
    parts = [stream.feed(np.ascontiguousarray(each)) for each in np.split(samples, cuts, axis=1)]
    return np.concatenate([*parts, stream.finish()], axis=1)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 4 * RATE), max_size=6).map(sorted), st.floats(0.2, 2.5))
def test_what_a_stream_is_marked_with_is_what_the_whole_is(cuts: list[int], level: float) -> None:
    samples = music(4.03, level)  # loud ones are limited
    whole = BuiltinWatermarker().embed(samples.copy(), RATE, PAYLOAD, KEY, 10.0)
    made = streamed(samples, cuts)
    assert made.shape == whole.shape
    np.testing.assert_allclose(made, whole, atol=2e-6)


def test_a_streams_mark_is_read_back() -> None:
    made = streamed(music(70), [n * RATE * 2 for n in range(1, 35)])
    marks = BuiltinWatermarker().detect(made, RATE, [KEY])
    assert any(m.verdict is Verdict.FOUND and m.payload == PAYLOAD and m.verified for m in marks)


def test_sound_comes_out_at_most_a_frame_and_the_limiters_reach_later() -> None:
    stream = StreamEmbedder(PAYLOAD, KEY, RATE)
    assert stream.feed(music(1)).shape[1] >= RATE - 2 * 1024 - 441


def test_other_rates_other_channels_and_what_follows_the_end_are_refused() -> None:
    with pytest.raises(UnusableAudioError, match="resample"):
        StreamEmbedder(PAYLOAD, KEY, 48000)
    stream = StreamEmbedder(PAYLOAD, KEY, RATE)
    with pytest.raises(UnusableAudioError, match="channels"):
        stream.feed(music(1)[:1])
    stream.finish()
    with pytest.raises(StreamEndedError):
        stream.feed(music(1))
