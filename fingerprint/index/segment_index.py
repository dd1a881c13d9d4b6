"""The reference index of one machine: immutable segments in a folder and one manifest."""

import contextlib
import math
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import filelock
import numpy as np

from fingerprint.arrays import BoolArray
from fingerprint.composition.tones import Tones
from fingerprint.constellation.constellation import Constellation
from fingerprint.embedding.embedding import Embedding
from fingerprint.embedding.geometry import FIELD_SECONDS
from fingerprint.errors import (
    IndexCorruptError,
    IndexLockedError,
    InvalidFingerprintError,
    StaleEpochError,
)
from fingerprint.index import manifest as manifests
from fingerprint.index import vector_file
from fingerprint.index.alignment import stretches
from fingerprint.index.answer import matches
from fingerprint.index.candidates import candidates
from fingerprint.index.composition_search import Performance, performances
from fingerprint.index.constellation_search import Sighting, heard_together, hints_of, sightings
from fingerprint.index.embedding_search import Trace, traces
from fingerprint.index.manifest import Manifest, SegmentEntry
from fingerprint.index.params import IndexParams
from fingerprint.index.protocol import Answer, IndexStats
from fingerprint.index.segment_file import (
    SUFFIX,
    IndexSegment,
    write_segment,
)
from fingerprint.index.snapshot import Snapshot, opened, tombstoned
from fingerprint.index.tape import Tape, concatenate, join
from fingerprint.index.vector_source import WORKS, SegmentVectors, VectorSource
from fingerprint.matches import Match
from fingerprint.sub_fingerprints import ALGORITHM, Fingerprint

_LOCK: Final = "writer.lock"
_TRIES: Final = 20
_NEVER: Final = ()
"""Identity of a manifest that was not looked for yet; None is that of a missing one."""
_SUFFIXES: Final = (SUFFIX, vector_file.SUFFIX, ".tmp")


class SegmentIndex:
    """A reference index in a folder: many processes read, one writes.

    Segments are immutable and memory-mapped; a change writes new ones and replaces the manifest
    atomically; a removed reference is a tombstone until its segment is merged. A crash leaves the
    index before the change or after it. Instances may be shared between threads.

    Parameters
    ----------
    folder : Path
        Made if it is missing. It must be on a local file system (``flock``, ``mmap``).
    params : IndexParams
    """

    def __init__(self, folder: Path, params: IndexParams | None = None) -> None:
        self.folder = folder
        self.params = params or IndexParams()
        self._opening = threading.Lock()
        self._snapshot = Snapshot(Manifest(), ())
        self._seen: tuple[int, ...] | None = _NEVER
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def version(self) -> str:
        return self._current().manifest.version

    @property
    def epoch(self) -> int:
        return self._current().manifest.epoch

    def search(
        self, query: Fingerprint, *, limit: int = 20, exclude: Collection[str] = ()
    ) -> list[Match]:
        """Find the references in a query.

        Parameters
        ----------
        query : Fingerprint
            Of any length; below about 5 s nothing reaches a score worth acting on.
        limit : int
            Matches at most.
        exclude : collection of str
            Reference ids that are not looked for.

        Returns
        -------
        list of Match, best score first; empty when nothing is found.

        Raises
        ------
        InvalidFingerprintError
            If the query is of another algorithm.
        IndexCorruptError
            If the manifest or a segment it names cannot be used.
        """
        return self.answer(query, limit=limit, exclude=exclude).matches

    def answer(
        self,
        query: Fingerprint,
        *,
        limit: int = 20,
        exclude: Collection[str] = (),
        min_score: float | None = None,
    ) -> Answer:
        """As :meth:`search`, with the state of the index that was searched.

        ``min_score`` takes the place of that of the index's parameters.
        """
        _check_algorithm(query)
        snapshot = self._current()
        least = self.params.min_score if min_score is None else min_score
        return Answer(
            self._searched(query, snapshot, exclude, least)[:limit],
            snapshot.manifest.version,
            snapshot.manifest.epoch,
        )

    def _searched(
        self,
        query: Fingerprint,
        snapshot: Snapshot,
        exclude: Collection[str],
        min_score: float,
    ) -> list[Match]:
        words, sounding = query.sub_fingerprints, query.sounding()
        if not snapshot.segments:
            return []
        with snapshot.naming_damage():
            searchable = snapshot.searchable(exclude)
            found = [
                stretch
                for diagonals in candidates(words, snapshot.segments, searchable, self.params)
                for stretch in stretches(words, sounding, diagonals)
            ]
            altered: list[Trace] = []
            buried: list[Sighting] = []
            if query.embedding:
                source = self._vectors(snapshot.segments, searchable, exclude)
                altered = traces(query.embedding, source)
            if query.constellation:
                hints = hints_of(altered, query.embedding) if query.embedding else []
                buried = sightings(query.constellation, snapshot.segments, searchable, hints=hints)
            if query.embedding:
                buried = heard_together(buried, query.embedding, source)
            works = SegmentVectors(snapshot.segments, searchable, WORKS)
            anew = performances(query.tones, works) if query.tones else []
            return matches(found, buried, altered, anew, query, min_score)

    def traces(self, embedding: Embedding) -> list[Trace]:
        """What :meth:`search` scores of altered copies, before any threshold: to calibrate it."""
        snapshot = self._current()
        source = self._vectors(snapshot.segments, snapshot.searchable(()), ())
        return traces(embedding, source)

    def sightings(
        self, constellation: Constellation, embedding: Embedding, followed: int
    ) -> list[Sighting]:
        """Likewise of buried copies, in so many references for each half minute."""
        snapshot = self._current()
        searchable = snapshot.searchable(())
        source = self._vectors(snapshot.segments, searchable, ())
        hints = hints_of(traces(embedding, source), embedding)
        found = sightings(constellation, snapshot.segments, searchable, followed, hints)
        return heard_together(found, embedding, source)

    def performances(self, tones: Tones) -> list[Performance]:
        """Likewise of works that are played anew."""
        snapshot = self._current()
        works = SegmentVectors(snapshot.segments, snapshot.searchable(()), WORKS)
        return performances(tones, works)

    def _vectors(
        self,
        segments: Sequence[IndexSegment],
        searchable: Sequence[BoolArray],
        exclude: Collection[str],
    ) -> VectorSource:
        """Where a search finds vectors: here, in files of the segments.

        What is excluded is not searchable either; it is named for those who keep only names.
        """
        return SegmentVectors(segments, searchable)

    def apply(
        self, added: Iterable[tuple[str, Fingerprint]], removed: Iterable[str], epoch: int
    ) -> None:
        """Remove references, then add or replace some; all of it becomes visible at once.

        Applying the same change again leaves the same references. A fingerprint too short to
        match is kept and never matches.

        Parameters
        ----------
        added : iterable of (reference id, Fingerprint)
            Read once, and written in parts when it is larger than a segment. The last of equal
            ids wins.
        removed : iterable of str
            Unknown ids are ignored.
        epoch : int
            Not below the index's.

        Raises
        ------
        InvalidFingerprintError
            If one that is added is of another algorithm: nothing is applied then.
        StaleEpochError
            If the index already holds a later epoch.
        IndexLockedError
            If another writer held the lock for ``params.lock_seconds``.
        IndexCorruptError
            If the manifest, or a segment that is read to be merged, cannot be used.
        """
        with self._writing() as (before, snapshot):
            if epoch < before.epoch:
                raise StaleEpochError(f"epoch {epoch} is older than the index's {before.epoch}")
            written, ids = self._write(added)
            with snapshot.naming_damage():
                entries = tombstoned(snapshot, {*removed, *ids})
            self._commit(Manifest(epoch, (*entries, *written)), compact=False)

    def clear(self) -> None:
        """Drop everything, the epoch too, damaged or not: what follows is a rebuild."""
        with self._locked():
            self._commit(Manifest(), compact=False)

    def take_over(self, other: "SegmentIndex") -> None:
        """Become what another index holds, all at once; it is empty afterwards.

        Whoever searches goes on with what was here until then: so an index is built anew beside itself.

        Parameters
        ----------
        other : SegmentIndex
            Of a folder on the same file system.

        Raises
        ------
        StaleEpochError
            If this index, where it can be read, holds a later epoch.
        IndexCorruptError, IndexLockedError
        """
        with self._locked(), other._locked():
            manifest = other._current().manifest
            with contextlib.suppress(IndexCorruptError):
                before = manifests.read(self.folder).epoch
                if manifest.epoch < before:
                    raise StaleEpochError(f"epoch {manifest.epoch} is older than {before}")
            for name in manifest.files():
                (other.folder / name).replace(self.folder / name)
            manifests.replace_durably(self.folder, manifest)
            manifests.remove_orphans(self.folder, manifest, _SUFFIXES)
            manifests.replace_durably(other.folder, Manifest())

    def compact(self) -> None:
        """Drop every tombstoned reference and join segments as far as their size allows."""
        with self._writing() as (before, _):
            self._commit(before, compact=True)

    def stats(self) -> IndexStats:
        entries = self._current().manifest.segments
        return IndexStats(
            references=sum(entry.references - entry.dead_references for entry in entries),
            seconds=sum(entry.seconds for entry in entries),
            segments=len(entries),
            bytes=sum(entry.size + entry.vectors_size + entry.works_size for entry in entries),
            tombstones=sum(entry.dead_references for entry in entries),
        )

    def bare_ids(self) -> Iterator[str]:
        """Ids of live references without vectors of the recording, though long enough for one.

        Altered copies of them are not found by vectors: they were fingerprinted elsewhere, or with a
        network of an earlier version.
        """
        snapshot = self._current()
        for segment, alive in zip(snapshot.segments, snapshot.alive, strict=True):
            bare = alive & (segment.vector_counts == 0) & (segment.durations > FIELD_SECONDS)
            for ordinal in np.flatnonzero(bare).tolist():
                yield segment.id_of(ordinal)

    def reference_ids(self) -> Iterator[str]:
        """Ids of the live references, to compare with the truth that the index is derived from."""
        snapshot = self._current()
        for segment, alive in zip(snapshot.segments, snapshot.alive, strict=True):
            for ordinal in np.flatnonzero(alive).tolist():
                yield segment.id_of(ordinal)

    def verify(self) -> None:
        """Read every byte of the index and compare it with its checksums.

        Raises
        ------
        IndexCorruptError
            Naming the file.
        """
        for segment in self._current().segments:
            segment.verify()

    def _current(self) -> Snapshot:
        """What the manifest says now; costs one ``stat`` while nothing changes."""
        seen = _identity(self.folder)
        if seen == self._seen:
            return self._snapshot
        with self._opening:
            for _ in range(_TRIES):
                seen = _identity(self.folder)
                if seen == self._seen:
                    break
                manifest = manifests.read(self.folder)
                try:
                    self._snapshot = opened(self.folder, manifest, self._snapshot)
                except FileNotFoundError as error:
                    # A writer that merged meanwhile has replaced the manifest too; else it is lost.
                    if _identity(self.folder) == seen:
                        raise IndexCorruptError(f"{error.filename} is missing") from error
                    continue
                self._seen = seen
            else:
                raise IndexCorruptError(f"{self.folder} changes faster than it can be opened")
            return self._snapshot

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)  # someone may have removed it to start anew
        lock = filelock.FileLock(self.folder / _LOCK, timeout=self.params.lock_seconds)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise IndexLockedError(
                f"another writer has held {self.folder / _LOCK} for {self.params.lock_seconds} s"
            ) from error
        try:
            self._seen = _NEVER  # a file's identity may repeat: a writer reads the manifest itself
            yield
        finally:
            lock.release()

    @contextmanager
    def _writing(self) -> Iterator[tuple[Manifest, Snapshot]]:
        with self._locked():
            snapshot = self._current()
            manifests.remove_orphans(self.folder, snapshot.manifest, _SUFFIXES)
            yield snapshot.manifest, snapshot

    def _write(
        self, added: Iterable[tuple[str, Fingerprint]]
    ) -> tuple[list[SegmentEntry], set[str]]:
        """Write what is added as segments of bounded size."""
        entries: list[SegmentEntry] = []
        ids: set[str] = set()
        pending: dict[str, Fingerprint] = {}
        size = 0
        for reference_id, fingerprint in added:
            _check_algorithm(fingerprint)
            words = fingerprint.sub_fingerprints
            if pending and size + len(words) > self.params.max_segment_words:
                entries.append(self._segment(join(pending.items())))
                pending, size = {}, 0
            if reference_id in ids:
                pending.pop(reference_id, None)
                entries = tombstoned(
                    opened(self.folder, Manifest(0, tuple(entries))), {reference_id}
                )
            pending[reference_id] = fingerprint
            ids.add(reference_id)
            size += len(words)
        if pending:
            entries.append(self._segment(join(pending.items())))
        return entries, ids

    def _segment(self, tape: Tape) -> SegmentEntry:
        segment, vectors, works = write_segment(self.folder, tape)
        return SegmentEntry(
            name=segment.name,
            size=segment.size,
            vectors_name=vectors.name,
            vectors_size=vectors.size,
            works_name=works.name,
            works_size=works.size,
            words=len(tape.words),
            references=len(tape.ids),
            dead=b"",
            dead_words=0,
            dead_references=0,
            seconds=float(tape.durations.sum()),
        )

    def _commit(self, manifest: Manifest, *, compact: bool) -> None:
        entries = [e for e in manifest.segments if e.references > e.dead_references]
        while group := self._next_merge(entries, compact=compact):
            merged = self._merge(group)
            entries = [entry for entry in entries if entry not in group] + [merged]
        after = replace(manifest, segments=tuple(entries))
        manifests.replace_durably(self.folder, after)
        manifests.remove_orphans(self.folder, after, _SUFFIXES)

    def _merge(self, group: list[SegmentEntry]) -> SegmentEntry:
        snapshot = opened(self.folder, Manifest(0, tuple(group)))
        for segment in snapshot.segments:
            segment.verify()  # damage must not be copied under a fresh checksum
        tapes = [
            segment.tape(alive)
            for segment, alive in zip(snapshot.segments, snapshot.alive, strict=True)
        ]
        return self._segment(concatenate(tapes))

    def _next_merge(self, entries: list[SegmentEntry], *, compact: bool) -> list[SegmentEntry]:
        """Segments to rewrite as one: too many of a size, or too dead; none when all is well."""
        share = 0.0 if compact else self.params.max_dead_share
        rotten = [
            e for e in entries if e.dead_words > share * e.words or (compact and e.dead_references)
        ]
        if rotten:
            return rotten[:1]
        fan = 2 if compact else self.params.merge_fan
        tiers: dict[int, list[SegmentEntry]] = {}
        for entry in entries:
            tiers.setdefault(0 if compact else self._tier(entry.words), []).append(entry)
        for _, tier in sorted(tiers.items()):
            group = self._fitting(tier)
            if len(tier) >= fan and len(group) >= 2:
                return group
        return []

    def _fitting(self, tier: list[SegmentEntry]) -> list[SegmentEntry]:
        """The smallest of a tier that fit one segment together."""
        ordered = sorted(tier, key=lambda entry: entry.words)
        total = np.cumsum([entry.words for entry in ordered])
        return ordered[: int(np.searchsorted(total, self.params.max_segment_words, "right"))]

    def _tier(self, words: int) -> int:
        return int(math.log(max(1, words), self.params.merge_fan))


def _check_algorithm(fingerprint: Fingerprint) -> None:
    if fingerprint.algorithm != ALGORITHM:
        raise InvalidFingerprintError(
            f"this index holds {ALGORITHM}, not {fingerprint.algorithm} fingerprints"
        )


def _identity(folder: Path) -> tuple[int, ...] | None:
    try:
        stat = (folder / manifests.NAME).stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
