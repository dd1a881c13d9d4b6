"""HTTP resources of statements of reasons: as fields, and in plain words."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from sqlmodel import Session

from scanner import measures, queues, sanctions, statements
from scanner.callers import Caller
from scanner.dependencies import ReadableTrack, ServiceDep, TracksReader, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.routes.sanctions import Reader
from scanner.routing import Route
from scanner.schemas import statements as shapes
from scanner.tables import StatementOfReasons, Track

router = APIRouter(prefix="/v1", tags=["statements"], route_class=Route)

Language = Annotated[
    Literal["en", "de", "fr", "es"], Query(description="Of the plain form; rules keep theirs.")
]


@router.get(
    "/tracks/{track_id}/statements",
    response_model=shapes.Statements,
    response_model_exclude_unset=True,
    responses=problems("not-found", "bad-fields"),
)
def list_statements(
    track: ReadableTrack, caller: TracksReader, service: ServiceDep, language: Language = "en"
) -> dict[str, Any]:
    """Why a track is or was restricted, newest first. Needs the scope `tracks:read`."""
    with service.database.reading() as session:
        _for(session, caller, track.id)
        found = statements.of_track(session, track.tenant_id, track.id)
    return {"items": [statements.describe(service, each, language) for each in found]}


@router.get(
    "/statements/{statement_id}",
    response_model=shapes.StatementAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found", "bad-fields"),
)
def read_statement(
    caller: TracksReader,
    service: ServiceDep,
    statement_id: Annotated[str, Path(description="The statement's id.")],
    language: Language = "en",
) -> dict[str, Any]:
    """One statement of reasons (DSA-17). Needs the scope `tracks:read`."""
    if not is_id(statement_id):
        raise NotFoundError("statement", "of this id")
    with service.database.reading() as session:
        found: StatementOfReasons = statements.find(session, caller.tenant_id, statement_id)
        _for(session, caller, found.track_id, found)
        queues.check_made(session, caller, found.track_id, service.now())
    return statements.describe(service, found, language)


@router.get(
    "/sanctions/{sanction_id}/statement",
    response_model=shapes.StatementAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found", "bad-fields"),
)
def read_sanction_statement(
    caller: Reader,
    service: ServiceDep,
    sanction_id: Annotated[str, Path(description="The sanction's id.")],
    language: Language = "en",
) -> dict[str, Any]:
    """Why somebody is suspended or ended (DSA-17). Needs `contest:read` or `cases:read`."""
    if not is_id(sanction_id):
        raise NotFoundError("sanction", "of this id")
    with service.database.reading() as session:
        row = sanctions.find(session, caller, sanction_id)
        found = measures.of_matter(session, row.tenant_id, "sanction", row.id)
    return statements.describe(service, found, language)


def _for(
    session: Session,
    caller: Caller,
    track_id: str | None,
    statement: StatementOfReasons | None = None,
) -> None:
    """See that a creator asks about a track of their own, or about what hits their account."""
    if statement is not None and statement.track_id is None:
        if caller.account_id not in {None, statement.party_id}:
            raise NotFoundError("statement", "of this id")
        return
    track = session.get(Track, track_id)
    if caller.account_id is not None and (track is None or track.account_id != caller.account_id):
        raise NotFoundError("statement", "of this id")
