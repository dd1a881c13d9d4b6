"""HTTP resources of letters: the inbox of platforms, creators, rights holders and staff."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Security

from scanner import cursors, inbox
from scanner.callers import Caller
from scanner.dependencies import Cursor, Holding, Limit, ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.routing import Route
from scanner.schemas import letters as shapes

router = APIRouter(prefix="/v1/letters", tags=["letters"], route_class=Route)

Reader = Annotated[Caller, Security(Holding("contest:read"))]
Writer = Annotated[Caller, Security(Holding("contest:write"))]
LetterId = Annotated[str, Path(description="The letter's id.")]
Word = Annotated[str | None, Query(max_length=64)]


@router.get(
    "",
    response_model=shapes.Letters,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_letters(
    caller: Reader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    recipient_kind: Word = None,
    recipient_id: Word = None,
    matter_id: Word = None,
    unread: Annotated[bool, Query(description="Only letters that nobody marked read.")] = False,
) -> dict[str, Any]:
    """List letters, newest first. Needs the scope `contest:read`.

    A platform gets all that were written for it; a creator, a rights holder and staff get their own.
    """
    (before,) = cursors.decode("letters", cursor, str) or (None,)
    with service.database.reading() as session:
        found = inbox.listed(
            session,
            caller,
            limit=limit + 1,
            before=before,
            unread=unread,
            recipient_kind=recipient_kind,
            recipient_id=recipient_id,
            matter_id=matter_id,
        )
    page = found[:limit]
    next_cursor = cursors.encode("letters", page[-1].id) if len(found) > limit else None
    return {"items": [inbox.describe(each) for each in page], "next_cursor": next_cursor}


@router.get(
    "/{letter_id}",
    response_model=shapes.LetterAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_letter(caller: Reader, service: ServiceDep, letter_id: LetterId) -> dict[str, Any]:
    """One letter. Needs the scope `contest:read`."""
    _check_id(letter_id)
    with service.database.reading() as session:
        return inbox.describe(inbox.find(session, caller, letter_id))


@router.post(
    "/{letter_id}/read",
    response_model=shapes.LetterAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def mark_letter_read(caller: Writer, service: ServiceDep, letter_id: LetterId) -> dict[str, Any]:
    """Mark a letter read; again is no error. Needs the scope `contest:write`."""
    _check_id(letter_id)
    return inbox.describe(inbox.mark_read(service, caller, letter_id))


def _check_id(letter_id: str) -> None:
    if not is_id(letter_id):
        raise NotFoundError("letter", "of this id")
