"""The appeals officer's own pages: appeals to be decided by somebody who had no part in it."""

from typing import TYPE_CHECKING

from scanner import appealing, inline, rulings
from scanner.appealing import AppealAsked
from scanner.rulings import Ruling
from scanner.tables import Appeal
from scanner.tracks import locked
from tests import casework

if TYPE_CHECKING:
    from tests.console.conftest import World

OFFICERS: set[str | None] = {"appeals_officer"}
_ACTIONS = ("assign", "hand-over", "ask", "decision", "outcome")
ROUTES: dict[tuple[str, str], set[str | None]] = {
    ("GET", "/appeals"): OFFICERS,
    ("GET", "/appeals/{appeal_id}"): OFFICERS,
    ("GET", "/appeals/{appeal_id}/files/{evidence_id}"): OFFICERS,
    **{("POST", f"/appeals/{{appeal_id}}/{each}"): OFFICERS for each in _ACTIONS},
}
PAGES: dict[str | None, dict[str, str]] = {
    "appeals_officer": {"officer-appeals": "/appeals", "officer-appeal": "/appeals/{appeal_id}"},
}


def fill(world: "World") -> dict[str, str]:
    """An appeal, with evidence, against a track's block by a reviewer."""
    row = contested(world, "nia")
    file = appealing.add_evidence(
        world.service, world.caller, row.id, "sessions.txt", "Recorded on 3 May, take 3."
    )
    return {"appeal_id": row.id, "evidence_id": file.id}


def contested(world: "World", name: str) -> Appeal:
    """An appeal of an account against the block of a track of theirs."""
    service, caller = world.service, world.caller
    account = casework.account(service, caller, name)
    track = casework.decided_track(service, caller, account_id=account.id)
    reviewer = casework.person(service, caller, f"{name}-blocker")
    ruling = Ruling("block", "human.copy", "It copies a song.", legal_basis=("DMCA-T",))
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, track.id)
        rulings.rule(service, session, row, ruling, reviewer.actor)
    inline.drive(service, track.id)
    return appealing.file(service, caller, AppealAsked("track", track.id, "I sang it myself."))
