"""Sound of references for reviewers to compare with: kept where the operator asks for it, erased with the reference.

A preview is mono Opus in WebM, about 48 kbit/s. It is evidence for who decides a case about the reference; whose
track it was found in hears the matched part (`scanner/matched_sound.py`).
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session

from scanner.privacy import blobs
from scanner.tables import Reference

if TYPE_CHECKING:
    from scanner.audio import Decoded
    from scanner.service import Service

CONTEXT_SECONDS: Final = 2.0
"""So much of the track's time is heard before a segment and after it."""
MOST_SECONDS: Final = 120.0
"""Of the track's time that one excerpt covers at most."""
KEPT: Final = 16
"""Excerpts that a process keeps, newest first: a reviewer listens again and again."""
_LEAST_TEMPO, _MOST_TEMPO = 0.5, 2.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Preview:
    """A stored preview and its integrated loudness; nothing where none is kept."""

    sha256: str | None = None
    lufs: float | None = None


@dataclass(frozen=True)
class Excerpt:
    """A part of a reference, played as the track plays it.

    Attributes
    ----------
    start_s, end_s : float
        Of the reference's own time.
    speed : float
        How much faster the track is.
    semitones : float
        How much higher the track is.
    begins_s : float
        The track's time at which it begins.
    """

    start_s: float
    end_s: float
    speed: float
    semitones: float
    begins_s: float


_kept: OrderedDict[tuple[str, Excerpt], bytes] = OrderedDict()
_lock = threading.Lock()


def make(service: "Service", tenant_id: str, decoded: "Decoded") -> Preview:
    """Store a preview of decoded audio, if the operator keeps any; one that can't be made is logged and missing."""
    if service.settings.reference_preview == "none":
        return Preview()
    import av  # what only lists and forgets does without it

    from fingerprint import facts
    from scanner import preview_sound

    mono = decoded.samples.mean(axis=0, keepdims=True)  # (1, n)
    try:
        content = preview_sound.encoded(
            service.settings.temporary_folder, mono, decoded.sample_rate
        )
        lufs = facts.loudness(mono, decoded.sample_rate).integrated_lufs
    except (av.error.FFmpegError, ValueError) as error:
        log.warning("preview_not_made", error=str(error))
        return Preview()
    return Preview(service.store.put_bytes(tenant_id, content).sha256, lufs)


def lacks(service: "Service", reference: Reference) -> bool:
    """Whether a preview is wanted that is not there."""
    return service.settings.reference_preview != "none" and reference.preview_sha256 is None


def give(service: "Service", known: Reference, decoded: "Decoded") -> Reference:
    """Give a reference a preview that was added before any were kept."""
    preview = make(service, known.tenant_id, decoded)
    with service.database.transaction() as session:
        row = session.get_one(Reference, known.id, with_for_update=True)
        if row.status != "retired":
            row.preview_sha256, row.preview_lufs = preview.sha256, preview.lufs
        return row


def forget(session: Session, reference: Reference, now: datetime) -> None:
    """Let a reference's preview go with it (GDPR-5e)."""
    blobs.due(session, reference.tenant_id, [reference.preview_sha256], now)
    reference.preview_sha256 = reference.preview_lufs = None


def excerpt_of(segment: Mapping[str, Any], duration: float) -> Excerpt:
    """Return which part of a reference of so many seconds is played to a matched segment."""
    length = max(segment["query_end"] - segment["query_start"], 0.1)
    theirs = max(segment["reference_end"] - segment["reference_start"], 0.1)
    speed = min(max(theirs / length, _LEAST_TEMPO), _MOST_TEMPO)
    start = max(0.0, segment["reference_start"] - CONTEXT_SECONDS * speed)
    begins = segment["query_start"] - (segment["reference_start"] - start) / speed
    end = min(duration, segment["reference_end"] + CONTEXT_SECONDS * speed)
    end = min(end, start + MOST_SECONDS * speed)
    return Excerpt(
        round(start, 3), round(end, 3), round(speed, 4), float(segment["pitch_semitones"]), begins
    )


def rendered(service: "Service", reference: Reference, excerpt: Excerpt) -> bytes:
    """Return an excerpt of a reference's preview at the track's pitch and tempo, as Opus in WebM.

    Raises
    ------
    StoreError
        If the preview can't be read.
    """
    from scanner import preview_sound

    key = (str(reference.preview_sha256), excerpt)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    with service.store.path_or_copy(reference.tenant_id, key[0]) as path:
        samples = preview_sound.read(path, excerpt.start_s, excerpt.end_s)
    content = preview_sound.encoded(
        service.settings.temporary_folder,
        preview_sound.warped(samples, preview_sound.RATE, excerpt),
        preview_sound.RATE,
    )
    with _lock:
        _kept[key] = content
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return content
