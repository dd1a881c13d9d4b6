"""Rendered scores that fill references up: named as such, each another performance."""

from benchmarks.score_references import PREFIX, SECONDS, pieces
from fingerprint.training.scores.works import works


def test_every_filler_is_marked_and_another_performance_even_of_the_same_work() -> None:
    count = len(works()) + 3
    named = list(pieces(count))
    assert len({name for name, _ in named}) == count
    assert all(name.startswith(PREFIX) for name, _ in named)
    first, again = named[0][1], named[len(works())][1]
    assert first.work == again.work
    assert first.name != again.name
    assert {piece.seconds for _, piece in named} == {SECONDS}


def test_a_longer_run_begins_with_what_a_shorter_one_made() -> None:
    assert [p.name for _, p in pieces(4)] == [p.name for _, p in list(pieces(9))[:4]]
