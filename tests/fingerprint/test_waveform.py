"""Waveforms as values: what is measured, how finely, and that it travels with the fingerprint."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fingerprint
from fingerprint import Fingerprint, InvalidFingerprintError, Waveform
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS
from fingerprint.waveform import (
    COLUMNS_PER_SECOND,
    FULL_SCALE,
    WaveformMeter,
    compressed,
    expanded,
    expected_columns,
)

RATE = 11_025


def measured(samples: np.ndarray, rate: int = RATE) -> Waveform:
    print_ = fingerprint.fingerprint(samples.astype(np.float32), rate)
    assert print_.waveform is not None
    return print_.waveform


def sine(levels: list[float], seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    """441 Hz at one level after another, shape (1, n)."""
    t = np.arange(round(len(levels) * seconds * rate)) / rate
    return (np.repeat(levels, round(seconds * rate)) * np.sin(2 * np.pi * 441 * t))[None]


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_056, 48_000])
def test_steps_of_a_sine_stand_where_and_as_high_as_they_are(rate: int) -> None:
    levels = [0.5, 1.0, 0.1, 0.01, 0.0]

    low, high = measured(sine(levels, rate=rate), rate).extremes()

    assert len(low) == len(levels) * COLUMNS_PER_SECOND
    # A low rate is raised first, which rings for some milliseconds at a step.
    inside = np.arange(len(low)) % COLUMNS_PER_SECOND == 2
    np.testing.assert_allclose(high[inside], levels, rtol=0.035, atol=1e-4)
    np.testing.assert_allclose(low[inside], -np.array(levels), rtol=0.035, atol=1e-4)


def test_silence_is_a_line_and_a_click_in_it_one_column() -> None:
    silence = np.zeros((1, 10 * RATE))
    assert not measured(silence).codes.any()

    silence[0, 7 * RATE] = -0.25  # the first sample of its column
    assert np.argwhere(measured(silence).codes).tolist() == [[7 * COLUMNS_PER_SECOND, 0]]


def test_a_word_sounds_where_no_part_of_its_span_is_silent() -> None:
    own = fingerprint.fingerprint(sine([0.3, 0.3, 0.0, 0.3, 0.3], 4.0).astype(np.float32), RATE)
    starts = np.arange(len(own.sub_fingerprints)) * HOP_SECONDS

    sounding = own.sounding()

    column = 1 / COLUMNS_PER_SECOND
    assert sounding[(starts + SPAN_SECONDS < 8) | (starts > 12)].all()
    assert not sounding[(starts + SPAN_SECONDS > 8 + column) & (starts < 12 - column)].any()
    assert replace(own, waveform=None).sounding().all()


def test_what_is_too_loud_fills_the_scale_and_no_more() -> None:
    codes = measured(3 * sine([0.9] * 4)).codes

    assert (codes == [-FULL_SCALE, FULL_SCALE]).all()


def test_channels_are_averaged() -> None:
    left = sine([0.8] * 4)

    np.testing.assert_array_equal(
        measured(np.concatenate([left, 0 * left])).codes, measured(left / 2).codes
    )
    np.testing.assert_array_equal(
        measured(np.concatenate([left, -left])).codes, measured(left).codes
    )  # not cancelled


def test_a_lopsided_waveform_stays_so() -> None:
    low, high = measured(0.3 + sine([0.1] * 4)).extremes()

    np.testing.assert_allclose(low, 0.2, rtol=0.03)
    np.testing.assert_allclose(high, 0.4, rtol=0.03)


@settings(max_examples=50, deadline=None)
@example(pieces=[9_000, 9_000, 9_000, 241], rate=2_003, channels=1)
@given(
    pieces=st.lists(st.integers(1, 9_000), min_size=1, max_size=8),
    rate=st.integers(2_000, 48_000),
    channels=st.integers(1, 3),
)
def test_no_sample_is_missed_however_the_pieces_are_cut(
    pieces: list[int], rate: int, channels: int
) -> None:
    n = sum(pieces)
    samples = np.random.default_rng(n).uniform(-1, 1, (channels, n)).astype(np.float32)
    meter = WaveformMeter(n, rate)
    for piece in np.split(samples, np.cumsum(pieces)[:-1], axis=1):
        meter.add(piece)

    found = meter.waveform()

    column = np.arange(n) * COLUMNS_PER_SECOND // rate
    mono = samples.mean(axis=0)
    slow = [(mono[column == k].min(), mono[column == k].max()) for k in range(column[-1] + 1)]
    low, high = found.extremes()
    np.testing.assert_allclose(low, [each[0] for each in slow], rtol=0.03, atol=1e-4)
    np.testing.assert_allclose(high, [each[1] for each in slow], rtol=0.03, atol=1e-4)
    assert abs(len(found) - expected_columns(n / rate)) <= 1


@given(st.integers(1, 40))
def test_sound_that_comes_later_is_drawn_later(columns: int) -> None:
    samples = np.random.default_rng(columns).uniform(-1, 1, (1, 4 * RATE))
    late = np.pad(samples, ((0, 0), (columns * RATE // COLUMNS_PER_SECOND, 0)))

    codes = measured(late).codes

    assert not codes[:columns].any()
    np.testing.assert_array_equal(codes[columns:], measured(samples).codes)


@example(0.0812671110033989)
@given(st.floats(-1, 1, width=32))
def test_a_code_is_near_its_sample_be_it_loud_or_quiet(sample: float) -> None:
    (back,) = expanded(compressed(np.array([sample], np.float32)))

    half_a_step = 256 ** (1 / (2 * FULL_SCALE)) - 1
    assert abs(back - sample) <= half_a_step * (abs(sample) + 1 / 255) + 1e-6


@given(st.integers(-FULL_SCALE, FULL_SCALE))
def test_a_code_is_the_code_of_what_it_stands_for(code: int) -> None:
    codes = np.array([code], np.int8)

    assert compressed(expanded(codes)) == codes


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), seconds=st.floats(3, 90))
def test_bytes_and_json_carry_a_waveform(seed: int, seconds: float) -> None:
    random = np.random.default_rng(seed)
    shape = (expected_columns(seconds), 2)
    codes = np.sort(random.integers(-FULL_SCALE, FULL_SCALE + 1, shape), axis=1).astype(np.int8)
    words = np.arange(fingerprint.sub_fingerprints.expected_words(seconds), dtype=np.uint32)
    whole = Fingerprint(words, seconds, waveform=Waveform(codes))

    assert Fingerprint.from_bytes(whole.to_bytes()) == whole
    if len(words):
        assert Fingerprint.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    assert whole != replace(whole, waveform=None)


def test_a_waveform_stays_when_the_fingerprint_is_completed() -> None:
    samples = sine([0.5, 0.2] * 4).astype(np.float32)
    print_ = fingerprint.fingerprint(samples, RATE)

    whole = fingerprint.completed(print_, samples, RATE)

    assert whole.waveform == print_.waveform is not None
    assert Fingerprint.from_bytes(whole.to_bytes()) == whole


@pytest.mark.parametrize(
    "change",
    [
        {"model": "another"},
        {"codes": 7},
        {"codes": "no base64!"},
        {"codes": "AAAA"},
        {"codes": "AAAA" * 10**5},
        {"codes": "gAA=" * 20},
    ],
)
def test_a_strangers_waveform_is_checked(change: dict) -> None:
    document = fingerprint.fingerprint(sine([0.5] * 10).astype(np.float32), RATE).to_json()
    assert Fingerprint.from_json(document).waveform is not None
    document["waveform"] |= change
    with pytest.raises(InvalidFingerprintError, match="waveform"):
        Fingerprint.from_json(document)


@pytest.mark.parametrize("value", ["codes", [], 3, {}])
def test_a_waveform_is_an_object_with_a_model(value: object) -> None:
    document = fingerprint.fingerprint(sine([0.5] * 10).astype(np.float32), RATE).to_json()
    with pytest.raises(InvalidFingerprintError, match="waveform"):
        Fingerprint.from_json(document | {"waveform": value})


@pytest.mark.parametrize("codes", [[[5, 4]], [[-128, 0]], [[0, 0, 0]], [0, 0]])
def test_what_no_sound_gives_is_no_waveform(codes: list) -> None:
    with pytest.raises(InvalidFingerprintError, match="waveform"):
        Waveform(np.array(codes, np.int8))


@pytest.mark.parametrize("count", [0, 96, 101, 104])
def test_a_waveform_of_another_length_is_refused(count: int) -> None:
    with pytest.raises(InvalidFingerprintError, match=r"not the waveform of 10\.000 s"):
        Waveform.from_bytes(bytes(count), 10.0)
