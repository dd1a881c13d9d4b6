"""What recognises recordings in `benchmarks.identification`: this project, whole and in part."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import fingerprint
from benchmarks.alterations import RATE, Samples
from fingerprint import Fingerprint, SegmentIndex, TooShortError


@dataclass(frozen=True)
class Found:
    """One answer of a system: times in seconds, NaN where it does not say."""

    name: str
    score: float
    query_start: float = math.nan
    query_end: float = math.nan
    reference_start: float = math.nan
    reference_end: float = math.nan
    tempo_ratio: float = math.nan
    pitch_semitones: float = math.nan
    kind: str = "recording"


class System(Protocol):
    """Something that recognises recordings, opened on a folder that holds its index."""

    def add(self, name: str, samples: Samples) -> None:
        """Take a reference, float32 of shape (1 or 2, n) at 44.1 kHz."""

    def build(self) -> int:
        """Finish the index; return its bytes."""

    def identify(self, samples: Samples) -> list[Found]:
        """Find references, at most one answer of each kind each, best first."""


class Clearance:
    """The index of this project: of words alone, as Chromaprint gives them, or of vectors too."""

    def __init__(self, folder: Path, *, vectors: bool) -> None:
        self._vectors = vectors
        folder.mkdir(parents=True, exist_ok=True)
        self._index = SegmentIndex(folder)
        self._added: list[tuple[str, Fingerprint]] = []

    def add(self, name: str, samples: Samples) -> None:
        self._added.append((name, self._fingerprint(samples)))

    def add_print(self, name: str, own: Fingerprint) -> None:
        """Take a reference that is kept as its whole fingerprint."""
        words = Fingerprint(own.sub_fingerprints, own.duration, own.algorithm)
        self._added.append((name, own if self._vectors else words))

    def build(self) -> int:
        self._index.apply(self._added, [], 1)
        return self._index.stats().bytes

    def identify(self, samples: Samples) -> list[Found]:
        try:
            query = fingerprint.fingerprint(samples, RATE)
        except TooShortError:
            return []
        matches = self._index.search(query)
        if self._vectors and not fingerprint.explained(matches):
            matches = self._index.search(fingerprint.completed(query, samples, RATE))
        answers = []
        for match in matches:
            best = max(match.segments, key=lambda each: each.query_end - each.query_start)
            answers.append(
                Found(
                    match.reference_id,
                    match.score,
                    best.query_start,
                    best.query_end,
                    best.reference_start,
                    best.reference_end,
                    best.tempo_ratio,
                    best.pitch_semitones,
                    match.kind,
                )
            )
        return answers

    def _fingerprint(self, samples: Samples) -> Fingerprint:
        made = fingerprint.fingerprint(samples, RATE)
        if not self._vectors:
            return made
        return fingerprint.completed(made, samples, RATE)


def _audfprint(folder: Path) -> System:
    from benchmarks.peers import Audfprint  # needs what only the benchmark brings

    return Audfprint(folder)


SYSTEMS: Final[dict[str, Callable[[Path], System]]] = {
    "chromaprint": lambda folder: Clearance(folder, vectors=False),
    "clearance": lambda folder: Clearance(folder, vectors=True),
    "audfprint": _audfprint,
}
THRESHOLDS: Final = {"chromaprint": 0.5, "clearance": 0.5, "audfprint": 5.0}
"""Each system's own default."""
