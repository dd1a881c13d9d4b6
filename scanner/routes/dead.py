"""HTTP resources for dead letters: events that a stage gave up on."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from sqlmodel import col, select

from scanner import cursors, schemas
from scanner.bus import dead_letter_ends, dead_letters
from scanner.dependencies import Cursor, Limit, OnceDep, Operator, OwnLetter, ServiceDep
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.tables import DeadLetter

router = APIRouter(prefix="/v1/dead", tags=["operations"], route_class=Route)


@router.get(
    "",
    response_model=schemas.DeadLetters,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_dead(
    caller: Operator,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[Literal["dead", "replayed"], Query()] = "dead",
) -> dict[str, Any]:
    """List dead letters, oldest first. Needs the scope `operations`."""
    query = select(DeadLetter).where(
        DeadLetter.tenant_id == caller.tenant_id, DeadLetter.state == state
    )
    if (after := cursors.decode("dead", cursor, str)) is not None:
        query = query.where(DeadLetter.id > after[0])
    with service.database.reading() as session:
        found = session.exec(query.order_by(col(DeadLetter.id)).limit(limit + 1)).all()
    page = found[:limit]
    next_cursor = cursors.encode("dead", page[-1].id) if len(found) > limit else None
    return {"items": [_shown(letter) for letter in page], "next_cursor": next_cursor}


@router.get(
    "/{letter_id}",
    response_model=schemas.DeadLetterWhole,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_dead(letter: OwnLetter) -> dict[str, Any]:
    """One dead letter with its message. Needs the scope `operations`."""
    return _shown(letter) | {"payload": dead_letters.payload_of(letter)}


@router.post(
    "/{letter_id}/replay",
    status_code=202,
    response_model=schemas.DeadLetterAnswer,
    responses=problems("not-found", "not-replayable", "in-progress", "idempotency-conflict"),
)
def replay(
    request: Request, letter: OwnLetter, caller: Operator, service: ServiceDep, once: OnceDep
) -> JSONResponse:
    """Bring an event back under its old id. Needs the scope `operations`."""

    def work() -> Answer:
        return Answer(202, _shown(dead_letters.replay(service, letter.id, caller.tenant_id)))

    return once.answer(identity_of(request.url.path, b""), work)


@router.delete(
    "/{letter_id}",
    status_code=204,
    responses=problems("not-found", "bad-fields", "conflict"),
)
def drop(
    letter: OwnLetter,
    caller: Operator,
    service: ServiceDep,
    reason: Annotated[
        str,
        Query(
            min_length=1,
            max_length=500,
            pattern=r"\S",
            description="Why; the audit trail keeps it.",
        ),
    ],
) -> None:
    """Put a dead letter away for good. Needs the scope `operations`."""
    dead_letter_ends.drop(service, letter.id, caller.tenant_id, reason, caller.actor)


def _shown(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "group": letter.group,
        "topic": letter.topic,
        "event_id": letter.event_id,
        "subject": letter.subject,
        "error": letter.error,
        "detail": letter.detail,
        "attempts": letter.attempts,
        "state": letter.state,
        "created_at": letter.created_at.isoformat(),
        "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else None,
    }
