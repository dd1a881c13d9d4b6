"""Disputes of claims: filed, forwarded, answered by the holder, or freed by their silence (DSM-17-9).

Locks are taken in this order: track, dispute, claim. Blocks are not disputed but appealed at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from appeals import disputes as rules
from scanner import claim_outcomes, claims, matters, parties
from scanner.callers import Caller
from scanner.claim_letters import due, tell_creator, tell_holder
from scanner.claim_notices import escalate
from scanner.declarations import DeclarationError
from scanner.errors import IllegalTransitionError, NotFoundError
from scanner.exemptions import less
from scanner.notice_senders import Party, refuse_suspended
from scanner.tables import Claim, Dispute, Track
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service

RULE: Final = "dispute-answer"


@dataclass(frozen=True)
class Filed:
    """What a creator says against a claim.

    Attributes
    ----------
    grounds : sequence of str
        Of :data:`appeals.disputes.GROUNDS`.
    attestation : dict
        ``name`` and ``text_version``.
    segments : sequence of (start, end)
        Seconds of the track that are disputed; all that is claimed, if none are named.
    """

    claim_id: str
    grounds: Sequence[str]
    text: str
    attestation: dict[str, Any]
    segments: Sequence[rules.Span] = ()


@dataclass(frozen=True)
class Answered:
    """What a holder answers.

    Attributes
    ----------
    answer : {"release", "uphold", "escalate"}
    text : str
        Why; to release all needs none.
    segments : sequence of (start, end)
        With ``release``: only these seconds are free. With ``uphold`` and a remedy: what is to be mended.
    remedy : str, optional
        With ``uphold``: cut, mute, replace or territory.
    territories : sequence of str
        With the remedy territory: where the claim stays.
    elements : dict
        With ``escalate``: those of a notice, see :data:`appeals.forms.FORMS`.
    """

    answer: rules.Answer
    text: str = ""
    segments: Sequence[rules.Span] = ()
    remedy: str | None = None
    territories: Sequence[str] = ()
    elements: dict[str, Any] = field(default_factory=dict)


def file(service: "Service", caller: Caller, filed: Filed) -> Dispute:
    """Open a dispute and send it to the holder, who has 30 days to answer.

    No sanction keeps anybody from it: it is the complaint of DSM-17-9, which the holder answers, not the platform.

    Raises
    ------
    NotFoundError
        If there is no such claim on a track of the caller's.
    DeclarationError
        Naming every field that is wrong.
    IllegalTransitionError
        If the claim can't be disputed now, or blocks: then the decision is appealed.
    """
    with service.database.transaction() as session:
        claim, track = _claim_and_track(session, caller.tenant_id, filed.claim_id)
        actor = parties.affected(session, caller, track)
        wrong = rules.wrong_with(
            filed.grounds, filed.text, filed.attestation, filed.segments, spans(claim)
        )
        if wrong:
            raise DeclarationError(wrong)
        if claim.remedy == "block":
            raise IllegalTransitionError(
                "this claim blocks the track: appeal against the decision at once, with POST /v1/appeals"
            )
        dispute = matters.new(
            Dispute,
            caller.tenant_id,
            service.now(),
            claim_id=claim.id,
            track_id=track.id,
            account_id=track.account_id,
            filed_by=actor.id,
            grounds=sorted(set(filed.grounds)),
            text=filed.text.strip(),
            segments=[{"start": start, "end": end} for start, end in filed.segments],
            attestation=_attested(service, filed.attestation),
        )
        if claim.remedy == "monetise":
            claim.money_held_from = rules.held_from(claim.created_at, service.now())
        held = claims.money(claim, "held")
        matters.move(
            service,
            session,
            claim,
            "dispute",
            matters.CLOCK,
            parts={"dispute": dispute.id},
            detail={"dispute_id": dispute.id} | held,
        )
        matters.opened(service, session, dispute, actor, detail={"claim_id": claim.id} | held)
        letter = tell_holder(
            service, session, dispute, claim, "dispute-forwarded", due=due(service, RULE)
        )
        parts = {"message": letter.id}
        matters.move(service, session, dispute, "forward", matters.CLOCK, parts=parts)
        return dispute


def answer(service: "Service", caller: Caller, dispute_id: str, given: Answered) -> Dispute:
    """Answer for the holder: release all or a part, uphold, uphold in part, or escalate.

    Raises
    ------
    NotFoundError
        If it is not a dispute of a claim of the caller's.
    DeclarationError
        If the answer does not fit together.
    appeals.MoveError
        If it is too late, or was answered before.
    SenderSuspendedError
        If it is escalated to a notice and the holder's notices are suspended (DSA-23).
    """
    if given.answer == "escalate":
        _refuse_suspended(service, caller, dispute_id)
    with service.database.transaction() as session:
        dispute, claim, track = _whole(session, caller.tenant_id, dispute_id)
        if caller.holder_id not in {None, claim.holder_id}:
            raise NotFoundError("dispute", "of this id")
        actor = parties.claimant(caller, claim.holder_id)
        _check(given, claim)
        dispute.answer = given.text.strip() or None
        if given.answer == "release" and not _keeps_a_part(given, claim):
            _release(service, session, dispute, claim, track, actor, "dispute")
        elif given.answer == "escalate":
            _escalate(service, session, dispute, claim, given, actor)
        else:
            _uphold(service, session, dispute, claim, track, given, actor)
        return dispute


def _refuse_suspended(service: "Service", caller: Caller, dispute_id: str) -> None:
    """Turn away the notice of a holder whose notices are suspended, by whatever way it comes."""
    with service.database.reading() as session:
        dispute = matters.find(session, Dispute, caller.tenant_id, dispute_id)
        holder_id = session.get_one(Claim, dispute.claim_id).holder_id
    parties.claimant(caller, holder_id)
    refuse_suspended(service, caller.tenant_id, Party("holder", holder_id), "dmca", caller.actor)


def withdraw(service: "Service", caller: Caller, dispute_id: str) -> Dispute:
    """Take a dispute back: the claim acts as before."""
    with service.database.transaction() as session:
        dispute, claim, track = _whole(session, caller.tenant_id, dispute_id)
        actor = parties.affected(session, caller, track)
        matters.move(service, session, dispute, "withdraw", actor)
        detail = claims.money(claim, "holder")
        parts = {"dispute": dispute.id}
        matters.move(
            service, session, claim, "reinstate", matters.CLOCK, parts=parts, detail=detail
        )
        return dispute


def lapse(service: "Service", session: Session, dispute: Dispute) -> None:
    """Free the track of a holder who did not answer in time."""
    if dispute.state != "with_claimant":
        return
    track = locked(session, dispute.tenant_id, dispute.track_id)
    claim = matters.locked(session, Claim, dispute.tenant_id, dispute.claim_id)
    matters.move(service, session, dispute, "lapse", matters.CLOCK)
    text = "Its holder did not answer the dispute in time: the claim is released."
    _free(service, session, dispute, claim, track, matters.CLOCK, "silence", text)
    tell_holder(service, session, dispute, claim, "dispute-lapsed")


def find(session: Session, caller: Caller, dispute_id: str) -> tuple[Dispute, Claim]:
    """Return a dispute that the caller is a party to, with its claim.

    Raises
    ------
    NotFoundError
        If it is not theirs.
    """
    dispute = matters.find(session, Dispute, caller.tenant_id, dispute_id)
    claim = session.get_one(Claim, dispute.claim_id)
    foreign = caller.holder_id not in {None, claim.holder_id}
    if foreign or caller.account_id not in {None, dispute.account_id} or caller.flagger_id:
        raise NotFoundError("dispute", "of this id")
    return dispute, claim


def listed(
    session: Session, caller: Caller, *, limit: int, before: str | None, state: str | None
) -> list[Dispute]:
    """Return the disputes that the caller is a party to, newest first."""
    query = select(Dispute).where(Dispute.tenant_id == caller.tenant_id)
    if caller.account_id is not None:
        query = query.where(Dispute.account_id == caller.account_id)
    if caller.holder_id is not None:
        own = select(Claim.id).where(Claim.holder_id == caller.holder_id)
        query = query.where(col(Dispute.claim_id).in_(own))
    if caller.flagger_id is not None:
        return []
    if state is not None:
        query = query.where(Dispute.state == state)
    if before is not None:
        query = query.where(Dispute.id < before)
    return list(session.exec(query.order_by(col(Dispute.id).desc()).limit(limit)))


def spans(claim: Claim) -> list[rules.Span]:
    """Return the seconds of the track that are claimed."""
    return [(each["query_start"], each["query_end"]) for each in claim.segments]


def _attested(service: "Service", attestation: dict[str, Any]) -> dict[str, Any]:
    version = attestation["text_version"]
    return {
        "name": attestation["name"].strip(),
        "text_version": version,
        "text": rules.ATTESTATIONS[version],
        "at": service.now().isoformat(),
    }


def _claim_and_track(session: Session, tenant_id: str, claim_id: str) -> tuple[Claim, Track]:
    seen = matters.find(session, Claim, tenant_id, claim_id)
    track = locked(session, tenant_id, seen.track_id)
    return matters.locked(session, Claim, tenant_id, claim_id), track


def _whole(session: Session, tenant_id: str, dispute_id: str) -> tuple[Dispute, Claim, Track]:
    seen = matters.find(session, Dispute, tenant_id, dispute_id)
    track = locked(session, tenant_id, seen.track_id)
    dispute = matters.locked(session, Dispute, tenant_id, dispute_id)
    return dispute, matters.locked(session, Claim, tenant_id, dispute.claim_id), track


def _check(given: Answered, claim: Claim) -> None:
    errors = []
    if given.answer != "release" and not given.text.strip():
        errors.append(("text", "say why the claim is right: the creator and an officer read it"))
    if given.remedy is not None and given.answer != "uphold":
        errors.append(("remedy", "a remedy goes with the answer uphold"))
    if given.remedy is not None and given.remedy not in rules.REMEDIES:
        errors.append(("remedy", f"one of {', '.join(rules.REMEDIES)}"))
    if (given.remedy == "territory") != bool(given.territories):
        errors.append(("territories", "name where the claim stays, with the remedy territory"))
    if claim.territories and (more := sorted(set(given.territories) - set(claim.territories))):
        errors.append(("territories", f"the claim does not hold in {', '.join(more)}"))
    if any(not rules.covered(part, spans(claim)) for part in given.segments):
        errors.append(("segments", "name seconds that are claimed, with a start before the end"))
    if errors:
        raise DeclarationError([{"field": field_, "detail": told} for field_, told in errors])


def _keeps_a_part(given: Answered, claim: Claim) -> bool:
    """Whether a release in part leaves something claimed."""
    return bool(given.segments) and bool(rules.less(spans(claim), given.segments))


def _release(
    service: "Service",
    session: Session,
    dispute: Dispute,
    claim: Claim,
    track: Track,
    actor: appeals.Actor,
    ground: str,
) -> None:
    matters.move(service, session, dispute, "release_claim", actor)
    text = "Its holder released the claim after a dispute."
    _free(service, session, dispute, claim, track, actor, ground, text)


def _free(
    service: "Service",
    session: Session,
    dispute: Dispute,
    claim: Claim,
    track: Track,
    actor: appeals.Actor,
    ground: str,
    text: str,
) -> None:
    claims.end(service, session, claim, actor, ground)
    own = ("dispute", dispute.id)
    claim_outcomes.exempt(service, session, claim, own)
    claim_outcomes.decide_again(
        service,
        session,
        track,
        claim,
        own,
        text,
        matters.actor_of(actor),
        by="law" if ground == "silence" else "person",
    )


def _uphold(
    service: "Service",
    session: Session,
    dispute: Dispute,
    claim: Claim,
    track: Track,
    given: Answered,
    actor: appeals.Actor,
) -> None:
    reason = given.text.strip() or "The holder released a part and keeps the rest."
    detail: dict[str, Any] = {"claim_id": claim.id}
    if given.remedy is not None:
        detail["remedy"] = given.remedy
        detail["segments"] = [list(part) for part in given.segments or spans(claim)]
    matters.move(
        service, session, dispute, "uphold_claim", actor, parts={"reason": reason}, detail=detail
    )
    money = claims.money(claim, "holder")
    parts = {"dispute": dispute.id}
    matters.move(service, session, claim, "uphold", matters.CLOCK, parts=parts, detail=money)
    tell_creator(
        service,
        session,
        claim,
        "dispute-upheld",
        reason=reason,
        wish=given.remedy or "",
        until=dispute.due_at,
    )
    if given.answer == "release" or given.remedy == "territory":
        _narrow(service, session, dispute, claim, track, given, actor)


def _narrow(
    service: "Service",
    session: Session,
    dispute: Dispute,
    claim: Claim,
    track: Track,
    given: Answered,
    actor: appeals.Actor,
) -> None:
    """Let go of some seconds, or of all territories but some."""
    own = ("dispute", dispute.id)
    released = given.segments if given.answer == "release" else ()
    claim_outcomes.exempt(
        service, session, claim, own, segments=released, claimed_in=given.territories
    )
    claim.segments = less(claim.segments, released)
    if given.territories:
        claim.territories = sorted(given.territories)
    text = "Its holder keeps a part of the claim after a dispute, and released the rest."
    claim_outcomes.decide_again(service, session, track, claim, own, text, matters.actor_of(actor))


def _escalate(
    service: "Service",
    session: Session,
    dispute: Dispute,
    claim: Claim,
    given: Answered,
    actor: appeals.Actor,
) -> None:
    notice = escalate(service, session, claim, given.elements, actor)
    detail = {"claim_id": claim.id, "notice_id": notice.id}
    matters.move(
        service,
        session,
        dispute,
        "uphold_claim",
        actor,
        parts={"reason": given.text},
        detail=detail,
    )
    matters.move(
        service,
        session,
        claim,
        "escalate",
        actor,
        parts={"notice": notice.id},
        detail=detail | claims.money(claim, "held"),
    )
    tell_creator(service, session, claim, "claim-escalated", reason=given.text)
