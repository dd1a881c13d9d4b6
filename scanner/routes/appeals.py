"""HTTP resources of appeals: filed by whom a decision hit, decided by an officer without a part in it."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlmodel import Session, select

from scanner import appeal_outcomes, appealing, cursors
from scanner.callers import Caller
from scanner.dependencies import (
    CallerDep,
    Cursor,
    IdempotencyKey,
    Limit,
    ServiceDep,
    Visitor,
    etag,
    is_id,
)
from scanner.errors import ForbiddenError, NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.rights_callers import FILE_BODY, FILED, ContestWriter, received
from scanner.routing import Route
from scanner.schemas import appeals as shapes
from scanner.schemas.rights import EvidenceAnswer
from scanner.service import Service
from scanner.tables import Appeal, Evidence, Notice

router = APIRouter(prefix="/v1/appeals", tags=["appeals"], route_class=Route)

AppealId = Annotated[str, Path(description="The appeal's id.")]


def read_id(caller: CallerDep, service: ServiceDep, appeal_id: AppealId) -> str:
    """Return the id of an appeal that the caller may see."""
    _may_read(caller)
    found(service, caller, appeal_id)
    return appeal_id


def partys_id(visitor: Visitor, service: ServiceDep, appeal_id: AppealId) -> str:
    """Return the id of an appeal for a party; by a link, the token has to fit later."""
    if visitor is not None:
        visitor.require("contest:write")
        found(service, visitor, appeal_id)
    elif not is_id(appeal_id):
        raise NotFoundError("appeal", "of this id")
    return appeal_id


def filer(visitor: Visitor) -> Caller | None:
    """Return who files: a key that may contest, or whoever will show a link's token."""
    if visitor is not None:
        visitor.require("contest:write")
    return visitor


Filer = Annotated[Caller | None, Depends(filer)]
ReadId = Annotated[str, Depends(read_id)]
PartysId = Annotated[str, Depends(partys_id)]
POSTED: Any = (
    "not-found",
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
    "illegal-transition",
)


@router.get(
    "",
    response_model=shapes.Appeals,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_appeals(
    caller: CallerDep,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[shapes.AppealState | None, Query(description="Only those.")] = None,
    subject_kind: Annotated[str | None, Query(max_length=20, description="Only those.")] = None,
) -> dict[str, Any]:
    """List the appeals that you may see, newest first. Needs `contest:read` or `cases:read`."""
    _may_read(caller)
    (before,) = cursors.decode("appeals", cursor, str) or (None,)
    with service.database.reading() as session:
        found = appealing.listed(
            session,
            caller,
            limit=limit + 1,
            before=before,
            state=state,
            subject_kind=subject_kind,
        )
    page = found[:limit]
    next_cursor = cursors.encode("appeals", page[-1].id) if len(found) > limit else None
    return {"items": [shown(each, caller) for each in page], "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED, "account-suspended"),
)
def file_appeal(
    request: Request,
    visitor: Filer,
    key: IdempotencyKey,
    wanted: shapes.AppealAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Appeal a decision, an upheld claim, what was left of your notice, a strike or a sanction: free (DSA-20).

    Needs `contest:write`; the sender of a notice, or a notifier who is warned or suspended, sends without a key the `token` of their link.
    """
    kind, subject_id = wanted.subject()
    copy = wanted.track if kind == "copy" else None
    asked = appealing.AppealAsked(
        kind, subject_id, wanted.reason, wanted.evidence, wanted.token, copy
    )
    tenant_id = _writing(service, visitor, lambda session: session.get(Notice, subject_id))

    def work() -> Answer:
        row = appealing.file(service, visitor, asked)
        location = {"Location": f"/v1/appeals/{row.id}"}
        return Answer(201, shown(row, visitor), etag(row.version) | location)

    return _once(service, request, key, tenant_id, wanted, work)


@router.get(
    "/{appeal_id}",
    response_model=shapes.AppealWhole,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_appeal(
    appeal_id: ReadId, caller: CallerDep, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """One appeal, with what was said. Needs `contest:read` or `cases:read`."""
    with service.database.reading() as session:
        row = appealing.find(session, caller, appeal_id)
        said = appealing.conversation(session, row, internal=caller.user_id is not None)
        evidence = session.exec(
            select(Evidence)
            .where(Evidence.matter_kind == "appeal", Evidence.matter_id == row.id)
            .order_by(Evidence.id)
        ).all()
    response.headers.update(etag(row.version))
    return shown(row, caller) | {
        "messages": [
            {
                "id": each.id,
                "kind": each.kind,
                "by": each.by_kind,
                "text": each.text,
                "internal": each.internal,
                "created_at": each.created_at.isoformat(),
            }
            for each in said
        ],
        "evidence": [_evidence(each) for each in evidence],
        "bodies": [dict(each) for each in appeal_outcomes.bodies(service)],
    }


@router.post(
    "/{appeal_id}/withdrawal",
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def withdraw_appeal(
    request: Request,
    appeal_id: PartysId,
    visitor: Visitor,
    key: IdempotencyKey,
    wanted: shapes.ByToken,
    service: ServiceDep,
) -> JSONResponse:
    """Take an appeal back. Needs `contest:write`, or the `token` of the link."""
    return _by_party(
        service,
        request,
        visitor,
        key,
        appeal_id,
        wanted,
        lambda: appealing.withdraw(service, visitor, appeal_id, wanted.token),
    )


@router.post(
    "/{appeal_id}/messages",
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def say(
    request: Request,
    appeal_id: PartysId,
    visitor: Visitor,
    key: IdempotencyKey,
    wanted: shapes.Said,
    service: ServiceDep,
) -> JSONResponse:
    """Answer a question, or say something; a holder speaks for their claim. Needs `contest:write`."""

    def work() -> Appeal:
        appealing.say(service, visitor, appeal_id, wanted.text, wanted.token)
        with service.database.reading() as session:
            return session.get_one(Appeal, appeal_id)

    return _by_party(service, request, visitor, key, appeal_id, wanted, work)


@router.post(
    "/{appeal_id}/evidence",
    status_code=201,
    response_model=shapes.EvidenceKept,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def add_evidence(
    request: Request,
    appeal_id: PartysId,
    visitor: Visitor,
    key: IdempotencyKey,
    wanted: shapes.EvidenceAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Put a text forward, until it is decided. Needs `contest:write`, or the `token` of the link."""
    tenant_id = _writing(service, visitor, lambda session: session.get(Appeal, appeal_id))

    def work() -> Answer:
        row = appealing.add_evidence(
            service, visitor, appeal_id, wanted.name, wanted.text, wanted.token
        )
        return Answer(201, _evidence(row))

    return _once(service, request, key, tenant_id, wanted, work)


@router.post(
    "/{appeal_id}/files",
    status_code=201,
    response_model=EvidenceAnswer,
    responses=problems(*FILED, "illegal-transition"),
    openapi_extra={"requestBody": FILE_BODY},
)
async def add_file(
    request: Request, caller: ContestWriter, service: ServiceDep, appeal_id: AppealId
) -> JSONResponse:
    """Put a file forward: PDF, image, text or audio, 10 MiB at most. Needs `contest:write`."""
    if not is_id(appeal_id):
        raise NotFoundError("appeal", "of this id")
    with service.database.reading() as session:
        row = appealing.takes_files_of(session, caller, appeal_id)
    done = await received(request, service, caller, (Appeal.KIND, row.id))
    return JSONResponse(done.body, done.status)


@router.post(
    "/{appeal_id}/out-of-court",
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def go_out_of_court(
    request: Request,
    appeal_id: PartysId,
    visitor: Visitor,
    key: IdempotencyKey,
    wanted: shapes.OutOfCourtAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Say which certified body you went to (DSA-21). Needs `contest:write`, or the link's `token`."""

    def work() -> Appeal:
        return appeal_outcomes.go_out_of_court(
            service,
            visitor,
            appeal_id,
            wanted.body,
            body_case=wanted.body_case,
            complex_=wanted.complex,
            token=wanted.token,
        )

    return _by_party(service, request, visitor, key, appeal_id, wanted, work)


def shown(row: Appeal, caller: Caller | None) -> dict[str, Any]:
    """Return an appeal as JSON; staff are not named, and misuse is between whoever filed it and the platform."""
    same = ("id", "track_id", "filed_as", "state", "reason", "outcome", "outcome_kind")
    other = caller is None or "cases:read" not in caller.scopes
    of_body = ("body", "body_case", "body_outcome", "version", "left_seconds")
    return {
        **{name: getattr(row, name) for name in (*same, *of_body)},
        "misuse": None if other else row.misuse,
        "subject": {"kind": row.subject_kind, "id": row.subject_id},
        "mine": caller is not None and caller.user_id is not None and row.holder == caller.user_id,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "window_until": row.window_until.isoformat() if row.window_until else None,
        "created_at": row.created_at.isoformat(),
    }


def _evidence(row: Evidence) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
    }


def _may_read(caller: Caller) -> None:
    if not caller.scopes & {"contest:read", "cases:read"}:
        raise ForbiddenError("this key lacks the scopes contest:read and cases:read; one is needed")


def found(service: Service, caller: Caller, appeal_id: str) -> None:
    """Raise ``NotFoundError`` unless the caller may see such an appeal."""
    if not is_id(appeal_id):
        raise NotFoundError("appeal", "of this id")
    with service.database.reading() as session:
        appealing.find(session, caller, appeal_id)


def _writing(
    service: Service,
    visitor: Caller | None,
    find: Callable[[Session], Appeal | Notice | None],
) -> str:
    """Return whose tenant's it is: the key's or, by a link, that of what it leads to."""
    if visitor is not None:
        visitor.require("contest:write")
        return visitor.tenant_id
    with service.database.reading() as session:
        row = find(session)
    return row.tenant_id if row is not None else ""


def _by_party(
    service: Service,
    request: Request,
    visitor: Caller | None,
    key: str | None,
    appeal_id: str,
    wanted: BaseModel,
    move: Callable[[], Appeal],
) -> JSONResponse:
    tenant_id = _writing(service, visitor, lambda session: session.get(Appeal, appeal_id))
    return moved(service, request, visitor, key, tenant_id, wanted, move)


def moved(
    service: Service,
    request: Request,
    caller: Caller | None,
    key: str | None,
    tenant_id: str,
    wanted: BaseModel | None,
    move: Callable[[], Appeal],
) -> JSONResponse:
    """Move an appeal and answer with it as it is then."""

    def work() -> Answer:
        row = move()
        return Answer(200, shown(row, caller), etag(row.version))

    return _once(service, request, key, tenant_id, wanted, work)


def _once(
    service: Service,
    request: Request,
    key: str | None,
    tenant_id: str,
    wanted: BaseModel | None,
    work: Callable[[], Answer],
) -> JSONResponse:
    """Do it once for each Idempotency-Key; a link that leads nowhere has no place to keep one."""
    operation = f"{request.method} {request.scope['route'].path}"
    body = wanted.model_dump_json().encode() if wanted is not None else b""
    once = Once(service, tenant_id, key if tenant_id else None, operation)
    return once.answer(identity_of(request.url.path, body), work)
