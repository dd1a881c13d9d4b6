"""HTTP resources of the officer who decides an appeal (DSA-20, DSA-21)."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from scanner import appeal_outcomes, appealing
from scanner.appeal_parts import AppealDecision, Exclusion
from scanner.callers import Caller
from scanner.dependencies import Holding, IdempotencyKey, ServiceDep
from scanner.problems import problems
from scanner.routes.appeals import POSTED, AppealId, found, moved
from scanner.routing import Route
from scanner.schemas import appeals as shapes
from scanner.service import Service
from scanner.tables import Appeal

router = APIRouter(prefix="/v1/appeals", tags=["appeals"], route_class=Route)

Officer = Annotated[Caller, Security(Holding("cases:decide"))]


def officers_id(caller: Officer, service: ServiceDep, appeal_id: AppealId) -> str:
    """Return the id of an appeal for an officer."""
    found(service, caller, appeal_id)
    return appeal_id


OfficersId = Annotated[str, Depends(officers_id)]


@router.post(
    "/{appeal_id}/assign",
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def assign_appeal(
    request: Request,
    appeal_id: OfficersId,
    caller: Officer,
    key: IdempotencyKey,
    service: ServiceDep,
) -> JSONResponse:
    """Take an appeal on, if you had no part in what it is about. Needs `cases:decide`."""
    return _by_officer(
        service,
        request,
        caller,
        key,
        appeal_id,
        None,
        lambda: appealing.assign(service, caller, appeal_id),
    )


@router.post(
    "/{appeal_id}/hand-over",
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def hand_over_appeal(
    request: Request,
    appeal_id: OfficersId,
    caller: Officer,
    key: IdempotencyKey,
    wanted: shapes.NoteAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Take an appeal over from another officer. Needs `cases:decide`."""
    return _by_officer(
        service,
        request,
        caller,
        key,
        appeal_id,
        wanted,
        lambda: appealing.hand_over(service, caller, appeal_id, wanted.note),
    )


@router.post(
    "/{appeal_id}/ask",
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def ask_appellant(
    request: Request,
    appeal_id: OfficersId,
    caller: Officer,
    key: IdempotencyKey,
    wanted: shapes.QuestionAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Ask the appellant; the clock stands still until they answer. Needs `cases:decide`."""
    return _by_officer(
        service,
        request,
        caller,
        key,
        appeal_id,
        wanted,
        lambda: appealing.ask(service, caller, appeal_id, wanted.question),
    )


@router.post(
    "/{appeal_id}/decision",
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def decide_appeal(
    request: Request,
    appeal_id: OfficersId,
    caller: Officer,
    key: IdempotencyKey,
    wanted: shapes.AppealDecisionAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Decide an appeal that you hold; what is granted is reversed at once. Needs `cases:decide`."""
    part = wanted.exclusion
    decided = AppealDecision(
        wanted.outcome,
        wanted.reason,
        wanted.becomes,
        tuple(wanted.territories),
        tuple(wanted.restrictions),
        None if part is None else Exclusion(part.reference, part.start, part.end),
        wanted.misuse,
    )
    return _by_officer(
        service,
        request,
        caller,
        key,
        appeal_id,
        wanted,
        lambda: appeal_outcomes.decide(service, caller, appeal_id, decided),
    )


@router.post(
    "/{appeal_id}/outcome",
    response_model=shapes.AppealAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def record_outcome(
    request: Request,
    appeal_id: OfficersId,
    caller: Officer,
    key: IdempotencyKey,
    wanted: shapes.OutcomeAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Write down what the body said, and reverse what it says is wrong. Needs `cases:decide`."""
    return _by_officer(
        service,
        request,
        caller,
        key,
        appeal_id,
        wanted,
        lambda: appeal_outcomes.record_outcome(
            service, caller, appeal_id, wanted.outcome, wanted.reverses, wanted.becomes
        ),
    )


def _by_officer(
    service: Service,
    request: Request,
    caller: Caller,
    key: str | None,
    appeal_id: str,
    wanted: BaseModel | None,
    move: Callable[[], Appeal],
) -> JSONResponse:
    return moved(service, request, caller, key, caller.tenant_id, wanted, move)
