from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from watermark import DEFAULT_STRENGTH, NO_KEY, BuiltinWatermarker, Key, Payload
from watermark.embedding import mark_of
from watermark.layout import PADDING_FRAMES, actions
from watermark.limiter import CEILING, LOOK_AHEAD_SECONDS, Limiter, limited, limited_by_seconds
from watermark.spectrum import FRAME, analysis_window
from watermark.streams import Stream, random_words
from watermark.tables import BANDS, LOWEST_BAND, key_tables

PAYLOAD = Payload("0123456789abcdef0011223344556677")
KEY = Key(bytes(range(16)), "test")
ENGINE = BuiltinWatermarker()


def slow_mark(channel: np.ndarray, table: np.ndarray, strength: float) -> np.ndarray:
    """The specification's formulas, frame by frame in float64."""
    hann = 0.5 + 0.5 * np.cos(np.pi * (np.arange(FRAME) - 512) / 512)
    window = 2 * hann / hann.sum()
    count = -(-channel.size // FRAME)
    padded = np.pad(channel.astype(np.float64), (0, count * FRAME - channel.size))
    mark = np.zeros((count + 2) * FRAME)
    place = np.arange(-FRAME, 2 * FRAME)
    q = place / FRAME
    q = np.where(q > 0.5, 1 - q, q)
    tri = np.where(q < -0.1, 0, np.where(q < 0.1, 0.5 + q / 0.2, 1))
    fade = (1 - np.cos(np.pi * tri)) / 2
    for t in range(count):
        spectrum = np.fft.rfft(padded[t * FRAME : (t + 1) * FRAME] * window)
        changes = np.zeros_like(spectrum)
        wanted = table[(len(table) - PADDING_FRAMES + t) % len(table)]
        for band, action in enumerate(wanted, start=LOWEST_BAND):
            magnitude = abs(spectrum[band])
            if action and magnitude > 1e-7:
                factor = magnitude ** (-action * strength / 1000)
                changes[band] = spectrum[band] * (factor - 1)
        period = np.fft.irfft(changes, FRAME) * FRAME
        mark[t * FRAME : (t + 3) * FRAME] += period[place % FRAME] * fade
    return mark[FRAME : FRAME + channel.size]


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return actions(PAYLOAD, key_tables(NO_KEY, PAYLOAD.mode))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12 * FRAME), st.floats(1, 30))
def test_a_mark_is_what_the_formulas_say(
    table: np.ndarray, seed: int, count: int, strength: float
) -> None:
    channel = np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)
    wanted = slow_mark(channel, table, strength)
    np.testing.assert_allclose(mark_of(channel, table, strength), wanted, atol=2e-7)


def test_marks_do_not_depend_on_how_many_frames_are_made_at_once(table: np.ndarray) -> None:
    """More frames than are made at once, against each stretch by itself."""
    channel = np.random.default_rng(5).normal(0, 0.1, 600 * FRAME).astype(np.float32)
    whole = mark_of(channel, table, DEFAULT_STRENGTH)
    shifted = np.roll(table, -250, axis=0)
    part = mark_of(channel[250 * FRAME :], shifted, DEFAULT_STRENGTH)
    np.testing.assert_allclose(whole[251 * FRAME :], part[FRAME:], atol=1e-7)


def test_the_windows_are_those_of_audiowmark(vectors: dict[str, Any]) -> None:
    window, wanted = analysis_window(FRAME), vectors["analysis_window_1024"]
    assert window.sum() == pytest.approx(wanted["sum"])
    for name in ("idx0", "idx1", "idx256", "idx512", "idx1023"):
        assert window[int(name[3:])] == pytest.approx(wanted[name], rel=1e-5, abs=1e-12)


def test_a_mark_is_that_of_audiowmark(vectors: dict[str, Any], table: np.ndarray) -> None:
    wanted = vectors["embed"]
    mark = mark_of(_sine_and_noise(40 * FRAME), table, DEFAULT_STRENGTH)
    for place, value in wanted["delta"].items():
        assert mark[int(place)] == pytest.approx(value, abs=1e-7)
    energy = (mark[: wanted["delta_len"]].astype(np.float64) ** 2).sum()
    assert energy == pytest.approx(wanted["delta_energy"], rel=1e-6)


def test_the_limiter_is_that_of_audiowmark(vectors: dict[str, Any]) -> None:
    samples = np.full((1, 500), 0.5, np.float32)
    samples[0, 250] = 1.5
    samples[0, 400:410] = -1.2
    out = limited_by_seconds(samples, 100)[0]
    for place, value in vectors["limiter"]["out"].items():
        assert out[int(place)] == pytest.approx(value, abs=1e-7)


def test_noise_is_marked_to_the_sample_as_by_audiowmark(vectors: dict[str, Any]) -> None:
    """The limiter works throughout, the grid runs over two blocks, both channels are marked."""
    wanted = vectors["noise_file_end_to_end"]
    words = random_words(NO_KEY, Stream.DATA_BANDS, 0, 120 * 44100 * 2)
    values = np.floor((words / 2**64 * 2 - 1).astype(np.float32) * np.float32(32768))
    samples = (values.reshape(-1, 2).T / 32768).astype(np.float32)
    engine = BuiltinWatermarker(limiter=limited_by_seconds)
    marked = np.floor(engine.embed(samples, 44100, PAYLOAD, NO_KEY, DEFAULT_STRENGTH) * 32768)
    for place, frame in wanted["marked_samples_[frame][channel] (allow +-1)"].items():
        np.testing.assert_allclose(marked[:, int(place)], frame, atol=1)


SOUNDS = st.tuples(st.integers(1, 3), st.integers(3 * 8000, 4 * 8000)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-1, 1, width=32), fill=st.just(0.0))
)


@settings(max_examples=25)
@given(SOUNDS, st.floats(1, 50), st.sampled_from([8000, 9999]))
def test_marked_sound_is_as_long_and_never_clips(
    samples: np.ndarray, strength: float, rate: int
) -> None:
    before = samples.copy()
    marked = ENGINE.embed(samples, min(rate, samples.shape[1] // 3), PAYLOAD, KEY, strength)
    assert marked.shape == samples.shape
    assert marked.dtype == np.float32
    assert np.abs(marked).max() <= CEILING + 1e-6
    np.testing.assert_array_equal(samples, before)


LOUD = arrays(
    np.float32,
    st.tuples(st.integers(1, 2), st.integers(1, 60)),
    elements=st.floats(-4, 4, width=32),
)


@settings(max_examples=50)
@given(LOUD, st.integers(1, 20))
def test_audiowmarks_limiter_turns_down_the_seconds_around_a_peak_only(
    samples: np.ndarray, rate: int
) -> None:
    out = limited_by_seconds(samples.copy(), rate)
    assert np.abs(out).max() <= CEILING + 1e-6
    loud = np.abs(samples).max(axis=0) > CEILING
    seconds = np.flatnonzero(loud) // rate
    near = np.isin(np.arange(samples.shape[1]) // rate, [seconds - 1, seconds, seconds + 1])
    np.testing.assert_array_equal(out[:, ~near], samples[:, ~near])


@settings(max_examples=100)
@given(LOUD, st.integers(1, 2000))
def test_the_limiter_turns_down_milliseconds_around_a_peak_only(
    samples: np.ndarray, rate: int
) -> None:
    out = limited(samples.copy(), rate)
    assert np.abs(out).max() <= CEILING + 1e-6
    assert np.all(np.abs(out) <= np.abs(samples))
    assert np.all(out * samples >= 0)
    reach = 2 * max(1, round(LOOK_AHEAD_SECONDS * rate))
    loud = np.abs(samples).max(axis=0) > CEILING
    near = np.convolve(loud, np.ones(2 * reach + 1), "same") > 0.5
    if loud.size < 2 * reach + 1:  # "same" is as long as the longer one
        near = np.ones_like(loud)
    np.testing.assert_array_equal(out[:, ~near], samples[:, ~near])


def test_the_limiter_needs_no_more_than_the_peak_asks_for() -> None:
    samples = np.full((1, 44100), 0.5, np.float32)
    samples[0, 20000] = 1.98
    out = limited(samples.copy(), 44100)
    assert out[0, 20000] == pytest.approx(CEILING)
    assert out[0, 20000 - 441] == pytest.approx(0.5, abs=1e-3)
    assert 0.24 < out.min() < 0.26
    assert np.abs(np.diff(out[0] / samples[0])).max() < 0.005


@pytest.mark.parametrize("limiter", [limited, limited_by_seconds])
def test_limiters_leave_quiet_sound_as_it_is(limiter: Limiter) -> None:
    samples = np.random.default_rng(0).uniform(-CEILING, CEILING, (2, 9000)).astype(np.float32)
    np.testing.assert_array_equal(limiter(samples.copy(), 1000), samples)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_silence_stays_silent(music: Callable[..., np.ndarray], rate: int) -> None:
    sound = music(1, 6, rate, 2)
    sound[0] = 0
    sound[1, 2 * rate : 4 * rate] = 0
    marked = ENGINE.embed(sound, rate, PAYLOAD, KEY)
    assert not marked[0].any()
    reach = 3 * FRAME
    assert not marked[1, 2 * rate + reach : 4 * rate - reach].any()
    assert (marked[1, : 2 * rate] != sound[1, : 2 * rate]).any()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
def test_the_mark_lies_in_its_bands_and_is_faint(
    music: Callable[..., np.ndarray], rate: int
) -> None:
    sound = music(2, 10, rate)
    mark = (ENGINE.embed(sound, rate, PAYLOAD, KEY) - sound)[0].astype(np.float64)
    power = np.abs(np.fft.rfft(mark)) ** 2
    hertz = np.fft.rfftfreq(mark.size, 1 / rate)
    low, high = (bin_ * 44100 / FRAME for bin_ in (LOWEST_BAND - 2, LOWEST_BAND + BANDS + 1))
    inside = power[(hertz > low) & (hertz < high)].sum()
    assert inside > 0.99 * power.sum()
    assert 20 < 10 * np.log10((sound**2).sum() / (mark**2).sum()) < 45


def _sine_and_noise(count: int) -> np.ndarray:
    noise, state = np.empty(count), 12345
    for n in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        noise[n] = state
    sine = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(count) / 44100)
    return sine.astype(np.float32) + ((noise / 2**32 - 0.5) * 0.2).astype(np.float32)
