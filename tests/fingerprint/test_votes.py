"""Votes for offsets: what is left out unsorted changes nothing of what is told."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.constellation import votes

POSTINGS = st.lists(
    st.one_of(st.integers(0, 40), st.integers(0, 1 << 27)), min_size=1, max_size=200
)


def shared(offsets: list[int]) -> dict[int, int]:
    """Votes of each offset and of those a frame beside it."""
    own = Counter(offsets)
    return {each: own[each - 1] + own[each] + own[each + 1] for each in own}


@given(offsets=POSTINGS, least=st.integers(1, 6))
def test_votes_are_those_of_three_frames(offsets: list[int], least: int) -> None:
    places = np.arange(len(offsets))
    told, count, own = votes.counted(np.array(offsets), places, least)
    wanted = {each: number for each, number in shared(offsets).items() if number >= least}
    assert dict(zip(told.tolist(), count.tolist(), strict=True)) == wanted
    assert told.tolist() == sorted(told.tolist())
    assert [offsets[place] for place in own] == told.tolist()


@given(offsets=POSTINGS, least=st.integers(1, 6))
def test_no_offset_with_enough_votes_is_left_out(offsets: list[int], least: int) -> None:
    given_ = np.array(offsets)
    near = np.flatnonzero(votes.at_most(given_) >= least)
    told, count, _ = votes.counted(given_[near], near, least)
    wanted = {each: number for each, number in shared(offsets).items() if number >= least}
    assert dict(zip(told.tolist(), count.tolist(), strict=True)) == wanted


@given(bounds=st.lists(st.integers(1, 300), min_size=1, max_size=60), wanted=st.integers(1, 60))
def test_the_fewest_votes_leave_what_is_wanted_and_no_less_than_they_must(
    bounds: list[int], wanted: int
) -> None:
    least = votes.fewest(np.array(bounds), wanted)
    clipped = [min(each, 255) for each in bounds]
    if least <= 255:
        assert sum(each >= least for each in clipped) <= wanted
    assert least == 0 or sum(each >= least - 1 for each in clipped) > wanted
