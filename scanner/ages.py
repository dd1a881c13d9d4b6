"""Ages: what platforms, providers and parents vouch for, kept as a band and nothing else (DSA-28)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from sqlmodel import Session, col, select

import policy
from policy.ages import MOST, Band, Level
from policy.facts import AgeMethod
from scanner import people
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ScannerError
from scanner.idempotency import check_version
from scanner.journal import PIPELINE, Actor, record
from scanner.people_events import AgeAssured, AgePurged, PersonEvent
from scanner.people_states import AGE_MOVES, AgeMove, AgeState, advance
from scanner.tables import Account, AgeAssurance

if TYPE_CHECKING:
    from scanner.service import Service

MINORS_DAYS: Final = 365
"""Longest that an assured minor stays in a band: nobody here knows when they grow out of it."""


class BadAgeError(ScannerError):
    """What is said about an age can't be so."""


@dataclass(frozen=True)
class AgeSaid:
    """What is vouched for: a band, or a birth date that is turned into one and forgotten.

    Parameters
    ----------
    level
        None: the best that the method reaches.
    issuer
        Who vouches, as the platform calls them; a newer word of the same issuer by the same method
        replaces the older one.
    expires_at
        None: after a year for who is no adult, never for who is. No later than that.
    """

    method: AgeMethod
    band: Band | None = None
    birth_date: date | None = None
    country: str | None = None
    level: Level | None = None
    issuer: str | None = None
    expires_at: datetime | None = None


def assure(
    service: "Service",
    caller: Caller,
    external_id: str,
    said: AgeSaid,
    *,
    expected_version: int | None = None,
) -> dict[str, Any]:
    """Write down an assurance and return what is now on record.

    Raises
    ------
    BadAgeError
        If it can't be so.
    """
    now = service.now()
    assurance = _assurance(service, said, now)
    with service.database.transaction() as session:
        account = people.locked(session, caller.tenant_id, external_id, now)
        rows = of_account(session, account.id)
        check_version(_version(rows), expected_version)
        for row in rows:
            same = (row.method, row.issuer) == (said.method, said.issuer)
            if same and row.state == AgeState.ASSURED:
                _purge(session, row, "replaced", now, caller.actor)
        row = AgeAssurance(
            id=new_id(),
            tenant_id=caller.tenant_id,
            account_id=account.id,
            state=AgeState.ASSURED,
            band=assurance.band,
            country=assurance.country,
            consent_age=assurance.consent_age,
            method=assurance.method,
            level=assurance.level,
            issuer=said.issuer,
            assured_at=assurance.assured_at,
            expires_at=assurance.expires_at,
        )
        session.add(row)
        data = AgeAssured(
            account_id=account.id,
            method=row.method,
            level=row.level,
            expires_at=row.expires_at.isoformat() if row.expires_at else None,
        )
        _note(session, row, data, now, caller.actor)
        return describe(service, session, account)


def purge_expired(service: "Service") -> int:
    """Forget the bands whose time is over; return how many."""
    over = (AgeAssurance.state == AgeState.ASSURED, col(AgeAssurance.expires_at) <= service.now())
    with service.database.reading() as session:
        due = session.exec(select(AgeAssurance.id, AgeAssurance.account_id).where(*over)).all()
    return sum(_purged_by_time(service, *each) for each in due)


def of_account(session: Session, account_id: str) -> list[AgeAssurance]:
    """Return every assurance of an account, oldest first."""
    query = select(AgeAssurance).where(AgeAssurance.account_id == account_id)
    return list(session.exec(query.order_by(col(AgeAssurance.id))))


def describe(service: "Service", session: Session, account: Account) -> dict[str, Any]:
    """Return what is on record about an account's age as JSON."""
    rows = of_account(session, account.id)
    counts = people.assured(session, account.id, service.now())
    jurisdiction = service.jurisdictions.of(counts.country if counts else None)
    return {
        "id": account.external_id,
        "band": counts.band if counts else people.UNASSURED,
        "method": counts.method if counts else None,
        "level": counts.level if counts else None,
        "country": counts.country if counts else None,
        "consent_age": jurisdiction.consent_age,
        "law": jurisdiction.law,
        "expires_at": _iso(counts.expires_at) if counts else None,
        "version": _version(rows),
        "assurances": [_describe_one(row) for row in rows],
    }


def _describe_one(row: AgeAssurance) -> dict[str, Any]:
    kept = ("id", "state", "band", "country", "consent_age", "method", "level", "issuer")
    moments = ("assured_at", "expires_at", "purged_at")
    return {name: getattr(row, name) for name in kept} | {
        name: _iso(getattr(row, name)) for name in moments
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _assurance(service: "Service", said: AgeSaid, now: datetime) -> policy.Assurance:
    if (said.band is None) is (said.birth_date is None):
        raise BadAgeError("give either a band or a birth date")
    if said.expires_at is not None and said.expires_at <= now:
        raise BadAgeError("an assurance expires at a time that is still to come")
    consent_age = service.jurisdictions.of(said.country).consent_age
    try:
        band = said.band or policy.band_on(cast(date, said.birth_date), now.date(), consent_age)
        if band == "teen" and consent_age >= policy.ages.ADULT_AGE:
            band = "child"  # nobody consents for themselves there before they are of age
        return policy.Assurance(
            band=band,
            method=said.method,
            level=said.level or MOST[said.method],
            assured_at=now,
            expires_at=_expiry(band, said.expires_at, now),
            country=said.country,
            consent_age=consent_age,
        )
    except policy.AgeError as error:
        raise BadAgeError(str(error)) from error


def _expiry(band: Band, wanted: datetime | None, now: datetime) -> datetime | None:
    if band == "adult":
        return wanted
    latest = now + timedelta(days=MINORS_DAYS)
    return min(wanted, latest) if wanted else latest


def _version(rows: list[AgeAssurance]) -> int:
    return sum(row.version for row in rows)


def _purged_by_time(service: "Service", assurance_id: str, account_id: str) -> bool:
    """Forget a band under its account's lock, unless somebody has replaced it meanwhile."""
    now = service.now()
    with service.database.transaction() as session:
        if session.get(Account, account_id, with_for_update=True) is None:
            return False
        wanted = select(AgeAssurance).where(AgeAssurance.id == assurance_id).with_for_update()
        row = session.exec(wanted).first()
        if row is None or row.state != AgeState.ASSURED:
            return False
        if row.expires_at is None or row.expires_at > now:
            return False
        _purge(session, row, "expired", now, PIPELINE)
        return True


def _purge(session: Session, row: AgeAssurance, cause: str, now: datetime, actor: Actor) -> None:
    row.state = advance(AGE_MOVES, AgeState(row.state), AgeMove.PURGE, "an assurance")
    row.band, row.country, row.consent_age, row.purged_at = None, None, None, now
    _note(session, row, AgePurged(account_id=row.account_id, cause=cause), now, actor)


def _note(
    session: Session, row: AgeAssurance, data: PersonEvent, now: datetime, actor: Actor
) -> None:
    row.version += 1
    session.flush()
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=data,
        now=now,
        actor=actor,
        person=people.person_key(row.account_id),
    )
