"""What an index holds at one moment: a manifest and its open segments."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, I64Array, U64Array
from fingerprint.index import manifest as manifests
from fingerprint.index.manifest import Manifest, SegmentEntry
from fingerprint.index.segment_file import IndexSegment, id_hash
from fingerprint.index.vector_file import VectorFile

_SETS_KEPT: Final = 16
"""Sets of excluded references whose places are remembered, as long as their segments live."""


class Snapshot:
    """A manifest and its open segments."""

    def __init__(self, manifest: Manifest, segments: tuple[IndexSegment, ...]) -> None:
        self.manifest = manifest
        self.segments = segments
        self.alive = tuple(entry.alive() for entry in manifest.segments)
        self.places: dict[tuple[str, frozenset[str]], I64Array] = {}
        self.hashed: dict[frozenset[str], tuple[list[str], U64Array]] = {}

    @contextmanager
    def naming_damage(self) -> Iterator[None]:
        """Turn an impossible position, count or id into the name of the damaged segment.

        Checksums are not compared on every search, which would read the whole index.
        """
        try:
            yield
        except (IndexError, ValueError):
            for segment in self.segments:
                segment.verify()
            raise

    def searchable(self, exclude: Collection[str]) -> tuple[BoolArray, ...]:
        """Which references of each segment may be found."""
        if not exclude:
            return self.alive
        result = []
        for segment, alive in zip(self.segments, self.alive, strict=True):
            kept = alive.copy()
            kept[self._places(segment, frozenset(exclude))] = False
            result.append(kept)
        return tuple(result)

    def _places(self, segment: IndexSegment, exclude: frozenset[str]) -> I64Array:
        """Places of excluded references in a segment.

        The same large set comes with query after query: looking its ids up costs more than a
        search.
        """
        key = (segment.path.name, exclude)
        known = self.places.get(key)
        if known is None:
            if len(self.places) >= _SETS_KEPT * len(self.segments):
                self.places, self.hashed = {}, {}  # other threads go on with what they hold
            known = self.places[key] = segment.ordinals_of(*self._hashed(exclude))
        return known

    def _hashed(self, exclude: frozenset[str]) -> tuple[list[str], U64Array]:
        known = self.hashed.get(exclude)
        if known is None:
            ids = list(exclude)
            known = self.hashed[exclude] = ids, np.array([id_hash(i) for i in ids], np.uint64)
        return known


def opened(folder: Path, manifest: Manifest, known: Snapshot | None = None) -> Snapshot:
    """Open what a manifest names; segments that ``known`` has open are shared with it."""
    already = {s.path.name: s for s in known.segments} if known else {}
    snapshot = Snapshot(
        manifest,
        tuple(already.get(entry.name) or _segment(folder, entry) for entry in manifest.segments),
    )
    if known:
        kept = {segment.path.name for segment in snapshot.segments}
        places = known.places.copy()  # searches of other threads add to it
        snapshot.places = {key: value for key, value in places.items() if key[0] in kept}
        used = {exclude for _, exclude in snapshot.places}
        hashed = known.hashed.copy()
        snapshot.hashed = {key: value for key, value in hashed.items() if key in used}
    return snapshot


def _segment(folder: Path, entry: SegmentEntry) -> IndexSegment:
    vectors, works = (
        VectorFile(folder / name, size) if name else None
        for name, size in (
            (entry.vectors_name, entry.vectors_size),
            (entry.works_name, entry.works_size),
        )
    )
    return IndexSegment(folder / entry.name, entry.size, vectors, works)


def tombstoned(snapshot: Snapshot, ids: set[str]) -> list[SegmentEntry]:
    """The entries of a snapshot with tombstones on ``ids``."""
    listed = list(ids)
    hashes = np.array([id_hash(i) for i in listed], np.uint64)
    entries = []
    for entry, segment, alive in zip(
        snapshot.manifest.segments, snapshot.segments, snapshot.alive, strict=True
    ):
        kept = alive.copy()
        kept[segment.ordinals_of(listed, hashes)] = False
        entries.append(
            replace(
                entry,
                dead=manifests.pack_dead(kept),
                dead_words=int(segment.lengths[~kept].sum()),
                dead_references=int((~kept).sum()),
                seconds=float(segment.durations[kept].sum()),
            )
        )
    return entries
