"""Events that a group gave up on: kept whole, listed, and replayed under the same id."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, or_, select

from scanner.bus.envelope import to_cloudevent
from scanner.clock import new_id
from scanner.errors import NotFoundError, PoisonError, TransientError
from scanner.journal import Event, event_of
from scanner.tables import DeadLetter, Handled, JournalRow

if TYPE_CHECKING:
    from scanner.service import Service

CASE_AFTER: Final = timedelta(minutes=15)
DETAIL_LIMIT: Final = 2000
UNPROVEN_LIMIT: Final = 65536
FOREIGN: Final = "intake"  # the group of what came from outside


def bury(
    service: "Service", group: str, event: Event, error: BaseException, attempts: int
) -> DeadLetter | None:
    """Keep an event that a group gave up on; from now on it blocks no later one.

    Returns
    -------
    DeadLetter, or None if another delivery of the event was handled or buried meanwhile.
    """
    now = service.now()
    letter = DeadLetter(
        id=new_id(),
        tenant_id=event.tenant,
        group=group,
        topic=event.topic,
        event_id=event.id,
        subject=event.subject,
        payload=json.dumps(to_cloudevent(event)),
        error=type(error).__name__,
        detail=_storable(str(error))[:DETAIL_LIMIT],
        attempts=attempts,
        case_due_at=now + CASE_AFTER if event.tenant else None,
        created_at=now,
    )
    with service.database.transaction() as session:
        mark = session.get(Handled, (group, event.id), with_for_update=True)
        if mark is None:
            mark = Handled(group=group, event_id=event.id, outcome="dead", at=now)
            session.add(mark)
            try:
                session.flush()
            except IntegrityError:  # PostgreSQL: a twin committed between our look and our insert
                session.rollback()
                return None
        elif mark.outcome != "replayed":
            return None
        else:
            mark.outcome, mark.at = "dead", now
        session.add(letter)
    return letter


def bury_foreign(
    service: "Service",
    *,
    topic: str,
    key: str | None,
    payload: bytes,
    error: BaseException,
    tenant_id: str | None = None,
    event_id: str | None = None,
) -> DeadLetter:
    """Keep a message from outside that could not be taken in.

    One that proved its tenant, and so was within the limit of intake, is kept whole, to be replayed;
    of others the beginning is kept, as far as it can be shown.
    """
    if tenant_id is None:
        payload = payload[:UNPROVEN_LIMIT]
    letter = DeadLetter(
        id=new_id(),
        tenant_id=tenant_id,
        group=FOREIGN,
        topic=topic,
        event_id=_storable(event_id or new_id())[:100],
        subject=_storable(key)[:100] if key is not None else None,
        payload=_storable(payload.decode("utf-8", "replace")),
        error=type(error).__name__,
        detail=_storable(str(error))[:DETAIL_LIMIT],
        attempts=1,
        created_at=service.now(),
    )
    with service.database.transaction() as session:
        session.add(letter)
    return letter


def _storable(text: str) -> str:
    """Replace what PostgreSQL or UTF-8 can't hold: U+0000 and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def listed(
    session: Session,
    tenant_id: str | None,
    *,
    state: str = "dead",
    limit: int = 100,
    unproven: bool = True,
) -> list[DeadLetter]:
    """Return dead letters, oldest first; of every tenant if ``tenant_id`` is None.

    Without ``unproven``, what came from outside and proved no tenant is left out.
    """
    query = select(DeadLetter).where(DeadLetter.state == state)
    if not unproven:
        query = query.where(
            or_(DeadLetter.group != FOREIGN, col(DeadLetter.tenant_id).is_not(None))
        )
    if tenant_id is not None:
        query = query.where(DeadLetter.tenant_id == tenant_id)
    return list(session.exec(query.order_by(col(DeadLetter.id)).limit(limit)))


def find(
    session: Session, letter_id: str, tenant_id: str | None, *, lock: bool = False
) -> DeadLetter:
    """Return one dead letter of the tenant (any tenant's if None), or raise ``NotFoundError``."""
    letter = session.get(DeadLetter, letter_id, with_for_update=lock)
    if letter is None or (tenant_id is not None and letter.tenant_id != tenant_id):
        raise NotFoundError("dead letter", letter_id)
    return letter


def payload_of(letter: DeadLetter) -> dict[str, Any] | None:
    """Return the buried message as JSON, or None if it is not even that."""
    try:
        value = json.loads(letter.payload)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def replay(service: "Service", letter_id: str, tenant_id: str | None) -> DeadLetter:
    """Bring a dead letter back under its old id.

    Its mark changes first, then it is handed to the transport, then the letter is marked: after a
    crash in between it is still listed and can be replayed again, which the mark makes harmless.
    What a stage has ended when it gave up begins anew instead (``Group.replays``).

    Raises
    ------
    NotFoundError
        If the tenant has no such letter.
    PoisonError
        If it was never an event of this service and is refused as a submission again.
    TransientError
        If it can't be taken in now.
    """
    with service.database.reading() as session:
        letter = find(session, letter_id, tenant_id)
        row = session.get(JournalRow, letter.event_id[:36])
    # A message from outside chose its id itself: it is never looked up in the journal.
    if letter.group != FOREIGN and row is not None:
        _deliver_again(service, letter.group, event_of(row))
    else:
        _take_in_again(service, letter)
    with service.database.transaction() as session:
        letter = find(session, letter_id, tenant_id)
        letter.state, letter.replayed_at = "replayed", service.now()
    return letter


def _deliver_again(service: "Service", group_name: str, event: Event) -> None:
    group = next((each for each in service.groups if each.name == group_name), None)
    with service.database.transaction() as session:
        mark = session.get(Handled, (group_name, event.id), with_for_update=True)
        told = mark is not None and mark.outcome == "given_up"
        anew = group.replays.get(event.type) if group is not None and told else None
        if anew is None and mark is not None and mark.outcome in {"dead", "given_up"}:
            mark.outcome, mark.at = "replayed", service.now()
    if anew is not None:
        anew(service, event)
    else:
        service.transport.redeliver(group_name, event)


def _take_in_again(service: "Service", letter: DeadLetter) -> None:
    from scanner.bus import dispatch, intake  # they bury here

    verdict = intake.take_in(service, letter.payload.encode(), 0, letter.created_at)
    if not isinstance(verdict, dispatch.Finished):
        raise TransientError("the message can't be taken in just now: replay it later")
    if verdict.outcome != dispatch.DONE:
        raise PoisonError("the message was refused again: look at the newest dead letter")
