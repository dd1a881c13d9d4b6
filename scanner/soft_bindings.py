"""Soft bindings: from a mark or a sound back to the generated track, where its platform lets anybody.

A manifest is stripped by nearly every tool that rewrites a file; the mark and the sound stay. Only
released and published tracks are found, and nothing of their accounts is told.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import fingerprint
from scanner import delivery, stored_manifests
from scanner.mark_reading import ID_DIGITS
from scanner.tables import Tenant, Track, Watermark

if TYPE_CHECKING:
    from scanner.service import Service

MAX_MATCHES: Final = 20
LEAST_SCORE: Final = 0.8
"""Score from which a fingerprint's match is told: the one from which policy acts on a match."""


def by_mark(service: "Service", payload: str) -> list[dict[str, Any]]:
    """Find what a payload, or the id in it, stands for.

    Parameters
    ----------
    payload : str
        24 or 32 hexadecimal digits.
    """
    with service.database.reading() as session:
        query = _published().where(Watermark.payload_id == payload[:ID_DIGITS])
        return [
            _bound(session, row, tenant, "watermark", None)
            for row, tenant in session.exec(query)
            if row.payload.startswith(payload)
        ]


def by_fingerprint(service: "Service", print_: fingerprint.Fingerprint) -> list[dict[str, Any]]:
    """Find the tracks that a sound is, or is taken from, the surest first."""
    found = {
        match.reference_id: match.score
        for match in service.published_tracks.search(print_)
        if match.kind == "recording" and match.score >= LEAST_SCORE
    }
    with service.database.reading() as session:
        query = _published().where(col(Watermark.track_id).in_(list(found)))
        bound = [
            _bound(session, row, tenant, "fingerprint", round(found[row.track_id], 4))
            for row, tenant in session.exec(query)
        ]
    return sorted(bound, key=lambda each: -each["score"])[:MAX_MATCHES]


def published_takes(session: Session, known: Mapping[str, Watermark]) -> dict[str, dict[str, Any]]:
    """Return what anybody may know of marks, by payload: nothing of those that are not published."""
    ids = [row.id for row in known.values()]
    if not ids:
        return {}
    rows = session.exec(_published().where(col(Watermark.id).in_(ids)))
    return {row.payload: _take(row, tenant) for row, tenant in rows}


def _published() -> Any:
    """Query for marks of released and published tracks, each with its platform."""
    return (
        select(Watermark, Tenant)
        .join(Track, col(Track.id) == col(Watermark.track_id))
        .join(Tenant, col(Tenant.id) == col(Watermark.tenant_id))
        .where(
            col(Watermark.published_at).is_not(None),
            col(Track.state).in_([str(state) for state in delivery.OUT]),
        )
    )


def _take(row: Watermark, tenant: Tenant) -> dict[str, Any]:
    """Return the disclosure: who made it, with what, when, and which it is (CA-942)."""
    return {
        "track_id": row.track_id,
        "take_id": row.take_id,
        "provider": tenant.name,
        "model": row.model,
        "model_version": row.model_version,
        "issued_at": row.issued_at.isoformat(),
    }


def _bound(
    session: Session, row: Watermark, tenant: Tenant, by: str, score: float | None
) -> dict[str, Any]:
    files = [
        {"sha256": file.sha256, "format": file.form, "part": file.part}
        for file in delivery.files_of(session, row.track_id)
    ]
    signed = stored_manifests.of_track(session, row.track_id)
    return _take(row, tenant) | {
        "manifest": None if signed is None else stored_manifests.describe(signed),
        "payload": row.payload,
        "by": by,
        "score": score,
        "files": files,
    }
