"""Manifests that were signed here, found by file, by track, or by the mark in the sound."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case
from sqlmodel import Session, col, or_, select

from scanner.tables import Provenance, Track, Watermark
from scanner.tables.provenance import NO_MANIFEST
from scanner.track_states import State
from watermark.provenance import SOFT_BINDING_ALGORITHM

if TYPE_CHECKING:
    from scanner.service import Service

MIX: Final = "mix"
OUT: Final = frozenset({State.RELEASED, State.CONDITIONED})
"""States of tracks of whose origin something is told."""


def of_file(session: Session, file_sha256: str) -> Provenance | None:
    """Return what was signed into a file, whosever it is; None if it was not signed here."""
    query = select(Provenance).where(Provenance.file_sha256 == file_sha256)
    return session.exec(query.order_by(col(Provenance.created_at))).first()


def of_track(session: Session, track_id: str) -> Provenance | None:
    """Return what was signed last into a track's mix, best with its manifest; None if nothing was."""
    query = select(Provenance).where(Provenance.track_id == track_id, Provenance.part == MIX)
    kept = case((col(Provenance.manifest_sha256) == NO_MANIFEST, 1), else_=0)
    newest = (kept, col(Provenance.created_at).desc(), col(Provenance.id).desc())
    return session.exec(query.order_by(*newest)).first()


def tells_all(session: Session, track: Track, tenant_id: str | None = None) -> bool:
    """Whether somebody may read what was signed into a released track.

    Parameters
    ----------
    tenant_id : str, optional
        Who asks. Of another platform's track, or without a key, only what is published is told.
    """
    if track.tenant_id == tenant_id:
        return True
    query = select(Watermark.published_at).where(Watermark.track_id == track.id)
    return session.exec(query).first() is not None


def recovered(
    session: Session, payloads: Iterable[str], tenant_id: str | None = None
) -> list[Provenance]:
    """Find the manifests that files lost, by the marks in their sound.

    Parameters
    ----------
    payloads : iterable of str
        Of marks that were *found*: a candidate recovers nothing.
    tenant_id : str, optional
        Who asks: of its own tracks it need not have published any.

    Returns
    -------
    list of Provenance
        One a payload, of tracks that are released and published only.
    """
    query = (
        select(Provenance)
        .join(Track, col(Track.id) == col(Provenance.track_id))
        .join(Watermark, col(Watermark.track_id) == col(Provenance.track_id), isouter=True)
        .where(
            or_(
                col(Watermark.published_at).is_not(None),
                col(Provenance.tenant_id) == tenant_id,
            ),
            col(Provenance.payload).in_(sorted(set(payloads))),
            Provenance.part == MIX,
            col(Track.state).in_(sorted(OUT)),
        )
        .order_by(col(Provenance.created_at), col(Provenance.id))
    )
    return list({row.payload: row for row in session.exec(query)}.values())


def recovered_by(
    session: Session, marks: Iterable[Mapping[str, Any]], tenant_id: str | None = None
) -> list[dict[str, Any]]:
    """Find, as JSON, the manifests to which marks lead that were read in a sound."""
    own = [
        mark["payload"]
        for mark in marks
        if mark["verdict"] == "found" and mark.get("owner") == "ours"
    ]
    return [describe(row) for row in recovered(session, own, tenant_id)] if own else []


def manifest_bytes(service: "Service", row: Provenance) -> bytes:
    """Return a manifest as it was signed: a C2PA manifest store."""
    with service.store.open(row.tenant_id, row.manifest_sha256) as file:
        return file.read()


def describe(row: Provenance) -> dict[str, Any]:
    """Return what was signed as JSON."""
    return {
        "track_id": row.track_id,
        "part": row.part,
        "format": row.form,
        "file_sha256": row.file_sha256,
        "manifest_sha256": row.manifest_sha256 or None,
        "manifest_url": f"/v1/tracks/{row.track_id}/manifest" if row.manifest_sha256 else None,
        "label": row.label,
        "issuer": row.issuer,
        "source_type": row.source_type,
        "model": row.model,
        "model_version": row.model_version,
        "prompt_sha256": row.prompt_sha256,
        "seed": row.seed,
        "parents": row.parents,
        "soft_binding": {"algorithm": SOFT_BINDING_ALGORITHM, "value": row.payload}
        if row.payload
        else None,
        "created_at": row.created_at.isoformat(),
    }
