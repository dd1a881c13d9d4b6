"""The matrix behind a match: a copy is a line in it, by the measure that shows it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fingerprint
from benchmarks.alterations import shifted
from fingerprint import Fingerprint, Segment, TooShortError, compared
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS

RATE = 11025
Song = Callable[..., np.ndarray]


def whole(samples: np.ndarray) -> Fingerprint:
    print_ = fingerprint.fingerprint(samples, RATE)
    return fingerprint.completed(print_, samples, RATE)


def at(found: fingerprint.Similarity, query: float, reference: float) -> float:
    row = int(np.abs(found.query_seconds - query).argmin())
    column = int(np.abs(found.reference_seconds - reference).argmin())
    return float(found.values[row, column])


@pytest.fixture(scope="module")
def reference(song: Song) -> Fingerprint:
    return whole(song(1))


def test_a_clean_excerpt_is_a_line_of_equal_words(song: Song, reference: Fingerprint) -> None:
    excerpt = whole(song(1)[:, 20 * RATE : 40 * RATE])

    found = compared(excerpt, reference, Segment(0, 20, 20, 40, 1.0))

    assert found.measure == "words"
    assert found.on_line > 0.9
    assert at(found, 10, 30) > 0.9
    assert at(found, 10, 25) < 0.8
    assert 0.4 < np.median(found.values) < 0.65  # unrelated words share half of their bits


def test_agreement_is_told_second_by_second_and_falls_where_something_else_is_played(
    song: Song, reference: Fingerprint
) -> None:
    mixed = np.array(song(1)[:, 20 * RATE : 40 * RATE])
    mixed[:, 8 * RATE : 12 * RATE] = song(2)[:, : 4 * RATE]

    seconds, means = compared(whole(mixed), reference, Segment(0, 20, 20, 40, 1.0)).by_second()

    told = dict(zip(seconds.tolist(), means.tolist(), strict=True))
    assert set(range(3, 18)) <= set(told)
    assert max(told[9], told[10]) < min(told[4], told[5], told[15], told[16]) - 0.15


def test_a_bent_copy_is_a_line_of_like_vectors(song: Song, reference: Fingerprint) -> None:
    bent = shifted(song(1)[:, 10 * RATE : 40 * RATE], RATE, 2.0, 1.1)
    end = bent.shape[1] / RATE

    found = compared(
        whole(bent), reference, Segment(0, end, 10, 40, 1.0, pitch_semitones=2.0, tempo_ratio=1.1)
    )

    assert found.measure == "vectors"
    assert found.contrast > 2
    assert at(found, end / 2, 25) > at(found, end / 2, 35) + 0.3


def test_a_copy_under_noise_is_a_line_of_coinciding_peaks(
    song: Song, reference: Fingerprint
) -> None:
    music = song(1)[:, 20 * RATE : 40 * RATE]
    noise = np.random.default_rng(5).standard_normal(music.shape).astype(np.float32)
    buried = music + noise * music.std()

    found = compared(whole(buried), reference, Segment(0, 20, 20, 40, 1.0))

    assert found.measure == "peaks"
    assert found.contrast > 3
    assert found.on_line > 3 * float(found.values.mean())


def test_a_performance_in_another_key_is_a_line_of_pitch_classes(
    song: Song, reference: Fingerprint
) -> None:
    """Raised by seven semitones, past what the vectors hear; chroma turns by any interval."""
    raised = shifted(song(1)[:, 10 * RATE : 40 * RATE], RATE, 7.0, 1.0)
    there = Segment(0, 30, 10, 40, 1.0, pitch_semitones=7.0)

    found = compared(whole(raised), reference, there, kind="composition")

    assert found.measure == "chroma"
    assert found.on_line > 0.5
    assert at(found, 15, 25) > np.median(found.values) + 0.3


def test_fingerprints_without_vectors_are_compared_by_words(synthetic: Callable) -> None:
    reference, query = synthetic(1, 400), synthetic(1, 400, 100, 250)
    start = 100 * HOP_SECONDS

    found = compared(query, reference, Segment(0, 20, start, start + 20, 1.0))

    assert found.measure == "words"
    assert found.on_line == 1.0


def test_a_long_match_is_looked_at_more_rarely_but_still_on_its_line(synthetic: Callable) -> None:
    hour = synthetic(3, 29_000)

    found = compared(hour, hour, Segment(0, hour.duration, 0, hour.duration, 1.0), steps=100)

    assert max(found.values.shape) <= 101
    assert found.on_line == 1.0


@given(
    st.integers(0, 250),
    st.floats(5, 15),
    st.floats(0, 4),
    st.integers(2, 400),
    st.floats(0.8, 1.25),
)
def test_the_line_of_a_clean_copy_is_whole_wherever_it_lies_and_however_rarely_it_is_looked_at(
    first: int, seconds: float, margin: float, steps: int, ratio: float
) -> None:
    """Words of the query are those of the reference, from ``first`` on: nothing between is missed."""
    words = np.random.default_rng(7).integers(0, 2**32, 400, dtype=np.uint32)
    reference = Fingerprint(words, 399 * HOP_SECONDS + SPAN_SECONDS)
    query = Fingerprint(words[first:], (399 - first) * HOP_SECONDS + SPAN_SECONDS)
    start = first * HOP_SECONDS
    there = Segment(2, 2 + seconds, start + 2, start + 2 + seconds, 1.0)

    found = compared(query, reference, there, margin_seconds=margin, steps=steps)

    assert found.on_line == 1.0 or len(found.query_seconds) < 3
    assert found.values.shape == (len(found.query_seconds), len(found.reference_seconds))
    bent = compared(query, reference, Segment(2, 2 + seconds, start, start + seconds * ratio, 1.0))
    assert np.isfinite(bent.values).all()


def test_nothing_to_compare_is_said(synthetic: Callable) -> None:
    nothing = Fingerprint(np.empty(0, np.uint32), 2.0)

    with pytest.raises(TooShortError, match="nothing to compare around"):
        compared(nothing, synthetic(1), Segment(0, 2, 0, 2, 1.0))
