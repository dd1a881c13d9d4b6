"""The index of published tracks, by which anybody finds a generated track from its sound.

It is one for all tenants, for what is in it is public. Whoever searches brings it up to date first; what
was unpublished since is filtered by the database, whatever the index still holds.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from filelock import FileLock
from sqlmodel import col, func, select

import fingerprint
from scanner.store import StoreError
from scanner.tables import Analysis, Track, Watermark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scanner.service import Service

LOCK: Final = "published.lock"
CHUNK: Final = 500

log = structlog.get_logger()


class PublishedTracks:
    """The published tracks of all tenants.

    Parameters
    ----------
    folder : Path
        Of the index; made when it is needed.
    """

    def __init__(self, service: "Service", folder: Path) -> None:
        self._service = service
        self._folder = folder
        self._seen: tuple[Any, ...] | None = None
        self._index: fingerprint.SegmentIndex | None = None

    def search(self, print_: fingerprint.Fingerprint) -> "Sequence[fingerprint.Match]":
        """Find published tracks in a sound; a match's ``reference_id`` is the track's id."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder.parent / LOCK):
            if self._index is None:
                self._index = fingerprint.SegmentIndex(self._folder)
            self._catch_up(self._index)
        return self._index.search(print_)

    def _catch_up(self, index: fingerprint.SegmentIndex) -> None:
        with self._service.database.reading() as session:
            published = col(Watermark.published_at)
            count = select(func.count(), func.max(published)).where(published.is_not(None))
            now = tuple(session.exec(count).one())
            if now == self._seen:
                return
            rows = session.exec(
                select(Track.id, Track.tenant_id, Analysis.fingerprint_sha256)
                .join(Watermark, col(Watermark.track_id) == col(Track.id))
                .join(Analysis, col(Analysis.id) == col(Track.analysis_id))
                .where(published.is_not(None), col(Analysis.fingerprint_sha256).is_not(None))
            ).all()
        try:
            present = set(index.reference_ids())
        except fingerprint.IndexCorruptError:
            log.warning("published_index_rebuilt")
            index.clear()
            present = set()
        missing = [row for row in rows if row[0] not in present]
        gone = present - {row[0] for row in rows}
        for start in range(0, len(missing), CHUNK):
            index.apply(self._prints(missing[start : start + CHUNK]), (), index.epoch + 1)
        if gone:
            index.apply((), gone, index.epoch + 1)
        self._seen = now

    def _prints(self, rows: "Sequence[Any]") -> "Iterator[tuple[str, fingerprint.Fingerprint]]":
        for track_id, tenant_id, sha256 in rows:
            try:
                with self._service.store.open(tenant_id, sha256) as file:
                    yield track_id, fingerprint.Fingerprint.from_bytes(file.read())
            except (StoreError, fingerprint.InvalidFingerprintError) as error:
                # One that can't be read must not keep all others from being found.
                log.error("published_track_left_out", track_id=track_id, detail=str(error))
