"""New references: compared with the catalogue before they can be found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import structlog
from sqlmodel import Session, col, select

import fingerprint
from scanner import admission, banks, holders, quarantine, reference_lyrics
from scanner.callers import Caller
from scanner.catalogue import next_epoch, standing_epoch
from scanner.clock import new_id
from scanner.errors import BusyError, ConflictError, TransientError
from scanner.events import EventData
from scanner.journal import PIPELINE, Actor
from scanner.reference_events import ReferenceAdded, ReferenceChanged, ReferenceChecking
from scanner.reference_history import record_change
from scanner.reference_states import Move, Status, advance
from scanner.tables import Bank, Holder, Reference, ReferenceExclusion
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

POLICIES: Final = ("block", "monetise", "track")

log = structlog.get_logger()


@dataclass(frozen=True)
class New:
    """A reference that is to be, fingerprinted and in the store.

    Parameters
    ----------
    holder : str, optional
        Name of the rights holder; without one the reference gets a holder of its own.
    policy : {"block", "monetise", "track"}, optional
        If it is not said: block, and in a bank that nobody claims, track.
    bank : str, optional
        Name of its bank; else the default one.
    operator : bool
        Whether the operator of the service vouches for it (the command line does).
    peer_key, origin_id : str, optional
        Who shared it, and its id there.
    preview_sha256, preview_lufs
        Sound to compare with, and how loud that is (`scanner/reference_previews.py`).
    lyrics : str
        What is sung in it, which prompts may not quote (`scanner/reference_lyrics.py`).
    """

    title: str
    duration: float
    fingerprint_sha256: str
    holder: str | None = None
    policy: str | None = None
    isrc: str | None = None
    territories: tuple[str, ...] = ()
    bank: str | None = None
    path: str | None = None
    audio_sha256: str | None = None
    operator: bool = False
    peer_key: str | None = None
    origin_id: str | None = None
    preview_sha256: str | None = None
    preview_lufs: float | None = None
    lyrics: str = ""

    def wanted(self) -> dict[str, Any]:
        """What a reference that is there already must be like; what is None is not said."""
        return {
            "policy": self.policy,
            "isrc": self.isrc,
            "territories": sorted(self.territories) or None,
        }


def take_in(
    service: "Service",
    caller: Caller,
    new: New,
    print_: fingerprint.Fingerprint,
    *,
    despite_conflicts: bool = False,
    patience: float = math.inf,
    excluded: Sequence[tuple[float, float]] = (),
) -> Reference:
    """Make a fingerprint a reference after comparing it with the catalogue.

    It is active when this returns; or quarantined, with a case, where it matches another holder's
    or what nobody can claim and ``despite_conflicts`` does not say that a person knows; or, where
    the index can't be searched within ``patience`` seconds, ``checking`` until a worker has done so.
    ``excluded`` are its parts, in seconds, that its holder does not own.

    No other reference can come between the look and the writing down: the look is repeated until
    the catalogue stood still from the one to the other.
    """
    tenant_id = caller.tenant_id
    while True:
        with service.database.reading() as session:
            holder_id = holders.known(session, tenant_id, new.holder, new.peer_key)
            kind = banks.kind_of(session, tenant_id, new.bank)
        try:
            looked = admission.look(
                service, tenant_id, print_, holder_id=holder_id, kind=kind, patience=patience
            )
        except (BusyError, TransientError) as error:
            log.warning("reference_not_checked_yet", tenant=tenant_id, detail=str(error))
            looked = None
        now = service.now()
        with service.database.transaction() as session:
            stood = standing_epoch(session, tenant_id)  # one writer at a time from here on
            if looked is not None and stood != looked.epoch:
                continue
            known = same_audio(session, tenant_id, new)
            if known is not None:
                return _vouched(service, session, caller, known, new, despite_conflicts)
            reference = Reference(
                id=new_id(),
                tenant_id=tenant_id,
                bank_id=banks.ensured(session, tenant_id, new.bank, now, caller.actor).id,
                holder_id=holders.ensured(
                    session, tenant_id, new.holder, new.title, now, new.peer_key
                ),
                epoch=next_epoch(session, tenant_id),
                status=Status.CHECKING,
                policy=new.policy or (POLICIES[0] if kind == banks.RIGHTS else "track"),
                title=new.title,
                path=new.path,
                isrc=new.isrc,
                territories=sorted(new.territories),
                operator_added=new.operator,
                duration=new.duration,
                audio_sha256=new.audio_sha256,
                fingerprint_sha256=new.fingerprint_sha256,
                preview_sha256=new.preview_sha256,
                preview_lufs=new.preview_lufs,
                peer_key=new.peer_key,
                origin_id=new.origin_id,
                created_at=now,
                updated_at=now,
            )
            session.add(reference)
            session.flush()
            session.add_all(_shared_parts(reference, excluded))
            reference_lyrics.put(session, reference, new.lyrics, now)
            _conclude(service, session, caller.actor, reference, looked, despite_conflicts)
            return reference


def _shared_parts(
    reference: Reference, excluded: Sequence[tuple[float, float]]
) -> list[ReferenceExclusion]:
    """The parts that whoever shared a reference says are not its holder's."""
    return [
        ReferenceExclusion(
            id=new_id(),
            tenant_id=reference.tenant_id,
            reference_id=reference.id,
            start_s=start_s,
            end_s=min(end_s, reference.duration),
            origin="shared",
            created_at=reference.created_at,
        )
        for start_s, end_s in excluded
    ]


def renew(
    service: "Service", caller: Caller, known: Reference, fingerprint_sha256: str
) -> Reference:
    """Give a reference another stored fingerprint of the same audio; its status stays."""
    with service.database.transaction() as session:
        standing_epoch(session, caller.tenant_id)
        return _renewed(service, session, caller, known, fingerprint_sha256)


def renew_shared(
    service: "Service", caller: Caller, known: Reference, print_: fingerprint.Fingerprint
) -> Reference:
    """Give a peer's reference what its fingerprint lacks and a newer bundle has, or leave it.

    The peer must not make another recording of it, nor get round the check of new references: the
    words must be the same, and nothing new may be found that would keep it out. Where that can't be
    told now it stays as it is, until the bundle is imported again.
    """
    try:
        if not _can_renew(service, known, print_):
            return known
        with service.database.reading() as session:
            kind = banks.find(session, caller.tenant_id, known.bank_id).kind
        blob = service.store.put_bytes(caller.tenant_id, print_.to_bytes())
        while True:
            looked = admission.look(
                service, caller.tenant_id, print_, holder_id=known.holder_id, kind=kind
            )
            if _other(looked.conflicts, known.conflicts):
                log.warning("reference_not_renewed", reference=known.id, detail="conflicts")
                return known
            with service.database.transaction() as session:
                if standing_epoch(session, caller.tenant_id) == looked.epoch:
                    return _renewed(service, session, caller, known, blob.sha256)
    except (BusyError, TransientError) as error:
        log.warning("reference_not_renewed", reference=known.id, detail=str(error))
        return known


def _can_renew(service: "Service", known: Reference, print_: fingerprint.Fingerprint) -> bool:
    if known.status == Status.RETIRED:
        return False
    own = service.catalogue.print_of(known)
    same = np.array_equal(own.sub_fingerprints, print_.sub_fingerprints)
    return same and bool(own.missing - print_.missing)


def _other(conflicts: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]]) -> bool:
    """Whether there are conflicts that were not known before."""
    return not {each["reference_id"] for each in conflicts} <= {
        each["reference_id"] for each in before
    }


def _renewed(
    service: "Service",
    session: Session,
    caller: Caller,
    known: Reference,
    fingerprint_sha256: str,
) -> Reference:
    """Renew a reference unless it was retired or renewed meanwhile; the epoch is locked."""
    reference = session.get_one(Reference, known.id, with_for_update=True)
    changed = reference.fingerprint_sha256 != known.fingerprint_sha256
    if changed or reference.status == Status.RETIRED:
        return reference
    reference.fingerprint_sha256 = fingerprint_sha256
    reference.epoch = next_epoch(session, caller.tenant_id)
    data = ReferenceChanged(epoch=reference.epoch, changed=["fingerprint"])
    record_change(session, reference, data, service.now(), caller.actor)
    return reference


def finish_checks(service: "Service", limit: int = 100) -> int:
    """Check references that could not be checked when they came; return how many are settled."""
    with service.database.reading() as session:
        waiting = session.exec(
            select(Reference)
            .where(Reference.status == Status.CHECKING)
            .order_by(col(Reference.id))
            .limit(limit)
        ).all()
    done = 0
    for each in waiting:
        try:
            done += _finish_check(service, each)
        except TransientError as error:  # the others don't wait for it
            log.warning("reference_not_checked", reference=each.id, detail=str(error))
    return done


def _finish_check(service: "Service", waiting: Reference) -> bool:
    tenant_id = waiting.tenant_id
    print_ = service.catalogue.print_of(waiting)
    with service.database.reading() as session:
        kind = banks.find(session, tenant_id, waiting.bank_id).kind
    looked = admission.look(service, tenant_id, print_, holder_id=waiting.holder_id, kind=kind)
    with service.database.transaction() as session:
        if standing_epoch(session, tenant_id) != looked.epoch:
            return False  # another one came between: the next round looks again
        reference = session.get_one(Reference, waiting.id, with_for_update=True)
        if reference.status != Status.CHECKING:
            return False
        reference.epoch = next_epoch(session, tenant_id)
        _conclude(service, session, PIPELINE, reference, looked, despite_conflicts=False)
    return True


def _conclude(
    service: "Service",
    session: Session,
    actor: Actor,
    reference: Reference,
    looked: admission.Findings | None,
    despite_conflicts: bool,
) -> None:
    """Give a reference that was looked at its status, at its epoch, and write down which."""
    data: EventData
    if looked is None:
        data = ReferenceChecking(
            epoch=reference.epoch,
            policy=reference.policy,
            fingerprint_sha256=reference.fingerprint_sha256,
        )
    else:
        reference.conflicts = looked.conflicts
        if looked.conflicts and not despite_conflicts:
            quarantine.confine_for_conflicts(session, reference, service.now(), actor)
            return
        if reference.opinion == "deconfirmed":
            epoch = reference.epoch
            quarantine.confine_deconfirmed(session, reference, epoch, service.now(), actor)
            return
        reference.status = advance(Status(reference.status), Move.ADMIT)
        data = ReferenceAdded(
            epoch=reference.epoch,
            policy=reference.policy,
            fingerprint_sha256=reference.fingerprint_sha256,
        )
    record_change(session, reference, data, service.now(), actor)


def _vouched(
    service: "Service",
    session: Session,
    caller: Caller,
    known: Reference,
    new: New,
    despite_conflicts: bool,
) -> Reference:
    """Return what is there already, with the word that an operator now gives for it."""
    if known.operator_added < new.operator:
        known.operator_added = True
        changed = ReferenceChanged(epoch=known.epoch, changed=["operator_added"])
        record_change(session, known, changed, service.now(), caller.actor)
    if despite_conflicts and known.quarantined_for == quarantine.CONFLICT:
        reason = "added again, despite its conflicts"
        epoch = next_epoch(session, caller.tenant_id)
        quarantine.reinstate(session, known, epoch, reason, service.now(), caller.actor)
    return known


def shared(
    session: Session, tenant_id: str, peer_key: str, origin_id: str | None
) -> Reference | None:
    """Return what a peer shared under an id, retired or not, or None."""
    query = select(Reference).where(
        Reference.tenant_id == tenant_id,
        Reference.peer_key == peer_key,
        Reference.origin_id == origin_id,
    )
    return session.exec(query.limit(1)).first()


def same_audio(session: Session, tenant_id: str, new: New) -> Reference | None:
    """Return the holder's reference of this audio; without a holder, one added without.

    What a peer shares is the same by its id there.

    Raises
    ------
    ConflictError
        If it is not what is wanted.
    """
    if new.peer_key is not None:
        return shared(session, tenant_id, new.peer_key, new.origin_id)
    if new.audio_sha256 is None:
        return None
    query = (
        select(Reference)
        .join(Holder, col(Holder.id) == col(Reference.holder_id))
        .where(
            Reference.tenant_id == tenant_id,
            Reference.audio_sha256 == new.audio_sha256,
            Reference.status != Status.RETIRED,
            Holder.named == (new.holder is not None),
            col(Holder.peer_key).is_(None),
        )
    )
    if new.holder is not None:
        query = query.where(Holder.name == new.holder)
    if new.bank is not None:
        query = query.join(Bank, col(Bank.id) == col(Reference.bank_id)).where(
            Bank.name == new.bank
        )
    known = session.exec(query.order_by(col(Reference.id)).limit(1)).first()
    if known is None:
        return None
    differing = [
        name
        for name, value in new.wanted().items()
        if value is not None and value != getattr(known, name)
    ]
    if differing:
        raise ConflictError(
            Told(
                "this audio is reference %(id)s already, with another %(differing)s: "
                "change that one, or remove it first",
                id=known.id,
                differing=" and ".join(differing),
            )
        )
    return known
