"""Takes in the database without sound: what was made, by whom, from what."""

from typing import Any

from scanner import people, take_invitations, take_nodes
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.people_states import GenerationState
from scanner.service import Service
from scanner.tables import Generation, Submission, Take, Track
from scanner.take_nodes import Kept, KeptStem
from scanner.track_states import State
from scanner.tracks import Source

BARS = 8
STEMS = ("piano", "cello")


def add_take(
    service: Service,
    tenant_id: str,
    account: str | None = None,
    *,
    parent: Take | None = None,
    state: State = State.RELEASED,
    kept: dict[str, list[int]] | None = None,
    **parameters: Any,
) -> Take:
    """Put a take into its tree as if it had just been made; ``kept``: bars, from 0, by stem."""
    now = service.now()
    with service.database.transaction() as session:
        own = people.locked(session, tenant_id, account, now) if account else None
        track = Track(
            id=new_id(),
            tenant_id=tenant_id,
            account_id=own.id if own else None,
            origin="generated",
            state=state,
            created_at=now,
            updated_at=now,
        )
        session.add(track)
        session.flush()
        session.add(
            Submission(
                id=new_id(),
                tenant_id=tenant_id,
                track_id=track.id,
                entrance="generator",
                declaration={"generated": {"model": "clearance"}},
                created_at=now,
            )
        )
        digest = new_id().replace("-", "").ljust(64, "0")
        row = Generation(
            id=new_id(),
            tenant_id=tenant_id,
            account_id=own.id if own else None,
            state=GenerationState.MADE,
            prompt="calm, 8 bars, piano and cello",
            parameters=({"parent": parent.id} if parent else {}) | parameters,
            reasons=[],
            track_id=track.id,
            take={
                "id": digest,
                "engine": "clearance",
                "engine_version": "1",
                "seed": 1,
                "bars": BARS,
                "bar_seconds": 2.0,
                "seconds": 16.5,
            },
            created_at=now,
            updated_at=now,
        )
        session.add(row)
        session.flush()
        stems = tuple(
            KeptStem(name, name, "generated", (kept or {}).get(name, []), digest, digest)
            for name in STEMS
        )
        return take_nodes.add(session, row, track, Kept(Source(), digest, stems), parent, now)


def let_work(service: Service, caller: Caller, take_id: str, account: str) -> None:
    """Have an account asked to work on a take's project, and let it accept."""
    take_invitations.invite(service, caller, take_id, account)
    with service.database.reading() as session:
        own = people.find(session, caller.tenant_id, account).id
        (row,) = take_invitations.waiting(service, session, caller, own)
    take_invitations.accept(service, caller, row.id)
