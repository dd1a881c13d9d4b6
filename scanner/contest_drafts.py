"""What a creator has typed and not sent: kept for them, encrypted under their key, swept when it is old."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel
from sqlmodel import select
from sqlmodel.sql.expression import SelectOfScalar

from scanner.callers import Caller
from scanner.clock import new_id
from scanner.database import Database
from scanner.errors import ForbiddenError
from scanner.privacy.person_keys import Person
from scanner.privacy.personal import ERASED, Personal, opened, sealed
from scanner.tables import ContestDraft

if TYPE_CHECKING:
    from scanner.service import Service

LONGEST: Final = 20_000
"""Characters of all that is typed into a form."""


class _Content(BaseModel):
    content: Annotated[dict[str, str], Personal("operations", empty=True)]


@dataclass(frozen=True)
class Draft:
    """What was typed, by field, and when it was last kept."""

    fields: Mapping[str, str]
    saved_at: datetime | None = None


EMPTY: Final = Draft({})


def save(
    service: "Service", caller: Caller, kind: str, subject_id: str, fields: Mapping[str, str]
) -> Draft:
    """Keep what is typed in place of what was kept before; what is far too long is not."""
    if sum(map(len, fields.values())) > LONGEST:
        return read(service, caller, kind, subject_id)
    account_id, now = _account(caller), service.now()
    with service.database.transaction() as session:
        row = ContestDraft(
            id=new_id(),
            tenant_id=caller.tenant_id,
            account_id=account_id,
            kind=kind,
            subject_id=subject_id,
            content={},
            saved_at=now,
        )
        Database.insert_if_absent(session, row)
        kept = session.exec(_of(account_id, kind, subject_id).with_for_update()).one()
        content, person = _Content(content=dict(fields)), Person("account", account_id)
        kept.content = sealed(service.person_keys, content, kept.id, person, now)
        kept.saved_at = now
    return Draft(fields, now)


def read(service: "Service", caller: Caller, kind: str, subject_id: str) -> Draft:
    """Return what is kept; nothing, where nothing is or its key is gone."""
    with service.database.reading() as session:
        kept = session.exec(_of(_account(caller), kind, subject_id)).first()
    if kept is None:
        return EMPTY
    values, _ = opened(service.person_keys, kept.id, kept.content)
    fields: dict[str, Any] = values.get("content", {})
    return EMPTY if ERASED in fields else Draft(fields, kept.saved_at)


def drop(service: "Service", caller: Caller, kind: str, subject_id: str) -> None:
    """Forget what was kept: it was sent, or is not wanted."""
    with service.database.transaction() as session:
        kept = session.exec(_of(_account(caller), kind, subject_id).with_for_update()).first()
        if kept is not None:
            session.delete(kept)


def _account(caller: Caller) -> str:
    if caller.account_id is None:
        raise ForbiddenError("only creators have drafts")
    return caller.account_id


def _of(account_id: str, kind: str, subject_id: str) -> SelectOfScalar[ContestDraft]:
    return select(ContestDraft).where(
        ContestDraft.account_id == account_id,
        ContestDraft.kind == kind,
        ContestDraft.subject_id == subject_id,
    )
