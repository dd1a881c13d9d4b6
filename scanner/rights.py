"""Rights on record: who the holders are, their shares, and the licences they gave."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from appeals import shares as sums
from scanner import claim_precision, parties, rights_events
from scanner.callers import Caller
from scanner.catalogue import standing_epoch
from scanner.clock import new_id
from scanner.errors import ConflictError, ForbiddenError, NotFoundError, ScannerError
from scanner.journal import record
from scanner.keys import checked_email
from scanner.openings import enqueue
from scanner.tables import Case, Evidence, Holder, Licence, Reference, Share
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

OPERATOR: Final = "admin"


class ShareConflictError(ConflictError):
    """Shares would come to more than all; the message names the others."""


class BadShareError(ScannerError):
    """A share makes no sense; the message says why."""


@dataclass(frozen=True)
class ShareAsked:
    """A share to record; ``subject`` is the id of a reference, or an ISWC."""

    holder_id: str
    subject: str
    right: str
    territory: str
    percent: Decimal
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True)
class LicenceAsked:
    """A licence to record: for one account or all, for one reference or all of the holder's."""

    holder_id: str
    account_id: str | None = None
    reference_id: str | None = None
    territories: Sequence[str] = ()
    valid_from: datetime | None = None
    valid_to: datetime | None = None


# Holders


def add_holder(
    service: "Service", caller: Caller, name: str, email: str | None, language: str = "en"
) -> Holder:
    """Name a holder; they are not verified, so their policies wait for somebody's word.

    Raises
    ------
    ConflictError
        If one of this name is on record.
    """
    _not_for_holders(caller)
    now = service.now()
    with service.database.transaction() as session:
        query = select(Holder.id).where(
            Holder.tenant_id == caller.tenant_id,
            Holder.name == name,
            col(Holder.named),
            col(Holder.peer_key).is_(None),
        )
        standing_epoch(session, caller.tenant_id)  # references name holders too, one at a time
        if session.exec(query).first() is not None:
            raise ConflictError("there is a holder of this name already")
        holder = Holder(
            id=new_id(),
            tenant_id=caller.tenant_id,
            name=name,
            contact_email=checked_email(email) if email else None,
            language=language,
            created_at=now,
        )
        session.add(holder)
        data = rights_events.HolderChanged(holder_id=holder.id, changed=["name"])
        _note(service, session, caller, holder, data)
        return holder


def reach_holder(
    service: "Service", caller: Caller, holder_id: str, email: str, language: str | None = None
) -> Holder:
    """Change how to reach a holder."""
    with service.database.transaction() as session:
        holder = _locked_holder(session, caller, holder_id)
        holder.contact_email = checked_email(email)
        holder.language = language or holder.language
        data = rights_events.HolderChanged(holder_id=holder.id, changed=["contact"])
        _note(service, session, caller, holder, data)
        return holder


def verify_holder(service: "Service", caller: Caller, holder_id: str, verified: bool) -> Holder:
    """Say, for a person, whether a holder is who they say they are; their claims follow.

    The evidence is what was uploaded for the holder before.

    Raises
    ------
    ForbiddenError
        If it is neither a member of staff nor the operator.
    """
    if caller.actor.role != OPERATOR:
        parties.staff(caller)
    with service.database.transaction() as session:
        holder = _locked_holder(session, caller, holder_id)
        if holder.verified != verified:
            holder.verified = verified
            seen = select(Evidence.id).where(
                Evidence.matter_kind == "holder", Evidence.matter_id == holder.id
            )
            data = rights_events.HolderVerified(
                holder_id=holder.id, verified=verified, evidence=list(session.exec(seen))
            )
            _note(service, session, caller, holder, data)
        return holder


def find_holder(session: Session, caller: Caller, holder_id: str) -> Holder:
    """Return a holder; to a holder's key nobody but themselves is there."""
    holder = session.get(Holder, holder_id)
    foreign = caller.holder_id not in {None, holder_id}
    if holder is None or holder.tenant_id != caller.tenant_id or foreign:
        raise NotFoundError("holder", "of this id")
    return holder


def holders(session: Session, caller: Caller, *, limit: int, before: str | None) -> list[Holder]:
    """Return the holders that somebody named, newest first."""
    query = select(Holder).where(Holder.tenant_id == caller.tenant_id, col(Holder.named))
    if caller.holder_id is not None:
        query = query.where(Holder.id == caller.holder_id)
    if before is not None:
        query = query.where(Holder.id < before)
    return list(session.exec(query.order_by(col(Holder.id).desc()).limit(limit)))


def describe_holder(session: Session, holder: Holder) -> dict[str, Any]:
    """Return a holder as JSON, with how often they were right."""
    return describe_holders(session, [holder])[0]


def describe_holders(session: Session, found: Sequence[Holder]) -> list[dict[str, Any]]:
    """Return holders as JSON, in their order; as many queries for all as for one."""
    precision = claim_precision.of_all(session, [each.id for each in found])
    return [_described(each, *precision[each.id]) for each in found]


def _described(holder: Holder, right: float | None, decided: int) -> dict[str, Any]:
    return {
        "id": holder.id,
        "name": holder.name,
        "verified": holder.verified,
        "contact_email": holder.contact_email,
        "language": holder.language,
        "precision": right,
        "decided_claims": decided,
        "version": holder.version,
        "created_at": holder.created_at.isoformat(),
    }


# Shares


def record_share(service: "Service", caller: Caller, asked: ShareAsked) -> Share:
    """Record a share, unless it would make more than all of the right anywhere on any day.

    Raises
    ------
    ShareConflictError
        Naming where, when and with which others; a case lets a person settle it.
    """
    with service.database.transaction() as session:
        standing_epoch(session, caller.tenant_id)  # one writer of shares at a time
        _refuse_unverified(caller, _locked_holder(session, caller, asked.holder_id))
        reference = _subject(session, caller, asked.subject)
        others = _shares_of(session, caller.tenant_id, asked.subject, asked.right)
        share = Share(
            id=new_id(),
            tenant_id=caller.tenant_id,
            holder_id=asked.holder_id,
            subject=asked.subject,
            right=asked.right,
            territory=asked.territory,
            parts=sums.parts_of(asked.percent),
            starts_on=asked.starts_on,
            ends_on=asked.ends_on,
            created_at=service.now(),
        )
        found = _excess(share, others)
        if found is None:
            session.add(share)
            data = rights_events.ShareRecorded(
                holder_id=share.holder_id,
                of=share.subject,
                right=share.right,
                territory=share.territory,
                percent=sums.percent_of(share.parts),
            )
            _journal(service, session, caller, share.id, 1, data)
            return share
        told = Told("%(found)s; a person was asked to settle it", found=_in_words(found))
        _conflict_case(service, session, caller, reference, asked, told)
    raise ShareConflictError(told)


def correct_share(
    service: "Service",
    caller: Caller,
    share_id: str,
    *,
    percent: Decimal | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Share:
    """Change how much a share is or on which days it counts; what is None stays.

    Raises
    ------
    NotFoundError
        If it is not a share of the caller's.
    BadShareError
        If it would end before it begins.
    ShareConflictError
        If it would come to more than all; nothing is changed.
    """
    with service.database.transaction() as session:
        standing_epoch(session, caller.tenant_id)  # one writer of shares at a time
        share = session.get(Share, share_id, with_for_update=True)
        if share is None or share.tenant_id != caller.tenant_id:
            raise NotFoundError("share", "of this id")
        _refuse_unverified(caller, _locked_holder(session, caller, share.holder_id))
        share.parts = share.parts if percent is None else sums.parts_of(percent)
        share.starts_on, share.ends_on = starts_on or share.starts_on, ends_on or share.ends_on
        if share.starts_on and share.ends_on and share.ends_on < share.starts_on:
            raise BadShareError("a share ends on the day it begins, or later")
        others = _shares_of(session, caller.tenant_id, share.subject, share.right)
        if (found := _excess(share, others)) is not None:
            raise ShareConflictError(_in_words(found))
        share.version += 1
        data = rights_events.ShareCorrected(
            holder_id=share.holder_id,
            percent=sums.percent_of(share.parts),
            starts_on=share.starts_on.isoformat() if share.starts_on else None,
            ends_on=share.ends_on.isoformat() if share.ends_on else None,
        )
        _journal(service, session, caller, share.id, share.version, data)
        return share


def shares(
    session: Session, caller: Caller, *, limit: int, before: str | None, subject: str | None
) -> list[Share]:
    """Return shares, newest first; to a holder's key their own."""
    query = select(Share).where(Share.tenant_id == caller.tenant_id)
    if caller.holder_id is not None:
        query = query.where(Share.holder_id == caller.holder_id)
    if subject is not None:
        query = query.where(Share.subject == subject)
    if before is not None:
        query = query.where(Share.id < before)
    return list(session.exec(query.order_by(col(Share.id).desc()).limit(limit)))


def describe_share(share: Share) -> dict[str, Any]:
    """Return a share as JSON."""
    return {
        "id": share.id,
        "holder_id": share.holder_id,
        "subject": share.subject,
        "right": share.right,
        "territory": share.territory,
        "percent": sums.percent_of(share.parts),
        "from": share.starts_on.isoformat() if share.starts_on else None,
        "to": share.ends_on.isoformat() if share.ends_on else None,
        "version": share.version,
        "created_at": share.created_at.isoformat(),
    }


# Licences


def grant_licence(service: "Service", caller: Caller, asked: LicenceAsked) -> Licence:
    """Record a licence; the claims that it covers end, and their tracks are decided on anew."""
    with service.database.transaction() as session:
        holder = _locked_holder(session, caller, asked.holder_id)
        if asked.reference_id is not None:
            reference = session.get(Reference, asked.reference_id)
            if reference is None or reference.holder_id != holder.id:
                raise NotFoundError("reference", "of this id and holder")
        if asked.account_id is not None:
            _known_account(session, caller, asked.account_id)
        licence = Licence(
            id=new_id(),
            tenant_id=caller.tenant_id,
            holder_id=holder.id,
            account_id=asked.account_id,
            reference_id=asked.reference_id,
            territories=sorted(asked.territories),
            valid_from=asked.valid_from,
            valid_to=asked.valid_to,
            version=1,
            created_at=service.now(),
        )
        session.add(licence)
        data = rights_events.LicenceGranted(
            holder_id=holder.id,
            account_id=licence.account_id,
            reference_id=licence.reference_id,
            territories=licence.territories,
        )
        _journal(service, session, caller, licence.id, 1, data)
        return licence


def end_licence(service: "Service", caller: Caller, licence_id: str) -> Licence:
    """End a licence now; what was decided under it stays, what comes is judged without it."""
    now = service.now()
    with service.database.transaction() as session:
        licence = session.get(Licence, licence_id, with_for_update=True)
        if licence is None or licence.tenant_id != caller.tenant_id:
            raise NotFoundError("licence", "of this id")
        find_holder(session, caller, licence.holder_id)
        if licence.valid_to is None or licence.valid_to > now:
            licence.valid_to = now
            licence.version += 1
            data = rights_events.LicenceEnded(holder_id=licence.holder_id, at=now.isoformat())
            _journal(service, session, caller, licence.id, licence.version, data)
        return licence


def licences(session: Session, caller: Caller, *, limit: int, before: str | None) -> list[Licence]:
    """Return licences, newest first; to a holder's key their own."""
    query = select(Licence).where(Licence.tenant_id == caller.tenant_id)
    if caller.holder_id is not None:
        query = query.where(Licence.holder_id == caller.holder_id)
    if before is not None:
        query = query.where(Licence.id < before)
    return list(session.exec(query.order_by(col(Licence.id).desc()).limit(limit)))


def describe_licence(licence: Licence) -> dict[str, Any]:
    """Return a licence as JSON."""
    return {
        "id": licence.id,
        "holder_id": licence.holder_id,
        "account_id": licence.account_id,
        "reference_id": licence.reference_id,
        "territories": licence.territories,
        "from": licence.valid_from.isoformat() if licence.valid_from else None,
        "to": licence.valid_to.isoformat() if licence.valid_to else None,
        "version": licence.version,
        "created_at": licence.created_at.isoformat(),
    }


def _known_account(session: Session, caller: Caller, account_id: str) -> None:
    if parties.account_of(session, caller.tenant_id, account_id) is None:
        raise NotFoundError("account", "of this id")


def _not_for_holders(caller: Caller) -> None:
    if caller.holder_id or caller.account_id or caller.flagger_id:
        raise ForbiddenError("only the platform does this")


def _locked_holder(session: Session, caller: Caller, holder_id: str) -> Holder:
    find_holder(session, caller, holder_id)
    return session.get_one(Holder, holder_id, with_for_update=True, populate_existing=True)


def _subject(session: Session, caller: Caller, subject: str) -> Reference | None:
    """Return the reference that shares are in; None for a work, by its ISWC."""
    if subject.startswith("T-"):
        return None
    reference = session.get(Reference, subject)
    if reference is None or reference.tenant_id != caller.tenant_id:
        raise NotFoundError("reference", "of this id")
    return reference


def _shares_of(session: Session, tenant_id: str, subject: str, right: str) -> Sequence[Share]:
    query = select(Share).where(
        Share.tenant_id == tenant_id, Share.subject == subject, Share.right == right
    )
    return session.exec(query).all()


def _refuse_unverified(caller: Caller, holder: Holder) -> None:
    """Let nobody keep others out of their shares before a person knows who they are."""
    if caller.holder_id is not None and not holder.verified:
        raise ForbiddenError(
            "shares are recorded once a person has verified who you are: send evidence of it first"
        )


def _excess(share: Share, others: Sequence[Share]) -> sums.Excess | None:
    return sums.excess(_counted(share), [_counted(each) for each in others])


def _counted(share: Share) -> sums.Share:
    return sums.Share(
        share.id, share.right, share.territory, share.parts, share.starts_on, share.ends_on
    )


def _in_words(found: sums.Excess) -> str:
    place = "everywhere" if found.territory == sums.EVERYWHERE else found.territory
    when = "" if found.day == date.min else Told(" from %(day)s on", day=found.day)
    return Told(
        "the shares of the %(right)s would come to %(parts)s % (%(place)s%(when)s), with: %(others)s",
        right=found.right, parts=sums.percent_of(found.parts), place=place, when=when,
        others=", ".join(found.others),
    )  # fmt: skip


def _conflict_case(
    service: "Service",
    session: Session,
    caller: Caller,
    reference: Reference | None,
    asked: ShareAsked,
    told: str,
) -> None:
    """Ask a person, once for all conflicts about one thing."""
    matter = ("share", (reference.id if reference else asked.subject)[:36])
    query = select(Case.id).where(
        Case.tenant_id == caller.tenant_id,
        Case.matter_kind == matter[0],
        Case.matter_id == matter[1],
        col(Case.closed_at).is_(None),
    )
    if session.exec(query).first() is not None:
        return
    enqueue(
        session,
        appeals.open_case(
            case_id=new_id(),
            tenant_id=caller.tenant_id,
            reference_id=reference.id if reference else None,
            kind="reference_conflict",
            reasons=[{"rule": "share.excess", "text": told}],
            now=service.now(),
            matter=matter,
            right=asked.right,
        ),
        actor=caller.actor,
    )


def _note(
    service: "Service",
    session: Session,
    caller: Caller,
    holder: Holder,
    data: rights_events.RightsEvent,
) -> None:
    holder.version += 1
    session.flush()
    _journal(service, session, caller, holder.id, holder.version, data)


def _journal(
    service: "Service", session: Session, caller: Caller, subject: str, version: int, data: Any
) -> None:
    record(
        session,
        tenant_id=caller.tenant_id,
        subject=subject,
        version=version,
        data=data,
        now=service.now(),
        actor=caller.actor,
    )
