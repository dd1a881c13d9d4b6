"""References: what tracks are compared with, and what their holders want done on a match."""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_
from sqlmodel import Session, col, func, select

import fingerprint
from scanner import banks, quarantine, reference_lyrics, reference_previews
from scanner.callers import Caller
from scanner.catalogue import next_epoch, note_names
from scanner.errors import NotFoundError, ScannerError
from scanner.idempotency import check_version
from scanner.reference_checks import POLICIES, New, renew, same_audio, take_in
from scanner.reference_events import ReferenceChanged, ReferenceRemoved
from scanner.reference_history import record_change
from scanner.reference_states import Move, Status, advance
from scanner.tables import Bank, Holder, Reference, ReferenceExclusion, ReferenceOpinion
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

SETTLE: Final = "references:settle"


class BadReferenceError(ScannerError):
    """The reference's fields make no sense; the message says which."""


class SilentReferenceError(ScannerError):
    """Nothing sounds in a file that is to be a reference."""


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
    bank: str | None = None,
    lyrics: str = "",
    file_name: str | None = None,
    shown_path: str | None = None,
    audio_sha256: str | None = None,
    operator: bool = False,
    despite_conflicts: bool = False,
    patience: float = math.inf,
) -> Reference:
    """Decode a file, fingerprint it and make it a reference; durable when this returns.

    The same audio of the same holder is not added twice: the reference that is there is returned,
    unless something else is asked of it; what its fingerprint lacks, because it was made by an
    earlier version, and a preview that it lacks, it is given first; lyrics that are said replace those
    that are known. Lyrics in the file's tags are taken if none are said. What the fields mean: :class:`scanner.reference_checks.New`; how it is checked:
    :func:`scanner.reference_checks.take_in`.

    Raises
    ------
    AudioError
        If the file can't be decoded.
    BadReferenceError
        If the policy is not known.
    SilentReferenceError
        If nothing sounds in the file.
    BadBankError
        If there is no such bank.
    ConflictError
        If this audio is a reference of this holder already, with another policy, ISRC or other
        territories.
    TransientError
        If it is a reference whose fingerprint can't be read.
    """
    if policy is not None and policy not in POLICIES:
        raise BadReferenceError(
            Told(
                "policy %(policy)s is none of %(policies)s",
                policy=repr(policy),
                policies=", ".join(POLICIES),
            )
        )
    new = New(
        title=title or "",
        duration=0.0,
        fingerprint_sha256="",
        holder=holder,
        policy=policy,
        isrc=isrc,
        territories=tuple(sorted(territories)),
        bank=bank,
        path=shown_path or file_name,
        audio_sha256=audio_sha256,
        operator=operator,
    )
    with service.database.reading() as session:
        if bank not in {None, banks.DEFAULT}:
            banks.named(session, caller.tenant_id, bank)
        known = same_audio(session, caller.tenant_id, new)
    if known is not None and lyrics:
        known = _with_lyrics(service, caller, known, lyrics)
    asks_more = known is None or known.operator_added < operator or despite_conflicts
    lacks = known is not None and bool(service.catalogue.print_of(known).missing)
    silent = known is not None and reference_previews.lacks(service, known)
    if known is not None and not (asks_more or lacks or silent):
        return known
    decoded = service.decoder.decode(path)
    if known is not None and silent:
        known = reference_previews.give(service, known, decoded)
        if not (asks_more or lacks):
            return known
    print_ = fingerprint.fingerprint(decoded.samples, decoded.sample_rate)
    if print_.waveform is not None and print_.waveform.silent().all():
        raise SilentReferenceError(
            Told(
                "nothing sounds in this file, so no track could be told to hold it: send the recording"
            )
        )
    print_ = fingerprint.completed(print_, decoded.samples, decoded.sample_rate)
    new = replace(
        new,
        title=(title or decoded.tags.get("title") or file_name or path.stem)[:300],
        duration=decoded.duration,
        fingerprint_sha256=service.store.put_bytes(caller.tenant_id, print_.to_bytes()).sha256,
        lyrics=lyrics or reference_lyrics.shown(decoded.lyrics),
    )
    if known is None:
        preview = reference_previews.make(service, caller.tenant_id, decoded)
        new = replace(new, preview_sha256=preview.sha256, preview_lufs=preview.lufs)
    if known is not None and lacks:
        known = renew(service, caller, known, new.fingerprint_sha256)
        if not asks_more:
            return known
    return take_in(
        service, caller, new, print_, despite_conflicts=despite_conflicts, patience=patience
    )


def _with_lyrics(service: "Service", caller: Caller, known: Reference, lyrics: str) -> Reference:
    with service.database.reading() as session:
        told = reference_lyrics.text_of(session, known.id)
    if told == reference_lyrics.plain(lyrics):
        return known
    return change(service, caller, known.id, {"lyrics": lyrics})


def change(
    service: "Service",
    caller: Caller,
    reference_id: str,
    changes: dict[str, Any],
    *,
    expected_version: int | None = None,
) -> Reference:
    """Change a reference's title, policy, ISRC, territories or lyrics, or put it into another bank.

    Raises
    ------
    ForbiddenError
        If the other bank is of another kind and the caller may not settle what is in doubt.
    """
    allowed = {"title", "policy", "isrc", "territories", "bank", "lyrics"}
    if unknown := sorted(set(changes) - allowed):
        raise BadReferenceError(
            Told(
                "can't change %(unknown)s; only %(allowed)s",
                unknown=", ".join(unknown),
                allowed=", ".join(sorted(allowed)),
            )
        )
    if changes.get("policy", "block") not in POLICIES:
        raise BadReferenceError(
            Told(
                "policy %(changes)s is none of %(policies)s",
                changes=repr(changes["policy"]),
                policies=", ".join(POLICIES),
            )
        )
    fields = dict(changes)
    bank, lyrics = fields.pop("bank", None), fields.pop("lyrics", None)
    with service.database.transaction() as session:
        # The index holds nothing else of what can be changed; who is in which bank is kept with it.
        epoch = next_epoch(session, caller.tenant_id) if bank is not None else None
        if "title" in fields:
            note_names(session, caller.tenant_id)
        reference = locked(session, caller.tenant_id, reference_id)
        check_version(reference.version, expected_version)
        if bank is not None and epoch is not None:
            wanted = banks.named(session, caller.tenant_id, bank)
            if wanted.kind != banks.find(session, caller.tenant_id, reference.bank_id).kind:
                # What a bank of another kind exempts or claims, nobody checked when it was added.
                caller.require(SETTLE)
            reference.bank_id = wanted.id
            reference.epoch = epoch
        if lyrics is not None:
            reference_lyrics.put(session, reference, lyrics, service.now())
        for name, value in fields.items():
            setattr(reference, name, value)
        changed = ReferenceChanged(epoch=reference.epoch, changed=sorted(changes))
        record_change(session, reference, changed, service.now(), caller.actor)
        return reference


def remove(
    service: "Service", caller: Caller, reference_id: str, *, expected_version: int | None = None
) -> Reference:
    """Retire a reference: it is found no more; what was found with it stays on record, and its claims end."""
    with service.database.transaction() as session:
        epoch = next_epoch(session, caller.tenant_id)  # before the reference, as `add` does
        reference = locked(session, caller.tenant_id, reference_id)
        check_version(reference.version, expected_version)
        reference.status = advance(Status(reference.status), Move.RETIRE)
        reference.epoch = epoch
        reference_previews.forget(session, reference, service.now())
        reference_lyrics.forget(session, reference)
        removed = ReferenceRemoved(epoch=epoch)
        record_change(session, reference, removed, service.now(), caller.actor)
        why = "the reference was retired"
        quarantine.close_cases(session, reference, why, service.now(), caller.actor)
        return reference


def find(session: Session, tenant_id: str, reference_id: str) -> Reference:
    """Return the tenant's reference, retired ones excepted, or raise ``NotFoundError``."""
    reference = session.get(Reference, reference_id)
    if reference is None or reference.tenant_id != tenant_id or reference.status == Status.RETIRED:
        raise NotFoundError("reference", reference_id)
    return reference


def listed(
    session: Session,
    tenant_id: str,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
) -> list[Reference]:
    """Return references that are not retired, newest first; ``before`` is the last one's (created_at, id)."""
    query = select(Reference).where(
        Reference.tenant_id == tenant_id, Reference.status != Status.RETIRED
    )
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
    bank_ids = {reference.bank_id for reference in references}
    known_banks = {
        bank.id: bank for bank in session.exec(select(Bank).where(col(Bank.id).in_(bank_ids)))
    }
    own = [reference.id for reference in references]
    exclusions = _exclusions(session, own)
    opinions = _opinions(session, own)
    sung = reference_lyrics.known(session, own)
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
            "bank": {"id": reference.bank_id, "name": known_banks[reference.bank_id].name},
            "snoozed_until": _moment(reference.snoozed_until),
            "quarantined_for": reference.quarantined_for,
            "conflicts": reference.conflicts,
            "exclusions": exclusions.get(reference.id, []),
            "peer_key": reference.peer_key,
            "origin_id": reference.origin_id,
            "opinion": reference.opinion,
            "opinions": opinions.get(reference.id, {"confirmed": 0, "deconfirmed": 0}),
            "isrc": reference.isrc,
            "territories": reference.territories,
            "lyrics_known": reference.id in sung,
            "duration": reference.duration,
            "version": reference.version,
            "created_at": reference.created_at.isoformat(),
            "updated_at": reference.updated_at.isoformat(),
        }
        for reference in references
    ]


def describe_exclusion(part: ReferenceExclusion) -> dict[str, Any]:
    """Return an excluded part as JSON."""
    return {
        "id": part.id,
        "start_s": part.start_s,
        "end_s": part.end_s,
        "origin": part.origin,
        "note": part.note,
        "created_at": part.created_at.isoformat(),
    }


def _exclusions(session: Session, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    query = select(ReferenceExclusion).where(col(ReferenceExclusion.reference_id).in_(ids))
    for part in session.exec(query.order_by(col(ReferenceExclusion.start_s))):
        found.setdefault(part.reference_id, []).append(describe_exclusion(part))
    return found


def _opinions(session: Session, ids: list[str]) -> dict[str, dict[str, int]]:
    """Count what peers think of references that came from here."""
    found: dict[str, dict[str, int]] = {}
    counts = (
        select(ReferenceOpinion.reference_id, ReferenceOpinion.verdict, func.count())
        .where(col(ReferenceOpinion.reference_id).in_(ids))
        .group_by(col(ReferenceOpinion.reference_id), col(ReferenceOpinion.verdict))
    )
    for reference_id, verdict, count in session.exec(counts):
        found.setdefault(reference_id, {"confirmed": 0, "deconfirmed": 0})[verdict] = count
    return found


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def stats(service: "Service", tenant_id: str) -> Stats:
    """Return the size of a tenant's catalogue as its index holds it."""
    state = service.catalogue.state(tenant_id, service.settings.precheck_seconds)
    size = state.stats
    return Stats(
        references=size.references,
        hours=size.hours,
        index_bytes=size.bytes,
        segments=size.segments,
        index_version=state.version,
        epoch=state.epoch,
    )


def locked(session: Session, tenant_id: str, reference_id: str) -> Reference:
    """Return the tenant's reference, locked until the transaction ends."""
    find(session, tenant_id, reference_id)
    session.get_one(Reference, reference_id, with_for_update=True, populate_existing=True)
    return find(session, tenant_id, reference_id)  # who held the lock before may have retired it
