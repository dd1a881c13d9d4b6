"""A parent's controls: how many generations a day, in which hours, explicit tracks, publishing."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

from scanner import people
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.idempotency import check_version
from scanner.journal import record
from scanner.people_events import ControlsChanged
from scanner.tables import Account, ParentalControls

if TYPE_CHECKING:
    from scanner.service import Service


@dataclass(frozen=True)
class ControlsSet:
    """What a parent sets; what is left out is as by default, which limits nothing.

    Parameters
    ----------
    opens, closes : str, optional
        ``HH:MM`` in ``zone``; both or neither.
    zone : str
        IANA time zone.
    """

    daily_generations: int | None = None
    opens: str | None = None
    closes: str | None = None
    zone: str = "UTC"
    explicit: bool = True
    publishing: bool = True


_OPEN: Final = ControlsSet()


def put(
    service: "Service",
    caller: Caller,
    external_id: str,
    wanted: ControlsSet,
    *,
    expected_version: int | None = None,
) -> dict[str, Any]:
    """Set an account's controls and return them."""
    now = service.now()
    with service.database.transaction() as session:
        account = people.locked(session, caller.tenant_id, external_id, now)
        row = session.get(ParentalControls, account.id)
        check_version(row.version if row else 0, expected_version)
        before = _values(row)
        if row is None:
            row = ParentalControls(
                account_id=account.id, id=new_id(), tenant_id=caller.tenant_id, updated_at=now
            )
            session.add(row)
        row.sqlmodel_update(asdict(wanted))
        row.version, row.updated_at = row.version + 1, now
        session.flush()
        after = _values(row)
        data = ControlsChanged(
            account_id=account.id, changed=[name for name in after if after[name] != before[name]]
        )
        record(
            session,
            tenant_id=caller.tenant_id,
            subject=row.id,
            version=row.version,
            data=data,
            now=now,
            actor=caller.actor,
        )
        return describe(session, account)


def describe(session: Session, account: Account) -> dict[str, Any]:
    """Return an account's controls as JSON; version 0: none were ever set."""
    row = session.get(ParentalControls, account.id)
    return {
        "id": account.external_id,
        **_values(row),
        "version": row.version if row else 0,
        "updated_at": row.updated_at.isoformat() if row else None,
    }


def _values(row: ParentalControls | None) -> dict[str, Any]:
    return {name: getattr(row or _OPEN, name) for name in asdict(_OPEN)}
