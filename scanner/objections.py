"""What the person behind an account objects to, and what follows from the next event on.

``training``: manifests of their generated tracks say that nobody may train on or mine them, whatever the
setting says. ``automated_decisions`` (GDPR-22): what rules alone limit is put before a person without being asked for.
``rehearsal`` (GDPR-21): packs of rules are not tried out on their tracks.
"""

from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from sqlmodel import Session, col, select

from scanner import human_review, people
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.idempotency import check_version
from scanner.journal import PIPELINE, Event, record
from scanner.people_events import ObjectionsChanged
from scanner.tables import Account, Objections, Track

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.service import Service

Kind = Literal["training", "automated_decisions", "rehearsal"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_STANDING: Final = "The account objects to decisions that rules make alone (GDPR-22)."


def put(
    service: "Service",
    caller: Caller,
    external_id: str,
    wanted: "Mapping[Kind, bool]",
    *,
    expected_version: int | None = None,
) -> dict[str, Any]:
    """Set an account's objections, those named, and return all; one that holds keeps its beginning."""
    now = service.now()
    with service.database.transaction() as session:
        account = people.locked(session, caller.tenant_id, external_id, now)
        row = session.get(Objections, account.id)
        check_version(row.version if row else 0, expected_version)
        row = row or Objections(
            account_id=account.id, id=new_id(), tenant_id=caller.tenant_id, updated_at=now
        )
        changed = [
            kind for kind in KINDS if kind in wanted and wanted[kind] is not _holds(row, kind)
        ]
        if not changed:
            return describe(session, account)
        session.add(row)
        for kind in changed:
            setattr(row, f"{kind}_since", now if wanted[kind] else None)
        row.version, row.updated_at = row.version + 1, now
        session.flush()
        record(
            session,
            tenant_id=caller.tenant_id,
            subject=row.id,
            version=row.version,
            data=ObjectionsChanged(account_id=account.id, changed=list(changed)),
            now=now,
            actor=caller.actor,
        )
        return describe(session, account)


def describe(session: Session, account: Account) -> dict[str, Any]:
    """Return an account's objections as JSON; version 0: there never were any."""
    row = session.get(Objections, account.id)
    since = {kind: getattr(row, f"{kind}_since", None) for kind in KINDS}
    return {
        "id": account.external_id,
        **{kind: at.isoformat() if at else None for kind, at in since.items()},
        "version": row.version if row else 0,
    }


def version_of(session: Session, tenant_id: str, external_id: str) -> int:
    """Return the version of an account's objections; 0: there never were any."""
    named = (Account.tenant_id == tenant_id, Account.external_id == external_id)
    query = select(Objections.version).join(Account, col(Account.id) == col(Objections.account_id))
    return session.exec(query.where(*named)).first() or 0


def objects(session: Session, account_id: str | None, kind: Kind) -> bool:
    """Tell whether the person behind an account objects now."""
    row = session.get(Objections, account_id) if account_id else None
    return row is not None and _holds(row, kind)


def objectors(kind: Kind) -> Any:
    """Return a subquery of the accounts that object."""
    return select(Objections.account_id).where(getattr(Objections, f"{kind}_since").is_not(None))


def put_before_a_person(service: "Service", session: Session, track: Track, cause: Event) -> None:
    """Open a case for a track that rules alone have limited, if its account objects to that (GDPR-22)."""
    if objects(session, track.account_id, "automated_decisions"):
        human_review.open_unasked(service, session, track, _STANDING, PIPELINE, cause)


def _holds(row: Objections, kind: Kind) -> bool:
    return getattr(row, f"{kind}_since") is not None
