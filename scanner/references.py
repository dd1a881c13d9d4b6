"""References: what tracks are compared with, and what their holders want done on a match."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

import fingerprint
from scanner.callers import Caller
from scanner.catalogue import ACTIVE, next_epoch
from scanner.clock import new_id
from scanner.errors import ConflictError, NotFoundError, ScannerError
from scanner.events import EventData, ReferenceAdded, ReferenceChanged, ReferenceRemoved
from scanner.idempotency import check_version
from scanner.journal import record
from scanner.tables import Holder, Reference

if TYPE_CHECKING:
    from scanner.service import Service

POLICIES: Final = ("block", "monetise", "track")
RETIRED: Final = "retired"


class BadReferenceError(ScannerError):
    """The reference's fields make no sense; the message says which."""


@dataclass(frozen=True)
class Stats:
    """How much there is to compare with."""

    references: int
    hours: float
    index_bytes: int
    segments: int
    index_version: str
    epoch: int


def add(
    service: "Service",
    caller: Caller,
    *,
    path: Path,
    title: str | None = None,
    holder: str | None = None,
    policy: str | None = None,
    isrc: str | None = None,
    territories: tuple[str, ...] = (),
    file_name: str | None = None,
    shown_path: str | None = None,
    audio_sha256: str | None = None,
    operator: bool = False,
) -> Reference:
    """Decode a file, fingerprint it and make it a reference; durable when this returns.

    The same audio of the same holder is not added twice: the reference that is there is returned,
    unless something else is asked of it.

    Parameters
    ----------
    holder : str, optional
        Name of the rights holder; without one the reference gets a holder of its own.
    policy : {"block", "monetise", "track"}, optional
        Block, if it is not said.
    operator : bool
        Whether the operator of the service vouches for it (the command line does).

    Raises
    ------
    AudioError
        If the file can't be decoded.
    BadReferenceError
        If the policy is not known.
    ConflictError
        If this audio is a reference of this holder already, with another policy, ISRC or other
        territories.
    """
    if policy is not None and policy not in POLICIES:
        raise BadReferenceError(f"policy {policy!r} is none of {', '.join(POLICIES)}")
    wanted = {"policy": policy, "isrc": isrc, "territories": sorted(territories) or None}
    with service.database.reading() as session:
        known = _same_audio(session, caller.tenant_id, audio_sha256, holder, wanted)
    if known is not None and known.operator_added >= operator:
        return known
    decoded = service.decoder.decode(path)
    print_ = fingerprint.fingerprint(decoded.samples, decoded.sample_rate)
    print_ = fingerprint.completed(print_, decoded.samples, decoded.sample_rate)
    blob = service.store.put_bytes(caller.tenant_id, print_.to_bytes())
    now = service.now()
    with service.database.transaction() as session:
        epoch = next_epoch(session, caller.tenant_id)  # one writer at a time from here on
        known = _same_audio(session, caller.tenant_id, audio_sha256, holder, wanted)
        if known is not None:
            if known.operator_added < operator:
                known.operator_added = True
                changed = ReferenceChanged(epoch=known.epoch, changed=["operator_added"])
                _record(service, session, caller, known, changed)
            return known
        title = (title or decoded.tags.get("title") or file_name or path.stem)[:300]
        reference = Reference(
            id=new_id(),
            tenant_id=caller.tenant_id,
            holder_id=_holder_id(session, caller.tenant_id, holder, title, now),
            version=1,
            epoch=epoch,
            status=ACTIVE,
            policy=policy or POLICIES[0],
            title=title,
            path=shown_path or file_name,
            isrc=isrc,
            territories=sorted(territories),
            operator_added=operator,
            duration=decoded.duration,
            audio_sha256=audio_sha256,
            fingerprint_sha256=blob.sha256,
            created_at=now,
            updated_at=now,
        )
        session.add(reference)
        added = ReferenceAdded(epoch=epoch, policy=reference.policy, fingerprint_sha256=blob.sha256)
        record(
            session,
            tenant_id=caller.tenant_id,
            subject=reference.id,
            version=1,
            data=added,
            now=now,
            actor=caller.actor,
        )
    return reference


def change(
    service: "Service",
    caller: Caller,
    reference_id: str,
    changes: dict[str, Any],
    *,
    expected_version: int | None = None,
) -> Reference:
    """Change a reference's title, policy, ISRC or territories."""
    allowed = {"title", "policy", "isrc", "territories"}
    if unknown := sorted(set(changes) - allowed):
        raise BadReferenceError(
            f"can't change {', '.join(unknown)}; only {', '.join(sorted(allowed))}"
        )
    if changes.get("policy", "block") not in POLICIES:
        raise BadReferenceError(f"policy {changes['policy']!r} is none of {', '.join(POLICIES)}")
    with service.database.transaction() as session:
        reference = _locked(session, caller.tenant_id, reference_id)
        check_version(reference.version, expected_version)
        for name, value in changes.items():
            setattr(reference, name, value)
        # No new epoch: the index holds nothing of what can be changed.
        changed = ReferenceChanged(epoch=reference.epoch, changed=sorted(changes))
        _record(service, session, caller, reference, changed)
        return reference


def remove(
    service: "Service", caller: Caller, reference_id: str, *, expected_version: int | None = None
) -> Reference:
    """Retire a reference: it is found no more; what was found with it stays on record."""
    with service.database.transaction() as session:
        epoch = next_epoch(session, caller.tenant_id)  # before the reference, as `add` does
        reference = _locked(session, caller.tenant_id, reference_id)
        check_version(reference.version, expected_version)
        reference.status, reference.epoch = RETIRED, epoch
        _record(service, session, caller, reference, ReferenceRemoved(epoch=epoch))
        return reference


def find(session: Session, tenant_id: str, reference_id: str) -> Reference:
    """Return the tenant's reference, retired ones excepted, or raise ``NotFoundError``."""
    reference = session.get(Reference, reference_id)
    if reference is None or reference.tenant_id != tenant_id or reference.status == RETIRED:
        raise NotFoundError("reference", reference_id)
    return reference


def listed(
    session: Session,
    tenant_id: str,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
) -> list[Reference]:
    """Return active references, newest first; ``before`` is the last one's (created_at, id)."""
    query = select(Reference).where(Reference.tenant_id == tenant_id, Reference.status != RETIRED)
    if before is not None:
        at, reference_id = before
        query = query.where(
            or_(
                col(Reference.created_at) < at,
                and_(col(Reference.created_at) == at, col(Reference.id) < reference_id),
            )
        )
    order = (col(Reference.created_at).desc(), col(Reference.id).desc())
    return list(session.exec(query.order_by(*order).limit(limit)))


def describe(session: Session, references: list[Reference]) -> list[dict[str, Any]]:
    """Return references as JSON objects."""
    ids = {reference.holder_id for reference in references}
    holders = {
        holder.id: holder for holder in session.exec(select(Holder).where(col(Holder.id).in_(ids)))
    }
    return [
        {
            "id": reference.id,
            "reference_id": reference.id,
            "title": reference.title,
            "path": reference.path,
            "holder": {
                "id": reference.holder_id,
                "name": holders[reference.holder_id].name,
                "verified": holders[reference.holder_id].verified,
            },
            "policy": reference.policy,
            "status": reference.status,
            "isrc": reference.isrc,
            "territories": reference.territories,
            "duration": reference.duration,
            "version": reference.version,
            "created_at": reference.created_at.isoformat(),
            "updated_at": reference.updated_at.isoformat(),
        }
        for reference in references
    ]


def stats(service: "Service", tenant_id: str) -> Stats:
    """Return the size of a tenant's catalogue as its index holds it."""
    index = service.catalogue.caught_up(tenant_id, service.settings.precheck_seconds)
    size = index.stats()
    return Stats(
        references=size.references,
        hours=size.hours,
        index_bytes=size.bytes,
        segments=size.segments,
        index_version=index.version,
        epoch=index.epoch,
    )


def _record(
    service: "Service", session: Session, caller: Caller, reference: Reference, data: EventData
) -> None:
    now = service.now()
    reference.version += 1
    reference.updated_at = now
    record(
        session,
        tenant_id=caller.tenant_id,
        subject=reference.id,
        version=reference.version,
        data=data,
        now=now,
        actor=caller.actor,
    )


def _locked(session: Session, tenant_id: str, reference_id: str) -> Reference:
    find(session, tenant_id, reference_id)
    session.get_one(Reference, reference_id, with_for_update=True, populate_existing=True)
    return find(session, tenant_id, reference_id)  # who held the lock before may have retired it


def _same_audio(
    session: Session,
    tenant_id: str,
    audio_sha256: str | None,
    holder: str | None,
    wanted: dict[str, Any],
) -> Reference | None:
    """Return the holder's reference of this audio; without a holder, one added without.

    Raises
    ------
    ConflictError
        If it is not what is wanted; what is None is not said.
    """
    if audio_sha256 is None:
        return None
    query = (
        select(Reference)
        .join(Holder, col(Holder.id) == col(Reference.holder_id))
        .where(
            Reference.tenant_id == tenant_id,
            Reference.audio_sha256 == audio_sha256,
            Reference.status == ACTIVE,
            Holder.named == (holder is not None),
        )
    )
    if holder is not None:
        query = query.where(Holder.name == holder)
    known = session.exec(query.limit(1)).first()
    if known is None:
        return None
    differing = [
        name
        for name, value in wanted.items()
        if value is not None and value != getattr(known, name)
    ]
    if differing:
        raise ConflictError(
            f"this audio is reference {known.id} already, with another {' and '.join(differing)}: "
            "change that one, or remove it first"
        )
    return known


def _holder_id(
    session: Session, tenant_id: str, name: str | None, title: str, now: datetime
) -> str:
    if name is not None:
        known = session.exec(
            select(Holder.id).where(
                Holder.tenant_id == tenant_id, Holder.name == name, col(Holder.named)
            )
        ).first()
        if known is not None:
            return known
    holder = Holder(
        id=new_id(),
        tenant_id=tenant_id,
        name=(name or f"Holder of {title}")[:200],
        named=name is not None,
        created_at=now,
    )
    session.add(holder)
    session.flush()
    return holder.id
