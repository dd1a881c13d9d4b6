"""What every reference index does, whatever it is built of."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from fingerprint.matches import Match
from fingerprint.sub_fingerprints import Fingerprint


@dataclass(frozen=True)
class IndexStats:
    """Size of an index.

    Attributes
    ----------
    references : int
        Live references.
    seconds : float
        Their audio.
    segments : int
        Immutable parts that a search visits.
    bytes : int
        On disk (or in the server), tombstoned references included.
    tombstones : int
        References removed or replaced whose data is not yet gone.
    """

    references: int
    seconds: float
    segments: int
    bytes: int
    tombstones: int

    @property
    def hours(self) -> float:
        return self.seconds / 3600


@dataclass(frozen=True)
class Answer:
    """What a search found, in which state of the index."""

    matches: list[Match]
    version: str
    epoch: int


class Index(Protocol):
    """A reference index: derived state, rebuilt from the caller's database when lost.

    The caller numbers its changes with an ``epoch`` that never decreases. Delivery of changes is
    at least once: the same change applied again leaves the same references.
    """

    @property
    def version(self) -> str:
        """Short id of what a search now sees; equal content and layout give an equal id."""
        ...

    @property
    def epoch(self) -> int:
        """Epoch of the last change that a search now sees; 0 for an empty index."""
        ...

    def search(
        self, query: Fingerprint, *, limit: int = 20, exclude: Collection[str] = ()
    ) -> list[Match]:
        """Find references in the query, best first, without those in ``exclude``."""
        ...

    def answer(
        self,
        query: Fingerprint,
        *,
        limit: int = 20,
        exclude: Collection[str] = (),
        min_score: float | None = None,
    ) -> Answer:
        """As :meth:`search`, with the state of the index that was searched.

        ``min_score`` takes the place of the index's own threshold.
        """
        ...

    def clear(self) -> None:
        """Drop everything, the epoch too."""
        ...

    def apply(
        self, added: Iterable[tuple[str, Fingerprint]], removed: Iterable[str], epoch: int
    ) -> None:
        """Remove, then add or replace; a search sees all of it or nothing."""
        ...

    def compact(self) -> None:
        """Drop what was removed and join small parts."""
        ...

    def stats(self) -> IndexStats: ...
