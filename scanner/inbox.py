"""Letters as people read them (DMCA-T, DSA-16, DSA-17): the platform all, everybody else their own."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from scanner.callers import Caller
from scanner.errors import NotFoundError
from scanner.tables import Letter

if TYPE_CHECKING:
    from scanner.service import Service


def listed(
    session: Session,
    caller: Caller,
    *,
    limit: int,
    before: str | None = None,
    unread: bool = False,
    **columns: str | None,
) -> list[Letter]:
    """Return letters that the caller may read, newest first; ``columns`` must be as given."""
    query = select(Letter).where(*_readable(caller))
    query = query.filter_by(**{name: value for name, value in columns.items() if value is not None})
    if unread:
        query = query.where(col(Letter.read_at).is_(None))
    if before is not None:
        query = query.where(Letter.id < before)
    return list(session.exec(query.order_by(col(Letter.id).desc()).limit(limit)))


def find(session: Session, caller: Caller, letter_id: str) -> Letter:
    """Return a letter that the caller may read, or raise ``NotFoundError``."""
    query = select(Letter).where(Letter.id == letter_id, *_readable(caller))
    letter = session.exec(query).first()
    if letter is None:
        raise NotFoundError("letter", "of this id")
    return letter


def mark_read(service: "Service", caller: Caller, letter_id: str) -> Letter:
    """Note when a letter was read; the first time counts."""
    with service.database.transaction() as session:
        find(session, caller, letter_id)
        letter = session.get_one(Letter, letter_id, with_for_update=True, populate_existing=True)
        letter.read_at = letter.read_at or service.now()
        return letter


def describe(letter: Letter) -> dict[str, Any]:
    """Return a letter as JSON."""
    return letter.model_dump(
        mode="json", exclude={"tenant_id", "not_before", "leased_until", "attempts"}
    )


def _readable(caller: Caller) -> list[ColumnElement[bool]]:
    wanted = [col(Letter.tenant_id) == caller.tenant_id]
    for kind, own in (
        ("account", caller.account_id),
        ("holder", caller.holder_id),
        ("notifier", caller.flagger_id),
        ("user", caller.user_id),
    ):
        if own is not None:
            return [*wanted, col(Letter.recipient_kind) == kind, col(Letter.recipient_id) == own]
    return wanted
