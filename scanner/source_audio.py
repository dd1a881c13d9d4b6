"""Where a track's sound comes from: the store, an address to fetch, or a client's fingerprint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import select

import fingerprint
from scanner.audio import SNIFF_BYTES, sniff
from scanner.errors import ScannerError
from scanner.fetch import FetchLimits, fetch
from scanner.tables import Track, Watermark
from scanner.track_states import GENERATED
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.store import Blob, BlobWriter


class NoSourceError(ScannerError):
    """The track names neither stored audio, nor an address, nor a fingerprint."""


def bring_in(service: "Service", track: Track) -> Track:
    """Fetch a claim check into the store; a track whose audio is stored comes back as it is.

    The bytes are stored before the track names them, so a crash in between fetches again.

    Raises
    ------
    FetchError
        If the address is refused or does not answer; ``transient`` says whether to try again.
    AudioError
        If what came is not audio by its first bytes.
    """
    if track.sha256 is not None:
        return track
    if track.source_url is None:
        raise NoSourceError(f"track {track.id} has no audio")
    limits = FetchLimits(
        max_bytes=service.settings.max_upload_bytes, seconds=service.settings.fetch_seconds
    )
    with service.store.open_writer(track.tenant_id) as writer:
        audio = _AudioWriter(writer)
        guard = service.url_guard.of(track.tenant_id)
        fetch(track.source_url, guard, limits, audio, service.settings.store_options)
        blob = audio.commit()
    with service.database.transaction() as session:
        stored = locked(session, track.tenant_id, track.id)
        if stored.sha256 is None:
            stored.sha256, stored.size_bytes = blob.sha256, blob.size
        return stored  # with the bytes of who was first: an address may answer differently


class _AudioWriter:
    """Writes a blob that is refused by its first bytes if it is no audio, before it is kept."""

    def __init__(self, writer: "BlobWriter") -> None:
        self._writer = writer
        self._head = bytearray()

    @property
    def size(self) -> int:
        return self._writer.size

    def write(self, chunk: bytes) -> None:
        missing = SNIFF_BYTES - len(self._head)
        self._head += chunk[:missing]
        if 0 < missing <= len(chunk):
            sniff(bytes(self._head))
        self._writer.write(chunk)

    def commit(self) -> "Blob":
        if len(self._head) < SNIFF_BYTES:
            sniff(bytes(self._head))
        return self._writer.commit()


@contextmanager
def local_audio(service: "Service", track: Track) -> Iterator[Path]:
    """Give a path to the track's audio on this machine: a generated one's is its marked master."""
    sha256 = audio_sha256(service, track)
    if sha256 is None:
        raise NoSourceError(f"track {track.id} has no audio")
    with service.store.path_or_copy(track.tenant_id, sha256) as path:
        yield path


def audio_sha256(service: "Service", track: Track) -> str | None:
    """Return the digest of what is analysed of a track; None where there is no audio (yet)."""
    if track.origin != GENERATED:
        return track.sha256
    with service.database.reading() as session:
        query = select(Watermark.master_sha256).where(Watermark.track_id == track.id)
        return session.exec(query).first()


def local_fingerprint(service: "Service", track: Track) -> fingerprint.Fingerprint:
    """Return the fingerprint that the client sent instead of audio."""
    if track.client_fingerprint is None:
        raise NoSourceError(f"track {track.id} has no fingerprint")
    with service.store.open(track.tenant_id, track.client_fingerprint) as file:
        return fingerprint.Fingerprint.from_bytes(file.read())
