"""The person behind an account: what is on record about them, for gates and for facts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Final, cast, get_args
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

import policy
from policy.facts import ConsentScope
from scanner import account_standing
from scanner.clock import new_id
from scanner.database import Database
from scanner.errors import ForbiddenError, NotFoundError
from scanner.people_states import AgeState, ConsentState
from scanner.privacy.person_keys import Person
from scanner.tables import Account, AgeAssurance, Consent, Generation, ParentalControls

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

SCOPES: Final[tuple[ConsentScope, ...]] = get_args(ConsentScope)
UNASSURED: Final = "unassured"


class GateClosedError(ForbiddenError):
    """The account may not do this: too young, no consent, or a parent has switched it off.

    ``texts`` say so by language.
    """

    def __init__(self, reasons: Sequence[policy.GateReason]) -> None:
        super().__init__(" ".join(reason.text for reason in reasons))
        self.texts = {
            language: " ".join(reason.texts.get(language, reason.text) for reason in reasons)
            for language in {name for reason in reasons for name in reason.texts}
        }


def require_own_name(caller: "Caller", account_id: str | None) -> None:
    """Raise ``ForbiddenError`` for somebody of the staff who would make music in a creator's name.

    A platform's key speaks for its accounts, and a creator for themselves.
    """
    if caller.user_id is not None and account_id is not None:
        raise ForbiddenError("who works here does this in no creator's name: the creator does it")


def find(session: Session, tenant_id: str, external_id: str, *, lock: bool = False) -> Account:
    """Return the tenant's account, or raise ``NotFoundError``; ``lock`` keeps it from being erased meanwhile."""
    query = _named(tenant_id, external_id)
    account = session.exec(query.with_for_update() if lock else query).first()
    if account is None:
        raise NotFoundError("account", "of this name")
    return account


def locked(session: Session, tenant_id: str, external_id: str, now: datetime) -> Account:
    """Return the tenant's account, made if need be and locked until the transaction ends.

    What changes a person's age, consents, controls or generations holds this lock, and so does what
    releases a track of theirs: one comes after the other.
    """
    query = _named(tenant_id, external_id).with_for_update()
    account = session.exec(query).first()
    if account is None:
        new = Account(id=new_id(), tenant_id=tenant_id, external_id=external_id, created_at=now)
        Database.insert_if_absent(session, new)
        account = session.exec(query).one()
    return account


def version_of_age(session: Session, tenant_id: str, external_id: str) -> int:
    """Return the version of what is on record about an age; 0: nothing is."""
    account = session.exec(_named(tenant_id, external_id)).first()
    if account is None:
        return 0
    query = select(func.coalesce(func.sum(AgeAssurance.version), 0))
    return int(session.exec(query.where(AgeAssurance.account_id == account.id)).one())


def version_of_controls(session: Session, tenant_id: str, external_id: str) -> int:
    """Return the version of an account's controls; 0: none were ever set."""
    account = session.exec(_named(tenant_id, external_id)).first()
    row = session.get(ParentalControls, account.id) if account is not None else None
    return row.version if row is not None else 0


def person_of(service: "Service", session: Session, account_id: str | None) -> policy.Person:
    """Return what is known of who acts; without an account it is the tenant, an adult."""
    if account_id is None:
        return policy.Person(service.jurisdictions.of(None), "adult", "high")
    now = service.now()
    assurance = assured(session, account_id, now)
    controls = controls_of(session, account_id)
    return policy.Person(
        jurisdiction=service.jurisdictions.of(assurance.country if assurance else None),
        band=assurance.band if assurance else None,
        level=assurance.level if assurance else None,
        consents=consented(session, account_id, now),
        controls=controls,
        generated_today=_generated(session, account_id, quota_day(controls, now)),
    )


def gates(service: "Service", session: Session, account_id: str) -> list[policy.Gate]:
    """Return what the person may do now, act by act."""
    person = person_of(service, session, account_id)
    return [policy.gate(act, person, service.now()) for act in policy.ACTS]


def require_publishing(service: "Service", session: Session, account_id: str | None) -> None:
    """Raise ``GateClosedError`` unless the account may publish now."""
    answer = policy.gate("publish", person_of(service, session, account_id), service.now())
    if answer.reasons:
        raise GateClosedError(answer.reasons)


def facts(
    session: Session, tenant_id: str, declared: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Return what a pack may know of the person who submits, by the names of `policy.Facts`.

    What is on record about their age comes before what the submission says, unless that is stricter;
    once it has lapsed, a submission can only say that they are a child.
    A parent who switched publishing or explicit tracks off has not consented to them.
    """
    external_id, said = declared.get("account"), declared.get("age_band")
    if not external_id:
        return {
            "account": policy.ABSENT,
            "age_band": said or "adult",
            "age": None,
            "consents": None,
        }
    account = session.exec(_named(tenant_id, external_id)).first()
    assurance = assured(session, account.id, now) if account else None
    return {
        "account": account_standing.fact(session, account, now),
        "age_band": _band(
            assurance, said, lapsed=account is not None and _lapsed(session, account.id)
        ),
        "age": _age_fact(assurance),
        "consents": _consents_left(session, account, now),
    }


def assured(session: Session, account_id: str, now: datetime) -> policy.Assurance | None:
    """Return the assurance that counts now, if there is one."""
    rows = session.exec(
        select(AgeAssurance).where(
            AgeAssurance.account_id == account_id, AgeAssurance.state == AgeState.ASSURED
        )
    )
    return policy.most_reliable(map(assurance_of, rows), now)


def assurance_of(row: AgeAssurance) -> policy.Assurance:
    """Return a stored assurance as the value that policy judges."""
    return policy.Assurance(
        band=cast(Any, row.band),
        method=cast(Any, row.method),
        level=cast(Any, row.level),
        assured_at=row.assured_at,
        expires_at=row.expires_at,
        country=row.country,
        consent_age=row.consent_age,
    )


def consented(session: Session, account_id: str, now: datetime) -> frozenset[ConsentScope]:
    """Return the scopes that a parent has agreed to and that are in force now."""
    expiry = col(Consent.expires_at)
    lists = session.exec(
        select(Consent.scopes).where(
            Consent.account_id == account_id,
            Consent.state == ConsentState.GRANTED,
            or_(expiry.is_(None), expiry > now),
        )
    ).all()
    return frozenset(cast(ConsentScope, scope) for scopes in lists for scope in scopes)


def controls_of(session: Session, account_id: str) -> policy.Controls | None:
    """Return a parent's controls, if any are set."""
    row = session.get(ParentalControls, account_id)
    if row is None:
        return None
    return policy.Controls(
        daily_generations=row.daily_generations,
        opens=time.fromisoformat(row.opens) if row.opens else None,
        closes=time.fromisoformat(row.closes) if row.closes else None,
        zone=row.zone,
        explicit=row.explicit,
        publishing=row.publishing,
    )


def quota_day(controls: policy.Controls | None, now: datetime) -> str:
    """Return the day, in the zone of the controls, that a generation counts to."""
    return now.astimezone(ZoneInfo(controls.zone if controls else "UTC")).date().isoformat()


def _generated(session: Session, account_id: str, day: str) -> int:
    query = select(func.count()).select_from(Generation)
    of_day = query.where(Generation.account_id == account_id, Generation.quota_day == day)
    return session.exec(of_day).one()


def _named(tenant_id: str, external_id: str) -> SelectOfScalar[Account]:
    return select(Account).where(Account.tenant_id == tenant_id, Account.external_id == external_id)


def person_key(account_id: str | None) -> Person | None:
    """Return whose the personal fields of an event about an account are; None: its tenant's."""
    return Person("account", account_id) if account_id else None


def _lapsed(session: Session, account_id: str) -> bool:
    """Whether an age was ever assured: where none is in force, it no longer is."""
    ever = select(AgeAssurance.id).where(AgeAssurance.account_id == account_id).limit(1)
    return session.exec(ever).first() is not None


def _band(assurance: policy.Assurance | None, said: str | None, *, lapsed: bool) -> str:
    if assurance is None:
        return UNASSURED if lapsed and said != "child" else said or UNASSURED
    return policy.stricter(assurance.band, said) if said else assurance.band


def _age_fact(assurance: policy.Assurance | None) -> policy.AgeFact | None:
    if assurance is None:
        return policy.ABSENT
    return policy.AgeFact(
        band=assurance.band,
        method=assurance.method,
        level=assurance.level,
        consent_age=assurance.consent_age,
    )


def _consents_left(
    session: Session, account: Account | None, now: datetime
) -> tuple[ConsentScope, ...]:
    if account is None:
        return ()
    controls = controls_of(session, account.id) or policy.Controls()
    off = {"publish": not controls.publishing, "explicit": not controls.explicit}
    left = consented(session, account.id, now)
    return tuple(scope for scope in SCOPES if scope in left and not off.get(scope, False))
