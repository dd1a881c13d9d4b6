"""From windows to plays: what is said, when, and what is not."""

from dataclasses import replace

from fingerprint import Match, Segment
from scanner.streams.plays import OVER_AFTER, Plays


def found(start: float, end: float, at: float, *, tempo: float = 1.0, ref: str = "a") -> Match:
    """A match of a window's seconds ``start`` to ``end`` with a reference from ``at`` on."""
    segment = Segment(start, end, at, at + (end - start) * tempo, 0.9, 0.0, tempo)
    return Match(ref, "recording", 0.9, (segment,), 1.0, 0.1)


def test_a_play_is_said_when_two_windows_agree_and_ends_where_it_was_heard_last() -> None:
    plays = Plays()
    assert plays.hear(0, 10, [found(6, 10, 0)]) == ([], [])
    begun, over = plays.hear(2, 12, [found(4, 10, 0)])
    assert [(play.start, play.reference_start) for play in begun] == [(6, 0)]
    assert over == []
    assert plays.hear(4, 14, [found(2, 10, 0)]) == ([], [])
    assert plays.hear(14, 14 + OVER_AFTER, []) == ([], [])
    ((play,),) = [over for _, over in [plays.hear(16, 16 + OVER_AFTER, [])]]
    assert (play.start, play.end, play.reference_end) == (6, 14, 8)


def test_one_window_alone_says_nothing() -> None:
    plays = Plays()
    plays.hear(0, 10, [found(0, 10, 50)])
    assert plays.hear(10, 40, []) == ([], [])
    assert plays.open == []


def test_windows_that_disagree_about_the_place_are_not_one_play() -> None:
    plays = Plays()
    plays.hear(0, 10, [found(0, 10, 50)])
    begun, _ = plays.hear(2, 12, [found(0, 10, 90)])
    assert begun == []


def test_a_refrain_that_is_found_in_two_places_is_one_play() -> None:
    plays = Plays()
    plays.hear(0, 10, [found(0, 10, 50)])
    begun, _ = plays.hear(2, 12, [found(0, 10, 52), found(0, 10, 110)])
    assert [play.reference_start for play in begun] == [50]
    begun, _ = plays.hear(4, 14, [found(0, 10, 54), found(0, 10, 112)])
    assert begun == []


def test_a_presenter_over_a_song_does_not_end_it() -> None:
    plays = Plays()
    plays.hear(0, 10, [found(0, 10, 0)])
    (play,), _ = plays.hear(2, 12, [found(0, 10, 2)])
    assert plays.hear(8, 18, []) == ([], [])
    assert plays.hear(12, 22, [found(0, 10, 12)]) == ([], [])
    assert (play.start, play.end, play.reference_end) == (0, 22, 22)


def test_a_song_that_is_played_faster_goes_on_by_its_own_clock() -> None:
    plays = Plays()
    plays.hear(0, 10, [found(0, 10, 0, tempo=1.1)])
    (play,), _ = plays.hear(6, 16, [found(0, 10, 6.6, tempo=1.1)])
    assert round(play.reference_end, 6) == 17.6


def test_two_songs_at_once_are_two_plays_and_works_are_none() -> None:
    plays = Plays()
    other = Match("c", "composition", 0.9, found(0, 10, 0).segments, 1.0, 0.1)
    for at in (0, 2):
        begun, _ = plays.hear(at, at + 10, [found(0, 10, at), found(0, 10, at, ref="b"), other])
    assert {play.reference_id for play in begun} == {"a", "b"}
    assert {play.reference_id for play in plays.end()} == {"a", "b"}
    assert plays.open == []


def faint(start: float, end: float, at: float, ref: str = "a") -> Match:
    """As :func:`found`, below what is believed alone."""
    (segment,) = found(start, end, at).segments
    return Match(ref, "recording", 0.2, (replace(segment, score=0.2),), 1.0, 0.1)


def test_a_faint_sign_and_a_sure_one_agree_and_two_faint_ones_say_nothing() -> None:
    plays = Plays()
    assert plays.hear(0, 10, [faint(6, 10, 0)]) == ([], [])
    assert plays.hear(1, 11, [faint(5, 10, 0)]) == ([], [])
    (play,), _ = plays.hear(2, 12, [found(4, 10, 0)])
    assert (play.start, play.end) == (6, 12)
    plays.hear(4, 14, [faint(2, 10, 0)])
    assert play.end == 12, "what is faint prolongs nothing"


def test_of_music_that_repeats_itself_three_windows_need_not_agree_about_the_place() -> None:
    plays = Plays()
    plays.hear(0, 10, [found(6, 10, 50)])
    assert plays.hear(1, 11, [found(5, 10, 90)]) == ([], [])
    begun, _ = plays.hear(2, 12, [found(4, 10, 130)])
    assert len(begun) == 1
    assert plays.hear(3, 13, [found(3, 10, 50)]) == ([], [])


def test_faint_signs_in_other_places_do_not_make_a_sure_one_known() -> None:
    plays = Plays()
    plays.hear(0, 10, [faint(6, 10, 50)])
    plays.hear(1, 11, [faint(5, 10, 90)])
    assert plays.hear(2, 12, [found(4, 10, 130)]) == ([], [])


def test_two_places_that_become_known_at_once_are_one_play() -> None:
    plays = Plays()
    plays.hear(0, 10, [found(0, 10, 50), found(0, 10, 110)])
    begun, _ = plays.hear(2, 12, [found(0, 10, 52), found(0, 10, 112)])
    assert len(begun) == 1


def test_a_song_that_is_found_in_another_place_from_then_on_is_still_one_play() -> None:
    plays = Plays()
    plays.hear(0, 10, [found(2, 10, 0)])
    (play,), _ = plays.hear(2, 12, [found(0, 10, 0)])
    for at in range(4, 40, 2):
        assert plays.hear(at, at + 10, [found(0, 10, 58 + at)]) == ([], [])
    assert (play.start, play.end, play.reference_end) == (2, 48, 106)
    assert plays.end() == [play]


def test_it_is_looked_again_soon_where_something_may_have_begun() -> None:
    plays = Plays()
    assert not plays.is_undecided(10)
    plays.hear(0, 10, [faint(6, 10, 0)])
    assert (plays.is_undecided(11), plays.is_undecided(14)) == (True, False)
    plays.hear(1, 11, [found(5, 10, 0)])
    assert not plays.is_undecided(12), "it is known"
