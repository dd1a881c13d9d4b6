"""The stems of a generated track as lanes: what each sounds and looks like, and what was found in it alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

import fingerprint
from scanner import marking
from scanner.errors import NotFoundError
from scanner.store import StoreError
from scanner.tables import Track, TrackStem

if TYPE_CHECKING:
    from scanner.service import Service

log = structlog.get_logger()


@dataclass(frozen=True)
class Lane:
    """A stem beside its track, on the track's time.

    Attributes
    ----------
    print_ : Fingerprint or None
        With the waveform to draw; None where none was kept.
    found : list of (float, float)
        Seconds in which a reference was found in this stem.
    """

    stem: TrackStem
    print_: fingerprint.Fingerprint | None
    found: list[tuple[float, float]]


def lanes(service: "Service", track: Track, matches: Sequence[Mapping[str, Any]]) -> list[Lane]:
    """Return a track's stems by name; none for what no model made.

    Parameters
    ----------
    matches : sequence of mapping
        Of the track, as the API shows them: segments that name a stem are of it.
    """
    with service.database.reading() as session:
        stems = marking.stems_of(session, track.id)
    found: dict[str, list[tuple[float, float]]] = {}
    for match in matches:
        for part in match["segments"]:
            if "stem" in part:
                span = (part["query_start"], part["query_end"])
                found.setdefault(part["stem"], []).append(span)
    return [Lane(stem, print_of(service, stem), sorted(found.get(stem.name, []))) for stem in stems]


def find(service: "Service", track: Track, stem_id: str) -> TrackStem:
    """Return a stem of a track, or raise ``NotFoundError``."""
    with service.database.reading() as session:
        stem = session.get(TrackStem, stem_id)
    if stem is None or stem.track_id != track.id:
        raise NotFoundError("stem", "of this id in this track")
    return stem


def named(service: "Service", track: Track, name: str) -> TrackStem | None:
    """Return a track's stem of a name, if there is one."""
    with service.database.reading() as session:
        return next(
            (each for each in marking.stems_of(session, track.id) if each.name == name), None
        )


def sound_of(stem: TrackStem) -> str:
    """Return the SHA-256 of what is heard of a stem: its marked master, as long as there is none what came in."""
    return stem.master_sha256 or stem.sha256


def mix_of(service: "Service", track: Track) -> str | None:
    """Return the SHA-256 of what is heard of a track: of a generated one its marked master, out or not."""
    with service.database.reading() as session:
        mark = marking.mark_of(session, track.id)
    return (mark.master_sha256 if mark is not None else None) or track.sha256


def print_of(service: "Service", stem: TrackStem) -> fingerprint.Fingerprint | None:
    """Return the fingerprint that was kept of a stem; None where none was, or it can't be read."""
    if stem.fingerprint_sha256 is None:
        return None
    try:
        with service.store.open(stem.tenant_id, stem.fingerprint_sha256) as file:
            return fingerprint.Fingerprint.from_bytes(file.read())
    except (StoreError, fingerprint.InvalidFingerprintError) as error:
        log.warning("stem_without_waveform", stem=stem.id, error=type(error).__name__)
        return None
