"""Fingerprints that analyses kept, made good where their networks are no longer those of today."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, func, select

import fingerprint
from scanner.analysis import FAILED
from scanner.audio import AudioError
from scanner.metrics import RETRO_INCOMPLETE
from scanner.retro_cases import Stored
from scanner.store import StoreError
from scanner.tables import Analysis, Track
from scanner.track_states import State

if TYPE_CHECKING:
    from scanner.service import Service

log = structlog.get_logger()


def read(service: "Service", stored: Stored) -> fingerprint.Fingerprint | None:
    """Return what the analysis kept; None, with a line in the log, where it is lost."""
    try:
        with service.store.open(stored.tenant_id, stored.fingerprint_sha256) as file:
            return fingerprint.Fingerprint.from_bytes(file.read())
    except (StoreError, fingerprint.InvalidFingerprintError) as error:
        if getattr(error, "transient", False):
            raise
        log.warning("fingerprint_lost", track=stored.track_id, error=str(error))
        return None


def up_to_date(service: "Service", chunk: Sequence[Stored]) -> list[Stored]:
    """Complete the fingerprints of earlier networks from the stored audio, once for each track.

    Where no audio is kept they stay as they are: altered copies and other performances are not found
    in such a track, which is counted and written to the log.

    Raises
    ------
    AudioError, StoreError
        If ``transient``: what was completed before stays so.
    """
    results = [_completed(service, each) if each.is_outdated else each for each in chunk]
    incomplete = [each.track_id for each in results if each.is_outdated]
    if incomplete:
        RETRO_INCOMPLETE.inc(len(incomplete))
        log.warning("stored_tracks_incomplete", tracks=len(incomplete), first=incomplete[0])
    return results


def without_audio(service: "Service", session: Session, tenant_id: str) -> int:
    """Count stored tracks in which altered copies can't be looked for again: only a client can help."""
    since = service.now() - timedelta(days=service.settings.retro_days)
    query = (
        select(func.count())
        .select_from(Analysis)
        .join(Track, col(Analysis.id) == col(Track.analysis_id))
        .where(
            Track.tenant_id == tenant_id,
            Track.created_at >= since,
            Track.state != State.WITHDRAWN,
            col(Track.client_fingerprint).is_not(None),
            or_(
                _is_other("embedding", fingerprint.EMBEDDING_MODEL),
                _is_other("composition", fingerprint.COMPOSITION_MODEL),
                _member(Analysis.detectors, "embedding") == FAILED,
                _member(Analysis.detectors, "composition") == FAILED,
            ),
        )
    )
    return session.exec(query).one()


def _is_other(name: str, model: str) -> ColumnElement[bool]:
    made_by = _member(Analysis.versions, name)
    return and_(made_by.is_not(None), made_by != model)


def _member(column: Any, name: str) -> ColumnElement[str]:
    text: ColumnElement[str] = column[name].as_string()  # of a JSON object
    return text


def _completed(service: "Service", stored: Stored) -> Stored:
    print_ = read(service, stored)
    if print_ is not None and not print_.left_out:
        return replace(stored, is_outdated=False)  # completed by an earlier sweep
    with service.database.reading() as session:
        track = session.get_one(Track, stored.track_id)
    if print_ is None or track.sha256 is None or track.state == State.WITHDRAWN:
        return stored
    try:
        with service.store.path_or_copy(track.tenant_id, track.sha256) as path:
            decoded = service.decoder.decode(path)
    except (AudioError, StoreError) as error:
        if getattr(error, "transient", False):
            raise
        log.warning("stored_audio_unreadable", track=track.id, error=type(error).__name__)
        return stored
    whole = fingerprint.completed(print_, decoded.samples, decoded.sample_rate)
    blob = service.store.put_bytes(track.tenant_id, whole.to_bytes())
    with service.database.transaction() as session:
        session.get_one(
            Analysis, stored.analysis_id, with_for_update=True
        ).fingerprint_sha256 = blob.sha256
    return replace(stored, fingerprint_sha256=blob.sha256, is_outdated=False)
