"""A creator's messages, standing, and what is kept about them."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from scanner import account_standing, ages, consents, erasure_requests, inbox
from scanner.blob_answers import ArchiveResponse
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.creators import Creator
from scanner.console.pages.creator_tracks import Before
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.privacy import erasure, export
from scanner.tables import Account

router = APIRouter(prefix="/my", route_class=ConsoleRoute, default_response_class=HTMLResponse)
PAGE: Final = 50
MOST_CONSENTS: Final = 100


@router.get("/letters")
def list_letters(
    request: Request, identity: Creator, service: ServiceDep, before: Before = None
) -> Response:
    """What the creator was told, newest first."""
    with service.database.reading() as session:
        found = inbox.listed(session, identity.caller, limit=PAGE + 1, before=before)
    letters = found[:PAGE]
    more = letters[-1].id if len(found) > len(letters) else None
    return page(request, "creator_letters.html", letters=letters, more=more)


@router.post("/letters/{letter_id}/read")
def mark_read(
    request: Request, identity: Creator, service: ServiceDep, letter_id: str, form: Posted
) -> Response:
    """Note that a letter was read, and go back to the others."""
    if not is_id(letter_id):
        raise NotFoundError("letter", "of this id")
    inbox.mark_read(service, identity.caller, letter_id)
    return redirect(request, "/my/letters")


@router.get("/standing")
def read_standing(request: Request, identity: Creator, service: ServiceDep) -> Response:
    """Strikes, when they end, and what follows from them."""
    with service.database.reading() as session:
        account = session.get_one(Account, identity.caller.account_id)
        standing = account_standing.describe(service, session, account)
    return page(request, "creator_standing.html", standing=standing)


@router.get("/data")
def read_data(request: Request, identity: Creator, service: ServiceDep) -> Response:
    """What is kept, for how long, and how to get it or have it erased."""
    with service.database.reading() as session:
        account = session.get_one(Account, identity.caller.account_id)
        known = erasure.describe(session, account, service.now())
        age = ages.describe(service, session, account)
        agreed = [
            consents.describe(session, each)
            for each in consents.listed(session, account.id, limit=MOST_CONSENTS)
        ]
    return page(
        request,
        "creator_data.html",
        known=known,
        age=age,
        consents=agreed,
        asked_at=erasure_requests.asked_at(service, identity.caller),
    )


@router.get("/data/export", response_class=ArchiveResponse)
def read_export(identity: Creator, service: ServiceDep) -> Response:
    """Everything that is kept, as a ZIP file (GDPR-15/20)."""
    with service.database.reading() as session:
        account = session.get_one(Account, identity.caller.account_id)
    headers = {
        "Content-Disposition": f'attachment; filename="account-{account.id}.zip"',
        "Cache-Control": "private, no-store",
    }
    return ArchiveResponse(export.archive(service, account), headers=headers)


@router.post("/data/erasure")
def ask_for_erasure(
    request: Request, identity: Creator, service: ServiceDep, form: Posted
) -> Response:
    """Ask the platform to erase it all (GDPR-17)."""
    erasure_requests.ask(service, identity.caller)
    return redirect(request, "/my/data")
