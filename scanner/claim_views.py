"""Claims and disputes as their parties see them."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlmodel import Session, col, select

import appeals
from appeals.roles import STAFF
from scanner import claim_precision, complaint_windows, evidence, matters
from scanner.callers import Caller
from scanner.claim_letters import SCORE_MEANS
from scanner.errors import NotFoundError
from scanner.tables import Claim, Dispute, Holder, Reference


def find(session: Session, caller: Caller, claim_id: str) -> Claim:
    """Return a claim that the caller is a party to, or raise ``NotFoundError``."""
    claim = matters.find(session, Claim, caller.tenant_id, claim_id)
    foreign = caller.holder_id not in {None, claim.holder_id}
    if foreign or caller.account_id not in {None, claim.account_id} or caller.flagger_id:
        raise NotFoundError("claim", "of this id")
    return claim


def listed(
    session: Session,
    caller: Caller,
    *,
    limit: int,
    before: str | None,
    track_id: str | None,
    state: str | None,
) -> list[Claim]:
    """Return the claims that the caller is a party to, newest first."""
    query = select(Claim).where(Claim.tenant_id == caller.tenant_id)
    if caller.flagger_id is not None:
        return []
    for column, wanted in (
        (Claim.holder_id, caller.holder_id),
        (Claim.account_id, caller.account_id),
        (Claim.track_id, track_id),
        (Claim.state, state),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(Claim.id < before)
    return list(session.exec(query.order_by(col(Claim.id).desc()).limit(limit)))


def describe(session: Session, claim: Claim) -> dict[str, Any]:
    """Return a claim as JSON: the same to both sides."""
    return describe_all(session, [claim])[0]


def describe_all(session: Session, found: Sequence[Claim]) -> list[dict[str, Any]]:
    """Return claims as JSON, in their order; as many queries for all as for one."""
    holders = _by_id(session, Holder, {each.holder_id for each in found})
    references = _by_id(session, Reference, {each.reference_id for each in found})
    precision = claim_precision.of_all(session, list(holders))
    return [
        _described(
            each,
            holders[each.holder_id],
            references[each.reference_id].title,
            precision[each.holder_id],
        )
        for each in found
    ]


def _by_id(session: Session, model: Any, ids: Collection[str]) -> dict[str, Any]:
    return {row.id: row for row in session.exec(select(model).where(model.id.in_(ids)))}


def _described(
    claim: Claim, holder: Holder, title: str | None, precision: claim_precision.Precision
) -> dict[str, Any]:
    right, decided = precision
    held = claim.money_held_from
    return {
        "id": claim.id,
        "track_id": claim.track_id,
        "reference_id": claim.reference_id,
        "title": title,
        "claimant": {
            "id": holder.id,
            "name": holder.name,
            "verified": holder.verified,
            "precision": right,
            "decided_claims": decided,
        },
        "right": claim.right,
        "policy": claim.remedy,
        "territories": claim.territories,
        "segments": claim.segments,
        "score": {"value": claim.score, "means": SCORE_MEANS},
        "coverage_query": claim.coverage_query,
        "longest_ms": claim.longest_ms,
        "state": claim.state,
        "ground": claim.ground,
        "money_held_from": held.isoformat() if held else None,
        "version": claim.version,
        "created_at": claim.created_at.isoformat(),
    }


def describe_dispute(session: Session, caller: Caller, dispute: Dispute) -> dict[str, Any]:
    """Return a dispute as JSON, with what the caller may do with it now."""
    machine = appeals.MACHINES[Dispute.KIND]
    until = complaint_windows.ends(session, [dispute])[dispute.id]
    return {
        "id": dispute.id,
        "claim_id": dispute.claim_id,
        "track_id": dispute.track_id,
        "state": dispute.state,
        "grounds": dispute.grounds,
        "text": dispute.text,
        "segments": dispute.segments,
        "answer": dispute.answer,
        "due_at": until.isoformat() if until else None,
        "evidence": evidence.listed(session, (Dispute.KIND, dispute.id)),
        "allowed": machine.allowed(dispute.state, _role(caller)),
        "version": dispute.version,
        "created_at": dispute.created_at.isoformat(),
    }


def _role(caller: Caller) -> appeals.Role:
    if caller.holder_id is not None:
        return appeals.Role.RIGHTS_HOLDER
    if caller.account_id is not None:
        return appeals.Role.CREATOR
    if caller.actor.role in STAFF:
        return appeals.Role(caller.actor.role)
    return appeals.Role.PLATFORM
