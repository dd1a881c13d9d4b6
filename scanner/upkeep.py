"""What people do to references that are there: snooze, settle, exclude parts, judge shared ones."""

import math
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from scanner import quarantine, reference_lyrics, reference_previews
from scanner.callers import Caller
from scanner.catalogue import next_epoch
from scanner.clock import new_id
from scanner.errors import IllegalTransitionError, NotFoundError
from scanner.idempotency import check_version
from scanner.journal import PIPELINE, Actor
from scanner.reference_events import (
    ReferenceJudged,
    ReferencePartExcluded,
    ReferencePartIncluded,
    ReferenceRemoved,
    ReferenceSnoozed,
    ReferenceWoken,
)
from scanner.reference_history import record_change
from scanner.reference_states import Move, Status, advance
from scanner.references import BadReferenceError, locked
from scanner.tables import Reference, ReferenceExclusion

if TYPE_CHECKING:
    from scanner.service import Service

ORIGINS: Final = ("declared", "dispute", "appeal", "shared")
VERDICTS: Final = ("active", "retired")
OPINIONS: Final = ("confirmed", "deconfirmed")


def snooze(
    service: "Service",
    caller: Caller,
    reference_id: str,
    until: datetime,
    *,
    expected_version: int | None = None,
) -> Reference:
    """Let a reference not be found until a time.

    Raises
    ------
    BadReferenceError
        If the time is not ahead.
    IllegalTransitionError
        If the reference is neither active nor snoozed.
    """
    now = service.now()
    if until.tzinfo is None or until <= now:
        raise BadReferenceError("snooze until a time that is still to come, with its time zone")
    with service.database.transaction() as session:
        epoch = next_epoch(session, caller.tenant_id)
        reference = locked(session, caller.tenant_id, reference_id)
        check_version(reference.version, expected_version)
        reference.status = advance(Status(reference.status), Move.SNOOZE)
        reference.epoch, reference.snoozed_until = epoch, until
        data = ReferenceSnoozed(epoch=epoch, until=until.isoformat())
        record_change(session, reference, data, now, caller.actor)
        return reference


def wake(
    service: "Service",
    caller: Caller,
    reference_id: str,
    *,
    expected_version: int | None = None,
) -> Reference:
    """Let a snoozed reference be found again, before its time."""
    with service.database.transaction() as session:
        epoch = next_epoch(session, caller.tenant_id)
        reference = locked(session, caller.tenant_id, reference_id)
        check_version(reference.version, expected_version)
        _wake(session, reference, epoch, "woken", service.now(), caller.actor)
        return reference


def wake_due(service: "Service") -> int:
    """Wake what has slept for its time; return how many."""
    due = (Reference.status == Status.SNOOZED, col(Reference.snoozed_until) <= service.now())
    with service.database.reading() as session:
        found = session.exec(select(Reference.tenant_id, Reference.id).where(*due)).all()
    for tenant_id, reference_id in found:
        with service.database.transaction() as session:
            epoch = next_epoch(session, tenant_id)
            still = select(Reference).where(Reference.id == reference_id, *due).with_for_update()
            reference = session.exec(still).first()
            if reference is not None:
                _wake(session, reference, epoch, "its time has come", service.now(), PIPELINE)
    return len(found)


def settle(
    service: "Service",
    caller: Caller,
    reference_id: str,
    verdict: str,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Reference:
    """Decide, as a person, on a reference that is quarantined.

    Parameters
    ----------
    verdict : {"active", "retired"}
        Found again, or never again. A reference that flooded and is right keeps the rate that it
        had as its own: only what goes far above that is a flood.
    reason : str
        Kept with the decision.

    Raises
    ------
    BadReferenceError
        If the verdict is not known, or no reason is given.
    IllegalTransitionError
        If the reference is not quarantined, or is deconfirmed and would be found again.
    """
    with service.database.transaction() as session:
        return settle_within(
            service,
            session,
            caller,
            reference_id,
            verdict,
            reason,
            expected_version=expected_version,
        )


def settle_within(
    service: "Service",
    session: Session,
    caller: Caller,
    reference_id: str,
    verdict: str,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Reference:
    """`settle` in the caller's transaction, which locks no reference or case before the catalogue."""
    if verdict not in VERDICTS:
        raise BadReferenceError(f"verdict {verdict!r} is none of {', '.join(VERDICTS)}")
    if not reason.strip():
        raise BadReferenceError("say why: the reason is kept with the decision")
    now = service.now()
    epoch = next_epoch(session, caller.tenant_id)
    reference = locked(session, caller.tenant_id, reference_id)
    check_version(reference.version, expected_version)
    if reference.status != Status.QUARANTINED:
        raise IllegalTransitionError(
            f"the reference is {reference.status}: only one that is quarantined is settled"
        )
    if verdict == "active":
        if reference.opinion == "deconfirmed":
            raise IllegalTransitionError(
                "a person deconfirmed the reference: confirm it first, or retire it"
            )
        if reference.quarantined_for == quarantine.FLOOD:
            reference.accepted_rate = max(reference.accepted_rate, reference.flood_rate)
        quarantine.reinstate(session, reference, epoch, reason, now, caller.actor)
    else:
        reference.status = advance(Status(reference.status), Move.RETIRE)
        reference_previews.forget(session, reference, service.now())
        reference_lyrics.forget(session, reference)
        reference.epoch = epoch
        record_change(session, reference, ReferenceRemoved(epoch=epoch), now, caller.actor)
        quarantine.close_cases(session, reference, f"retired: {reason}", now, caller.actor)
    return reference


def exclude(
    service: "Service",
    caller: Caller,
    reference_id: str,
    start_s: float,
    end_s: float,
    *,
    origin: str = ORIGINS[0],
    note: str = "",
) -> ReferenceExclusion:
    """Say that a part of a reference is not its holder's: matches in it are exempt from now on.

    Parameters
    ----------
    start_s, end_s : float
        Seconds of the reference.
    origin : {"declared", "dispute", "appeal", "shared"}
        Who says so: its holder, a dispute or an appeal that was lost, or who shared it.

    Raises
    ------
    BadReferenceError
        If that is no part of the reference.
    """
    if origin not in ORIGINS:
        raise BadReferenceError(f"origin {origin!r} is none of {', '.join(ORIGINS)}")
    part = (start_s, end_s)
    with service.database.transaction() as session:
        return exclude_within(
            service, session, caller, reference_id, part, origin=origin, note=note
        )


def exclude_within(
    service: "Service",
    session: Session,
    caller: Caller,
    reference_id: str,
    part: tuple[float, float],
    *,
    origin: str,
    note: str = "",
) -> ReferenceExclusion:
    """`exclude` in the caller's transaction; ``part`` is its start and end in seconds."""
    reference = locked(session, caller.tenant_id, reference_id)
    check_part(*part, reference.duration)
    excluded = ReferenceExclusion(
        id=new_id(),
        tenant_id=reference.tenant_id,
        reference_id=reference.id,
        start_s=part[0],
        end_s=min(part[1], reference.duration),
        origin=origin,
        note=note[:500],
        created_at=service.now(),
    )
    session.add(excluded)
    data = ReferencePartExcluded(
        exclusion_id=excluded.id, start_s=excluded.start_s, end_s=excluded.end_s, origin=origin
    )
    record_change(session, reference, data, service.now(), caller.actor)
    return excluded


def include(service: "Service", caller: Caller, reference_id: str, exclusion_id: str) -> Reference:
    """Take an exclusion back."""
    with service.database.transaction() as session:
        reference = locked(session, caller.tenant_id, reference_id)
        part = session.get(ReferenceExclusion, exclusion_id)
        if part is None or part.reference_id != reference.id:
            raise NotFoundError("exclusion", exclusion_id)
        session.delete(part)
        data = ReferencePartIncluded(exclusion_id=exclusion_id)
        record_change(session, reference, data, service.now(), caller.actor)
        return reference


def judge(
    service: "Service",
    caller: Caller,
    reference_id: str,
    opinion: str,
    reason: str = "",
    *,
    expected_version: int | None = None,
) -> Reference:
    """Confirm or deconfirm, as a person, a reference that a peer shared.

    A deconfirmed one is not found any more; confirmed later, it is again. One that is still being
    checked is checked to the end, and what was found and what was thought of it both count then.
    The opinion can be told to the peer: :mod:`scanner.sharing`.

    Raises
    ------
    BadReferenceError
        If no peer shared the reference.
    """
    if opinion not in OPINIONS:
        raise BadReferenceError(f"opinion {opinion!r} is none of {', '.join(OPINIONS)}")
    now = service.now()
    with service.database.transaction() as session:
        epoch = next_epoch(session, caller.tenant_id)
        reference = locked(session, caller.tenant_id, reference_id)
        check_version(reference.version, expected_version)
        if reference.peer_key is None:
            raise BadReferenceError("no peer shared this reference: change, settle or remove it")
        reference.opinion = opinion
        reference.extra = reference.extra | {"opinion_reason": reason[:500]}
        data = ReferenceJudged(opinion=opinion, reason=reason[:500])
        record_change(session, reference, data, now, caller.actor)
        unsettled = reference.status in {Status.QUARANTINED, Status.CHECKING}
        if opinion == "deconfirmed" and not unsettled:
            quarantine.confine_deconfirmed(session, reference, epoch, now, caller.actor)
        elif opinion == "confirmed" and reference.quarantined_for == quarantine.DECONFIRMED:
            why = "confirmed after all"
            quarantine.reinstate(session, reference, epoch, why, now, caller.actor)
        return reference


def check_part(start_s: float, end_s: float, duration: float) -> None:
    """Raise ``BadReferenceError`` unless that is a part of a reference of ``duration`` seconds."""
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s < end_s):
        raise BadReferenceError("a part has a start and a later end, in seconds from the beginning")
    if start_s >= duration:
        raise BadReferenceError(f"the reference ends at {duration:.1f} s, before that part begins")


def _wake(
    session: Session, reference: Reference, epoch: int, reason: str, now: datetime, actor: Actor
) -> None:
    reference.status = advance(Status(reference.status), Move.WAKE)
    reference.epoch, reference.snoozed_until = epoch, None
    data = ReferenceWoken(epoch=epoch, reason=reason)
    record_change(session, reference, data, now, actor)
