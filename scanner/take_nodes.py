"""Takes as a tree in the database: what was made from what, by whom, and who made which bars.

A take's project is its tree. What is varied from a take of another project is a fork: it begins a project
of its own and credits everybody whose work it goes back to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlmodel import Session, col, or_, select

from scanner import people, tracks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ForbiddenError, NotFoundError
from scanner.tables import (
    Generation,
    Take,
    TakeContributor,
    TakeProject,
    TakeStem,
    Track,
)
from scanner.track_states import State

MadeBy = Literal["human", "generated", "mixed"]
HUMAN: Final = "human"
KEPT_BACK: Final = frozenset({State.BLOCKED, State.QUARANTINED, State.HELD, State.WITHDRAWN})
"""States of a track in which its take is nobody's but its maker's, shared or not."""


@dataclass(frozen=True)
class KeptStem:
    """A stem that is in the store; ``kept_bars`` are those whose notes are the parent's."""

    name: str
    instrument: str
    origin: str
    kept_bars: Sequence[int]
    sound_sha256: str
    midi_sha256: str | None


@dataclass(frozen=True)
class Kept:
    """What is in the store of a take: what is submitted, and what it can be varied from."""

    source: tracks.Source
    document_sha256: str
    stems: tuple[KeptStem, ...]


def add(
    session: Session,
    row: Generation,
    track: Track,
    kept: Kept,
    parent: Take | None,
    now: datetime,
) -> Take:
    """Put a take that was just made into its tree, in the transaction of its track."""
    said: dict[str, Any] = dict(row.take or {})
    node = Take(
        id=new_id(),
        tenant_id=row.tenant_id,
        project_id=_project_of(session, row, parent, now),
        generation_id=row.id,
        account_id=row.account_id,
        track_id=track.id,
        parent_id=parent.id if parent else None,
        digest=said["id"],
        engine=said["engine"],
        engine_version=said["engine_version"],
        locked=row.parameters.get("locked", []),
        locked_bars=row.parameters.get("locked_bars", []),
        amount=row.parameters.get("amount", 1.0),
        seed=said["seed"],
        bars=said["bars"],
        bar_seconds=said["bar_seconds"],
        credits=credits_after(parent, row.account_id),
        document_sha256=kept.document_sha256,
        version=1,
        created_at=now,
    )
    session.add(node)
    session.flush()
    session.add_all(_stems(session, row, node, kept.stems, parent))
    project = session.get_one(TakeProject, node.project_id, with_for_update=True)
    if project.current_take_id is None:
        project.current_take_id = node.id
    return node


def find(session: Session, caller: Caller, take_id: str) -> Take:
    """Return a take that the caller may see: a creator their own, those they work on, and shared ones.

    Raises
    ------
    NotFoundError
        If there is none; another tenant's reads the same.
    """
    take = session.get(Take, take_id)
    if take is None or take.tenant_id != caller.tenant_id:
        raise NotFoundError("take", "of this id")
    if not _is_seen(session, caller, take):
        raise NotFoundError("take", "of this id")
    return take


def is_shared(session: Session, take: Take) -> bool:
    """Whether others may see and fork a take now: a track that is kept back takes its take along."""
    if take.shared_at is None:
        return False
    return session.get_one(Track, take.track_id).state not in KEPT_BACK


def owned(session: Session, caller: Caller, take_id: str) -> Take:
    """Return a take that the caller made, or for whose maker the platform speaks; raises as `find`."""
    take = find(session, caller, take_id)
    if caller.account_id is not None and take.account_id != caller.account_id:
        raise ForbiddenError("only who made the take does this")
    people.require_own_name(caller, take.account_id)
    return take


def works_on(session: Session, project_id: str, account_id: str | None) -> bool:
    """Whether an account may add takes to a project: whose it is, or a contributor."""
    project = session.get(TakeProject, project_id)
    if (
        project is None
    ):  # erased with whose it was: who worked on it goes on in a project of their own
        return False
    if project.account_id == account_id:
        return True
    return account_id is not None and (
        session.get(TakeContributor, (project_id, account_id)) is not None
    )


def of_generation(session: Session, generation_id: str) -> Take | None:
    """Return what was made of a generation."""
    return session.exec(select(Take).where(Take.generation_id == generation_id)).first()


def of_track(session: Session, track_id: str) -> Take | None:
    """Return the take that is heard in a track."""
    return session.exec(select(Take).where(Take.track_id == track_id)).first()


def stems_of(session: Session, take_id: str) -> list[TakeStem]:
    """Return a take's stems, in the order of its score."""
    query = select(TakeStem).where(TakeStem.take_id == take_id)
    return list(session.exec(query.order_by(col(TakeStem.place))))


def nodes_of(session: Session, caller: Caller, project_id: str) -> list[Take]:
    """Return the takes of a project that the caller may see, parents before children."""
    query = select(Take, Track).join(Track, col(Track.id) == col(Take.track_id))
    query = query.where(Take.project_id == project_id)
    rows = session.exec(query.order_by(col(Take.created_at), col(Take.id))).all()
    inside = caller.account_id is None or works_on(session, project_id, caller.account_id)
    return [
        take
        for take, _track in rows  # read with its take, so that none is looked up by itself
        if inside or take.account_id == caller.account_id or is_shared(session, take)
    ]


def listed(
    session: Session,
    caller: Caller,
    *,
    limit: int,
    account_id: str | None = None,
    before: str | None = None,
) -> list[Take]:
    """Return takes, newest first; a creator's are theirs and those of projects they work on."""
    query = select(Take).where(Take.tenant_id == caller.tenant_id)
    if caller.account_id is not None:
        works = select(TakeContributor.project_id).where(
            TakeContributor.account_id == caller.account_id
        )
        query = query.where(
            or_(col(Take.account_id) == caller.account_id, col(Take.project_id).in_(works))
        )
    if account_id is not None:
        query = query.where(Take.account_id == account_id)
    if before is not None:
        query = query.where(col(Take.id) < before)
    return list(session.exec(query.order_by(col(Take.id).desc()).limit(limit)))


def credits_after(parent: Take | None, account_id: str | None) -> list[str]:
    """Return whom a take made from another credits: everybody before it but its own maker."""
    if parent is None:
        return []
    line = [*parent.credits, *([parent.account_id] if parent.account_id else [])]
    return [each for each in dict.fromkeys(line) if each != account_id]


def _is_seen(session: Session, caller: Caller, take: Take) -> bool:
    return (
        caller.account_id is None
        or take.account_id == caller.account_id
        or is_shared(session, take)
        or works_on(session, take.project_id, caller.account_id)
    )


def _project_of(session: Session, row: Generation, parent: Take | None, now: datetime) -> str:
    if parent is not None and works_on(session, parent.project_id, row.account_id):
        return parent.project_id
    project = TakeProject(
        id=new_id(),
        tenant_id=row.tenant_id,
        account_id=row.account_id,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(project)
    session.flush()
    return project.id


def _stems(
    session: Session,
    row: Generation,
    node: Take,
    stems: Sequence[KeptStem],
    parent: Take | None,
) -> list[TakeStem]:
    before = {stem.name: stem for stem in stems_of(session, parent.id)} if parent else {}
    found = []
    for place, stem in enumerate(stems):
        own = _bars_of(before.get(stem.name), node, stem)
        found.append(
            TakeStem(
                take_id=node.id,
                place=place,
                tenant_id=node.tenant_id,
                account_id=node.account_id,
                track_id=node.track_id,
                name=stem.name,
                instrument=stem.instrument,
                made_by=_together([each["made_by"] for each in own]),
                segments=own,
                sound_sha256=stem.sound_sha256,
                midi_sha256=stem.midi_sha256,
            )
        )
    return found


def _bars_of(before: TakeStem | None, node: Take, stem: KeptStem) -> list[dict[str, Any]]:
    """Say of runs of bars, counted from 1, who made them and in which take."""
    earlier = {
        bar: segment
        for segment in (before.segments if before else [])
        for bar in range(segment["bars"][0], segment["bars"][1] + 1)
    }
    new = {
        "made_by": HUMAN if stem.origin == HUMAN else "generated",
        "take_id": node.id,
        "account_id": node.account_id,
    }
    runs: list[dict[str, Any]] = []
    for bar in range(1, node.bars + 1):
        kept = bar - 1 in stem.kept_bars and bar in earlier
        who = {name: (earlier[bar] if kept else new)[name] for name in new}
        if runs and {name: runs[-1][name] for name in who} == who:
            runs[-1]["bars"][1] = bar
        else:
            runs.append({"bars": [bar, bar], **who})
    return runs


def _together(kinds: Sequence[str]) -> MadeBy:
    found = set(kinds)
    if found == {HUMAN}:
        return "human"
    return "generated" if found <= {"generated"} else "mixed"
