"""What is left of a match when parts of either side speak for nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fingerprint import Fingerprint, Segment, claimed, covered, explained_by, fingerprint
from fingerprint.exclusions import EDGE_SECONDS
from tests.songs import RATE, song

seconds = st.integers(0, 6000).map(lambda tenth: tenth / 10)
ranges = st.lists(st.tuples(seconds, seconds).map(lambda pair: (min(pair), max(pair))), max_size=6)


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    start, there = draw(seconds), draw(seconds)
    length = draw(st.integers(1, 3000)) / 10
    pace = draw(st.sampled_from([0.8, 1.0, 1.25]))
    return Segment(start, start + length * pace, there, there + length, 0.99, tempo_ratio=1 / pace)


def reference_side(found: tuple[Segment, ...]) -> list[tuple[float, float]]:
    return [(each.reference_start, each.reference_end) for each in found]


@given(segments(), ranges)
def test_what_is_left_lies_outside_the_excluded_parts_and_inside_the_segment(
    segment: Segment, excluded: list[tuple[float, float]]
) -> None:
    for piece in claimed([segment], excluded):
        assert segment.reference_start <= piece.reference_start <= piece.reference_end
        assert piece.reference_end <= segment.reference_end
        assert segment.query_start - 1e-6 <= piece.query_start
        assert piece.query_end <= segment.query_end + 1e-6
        for start, end in excluded:
            assert piece.reference_end <= start or piece.reference_start >= end or start == end


@given(segments(), ranges)
def test_no_more_is_lost_than_what_is_excluded_and_its_edges(
    segment: Segment, excluded: list[tuple[float, float]]
) -> None:
    whole = segment.reference_end - segment.reference_start
    left = sum(end - start for start, end in reference_side(claimed([segment], excluded)))
    within = [
        (max(start, segment.reference_start), min(end, segment.reference_end))
        for start, end in excluded
        if end > segment.reference_start and start < segment.reference_end
    ]
    lost = covered(within, 1e9) * 1e9
    assert whole - left >= lost - 1e-3
    assert whole - left <= lost + EDGE_SECONDS * (len(excluded) + 1) + 1e-3


@given(segments(), ranges)
def test_both_sides_of_a_piece_keep_the_pace_of_the_segment(
    segment: Segment, excluded: list[tuple[float, float]]
) -> None:
    for piece in claimed([segment], excluded):
        query = piece.query_end - piece.query_start
        there = piece.reference_end - piece.reference_start
        assert there == pytest.approx(query * segment.tempo_ratio, abs=1e-3)


def test_a_segment_that_no_excluded_part_touches_is_the_same() -> None:
    segment = Segment(0, 10, 50, 60, 0.99)
    (left,) = claimed([segment], [(0, 50), (60, 100)])
    assert left is segment


def test_a_segment_within_an_excluded_part_leaves_nothing() -> None:
    assert claimed([Segment(0, 10, 50, 60, 0.99)], [(40, 56), (55, 61)]) == ()


def test_an_excluded_middle_leaves_two_pieces_at_their_places() -> None:
    first, second = claimed([Segment(0, 30, 100, 130, 0.99)], [(110, 120)])
    assert (first.query_start, first.query_end) == (0, 10)
    assert (second.query_start, second.query_end) == (20, 30)


def test_an_edge_that_sticks_out_by_less_than_a_word_is_nothing() -> None:
    assert claimed([Segment(0, 10, 50, 60, 0.99)], [(51, 59)]) == ()


LOOP = song(1, 8)


def over(loop: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Half a minute of the loop under a voice of its own, half as loud."""
    own = song(seed, 32)
    return (0.6 * (np.tile(loop, 4) + 0.5 * own)).astype(np.float32)


def of(samples: NDArray[np.float32]) -> Fingerprint:
    return fingerprint(samples[None], RATE)


def straight(start: float, end: float, there: float = 0.0) -> Segment:
    return Segment(start, end, start + there, end + there, 1.0)


ROUNDS = [Segment(8 * n, 8 * n + 8, 0, 8, 1.0) for n in range(4)]
"""The loop in a song that repeats it."""


@pytest.fixture(scope="module")
def song_prints() -> tuple[Fingerprint, Fingerprint, Fingerprint]:
    return of(LOOP), of(over(LOOP, 2)), of(over(LOOP, 3))


def test_another_song_with_the_loop_is_explained_by_it_and_a_copy_is_not(song_prints) -> None:
    loop, label, other = song_prints
    whole = straight(0, 32)
    assert explained_by(whole, other, label, [(loop, ROUNDS)])
    assert not explained_by(whole, label, label, [(loop, ROUNDS)])
    noise = 0.05 * np.random.default_rng(0).standard_normal(32 * RATE).astype(np.float32)
    assert not explained_by(whole, of(over(LOOP, 2) + noise), label, [(loop, ROUNDS)])


@pytest.mark.parametrize(
    ("rounds", "explained"),
    [
        (ROUNDS, True),
        ([Segment(8 * n + 0.4, 8 * n + 7.7, 0.4, 7.7, 1.0) for n in range(4)], True),
        (ROUNDS[:3], False),  # it goes on where the loop ends
        ([ROUNDS[0], *ROUNDS[2:]], False),  # in between is something else
        ([], False),
    ],
)
def test_the_loop_must_explain_all_of_a_segment(song_prints, rounds, explained) -> None:
    loop, label, other = song_prints
    assert explained_by(straight(0, 32), other, label, [(loop, rounds)]) is explained


def test_what_is_bent_is_not_explained_since_words_do_not_line_up(song_prints) -> None:
    loop, label, other = song_prints
    bent = [replace(each, tempo_ratio=1.05) for each in ROUNDS]
    assert not explained_by(straight(0, 32), other, label, [(loop, bent)])
    higher = replace(straight(0, 32), pitch_semitones=1.0)
    assert not explained_by(higher, other, label, [(loop, ROUNDS)])


def test_what_two_copies_of_a_loop_explain_counts_once(song_prints) -> None:
    """Half of it was compared, however often; the rest is bent, of which nothing is known."""
    loop, label, other = song_prints
    bent = [replace(each, tempo_ratio=1.05) for each in ROUNDS[2:]]
    assert explained_by(straight(0, 32), other, label, [(loop, ROUNDS), (loop, ROUNDS)])
    twice = [(loop, ROUNDS[:2]), (loop, ROUNDS[:2]), (loop, bent)]
    assert not explained_by(straight(0, 32), other, label, twice)
