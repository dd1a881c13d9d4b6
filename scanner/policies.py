"""A platform's packs of rules: added, proposed, approved by another, rehearsed, put in force, rolled back.

Every move locks the platform's rollout row first, so that two moves at once are one after the other, and
a decision that is being stored is stored before the move or made again after it. Each move is one
transaction with its journal row and its webhooks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

import policy
from policy import PackMove, PackState
from scanner import pack_checks, webhooks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import (
    ConflictError,
    ForbiddenError,
    IllegalTransitionError,
    NotFoundError,
    PackRefusedError,
)
from scanner.events import PolicyAlarmRaised, PolicyEvent, PolicyPackAdded, PolicyPackMoved
from scanner.idempotency import check_version
from scanner.journal import PIPELINE, Actor, record
from scanner.packs_in_force import summary
from scanner.tables import PolicyActivation, PolicyPack, PolicyRollout

if TYPE_CHECKING:
    from scanner.service import Service

WRITE: Final = "policies:write"
APPROVE: Final = "policies:approve"
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


def add(service: "Service", caller: Caller, text: str) -> PolicyPack:
    """Keep a pack as a draft; one of the same content is there once, whatever its layout.

    Raises
    ------
    PackRefusedError
        If it is no pack.
    """
    pack = _read(text)
    with locked(service, caller) as rollout:
        if (known := _by_hash(rollout.session, caller.tenant_id, pack.content_hash)) is not None:
            return known
        row = PolicyPack(
            id=new_id(),
            tenant_id=caller.tenant_id,
            name=pack.name,
            content_hash=pack.content_hash,
            text=text,
            summary=summary(pack),
            state=PackState.DRAFT,
            author=caller.actor.id,
            created_at=rollout.now,
            updated_at=rollout.now,
        )
        rollout.session.add(row)
        _note(rollout, row, PolicyPackAdded(pack=pack.id, state=row.state))
        return row


def propose(
    service: "Service", caller: Caller, pack: PolicyPack, *, expected_version: int | None = None
) -> PolicyPack:
    """Ask for another person's approval.

    Raises
    ------
    PackRefusedError
        If a test of the pack fails, the linter finds something, or either takes too long.
    IllegalTransitionError
        If it was proposed before and not rejected.
    """
    if findings := pack_checks.examine(service, pack.text):
        raise PackRefusedError(findings)
    with locked(service, caller) as rollout:
        row = _locked_pack(rollout, pack, expected_version)
        row.proposed_by, row.approved_by, row.single_operator = caller.actor.id, None, False
        _move(rollout, row, PackMove.PROPOSE)
        return row


def approve(
    service: "Service", caller: Caller, pack: PolicyPack, *, expected_version: int | None = None
) -> PolicyPack:
    """Agree that a pack may be rehearsed and put in force.

    Raises
    ------
    ForbiddenError
        If the same identity proposed it, unless ``CLEARANCE_SINGLE_OPERATOR`` is set; then that is
        kept with the pack, its activations and its decisions.
    """
    with locked(service, caller) as rollout:
        row = _locked_pack(rollout, pack, expected_version)
        _check_legal(row, PackMove.APPROVE)
        alone = row.proposed_by == caller.actor.id
        if alone and not service.settings.single_operator:
            raise ForbiddenError(
                "whoever proposed a pack can't approve it: use another login or key, or set "
                "CLEARANCE_SINGLE_OPERATOR, which is kept with every decision"
            )
        row.approved_by, row.single_operator = caller.actor.id, alone
        _move(rollout, row, PackMove.APPROVE)
        return row


def reject(
    service: "Service",
    caller: Caller,
    pack: PolicyPack,
    reason: str,
    *,
    expected_version: int | None = None,
) -> PolicyPack:
    """Send a proposal back."""
    with locked(service, caller) as rollout:
        row = _locked_pack(rollout, pack, expected_version)
        _move(rollout, row, PackMove.REJECT, reason=reason)
        return row


def shadow(
    service: "Service", caller: Caller, pack: PolicyPack, *, expected_version: int | None = None
) -> PolicyPack:
    """Run a pack beside the live one, without any effect.

    Raises
    ------
    ConflictError
        If another candidate is rehearsed.
    """
    with locked(service, caller) as rollout:
        row = _locked_pack(rollout, pack, expected_version)
        _check_not_active(rollout, row)
        _begin_candidate(rollout, row, PackMove.SHADOW, 0.0)
        return row


def activate(
    service: "Service",
    caller: Caller,
    pack: PolicyPack,
    share: float = 1.0,
    *,
    expected_version: int | None = None,
) -> PolicyPack:
    """Let a pack decide: all tracks, or as a canary a share of them.

    Parameters
    ----------
    share : float
        Above 0, to 1. A canary's share can be changed while it runs.
    """
    if not 0 < share <= 1:
        raise ConflictError("a share is above 0 and at most 1")
    with locked(service, caller) as rollout:
        row = _locked_pack(rollout, pack, expected_version)
        if share == 1:
            _put_in_force(rollout, row)
        elif row.state == PackState.CANARY and rollout.candidate is not None:
            running = rollout.candidate
            running.share = share
            _move(rollout, row, PackMove.CANARY, running)
        else:
            _begin_candidate(rollout, row, PackMove.CANARY, share)
        return row


def retire(
    service: "Service",
    caller: Caller,
    pack: PolicyPack,
    reason: str = "",
    *,
    expected_version: int | None = None,
) -> PolicyPack:
    """End a rehearsal, or put an approved pack away."""
    with locked(service, caller) as rollout:
        row = _locked_pack(rollout, pack, expected_version)
        _check_not_active(rollout, row)
        _move(rollout, row, PackMove.RETIRE, reason=reason)
        _end_candidate(rollout, row, reason)
        return row


def rollback(
    service: "Service", caller: Caller, reason: str, undone: str | None = None
) -> PolicyPack:
    """Undo the last change of what decides; return the pack that decides every track now.

    A canary is retired, if one runs; otherwise the pack before the active one comes back in force.

    Parameters
    ----------
    undone : str, optional
        Id of the pack, ``name@sha256:...``, that is to decide nothing any more: a rollback that comes
        twice, or after a canary has stopped itself, then undoes nothing else.

    Raises
    ------
    ConflictError
        If no pack was in force before, or another one than ``undone`` would be undone.
    """
    with locked(service, caller) as rollout:
        candidate = rollout.candidate
        running = candidate is not None and candidate.mode == PackState.CANARY
        last = candidate if candidate is not None and running else rollout.active
        if undone is not None and id_of(_pack_of(rollout, last)) != undone:
            raise ConflictError(
                f"{undone} is not what a rollback would undo: it is no canary any more, "
                "and not the active pack"
            )
        if candidate is not None and running:
            row = _pack_of(rollout, candidate)
            _move(rollout, row, PackMove.RETIRE, reason=reason)
            _end_candidate(rollout, row, reason)
            return _pack_of(rollout, rollout.active)
        return _restore_before(rollout, PackMove.RETIRE, reason)


def take_back(rollout: Rollout, activation_id: str, reason: str) -> bool:
    """Put a pack that misbehaves into the shadow, and what decided before it in force again.

    Returns
    -------
    bool
        False if the activation is over already, or there is nothing to return to.
    """
    candidate = rollout.candidate
    if candidate is not None and candidate.id == activation_id:
        if candidate.mode != PackState.CANARY:
            return False
        candidate.stopped = True
        _begin_candidate(rollout, _pack_of(rollout, candidate), PackMove.SHADOW, 0.0, reason)
        return True
    if rollout.row.active_id != activation_id or rollout.active.before_id is None:
        return False
    move = PackMove.SHADOW if candidate is None else PackMove.RETIRE
    try:
        _restore_before(rollout, move, reason)
    except ConflictError:  # it can't be used any more: what decides stays, and the alarm says so
        return False
    return True


def raise_alarm(rollout: Rollout, activation: PolicyActivation, **told: Any) -> None:
    """Write an alarm into the journal, and tell the platform's webhooks."""
    row = _pack_of(rollout, activation)
    _note(
        rollout,
        row,
        PolicyAlarmRaised(pack=id_of(row), activation_id=activation.id, **told),
    )


def id_of(row: PolicyPack) -> str:
    """Return a pack's id as decisions carry it: ``name@sha256:…``."""
    return f"{row.name}@sha256:{row.content_hash}"


def find(session: Session, tenant_id: str, pack_id: str) -> PolicyPack:
    """Return a platform's pack by its id or its hash; 8 digits of the hash or more will do."""
    digest = pack_id.rpartition("@sha256:")[2]
    if not 8 <= len(digest) <= 64 or set(digest) - set("0123456789abcdef"):
        raise NotFoundError("policy", pack_id)
    query = select(PolicyPack).where(
        PolicyPack.tenant_id == tenant_id, col(PolicyPack.content_hash).startswith(digest)
    )
    found = session.exec(query.limit(2)).all()
    if len(found) != 1 or ("@" in pack_id and not id_of(found[0]).startswith(pack_id)):
        raise NotFoundError("policy", pack_id)
    return found[0]


def listed(
    session: Session, tenant_id: str, *, limit: int, before: tuple[datetime, str] | None = None
) -> Sequence[PolicyPack]:
    """Return a platform's packs, newest first; ``before`` is the last one's (created_at, id)."""
    query = select(PolicyPack).where(PolicyPack.tenant_id == tenant_id)
    if before is not None:
        at, pack_id = before
        query = query.where(
            or_(
                col(PolicyPack.created_at) < at,
                and_(col(PolicyPack.created_at) == at, col(PolicyPack.id) < pack_id),
            )
        )
    order = (col(PolicyPack.created_at).desc(), col(PolicyPack.id).desc())
    return session.exec(query.order_by(*order).limit(limit)).all()


def activations(session: Session, row: PolicyPack) -> Sequence[PolicyActivation]:
    """Return when a pack was in force or rehearsed, newest first."""
    query = select(PolicyActivation).where(PolicyActivation.pack_id == row.id)
    order = (col(PolicyActivation.started_at).desc(), col(PolicyActivation.id).desc())
    return session.exec(query.order_by(*order).limit(50)).all()


# --- the moves


def _read(text: str) -> policy.Pack:
    try:
        return policy.read_pack(text)
    except policy.PackError as error:
        raise PackRefusedError([str(error)]) from error


def _by_hash(session: Session, tenant_id: str, content_hash: str) -> PolicyPack | None:
    query = select(PolicyPack).where(
        PolicyPack.tenant_id == tenant_id, PolicyPack.content_hash == content_hash
    )
    return session.exec(query).first()


def _locked_pack(rollout: Rollout, pack: PolicyPack, expected: int | None) -> PolicyPack:
    row = rollout.session.get_one(PolicyPack, pack.id, with_for_update=True)
    check_version(row.version, expected)
    return row


def _pack_of(rollout: Rollout, activation: PolicyActivation) -> PolicyPack:
    return rollout.session.get_one(PolicyPack, activation.pack_id, with_for_update=True)


def _check_legal(row: PolicyPack, move: PackMove) -> PackState:
    try:
        return policy.moved(PackState(row.state), move)
    except policy.IllegalMoveError as error:
        raise IllegalTransitionError(str(error)) from error


def _check_not_active(rollout: Rollout, row: PolicyPack) -> None:
    if rollout.active.pack_id == row.id:
        raise IllegalTransitionError(
            "the pack is in force, and something must be: activate another, or roll back"
        )


def _begin_candidate(
    rollout: Rollout, row: PolicyPack, move: PackMove, share: float, reason: str = ""
) -> None:
    candidate = rollout.candidate
    if candidate is not None and candidate.pack_id != row.id:
        other = id_of(rollout.session.get_one(PolicyPack, candidate.pack_id))
        raise ConflictError(f"{other} is {candidate.mode}: activate it or retire it first")
    _check_legal(row, move)
    _end_candidate(rollout, row, reason or move)
    activation = _begin(rollout, row, PackState(move), share)
    rollout.row.candidate_id = activation.id
    _move(rollout, row, move, activation, reason)


def _put_in_force(rollout: Rollout, row: PolicyPack) -> None:
    """Retire the pack in force and put another there."""
    _check_legal(row, PackMove.ACTIVATE)
    _check_usable(rollout, row)
    _end_candidate(rollout, row, PackMove.ACTIVATE)
    old = rollout.active
    _move(rollout, _pack_of(rollout, old), PackMove.RETIRE, old)
    _end(rollout, old, PackMove.RETIRE)
    activation = _begin(rollout, row, PackState.ACTIVE, 1.0, old.id)
    rollout.row.active_id = activation.id
    _move(rollout, row, PackMove.ACTIVATE, activation)


def _check_usable(rollout: Rollout, row: PolicyPack) -> None:
    """Raise ``ConflictError`` if this version of the program can't decide by a pack."""
    try:
        rollout.service.packs.compiled(rollout.session, row.id)
    except policy.PackError as error:
        raise ConflictError(f"{id_of(row)} can't be used any more: {error}") from error


def _restore_before(rollout: Rollout, move: PackMove, reason: str) -> PolicyPack:
    """Put the pack before the active one back in force; the active one makes ``move``."""
    old = rollout.active
    if old.before_id is None:
        raise ConflictError("no pack was in force before this one")
    before = rollout.session.get_one(PolicyActivation, old.before_id)
    old_row, row = _pack_of(rollout, old), _pack_of(rollout, before)
    _check_usable(rollout, row)
    if row.id != old_row.id:
        _end_candidate(rollout, row, reason)  # it may be in the shadow meanwhile
    if move is PackMove.SHADOW:
        _end(rollout, old, reason)
        shadowing = _begin(rollout, old_row, PackState.SHADOW, 0.0)
        rollout.row.candidate_id = shadowing.id
        _move(rollout, old_row, move, shadowing, reason)
    else:
        _move(rollout, old_row, move, old, reason)
        _end(rollout, old, reason)
    activation = _begin(rollout, row, PackState.ACTIVE, 1.0, before.before_id)
    rollout.row.active_id = activation.id
    _move(rollout, row, PackMove.ACTIVATE, activation, reason)
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


def _end_candidate(rollout: Rollout, row: PolicyPack, reason: str) -> None:
    """End the candidate's activation, if this pack is the candidate."""
    candidate = rollout.candidate
    if candidate is not None and candidate.pack_id == row.id:
        _end(rollout, candidate, reason)
        rollout.row.candidate_id = None


def _move(
    rollout: Rollout,
    row: PolicyPack,
    move: PackMove,
    activation: PolicyActivation | None = None,
    reason: str = "",
) -> None:
    row.state = _check_legal(row, move)
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
    _note(rollout, row, data)


def _note(rollout: Rollout, row: PolicyPack, data: PolicyEvent) -> None:
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
