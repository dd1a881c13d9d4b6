"""A platform's packs of rules: added, proposed, approved by another, rehearsed, put in force, rolled back.

Each move is one transaction with its journal row and its webhooks; what they are made of is in
`scanner/rollouts.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

import policy
from policy import PackMove, PackState
from scanner import pack_checks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PackRefusedError,
)
from scanner.events import PolicyAlarmRaised, PolicyPackAdded
from scanner.packs_in_force import summary
from scanner.rollouts import (
    Rollout,
    begin_candidate,
    check_legal,
    check_not_active,
    end_candidate,
    id_of,
    locked,
    locked_pack,
    make_move,
    note,
    pack_of,
    put_in_force,
    restore_before,
)
from scanner.tables import PolicyActivation, PolicyPack
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

WRITE: Final = "policies:write"
APPROVE: Final = "policies:approve"


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
        note(rollout, row, PolicyPackAdded(pack=pack.id, state=row.state))
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
        row = locked_pack(rollout, pack, expected_version)
        row.proposed_by, row.approved_by, row.single_operator = caller.actor.id, None, False
        make_move(rollout, row, PackMove.PROPOSE)
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
        row = locked_pack(rollout, pack, expected_version)
        check_legal(row, PackMove.APPROVE)
        alone = row.proposed_by == caller.actor.id
        if alone and not service.settings.single_operator:
            raise ForbiddenError(
                "whoever proposed a pack can't approve it: use another login or key, or set "
                "CLEARANCE_SINGLE_OPERATOR, which is kept with every decision"
            )
        row.approved_by, row.single_operator = caller.actor.id, alone
        make_move(rollout, row, PackMove.APPROVE)
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
        row = locked_pack(rollout, pack, expected_version)
        make_move(rollout, row, PackMove.REJECT, reason=reason)
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
        row = locked_pack(rollout, pack, expected_version)
        check_not_active(rollout, row)
        begin_candidate(rollout, row, PackMove.SHADOW, 0.0)
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
        row = locked_pack(rollout, pack, expected_version)
        if share == 1:
            put_in_force(rollout, row)
        elif row.state == PackState.CANARY and rollout.candidate is not None:
            running = rollout.candidate
            running.share = share
            make_move(rollout, row, PackMove.CANARY, running)
        else:
            begin_candidate(rollout, row, PackMove.CANARY, share)
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
        row = locked_pack(rollout, pack, expected_version)
        check_not_active(rollout, row)
        make_move(rollout, row, PackMove.RETIRE, reason=reason)
        end_candidate(rollout, row, reason)
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
        if undone is not None and id_of(pack_of(rollout, last)) != undone:
            raise ConflictError(
                Told(
                    "%(undone)s is not what a rollback would undo: it is no canary any more, "
                    "and not the active pack",
                    undone=undone,
                )
            )
        if candidate is not None and running:
            row = pack_of(rollout, candidate)
            make_move(rollout, row, PackMove.RETIRE, reason=reason)
            end_candidate(rollout, row, reason)
            return pack_of(rollout, rollout.active)
        return restore_before(rollout, PackMove.RETIRE, reason)


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
        begin_candidate(rollout, pack_of(rollout, candidate), PackMove.SHADOW, 0.0, reason)
        return True
    if rollout.row.active_id != activation_id or rollout.active.before_id is None:
        return False
    move = PackMove.SHADOW if candidate is None else PackMove.RETIRE
    try:
        restore_before(rollout, move, reason)
    except ConflictError:  # it can't be used any more: what decides stays, and the alarm says so
        return False
    return True


def raise_alarm(rollout: Rollout, activation: PolicyActivation, **told: Any) -> None:
    """Write an alarm into the journal, and tell the platform's webhooks."""
    row = pack_of(rollout, activation)
    note(
        rollout,
        row,
        PolicyAlarmRaised(pack=id_of(row), activation_id=activation.id, **told),
    )


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
