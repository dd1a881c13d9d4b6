"""HTTP resources for working on cases: take, renew, give back, ask, decide, take back, check, open again."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from appeals.tables import Case
from scanner import (
    bulk_verdicts,
    case_effects,
    case_views,
    cases,
    golden_cases,
    hearings,
    schemas,
    second_reviews,
    verdicts,
)
from scanner.callers import Caller
from scanner.dependencies import (
    CasesDecider,
    ContestedCase,
    Contester,
    DecidedCase,
    OnceDep,
    ServiceDep,
    etag,
)
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.routing import Route
from scanner.service import Service
from scanner.verdicts import Verdict

router = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=Route)

_POSTED: Any = (
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
)
_MOVED: Any = problems("not-found", *_POSTED, "illegal-transition")


@router.post("/next/lease", response_model=schemas.CaseTaken, responses=problems(*_POSTED))
def lease_next_case(
    request: Request,
    caller: CasesDecider,
    once: OnceDep,
    wanted: schemas.NextAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Take the most pressing case that you may take, for ten minutes. Needs `cases:decide`."""

    def work() -> Answer:
        case = cases.lease_next(service, caller, wanted.kind)
        return Answer(200, {"case": None if case is None else _view(service, caller, case)})

    return once.answer(_identity(request, wanted), work)


@router.post("/bulk", response_model=schemas.BulkAnswer, responses=_MOVED)
def decide_cases(
    request: Request,
    caller: CasesDecider,
    once: OnceDep,
    wanted: schemas.BulkAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Decide cases about the same recording alike; with `dry_run` show them. Needs `cases:decide`.

    Five of them, or all if they are fewer, are to be heard first: `POST /v1/cases/{id}/heard`.
    """

    def work() -> Answer:
        found = bulk_verdicts.duplicates(service, caller, wanted.case_id, wanted.by)
        results: list[dict[str, Any]] = []
        if not wanted.dry_run:
            verdict = _verdict(wanted)
            results = bulk_verdicts.decide(
                service, caller, wanted.case_id, wanted.by, wanted.case_ids, verdict
            )
        return Answer(200, found.to_json() | {"results": results})

    return once.answer(_identity(request, wanted), work)


@router.post(
    "/golden",
    status_code=201,
    response_model=schemas.CaseAnswer,
    responses=_MOVED,
)
def add_golden_case(
    request: Request,
    caller: CasesDecider,
    once: OnceDep,
    wanted: schemas.GoldenAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Put up a closed case once more whose answer is known. Needs `cases:decide`, of an appeals officer."""

    def work() -> Answer:
        case = golden_cases.add(service, caller, wanted.case_id, wanted.verdict)
        location = {"Location": f"/v1/cases/{case.id}"}
        return Answer(201, _view(service, caller, case), etag(case.version) | location)

    return once.answer(_identity(request, wanted), work)


@router.post("/{case_id}/lease", response_model=schemas.CaseAnswer, responses=_MOVED)
def lease_case(
    request: Request, case: DecidedCase, caller: CasesDecider, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Take a case for ten minutes, or hold it for ten more. Needs `cases:decide`."""
    return _moved(request, service, caller, once, lambda: cases.lease(service, caller, case.id))


@router.post("/{case_id}/heard", response_model=schemas.CaseAnswer, responses=_MOVED)
def hear_case(
    request: Request, case: DecidedCase, caller: CasesDecider, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Say that you listened to a case that you hold: a bulk verdict needs it. Needs `cases:decide`."""

    def heard() -> Case:
        hearings.hear(service, caller, case.id)
        with service.database.reading() as session:
            return session.get_one(Case, case.id)

    return _moved(request, service, caller, once, heard)


@router.post("/{case_id}/release", response_model=schemas.CaseAnswer, responses=_MOVED)
def release_case(
    request: Request, case: DecidedCase, caller: CasesDecider, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Give a case back. Needs `cases:decide`."""
    return _moved(request, service, caller, once, lambda: cases.release(service, caller, case.id))


@router.post("/{case_id}/escalate", response_model=schemas.CaseAnswer, responses=_MOVED)
def escalate_case(
    request: Request,
    case: DecidedCase,
    caller: CasesDecider,
    once: OnceDep,
    wanted: schemas.CaseText,
    service: ServiceDep,
) -> JSONResponse:
    """Pass a case up to an appeals officer. Needs `cases:decide`."""
    return _moved(
        request,
        service,
        caller,
        once,
        lambda: cases.escalate(service, caller, case.id, wanted.text),
        wanted,
    )


@router.post("/{case_id}/ask", response_model=schemas.CaseAnswer, responses=_MOVED)
def ask_about_case(
    request: Request,
    case: DecidedCase,
    caller: CasesDecider,
    once: OnceDep,
    wanted: schemas.CaseText,
    service: ServiceDep,
) -> JSONResponse:
    """Ask whom a case affects; it waits a week for the answer. Needs `cases:decide`."""
    return _moved(
        request,
        service,
        caller,
        once,
        lambda: cases.ask(service, caller, case.id, wanted.text),
        wanted,
    )


@router.post("/{case_id}/answer", response_model=schemas.CaseAnswer, responses=_MOVED)
def answer_case(
    request: Request,
    case: ContestedCase,
    caller: Contester,
    once: OnceDep,
    wanted: schemas.CaseText,
    service: ServiceDep,
) -> JSONResponse:
    """Answer what was asked, as the creator or the platform for them. Needs `contest:write`."""
    return _moved(
        request,
        service,
        caller,
        once,
        lambda: cases.answer(service, caller, case.id, wanted.text),
        wanted,
    )


@router.post(
    "/{case_id}/notes", status_code=201, response_model=schemas.NoteAnswer, responses=_MOVED
)
def note_case(
    request: Request,
    case: DecidedCase,
    caller: CasesDecider,
    once: OnceDep,
    wanted: schemas.CaseText,
    service: ServiceDep,
) -> JSONResponse:
    """Write an internal note, which holds the case for longer. Needs `cases:decide`."""

    def work() -> Answer:
        row = cases.note(service, caller, case.id, wanted.text)
        return Answer(201, case_views.note(service, caller, row))

    return once.answer(_identity(request, wanted), work)


@router.post("/{case_id}/preview", response_model=schemas.PreviewAnswer, responses=_MOVED)
def preview_verdict(
    case: DecidedCase, caller: CasesDecider, wanted: schemas.VerdictAsked, service: ServiceDep
) -> dict[str, Any]:
    """Show what a verdict would tell whom it affects; nothing is decided. Needs `cases:decide`."""
    return case_effects.previewed(service, caller, case.id, _verdict(wanted))


@router.post("/{case_id}/verdict", response_model=schemas.CaseAnswer, responses=_MOVED)
def decide_case(
    request: Request,
    case: DecidedCase,
    caller: CasesDecider,
    once: OnceDep,
    wanted: schemas.VerdictAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Decide a case that you hold, or check the verdict of another unseen. Needs `cases:decide`."""
    second = case.state == "second_review"
    decide = second_reviews.answer if second else verdicts.decide
    return _moved(
        request,
        service,
        caller,
        once,
        lambda: decide(service, caller, case.id, _verdict(wanted)),
        wanted,
    )


@router.post("/{case_id}/undo", response_model=schemas.CaseAnswer, responses=_MOVED)
def undo_verdict(
    request: Request, case: DecidedCase, caller: CasesDecider, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Take your verdict back before it takes effect. Needs `cases:decide`."""
    return _moved(request, service, caller, once, lambda: verdicts.undo(service, caller, case.id))


@router.post("/{case_id}/second-opinion", response_model=schemas.CaseAnswer, responses=_MOVED)
def ask_second_opinion(
    request: Request, case: DecidedCase, caller: CasesDecider, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Let somebody else decide as well before your verdict takes effect. Needs `cases:decide`."""
    return _moved(
        request, service, caller, once, lambda: second_reviews.ask(service, caller, case.id)
    )


@router.post("/{case_id}/reopen", response_model=schemas.CaseAnswer, responses=_MOVED)
def reopen_case(
    request: Request,
    case: DecidedCase,
    caller: CasesDecider,
    once: OnceDep,
    wanted: schemas.CaseText,
    service: ServiceDep,
) -> JSONResponse:
    """Open a closed case again on new facts. Needs `cases:decide`, of an appeals officer."""
    return _moved(
        request,
        service,
        caller,
        once,
        lambda: cases.reopen(service, caller, case.id, wanted.text),
        wanted,
    )


def _moved(
    request: Request,
    service: Service,
    caller: Caller,
    once: Once,
    move: Callable[[], Case],
    wanted: BaseModel | None = None,
) -> JSONResponse:
    def work() -> Answer:
        case = move()
        return Answer(200, _view(service, caller, case), etag(case.version))

    return once.answer(_identity(request, wanted), work)


def _view(service: Service, caller: Caller, case: Case) -> dict[str, Any]:
    with service.database.reading() as session:
        return case_views.shown(service, session, caller, case)


def _verdict(wanted: schemas.VerdictAsked) -> Verdict:
    return Verdict(
        wanted.verdict,
        wanted.reason,
        wanted.text,
        tuple(wanted.territories),
        tuple(wanted.restrictions),
        dict(wanted.matches),
        wanted.remedy,
        wanted.misuse,
    )


def _identity(request: Request, wanted: BaseModel | None) -> str:
    body = b"" if wanted is None else wanted.model_dump_json().encode()
    return identity_of(request.url.path, body)
