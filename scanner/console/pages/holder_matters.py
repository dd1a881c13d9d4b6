"""What a rights holder claims, what creators say against it, and the holder's answer, with its clock."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session, col, select

from appeals.forms import FORMS, TEXTS
from scanner import claim_releases, claim_views, disputes
from scanner.console import holder_words
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.holder_forms import (
    FORESEEN,
    SHOWN,
    RightsHolder,
    again,
    elements,
    number,
    territories,
)
from scanner.console.identities import Identity
from scanner.console.rendering import page, redirect
from scanner.declarations import DeclarationError
from scanner.dependencies import ServiceDep, known_id
from scanner.disputes import Answered
from scanner.service import Service
from scanner.tables import Claim, Dispute, Reference
from scanner.wording import Told

router = APIRouter(prefix="/rights", route_class=ConsoleRoute, default_response_class=HTMLResponse)
State = Annotated[str, Query(max_length=20)]
Before = Annotated[str | None, Query(max_length=36)]
ANSWERS = ("release", "part", "uphold", "escalate")


@router.get("/claims")
def read_claims(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    state: State = "",
    before: Before = None,
) -> Response:
    """The holder's claims, newest first."""
    with service.database.reading() as session:
        found = claim_views.listed(
            session, identity.caller, limit=SHOWN + 1, before=before, track_id=None,
            state=state or None,
        )  # fmt: skip
        claims = claim_views.describe_all(session, found[:SHOWN])
    more = claims[-1]["id"] if len(found) > SHOWN else None
    return page(
        request, "holder_claims.html", claims=claims, more=more, state=state, words=holder_words
    )


@router.get("/claims/{claim_id}")
def read_claim(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    claim_id: Annotated[str, Path(max_length=36)],
) -> Response:
    """One claim: which seconds match which, and what can be done."""
    known_id(claim_id, "claim")
    with service.database.reading() as session:
        claim = claim_views.find(session, identity.caller, claim_id)
        view = claim_views.describe(session, claim)
    return page(request, "holder_claim.html", claim=view, words=holder_words)


@router.post("/claims/{claim_id}/release")
def release(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    claim_id: Annotated[str, Path(max_length=36)],
    form: Posted,
) -> Response:
    """Give a claim up."""
    claim_releases.release(service, identity.caller, known_id(claim_id, "claim"))
    return redirect(request, f"/rights/claims/{claim_id}")


@router.get("/disputes")
def read_disputes(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    state: State = "with_claimant",
    before: Before = None,
) -> Response:
    """What creators say against the holder's claims; first what waits for an answer."""
    wanted = None if state == "all" else state
    with service.database.reading() as session:
        found = disputes.listed(
            session, identity.caller, limit=SHOWN + 1, before=before, state=wanted
        )
        shown = _lines(session, found[:SHOWN])
    if state == "with_claimant":
        shown.sort(key=lambda each: each["due_at"] or "")
    more = found[SHOWN - 1].id if len(found) > SHOWN else None
    return page(
        request, "holder_disputes.html", disputes=shown, more=more, state=state,
        now=service.now().isoformat(), words=holder_words,
    )  # fmt: skip


@router.get("/disputes/{dispute_id}")
def read_dispute(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    dispute_id: Annotated[str, Path(max_length=36)],
) -> Response:
    """One dispute: what is said, by when to answer, and the ways to do so."""
    return page(request, "holder_dispute.html", **_shown(service, identity, dispute_id))


@router.post("/disputes/{dispute_id}/answer")
def answer(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    dispute_id: Annotated[str, Path(max_length=36)],
    form: Posted,
) -> Response:
    """Answer for the holder: release all or a part, uphold, or make it a notice (DSM-17-9)."""
    shown = _shown(service, identity, dispute_id)
    try:
        disputes.answer(service, identity.caller, dispute_id, _answered(form, shown["dispute"]))
    except FORESEEN as error:
        return again(request, "holder_dispute.html", error, **(shown | {"given": dict(form)}))
    return redirect(request, f"/rights/disputes/{dispute_id}")


def _answered(form: Mapping[str, str], dispute: Mapping[str, Any]) -> Answered:
    """Return what a form answers.

    Raises
    ------
    DeclarationError
        Naming the field that is wrong.
    """
    chosen, text = form.get("answer", ""), form.get("text", "")[:5000]
    if chosen == "release":
        return Answered("release")
    if chosen == "part":
        part = (number(form.get("start", ""), "start"), number(form.get("end", ""), "end"))
        return Answered("release", text, segments=[part])
    if chosen == "uphold":
        remedy = form.get("remedy") or None
        places = territories(form.get("territories", "")) if remedy == "territory" else []
        return Answered("uphold", text, remedy=remedy, territories=places)
    if chosen == "escalate":
        given = elements("dmca", form) | {"location": [dispute["track_id"]]}
        return Answered("escalate", text, elements=given)
    raise DeclarationError(
        [{"field": "answer", "detail": Told("one of %(answers)s", answers=", ".join(ANSWERS))}]
    )


def _lines(session: Session, found: Sequence[Dispute]) -> list[dict[str, Any]]:
    """Return what a list says of disputes; one query for the titles of all."""
    query = select(Claim.id, Reference.title).join(
        Reference, col(Reference.id) == col(Claim.reference_id)
    )
    claimed = query.where(col(Claim.id).in_({each.claim_id for each in found}))
    titles = dict(session.exec(claimed).all())
    return [
        {
            "id": each.id,
            "title": titles.get(each.claim_id),
            "grounds": each.grounds,
            "state": each.state,
            "due_at": each.due_at.isoformat() if each.due_at else None,
        }
        for each in found
    ]


def _titled(service: Service, identity: Identity, view: dict[str, Any]) -> dict[str, Any]:
    with service.database.reading() as session:
        claim = claim_views.find(session, identity.caller, view["claim_id"])
        return view | {"claim": claim_views.describe(session, claim)}


def _shown(service: Service, identity: Identity, dispute_id: str) -> dict[str, Any]:
    known_id(dispute_id, "dispute")
    with service.database.reading() as session:
        dispute, _ = disputes.find(session, identity.caller, dispute_id)
        view = claim_views.describe_dispute(session, identity.caller, dispute)
    return {
        "dispute": _titled(service, identity, view),
        "elements": [each for each in FORMS["dmca"] if each.name != "location"],
        "texts": TEXTS,
        "given": {},
        "problem": None,
        "words": holder_words,
    }
