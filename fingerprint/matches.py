"""What a search answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

EXPLAINED_SCORE: Final = 0.99
EXPLAINED_SHARE: Final = 0.9


@dataclass(frozen=True)
class Segment:
    """One stretch of the query that is one stretch of the reference.

    Attributes
    ----------
    query_start, query_end, reference_start, reference_end : float
        Seconds.
    score : float
        Probability that this stretch alone is a real match, 0 to 1.
    pitch_semitones : float
        Query minus reference.
    tempo_ratio : float
        Query tempo over reference tempo.
    """

    query_start: float
    query_end: float
    reference_start: float
    reference_end: float
    score: float
    pitch_semitones: float = 0.0
    tempo_ratio: float = 1.0


@dataclass(frozen=True)
class Match:
    """One reference found in the query.

    Attributes
    ----------
    reference_id : str
    kind : {"recording", "composition"}
    score : float
        Probability that the match is real, 0 to 1 (:mod:`fingerprint.index.score` says how far
        to believe it).
    segments : tuple of Segment
        In order of the query. Neighbours may overlap by a quarter of the shorter one: where a
        copy is cut, what describes the audio sees both sides.
    coverage_query, coverage_reference : float
        Share of each side's duration that the segments cover, 0 to 1. A loop that fills the query
        covers its place in the reference once.
    """

    reference_id: str
    kind: Literal["recording", "composition"]
    score: float
    segments: tuple[Segment, ...]
    coverage_query: float
    coverage_reference: float


def explained(matches: Sequence[Match]) -> bool:
    """Whether one reference accounts for nearly all of the query, so that looking on is idle."""
    return any(
        match.score >= EXPLAINED_SCORE and match.coverage_query >= EXPLAINED_SHARE
        for match in matches
    )


def covered(ranges: Iterable[tuple[float, float]], duration: float) -> float:
    """Share of ``duration`` that the union of ``ranges`` covers."""
    return min(1.0, union_length(ranges) / duration) if duration > 0 else 0.0


def union_length(ranges: Iterable[tuple[float, float]]) -> float:
    """Length of the union of ``ranges``, none of which begins below zero."""
    total, reached = 0.0, 0.0
    for start, end in sorted(ranges):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
