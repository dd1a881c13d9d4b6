"""HTTP resources of what is kept about an account: all of it, erased, looked at by a person."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from scanner import blob_answers, case_views, decision_replays, human_review, schemas
from scanner.blob_answers import ArchiveResponse
from scanner.dependencies import (
    IfMatch,
    OnceDep,
    Operator,
    ReadableTrack,
    ServiceDep,
    TracksWriter,
    WritableTrack,
    etag,
)
from scanner.errors import NotFoundError
from scanner.privacy import erasure, export
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.tables import Account

router = APIRouter(route_class=Route)
MAX_NAME = 200


def own_account(
    caller: Operator,
    service: ServiceDep,
    account: Annotated[str, Path(description="Your own name for the account.")],
) -> Account:
    """Return the caller's account in the path."""
    if len(account) > MAX_NAME or "\x00" in account:
        raise NotFoundError("account", "of this name")
    with service.database.reading() as session:
        try:
            return erasure.find(session, caller.tenant_id, account)
        except NotFoundError:
            raise NotFoundError("account", "of this name") from None


OwnAccount = Annotated[Account, Depends(own_account)]


@router.get(
    "/v1/accounts/{account}",
    tags=["accounts"],
    response_model=schemas.AccountAnswer,
    responses=problems("not-found"),
)
def read_account(account: OwnAccount, service: ServiceDep, response: Response) -> dict[str, Any]:
    """One account and the legal holds on it and its tracks. Needs the scope `operations`."""
    with service.database.reading() as session:
        shown = erasure.describe(session, account, service.now())
    response.headers.update(etag(shown["version"]))
    return shown


@router.get(
    "/v1/accounts/{account}/data",
    tags=["accounts"],
    response_class=ArchiveResponse,
    responses=problems(
        "not-found",
        also={
            200: {
                "description": "A ZIP file: JSON by table, the journal, the audio, a README.",
                "content": {"application/zip": blob_answers.BINARY},
            }
        },
    ),
)
def read_account_data(account: OwnAccount, service: ServiceDep) -> Response:
    """Everything that is kept about an account (GDPR-15/20). Needs the scope `operations`."""
    headers = {
        "Content-Disposition": f'attachment; filename="account-{account.id}.zip"',
        "Cache-Control": "private, no-store",
    }
    return ArchiveResponse(export.archive(service, account), headers=headers)


@router.delete(
    "/v1/accounts/{account}",
    tags=["accounts"],
    response_model=schemas.ErasedAnswer,
    responses=problems("not-found", "precondition-required", "precondition-failed", "legal-hold"),
)
def erase_account(
    account: OwnAccount, precondition: IfMatch, caller: Operator, service: ServiceDep
) -> dict[str, Any]:
    """Erase an account and what is kept of it (GDPR-17); it can't be undone. Needs `operations`.

    Its tracks are withdrawn, bytes go with their last holder, and personal fields of the journal
    become unreadable while its chain stays whole. A legal hold is told with its basis and its end.
    """
    with service.database.reading() as session:
        expected = precondition.check(erasure.version_of(session, account))
    done = erasure.erase_account(service, caller, account.external_id, expected_version=expected)
    return {"id": account.id, "erased_at": done.at.isoformat()}


@router.post(
    "/v1/tracks/{track_id}/human-review",
    tags=["tracks"],
    status_code=202,
    response_model=schemas.CaseAnswer,
    response_model_exclude_unset=True,
    responses=problems(
        "not-found",
        "illegal-transition",
        "malformed-json",
        "unsupported-media-type",
        "bad-fields",
        "in-progress",
        "idempotency-conflict",
        "conflict",
    ),
)
def ask_for_a_person(
    request: Request,
    track: WritableTrack,
    caller: TracksWriter,
    service: ServiceDep,
    once: OnceDep,
    asked: schemas.HumanReviewAsked | None = None,
) -> JSONResponse:
    """Put a restriction that rules alone decided before a person (GDPR-22). Needs `tracks:write`.

    The effect stays as it is meanwhile. Only one such case is open: who asks again gets it.
    """
    wanted = asked or schemas.HumanReviewAsked()

    def work() -> Answer:
        case = human_review.ask(service, caller, track.id, wanted.statement)
        location = {"Location": f"/v1/cases/{case.id}"}
        with service.database.reading() as session:
            shown = case_views.shown(service, session, caller, case)
        return Answer(202, shown, etag(case.version) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "/v1/tracks/{track_id}/decision/replay",
    tags=["tracks"],
    response_model=schemas.ReplayAnswer,
    responses=problems("not-found", "erased"),
)
def replay_decision(track: ReadableTrack, service: ServiceDep) -> dict[str, Any]:
    """Make the decision again from its stored facts. Needs the scope `tracks:read`."""
    return decision_replays.replay(service, track).to_json()
