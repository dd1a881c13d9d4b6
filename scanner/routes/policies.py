"""HTTP resources for packs of rules: kept, tested, proposed, approved, rehearsed, put in force."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from scanner import cursors, pack_checks, policies, policy_views, schemas
from scanner.backtests import Backtest
from scanner.dependencies import (
    ApprovedPolicy,
    Cursor,
    IfMatch,
    InsiderDep,
    Limit,
    OnceDep,
    PolicyApprover,
    PolicyWriter,
    ReadablePolicy,
    ServiceDep,
    WrittenPolicy,
    etag,
)
from scanner.problems import problems
from scanner.pseudonyms import told
from scanner.replays import Answer, Once, identity_of
from scanner.rollouts import id_of
from scanner.routing import Route
from scanner.service import Service
from scanner.tables import PolicyPack

router = APIRouter(prefix="/v1/policies", tags=["policy"], route_class=Route)

_POSTED: Any = (
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
)
_MOVED: Any = (
    "not-found",
    "in-progress",
    "idempotency-conflict",
    "illegal-transition",
    "precondition-failed",
    "precondition-required",
)


@router.get(
    "",
    response_model=schemas.Policies,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_policies(
    caller: InsiderDep, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List the platform's packs of rules, newest first; one of them is active."""
    before: Any = cursors.decode("policies", cursor, datetime, str)
    service.packs.ensure(service, caller.tenant_id)
    with service.database.reading() as session:
        found = policies.listed(session, caller.tenant_id, limit=limit + 1, before=before)
    page = found[:limit]
    more = len(found) > limit
    next_cursor = cursors.encode("policies", page[-1].created_at, page[-1].id) if more else None
    return {"items": [_described(service, each) for each in page], "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=schemas.PolicyAnswer,
    responses=problems(*_POSTED, "pack-refused"),
)
def add_policy(
    request: Request,
    caller: PolicyWriter,
    once: OnceDep,
    wanted: schemas.PackAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Keep a pack as a draft; of the same content there is one. Needs the scope `policies:write`."""

    def work() -> Answer:
        row = policies.add(service, caller, wanted.text)
        location = {"Location": f"/v1/policies/{id_of(row)}"}
        return Answer(201, _described(service, row), etag(row.version) | location)

    return once.answer(_identity(request, wanted), work)


@router.post(
    "/rollback",
    response_model=schemas.PolicyAnswer,
    responses=problems(*_POSTED, "conflict"),
)
def roll_back(
    request: Request,
    caller: PolicyApprover,
    once: OnceDep,
    wanted: schemas.PolicyRollback,
    service: ServiceDep,
) -> JSONResponse:
    """End the canary, or put the pack before the active one back. Needs `policies:approve`.

    The answer is the pack that decides every track from now on.
    """

    def work() -> Answer:
        row = policies.rollback(service, caller, wanted.reason, wanted.undone)
        return Answer(200, _described(service, row), etag(row.version))

    return once.answer(_identity(request, wanted), work)


@router.get(
    "/{policy_id}",
    response_model=schemas.PolicyWhole,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_policy(pack: ReadablePolicy, service: ServiceDep, response: Response) -> dict[str, Any]:
    """One pack: its text, when it was in force or rehearsed, and where it differed."""
    response.headers.update(etag(pack.version))
    with service.database.reading() as session:
        return told(service, session, pack.tenant_id, policy_views.whole(session, pack))


@router.post(
    "/{policy_id}/test",
    response_model=schemas.CaseResults,
    responses=problems(
        "not-found", "busy", "pack-refused", "unavailable", "in-progress", "idempotency-conflict"
    ),
)
def run_policy_tests(
    request: Request, pack: WrittenPolicy, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Run a pack's own tests and the linter; nothing changes. Needs the scope `policies:write`.

    They run in a process of their own and are ended after `CLEARANCE_PACK_SECONDS`: `pack-refused`.
    """

    def work() -> Answer:
        return Answer(200, policy_views.tested(pack, pack_checks.run_cases(service, pack.text)))

    return once.answer(_identity(request, None), work)


@router.post(
    "/{policy_id}/backtest",
    response_model=schemas.BacktestAnswer,
    responses=problems("not-found", "busy", "pack-refused", "unavailable", *_POSTED),
)
def backtest_policy(
    request: Request,
    pack: WrittenPolicy,
    caller: PolicyWriter,
    once: OnceDep,
    wanted: schemas.BacktestAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Replay stored facts through a pack; nothing changes. Needs the scope `policies:write`.

    It ends after `CLEARANCE_PACK_SECONDS` with what was replayed so far, and `more` is true.
    """

    def work() -> Answer:
        with service.database.reading() as session:
            compiled = service.packs.compiled(session, pack.id)
        backtest = Backtest(service, caller.tenant_id, compiled, wanted.since, wanted.limit)
        with service.pack_slots:
            replayed = backtest.run_apart(pack.text, service.settings.pack_seconds)
            bounded = backtest.stopped or replayed == wanted.limit
            more = bounded and backtest.all() > replayed
        return Answer(200, backtest.to_json() | {"more": more})

    return once.answer(_identity(request, wanted), work)


@router.post(
    "/{policy_id}/propose",
    response_model=schemas.PolicyAnswer,
    responses=problems(*_MOVED, "pack-refused", "busy", "unavailable"),
)
def propose_policy(
    request: Request,
    pack: WrittenPolicy,
    caller: PolicyWriter,
    precondition: IfMatch,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Ask for a second person's approval. Needs the scope `policies:write`.

    A pack whose tests fail, or in which the linter finds something, is refused.
    """
    version = precondition.check(pack.version)
    return _moved(
        request,
        once,
        lambda: policies.propose(service, caller, pack, expected_version=version),
    )


@router.post(
    "/{policy_id}/approve", response_model=schemas.PolicyAnswer, responses=problems(*_MOVED)
)
def approve_policy(
    request: Request,
    pack: ApprovedPolicy,
    caller: PolicyApprover,
    precondition: IfMatch,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Approve what another key proposed. Needs the scope `policies:approve`."""
    version = precondition.check(pack.version)
    return _moved(
        request,
        once,
        lambda: policies.approve(service, caller, pack, expected_version=version),
    )


@router.post(
    "/{policy_id}/reject",
    response_model=schemas.PolicyAnswer,
    responses=problems(*_MOVED, *_POSTED[:3]),
)
def reject_policy(
    request: Request,
    pack: ApprovedPolicy,
    caller: PolicyApprover,
    precondition: IfMatch,
    once: OnceDep,
    wanted: schemas.PolicyReason,
    service: ServiceDep,
) -> JSONResponse:
    """Send a proposal back. Needs the scope `policies:approve`."""
    version = precondition.check(pack.version)
    return _moved(
        request,
        once,
        lambda: policies.reject(service, caller, pack, wanted.reason, expected_version=version),
        wanted,
    )


@router.post(
    "/{policy_id}/shadow",
    response_model=schemas.PolicyAnswer,
    responses=problems(*_MOVED, "conflict"),
)
def shadow_policy(
    request: Request,
    pack: ApprovedPolicy,
    caller: PolicyApprover,
    precondition: IfMatch,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Run a pack beside the live one, without effect. Needs the scope `policies:approve`."""
    version = precondition.check(pack.version)
    return _moved(
        request,
        once,
        lambda: policies.shadow(service, caller, pack, expected_version=version),
    )


@router.post(
    "/{policy_id}/activate",
    response_model=schemas.PolicyAnswer,
    responses=problems(*_MOVED, *_POSTED[:3], "conflict"),
)
def activate_policy(
    request: Request,
    pack: ApprovedPolicy,
    caller: PolicyApprover,
    precondition: IfMatch,
    once: OnceDep,
    wanted: schemas.PackActivated,
    service: ServiceDep,
) -> JSONResponse:
    """Let a pack decide all tracks, or a share of them. Needs the scope `policies:approve`."""
    version = precondition.check(pack.version)
    return _moved(
        request,
        once,
        lambda: policies.activate(service, caller, pack, wanted.share, expected_version=version),
        wanted,
    )


@router.post(
    "/{policy_id}/retire",
    response_model=schemas.PolicyAnswer,
    responses=problems(*_MOVED, *_POSTED[:3]),
)
def retire_policy(
    request: Request,
    pack: ApprovedPolicy,
    caller: PolicyApprover,
    precondition: IfMatch,
    once: OnceDep,
    wanted: schemas.PolicyReason,
    service: ServiceDep,
) -> JSONResponse:
    """End a rehearsal, or put an approved pack away. Needs the scope `policies:approve`."""
    version = precondition.check(pack.version)
    return _moved(
        request,
        once,
        lambda: policies.retire(service, caller, pack, wanted.reason, expected_version=version),
        wanted,
    )


def _moved(
    request: Request,
    once: Once,
    move: Callable[[], PolicyPack],
    wanted: BaseModel | None = None,
) -> JSONResponse:
    def work() -> Answer:
        row = move()
        return Answer(200, _described(once.service, row), etag(row.version))

    return once.answer(_identity(request, wanted), work)


def _described(service: Service, row: PolicyPack) -> dict[str, Any]:
    """Return a pack as everybody may see it: who of the staff had to do with it, by pseudonym."""
    with service.database.reading() as session:
        return told(service, session, row.tenant_id, policy_views.described(row))


def _identity(request: Request, wanted: BaseModel | None) -> str:
    body = wanted.model_dump_json().encode() if wanted is not None else b""
    return identity_of(request.url.path, body)
