"""Appeals before the officer who decides them: what is contested, why, what was said, and the decision (DSA-20, DSA-21)."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast, get_args

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session, col, select

import appeals
from appeals.roles import Role
from scanner import appeal_outcomes, appealing, blob_answers, evidence, left_copies, notice_tracks
from scanner.appeal_parts import AppealDecision, BadAppealError, Decided
from scanner.blob_answers import AudioResponse, WantedDep
from scanner.console import holder_words, review
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.holder_forms import FORESEEN, again
from scanner.console.identities import Identity
from scanner.console.navigation import OFFICERS
from scanner.console.rendering import language_of, page, redirect
from scanner.dependencies import ServiceDep, known_id
from scanner.errors import NotFoundError
from scanner.notice_senders import COPY, notice_of_copy
from scanner.rulings import Outcome
from scanner.service import Service
from scanner.tables import (
    Appeal,
    Claim,
    Dispute,
    Evidence,
    Notice,
    PolicyDecision,
    Sanction,
    Strike,
    Track,
)
from scanner.wording import Told

router = APIRouter(prefix="/appeals", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Officer = Annotated[Identity, Depends(Allowed(OFFICERS))]
AppealId = Annotated[str, Path(max_length=36)]
OPEN: Final = ("filed", "assigned", "questions", "out_of_court")
"""States in which something is still to be done."""
SHOWN: Final = 100
LONGEST: Final = 5000
_TEXTS: Final[Mapping[str, str]] = {"hand-over": "note", "ask": "question"}


@router.get("")
def read_appeals(
    request: Request,
    identity: Officer,
    service: ServiceDep,
    state: Annotated[Literal["open", "mine", "all"], Query()] = "open",
) -> Response:
    """Appeals that wait for an officer, those first that are due first."""
    caller = identity.caller
    query = select(Appeal).where(Appeal.tenant_id == caller.tenant_id)
    if state != "all":
        query = query.where(col(Appeal.state).in_(OPEN))
    if state == "mine":
        query = query.where(Appeal.holder == caller.user_id)
    order = (col(Appeal.due_at).is_(None), col(Appeal.due_at), col(Appeal.id))
    with service.database.reading() as session:
        found = session.exec(query.order_by(*order).limit(SHOWN)).all()
        rows = [_described(each, identity) for each in found]
    return page(request, "officer_appeals.html", rows=rows, state=state, most=SHOWN)


@router.get("/{appeal_id}")
def read_appeal(
    request: Request, identity: Officer, service: ServiceDep, appeal_id: AppealId
) -> Response:
    """One appeal whole."""
    return page(request, "officer_appeal.html", **_shown(request, service, identity, appeal_id))


@router.get("/{appeal_id}/files/{evidence_id}", response_class=AudioResponse)
def read_file(
    identity: Officer,
    service: ServiceDep,
    appeal_id: AppealId,
    evidence_id: Annotated[str, Path(max_length=36)],
    wanted: WantedDep,
) -> Response:
    """What a party put forward, to be saved and not shown."""
    known_id(appeal_id, "appeal")
    with service.database.reading() as session:
        row = appealing.find(session, identity.caller, appeal_id)
        file = session.get(Evidence, evidence_id)
    if file is None or (file.matter_kind, file.matter_id) != (Appeal.KIND, row.id):
        raise NotFoundError("file", "of this id in this appeal")
    answer = blob_answers.answer(
        service, file.tenant_id, file.sha256, "application/octet-stream", wanted
    )
    answer.headers["Content-Disposition"] = f'attachment; filename="evidence-{file.id[-6:]}"'
    return answer


@router.post("/{appeal_id}/assign")
def assign(
    request: Request, identity: Officer, service: ServiceDep, appeal_id: AppealId, form: Posted
) -> Response:
    """Take an appeal on."""
    appealing.assign(service, identity.caller, known_id(appeal_id, "appeal"))
    return redirect(request, f"/appeals/{appeal_id}")


@router.post("/{appeal_id}/hand-over")
def hand_over(
    request: Request, identity: Officer, service: ServiceDep, appeal_id: AppealId, form: Posted
) -> Response:
    """Take an appeal over from another officer."""
    return _said(request, identity, service, appeal_id, form, "hand-over")


@router.post("/{appeal_id}/ask")
def ask(
    request: Request, identity: Officer, service: ServiceDep, appeal_id: AppealId, form: Posted
) -> Response:
    """Ask whoever appealed; the clock stands still until they answer."""
    return _said(request, identity, service, appeal_id, form, "ask")


@router.post("/{appeal_id}/decision")
def decide(
    request: Request, identity: Officer, service: ServiceDep, appeal_id: AppealId, form: Posted
) -> Response:
    """Decide an appeal that one holds; what is granted is reversed at once."""
    shown = _shown(request, service, identity, appeal_id)
    try:
        appeal_outcomes.decide(service, identity.caller, appeal_id, decision_of(form))
    except FORESEEN as error:
        return again(request, "officer_appeal.html", error, **(shown | {"given": dict(form)}))
    return redirect(request, f"/appeals/{appeal_id}")


@router.post("/{appeal_id}/outcome")
def record_outcome(
    request: Request, identity: Officer, service: ServiceDep, appeal_id: AppealId, form: Posted
) -> Response:
    """Write down what a body out of court said, and reverse what it says is wrong."""
    shown = _shown(request, service, identity, appeal_id)
    try:
        said, reverses = _text(form, "outcome"), bool(form.get("reverses"))
        becomes: Literal["restrict", "block"] = (
            "block" if form.get("becomes") == "block" else "restrict"
        )
        appeal_outcomes.record_outcome(service, identity.caller, appeal_id, said, reverses, becomes)
    except FORESEEN as error:
        return again(request, "officer_appeal.html", error, **(shown | {"given": dict(form)}))
    return redirect(request, f"/appeals/{appeal_id}")


def decision_of(form: Mapping[str, str]) -> AppealDecision:
    """Read a decision from a form.

    Raises
    ------
    BadAppealError
        If none was chosen, or no reason is written.
    BadVerdictError
        If an age is no number.
    """
    chosen, becomes = form.get("outcome"), form.get("becomes") or "restrict"
    if chosen not in get_args(Decided) or becomes not in get_args(Outcome):
        raise BadAppealError("choose what to decide")
    part = chosen == "grant_partly"
    places = review.places_of(form) if part else ()
    limits = review.limits_of(form, places) if part and becomes == "restrict" else ()
    return AppealDecision(
        cast("Decided", chosen),
        _text(form, "reason"),
        cast("Outcome", becomes),
        territories=places if becomes == "block" else (),
        restrictions=limits,
        misuse=(form.get("misuse") or None) if chosen == "deny" else None,
    )


def _said(
    request: Request,
    identity: Identity,
    service: Service,
    appeal_id: str,
    form: Mapping[str, str],
    act: str,
) -> Response:
    shown = _shown(request, service, identity, appeal_id)
    does = appealing.hand_over if act == "hand-over" else appealing.ask
    try:
        does(service, identity.caller, appeal_id, _text(form, _TEXTS[act]))
    except FORESEEN as error:
        return again(request, "officer_appeal.html", error, **(shown | {"given": dict(form)}))
    return redirect(request, f"/appeals/{appeal_id}")


def _text(form: Mapping[str, str], field: str) -> str:
    text = form.get(field, "").strip()
    if not 1 <= len(text) <= LONGEST:
        raise BadAppealError(
            Told("write something, in at most %(longest)s characters", longest=LONGEST)
        )
    return text


def _shown(
    request: Request, service: Service, identity: Identity, appeal_id: str
) -> dict[str, Any]:
    known_id(appeal_id, "appeal")
    with service.database.reading() as session:
        row = appealing.find(session, identity.caller, appeal_id)
        track = session.get(Track, row.track_id) if row.track_id else None
        return {
            "appeal": _described(row, identity),
            "contested": _contested(session, row, language_of(request)),
            "track": track,
            "said": appealing.conversation(session, row, internal=True),
            "files": evidence.listed(session, (Appeal.KIND, row.id)),
            "allowed": appeals.MACHINES[Appeal.KIND].allowed(row.state, Role.APPEALS_OFFICER),
            "had_part": identity.caller.user_id in row.deciders,
            "grounds": holder_words.GROUNDS,
            "given": {},
            "problem": None,
        }


def _described(row: Appeal, identity: Identity) -> dict[str, Any]:
    """An appeal for the page: its officers are not named, not even to each other."""
    names = ("id", "state", "subject_kind", "filed_as", "reason", "outcome", "outcome_kind")
    more = ("misuse", "body", "body_case", "body_outcome", "due_at", "created_at", "track_id")
    return {name: getattr(row, name) for name in (*names, *more)} | {
        "mine": row.holder is not None and row.holder == identity.caller.user_id,
        "held": row.holder is not None,
    }


def _contested(session: Session, row: Appeal, language: str) -> dict[str, Any]:
    """What was decided before: for a decision its reasons, for the rest what the parties and staff had said."""
    key = row.subject_id
    if row.subject_kind == "decision":
        decision = session.get_one(PolicyDecision, key)
        return {
            "decision": decision.decision,
            "ruled_by": decision.ruled_by,
            "reasons": decision.reasons,
            "at": decision.created_at,
        }
    if row.subject_kind == "dispute":
        dispute = session.get_one(Dispute, key)
        claim = session.get_one(Claim, dispute.claim_id)
        return {
            "remedy": claim.remedy,
            "grounds": dispute.grounds,
            "text": dispute.text,
            "answer": dispute.answer,
            "at": dispute.since,
        }
    if row.subject_kind == "notice":
        notice = session.get_one(Notice, key)
        told = {"form": notice.form, "text": notice.reason, "at": notice.since}
        return told | ({"remedy": notice_tracks.told(notice)} if notice.remedy else {})
    if row.subject_kind == COPY:
        verdict = left_copies.verdict_on(session, key)
        notice = notice_of_copy(session, key)
        at = row.created_at if verdict is None else verdict.created_at
        text = verdict and left_copies.words_of(session, verdict, language)
        return {"form": notice.form, "text": text, "at": at}
    if row.subject_kind == "strike":
        strike = session.get_one(Strike, key)
        return {"weight": strike.weight, "at": strike.since}
    sanction = session.get_one(Sanction, key)
    return {
        "sanction": f"{sanction.kind}: {sanction.what}",
        "text": sanction.reason,
        "at": sanction.created_at,
    }
