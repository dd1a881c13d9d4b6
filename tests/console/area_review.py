"""The reviewer's own pages and what they do there."""

from datetime import timedelta

from sqlmodel import select

import appeals
from scanner.clock import new_id
from scanner.tables import Case
from tests.console.conftest import World

STAFF: set[str | None] = {"reviewer", "appeals_officer"}
_ACTIONS = (
    "take",
    "renew",
    "release",
    "later",
    "notes",
    "ask",
    "escalate",
    "preview",
    "verdict",
    "undo",
)
ROUTES: dict[tuple[str, str], set[str | None]] = {
    ("GET", "/queue/live"): STAFF,
    ("POST", "/queue/next"): STAFF,
    **{("POST", f"/cases/{{case_id}}/{each}"): STAFF for each in _ACTIONS},
    ("POST", "/cases/{case_id}/second-opinion"): STAFF,
    ("GET", "/cases/{case_id}/reference.webm"): STAFF,
    ("GET", "/cases/{case_id}/warped.webm"): STAFF,
    ("GET", "/cases/{case_id}/alike"): STAFF,
    ("POST", "/cases/{case_id}/alike"): STAFF,
    ("POST", "/cases/{case_id}/alike/verdict"): STAFF,
    ("POST", "/cases/{case_id}/alike/undo"): STAFF,
    ("GET", "/care"): STAFF,
    ("POST", "/care"): STAFF,
    ("POST", "/care/rest"): STAFF,
}  # fmt: skip
PAGES: dict[str | None, dict[str, str]] = {
    "reviewer": {
        "review-untaken": "/cases/{untaken_id}",
        "review-groups": "/queue?group=uploader",
        "review-alike": "/cases/{case_id}/alike",
        "review-care": "/care",
    },
    "appeals_officer": {"review-officer": "/cases/{case_id}"},
}


def fill(world: World) -> dict[str, str]:
    """A second case of the same track, which nobody has taken."""
    service = world.service
    with service.database.transaction() as session:
        first = session.exec(select(Case).where(Case.id == world.case_id)).one()
        case = appeals.open_case(
            case_id=new_id(),
            tenant_id=world.caller.tenant_id,
            kind="review",
            reasons=[{"rule": "copy", "text": "It holds a recording."}],
            now=service.now(),
            track_id=first.track_id,
            decision_id=first.decision_id,
            right="recording",
            language="de",
            legal_due_at=service.now() + timedelta(hours=30),
        )
        session.add(case)
    return {"untaken_id": case.id}
