"""A platform's rollout, locked: what its packs' moves are made of.

Every move locks the platform's rollout row first, so that two moves at once are one after the other, and
a decision that is being stored is stored before the move or made again after it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlmodel import Session

import policy
from policy import PackMove, PackState
from scanner import webhooks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ConflictError, IllegalTransitionError
from scanner.events import PolicyEvent, PolicyPackMoved
from scanner.idempotency import check_version
from scanner.journal import PIPELINE, Actor, record
from scanner.tables import PolicyActivation, PolicyPack, PolicyRollout

if TYPE_CHECKING:
    from scanner.service import Service

LONGEST_REASON: Final = 500


@dataclass(frozen=True)
class Rollout:
    """A platform's rollout, locked, and who moves it."""

    service: "Service"
    session: Session
    row: PolicyRollout
    actor: Actor
    now: datetime

    @property
    def active(self) -> PolicyActivation:
        return self.session.get_one(PolicyActivation, self.row.active_id)

    @property
    def candidate(self) -> PolicyActivation | None:
        if self.row.candidate_id is None:
            return None
        return self.session.get_one(PolicyActivation, self.row.candidate_id)


@contextmanager
def locked(service: "Service", caller: Caller) -> Iterator[Rollout]:
    """Open the transaction of a move."""
    service.packs.ensure(service, caller.tenant_id)
    with service.database.transaction() as session:
        yield hold(service, session, caller.tenant_id, caller.actor)


def hold(service: "Service", session: Session, tenant_id: str, actor: Actor = PIPELINE) -> Rollout:
    """Lock a platform's rollout inside a transaction."""
    row = session.get_one(PolicyRollout, tenant_id, with_for_update=True, populate_existing=True)
    return Rollout(service, session, row, actor, service.now())


def id_of(row: PolicyPack) -> str:
    """Return a pack's id as decisions carry it: ``name@sha256:…``."""
    return f"{row.name}@sha256:{row.content_hash}"


def locked_pack(rollout: Rollout, pack: PolicyPack, expected: int | None) -> PolicyPack:
    """Lock a pack and check the version that it was read at."""
    row = rollout.session.get_one(PolicyPack, pack.id, with_for_update=True)
    check_version(row.version, expected)
    return row


def pack_of(rollout: Rollout, activation: PolicyActivation) -> PolicyPack:
    """Lock the pack that an activation is of."""
    return rollout.session.get_one(PolicyPack, activation.pack_id, with_for_update=True)


def check_legal(row: PolicyPack, move: PackMove) -> PackState:
    """Return the state after a move; ``IllegalTransitionError`` if the table has no such move."""
    try:
        return policy.moved(PackState(row.state), move)
    except policy.IllegalMoveError as error:
        raise IllegalTransitionError(str(error)) from error


def check_not_active(rollout: Rollout, row: PolicyPack) -> None:
    """Refuse what would leave no pack in force."""
    if rollout.active.pack_id == row.id:
        raise IllegalTransitionError(
            "the pack is in force, and something must be: activate another, or roll back"
        )


def begin_candidate(
    rollout: Rollout, row: PolicyPack, move: PackMove, share: float, reason: str = ""
) -> None:
    """Begin to rehearse a pack, or go on with it in another mode; ``ConflictError`` if another one is."""
    candidate = rollout.candidate
    if candidate is not None and candidate.pack_id != row.id:
        other = id_of(rollout.session.get_one(PolicyPack, candidate.pack_id))
        raise ConflictError(f"{other} is {candidate.mode}: activate it or retire it first")
    check_legal(row, move)
    end_candidate(rollout, row, reason or move)
    activation = _begin(rollout, row, PackState(move), share)
    rollout.row.candidate_id = activation.id
    make_move(rollout, row, move, activation, reason)


def put_in_force(rollout: Rollout, row: PolicyPack) -> None:
    """Retire the pack in force and put another there."""
    check_legal(row, PackMove.ACTIVATE)
    _check_usable(rollout, row)
    end_candidate(rollout, row, PackMove.ACTIVATE)
    old = rollout.active
    make_move(rollout, pack_of(rollout, old), PackMove.RETIRE, old)
    _end(rollout, old, PackMove.RETIRE)
    activation = _begin(rollout, row, PackState.ACTIVE, 1.0, old.id)
    rollout.row.active_id = activation.id
    make_move(rollout, row, PackMove.ACTIVATE, activation)


def _check_usable(rollout: Rollout, row: PolicyPack) -> None:
    """Raise ``ConflictError`` if this version of the program can't decide by a pack."""
    try:
        rollout.service.packs.compiled(rollout.session, row.id)
    except policy.PackError as error:
        raise ConflictError(f"{id_of(row)} can't be used any more: {error}") from error


def restore_before(rollout: Rollout, move: PackMove, reason: str) -> PolicyPack:
    """Put the pack before the active one back in force; the active one makes ``move``."""
    old = rollout.active
    if old.before_id is None:
        raise ConflictError("no pack was in force before this one")
    before = rollout.session.get_one(PolicyActivation, old.before_id)
    old_row, row = pack_of(rollout, old), pack_of(rollout, before)
    _check_usable(rollout, row)
    if row.id != old_row.id:
        end_candidate(rollout, row, reason)  # it may be in the shadow meanwhile
    if move is PackMove.SHADOW:
        _end(rollout, old, reason)
        shadowing = _begin(rollout, old_row, PackState.SHADOW, 0.0)
        rollout.row.candidate_id = shadowing.id
        make_move(rollout, old_row, move, shadowing, reason)
    else:
        make_move(rollout, old_row, move, old, reason)
        _end(rollout, old, reason)
    activation = _begin(rollout, row, PackState.ACTIVE, 1.0, before.before_id)
    rollout.row.active_id = activation.id
    make_move(rollout, row, PackMove.ACTIVATE, activation, reason)
    return row


def _begin(
    rollout: Rollout,
    row: PolicyPack,
    mode: PackState,
    share: float,
    before_id: str | None = None,
) -> PolicyActivation:
    settings, canary = rollout.service.settings, mode is PackState.CANARY
    activation = PolicyActivation(
        id=new_id(),
        tenant_id=row.tenant_id,
        pack_id=row.id,
        mode=mode,
        share=share,
        before_id=before_id,
        started_by=rollout.actor.id,
        single_operator=row.single_operator,
        stop_rate=settings.canary_stop_rate if canary else None,
        stop_minimum=settings.canary_minimum if canary else None,
        started_at=rollout.now,
    )
    rollout.session.add(activation)
    rollout.session.flush()
    return activation


def _end(rollout: Rollout, activation: PolicyActivation, reason: str) -> None:
    activation.ended_at, activation.end_reason = rollout.now, reason[:LONGEST_REASON]


def end_candidate(rollout: Rollout, row: PolicyPack, reason: str) -> None:
    """End the candidate's activation, if this pack is the candidate."""
    candidate = rollout.candidate
    if candidate is not None and candidate.pack_id == row.id:
        _end(rollout, candidate, reason)
        rollout.row.candidate_id = None


def make_move(
    rollout: Rollout,
    row: PolicyPack,
    move: PackMove,
    activation: PolicyActivation | None = None,
    reason: str = "",
) -> None:
    """Put a pack into the state after a move, with its record."""
    row.state = check_legal(row, move)
    row.reason = reason[:LONGEST_REASON] or None
    data = PolicyPackMoved(
        pack=id_of(row),
        move=move,
        state=row.state,
        activation_id=activation.id if activation else None,
        share=activation.share if activation else None,
        single_operator=row.single_operator,
        reason=reason[:LONGEST_REASON],
    )
    note(rollout, row, data)


def note(rollout: Rollout, row: PolicyPack, data: PolicyEvent) -> None:
    """Write an event of a pack into the journal, and tell the platform's webhooks."""
    row.version += 1
    row.updated_at = rollout.now
    event = record(
        rollout.session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=data,
        now=rollout.now,
        actor=rollout.actor,
    )
    webhooks.queue(rollout.service, rollout.session, event)
