"""The life of a pack, told as stories; which tracks fall to a canary; when one has strayed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import IllegalMoveError, PackMove, PackState, falls_to_candidate, moved, strays

STORIES = [
    "draft propose proposed approve approved activate active retire retired",
    "draft propose proposed reject rejected propose proposed approve approved",
    "approved shadow shadow canary canary canary canary activate active",
    "canary shadow shadow retire retired shadow shadow",
    "active shadow shadow activate active",
    "retired activate active",
    "approved retire retired canary canary retire retired",
]


@pytest.mark.parametrize("story", STORIES)
def test_a_pack_goes_the_way_that_the_story_tells(story: str) -> None:
    state, *rest = story.split()
    for move, after in zip(rest[::2], rest[1::2], strict=True):
        assert moved(PackState(state), PackMove(move)) is PackState(after)
        state = after


@pytest.mark.parametrize(
    "story",
    [
        "draft approve",
        "draft activate",
        "draft shadow",
        "proposed activate",
        "proposed shadow",
        "proposed canary",
        "rejected approve",
        "rejected activate",
        "approved approve",
        "approved propose",
        "active canary",
        "active activate",
        "retired approve",
    ],
)
def test_nothing_decides_or_runs_before_it_was_proposed_and_approved(story: str) -> None:
    state, move = story.split()

    with pytest.raises(IllegalMoveError, match=f"that is {state} can't {move}; it can: "):
        moved(PackState(state), PackMove(move))


def test_half_of_the_tracks_fall_to_a_canary_of_a_half_and_stay_there() -> None:
    tracks = [f"track-{n}" for n in range(4000)]

    half = {track for track in tracks if falls_to_candidate("a", track, 0.5)}
    more = {track for track in tracks if falls_to_candidate("a", track, 0.7)}

    assert 1850 < len(half) < 2150
    assert half < more
    assert half != {track for track in tracks if falls_to_candidate("b", track, 0.5)}


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_share_takes_no_track_and_the_whole_takes_every(activation: str, track: str) -> None:
    assert not falls_to_candidate(activation, track, 0.0)
    assert falls_to_candidate(activation, track, 1.0)


@pytest.mark.parametrize(
    ("compared", "differing", "astray"),
    [(0, 0, False), (49, 49, False), (50, 2, False), (50, 3, True), (100, 5, False)],
)
def test_a_canary_strays_above_its_rate_once_enough_was_seen(
    compared: int, differing: int, astray: bool
) -> None:
    assert strays(compared, differing, stop_rate=0.05, stop_minimum=50) is astray
