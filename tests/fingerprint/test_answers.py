"""One answer of several detectors: what is told twice, and what is not."""

import pytest

from fingerprint.composition.alignment import Likeness
from fingerprint.embedding.following import Line, Path
from fingerprint.index import answer
from fingerprint.index.composition_search import Performance
from fingerprint.index.embedding_search import Trace
from fingerprint.index.score import altered_probability, composition_probability
from fingerprint.matches import Match, explained
from fingerprint.sub_fingerprints import Fingerprint


class Reference:
    """As much of a segment as an answer reads."""

    durations = (200.0,)

    def id_of(self, ordinal: int) -> str:
        return f"reference {ordinal}"


def work(reference: Reference, end: float) -> Performance:
    likeness = Likeness(Line(0, 10.0, 1.0), 2, 4.0, end, 20.0, 0.9, 30, 0.2, 16.0)
    assert composition_probability(likeness, 60.0) > 0.99
    return Performance(reference, 0, likeness)


def recording(
    reference: Reference, start: float, end: float, distinct: float, likeness: float = 0.9
) -> Trace:
    path = Path(
        Line(0, 10.0, 1.0), Line(0, 10.0, 1.0), start, end, distinct + 2, likeness, 20, distinct
    )
    return Trace(reference, 0, path, 2.0, 0.98)


@pytest.mark.parametrize(
    ("start", "end", "kinds"),
    [
        (1.0, 59.0, {"recording"}),
        (26.0, 59.0, {"recording"}),
        (1.0, 8.0, {"recording", "composition"}),
    ],
)
def test_a_work_is_told_only_where_its_recording_is_not_what_is_played(start, end, kinds):
    reference = Reference()
    sure = recording(reference, start, end, 12.0)
    assert altered_probability(sure.path, sure.unison, 60.0) > 0.9
    query = Fingerprint([], 60.0)
    found = answer.matches([], [], [sure], [work(reference, 56.0)], query, 0.5)
    assert {match.kind for match in found} == kinds


def test_a_recording_that_is_hardly_found_hides_no_work():
    reference = Reference()
    weak = recording(reference, 1.0, 59.0, 0.5, likeness=0.65)
    assert altered_probability(weak.path, weak.unison, 60.0) < 0.8
    query = Fingerprint([], 60.0)
    found = answer.matches([], [], [weak], [work(reference, 56.0)], query, 0.0)
    assert "composition" in {match.kind for match in found}


@pytest.mark.parametrize(
    ("score", "share", "settled"), [(0.995, 1.0, True), (0.93, 1.0, False), (1.0, 0.5, False)]
)
def test_only_a_sure_match_of_nearly_all_ends_the_search(score, share, settled):
    match = Match("a", "recording", score, (), share, 0.1)
    assert explained([match]) is settled
