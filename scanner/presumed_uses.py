"""Presumed lawful uses in Germany: told to their holders, contested by them, decided on by people (DE-URHDAG).

A match that a rule leaves alone for this law stays up (§ 9). Its holder is told at once (§ 9(3)) and may complain;
a verified one may have it blocked until that is decided, on a person's own word (§ 14(4)). A person decides within a
week (§ 14(3), (5)). A consumer group of its own: what it does follows from what went out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from appeals.presumed_uses import ATTESTATIONS, BASIS, TERRITORIES
from appeals.roles import Role
from scanner import (
    case_closing,
    matters,
    notice_tracks,
    parties,
    presumed_blocks,
    presumed_letters,
    tracks,
)
from scanner.bus.dispatch import once
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import DeclarationError
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.journal import Actor, Event
from scanner.openings import enqueue
from scanner.rulings import Ruling
from scanner.tables import (
    Appeal,
    Case,
    CaseNote,
    Holder,
    PolicyDecision,
    PresumedUse,
    Reference,
    Track,
)
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.verdicts import Verdict

GROUP: Final = "presumed-uses"
OPEN: Final = frozenset({"contested", "blocked"})


@dataclass(frozen=True)
class Attested:
    """On whose word a use is blocked before it is decided on.

    Attributes
    ----------
    name : str
        Of the person who looked at it.
    statement : str
        Why it is not presumed lawful, and what harm it does.
    text_version : str
        One of :data:`appeals.presumed_uses.ATTESTATIONS`.
    """

    name: str
    statement: str
    text_version: str


def follow(service: "Service", event: Event) -> None:
    """Tell holders of the presumed uses in a track that went out, and keep those blocked that are to be."""
    with once(service, GROUP, event) as session:
        track = tracks.locked(session, event.tenant or "", event.subject)
        decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
        if decision is None or track.state not in presumed_blocks.IN_EFFECT:
            return  # it is decided on anew: that event follows
        rows = presumed_blocks.of_track(session, track.id)
        # what a person decided says nothing of presumptions
        if presumed_blocks.EXEMPTED in decision.explanation:
            _follow_rules(service, session, track, decision, rows, event)
        presumed_blocks.lay_again(service, session, track, decision, rows)


def on_withdrawn(service: "Service", event: Event) -> None:
    """End what is open about a track that was taken back."""
    with once(service, GROUP, event) as session:
        track = tracks.locked(session, event.tenant or "", event.subject)
        for row in presumed_blocks.of_track(session, track.id):
            end(service, session, row, "the track was withdrawn", event)


def complain(
    service: "Service", caller: Caller, use_id: str, reason: str, block: Attested | None = None
) -> PresumedUse:
    """Contest a presumed use, as its holder; with ``block``, have it blocked until that is decided.

    Raises
    ------
    ForbiddenError
        If a holder who is not verified asks for the block (§ 14(4)).
    DeclarationError
        If the block is not attested in the words that are asked for.
    IllegalTransitionError
        If the use was contested before, or is not available.
    """
    with service.database.transaction() as session:
        track, row = _locked(session, caller, use_id)
        actor = parties.claimant(caller, row.holder_id)
        matters.move(service, session, row, "complain", actor, parts={"reason": reason})
        row.reason = reason
        _ask(service, session, row)
        presumed_letters.tell_creator(service, session, row, "presumed-use-contested")
        if block is not None:
            _block_at_once(service, session, track, row, block, actor)
        return row


def comment(service: "Service", caller: Caller, use_id: str, text: str) -> PresumedUse:
    """Say something about a complaint, as whose use it is; whoever decides reads it."""
    with service.database.transaction() as session:
        track, row = _locked(session, caller, use_id)
        actor = parties.affected(session, caller, track)
        matters.move(service, session, row, "comment", actor, parts={"text": text})
        session.add(presumed_letters.message(service, row, actor, text))
        _tell_reviewer(service, session, row, actor, text)
        return row


def withdraw(service: "Service", caller: Caller, use_id: str) -> PresumedUse:
    """Take a complaint back, as the holder: what it blocked is available again."""
    with service.database.transaction() as session:
        track, row = _locked(session, caller, use_id)
        actor = parties.claimant(caller, row.holder_id)
        blocked = row.state == "blocked"
        matters.move(service, session, row, "withdraw", actor)
        _close_cases(service, session, row, "the complaint was taken back", matters.actor_of(actor))
        if blocked:
            text = "The rights holder took the complaint back."
            presumed_blocks.take_off(service, session, track, row, text, matters.actor_of(actor))
        return row


def apply(
    service: "Service", session: Session, case: Case, verdict: "Verdict", actor: Actor
) -> None:
    """Give a verdict on a complaint its effect: blocked in Germany, or available again (§ 14(3), (5))."""
    track = tracks.locked(session, case.tenant_id, str(case.track_id))
    row = matters.locked(session, PresumedUse, case.tenant_id, str(case.matter_id))
    if row.state not in OPEN:
        return
    person = appeals.Actor(Role(actor.role), actor.id)
    blocked, text = row.state == "blocked", verdict.text or verdict.reason
    action = "uphold" if verdict.verdict == "block" else "dismiss"
    matters.move(service, session, row, action, person, parts={"reason": verdict.reason})
    row.outcome = text
    if action == "uphold":
        presumed_blocks.lay(service, session, track, row, actor, "person", text)
    elif blocked:
        presumed_blocks.take_off(service, session, track, row, text, actor)
    presumed_letters.tell_creator(service, session, row, "presumed-use-decided")
    presumed_letters.tell_holder(service, session, row, "presumed-use-decided")


def end(
    service: "Service", session: Session, row: PresumedUse, ground: str, cause: Event | None
) -> None:
    """End a locked presumed use whose track or match is gone; what was decided stays as it is."""
    if row.state != "presumed" and row.state not in OPEN:
        return
    parts = {"ground": ground}
    matters.move(service, session, row, "end", matters.CLOCK, parts=parts, cause=cause)
    _close_cases(service, session, row, ground, matters.actor_of(matters.CLOCK))


def reverse(
    service: "Service", session: Session, track: Track, ground: list[str], appeal: Appeal
) -> None:
    """Let a complaint fall whose block on a locked track fell on appeal; its holder is told (DSA-20)."""
    for row in presumed_blocks.of_track(session, track.id):
        if ground != [row.KIND, row.id] or row.state not in presumed_blocks.BLOCKING:
            continue
        parts = {"appeal": appeal.id}
        matters.move(service, session, row, "reverse", matters.CLOCK, parts=parts)
        row.outcome = appeal.body_outcome or appeal.outcome
        journal = matters.actor_of(matters.CLOCK)
        presumed_blocks.hand_on(
            service, session, track, (row.KIND, row.id), row.prior_decision_id, journal
        )
        told = "the appeal against its block was granted"
        _close_cases(service, session, row, told, matters.actor_of(matters.CLOCK))
        presumed_letters.tell_holder(service, session, row, "presumed-use-decided")


def leave(
    service: "Service",
    session: Session,
    track: Track,
    ground: list[str],
    stored: PolicyDecision,
    left: Ruling,
    appeal: Appeal,
    actor: appeals.Actor,
) -> None:
    """Let what an appeal left of a complaint's block rest on the complaint, which is decided by that (DSA-20)."""
    for row in presumed_blocks.of_track(session, track.id):
        if ground != [row.KIND, row.id] or row.state not in presumed_blocks.BLOCKING:
            continue
        if row.state == "blocked":
            parts = {"reason": str(appeal.outcome)}
            matters.move(service, session, row, "uphold", actor, parts=parts)
            told = "an appeal against its block was granted in part"
            _close_cases(service, session, row, told, matters.actor_of(actor))
        row.outcome, row.decision_id = appeal.outcome, stored.id
        notice_tracks.rest_on(stored, ground, notice_tracks.part_of(left))
        presumed_letters.tell_holder(service, session, row, "presumed-use-decided")


def find(session: Session, caller: Caller, use_id: str) -> PresumedUse:
    """Return a presumed use that the caller may see, or raise ``NotFoundError``."""
    row = matters.find(session, PresumedUse, caller.tenant_id, use_id)
    foreign = caller.holder_id not in {None, row.holder_id}
    if foreign or caller.account_id not in {None, row.account_id} or caller.flagger_id:
        raise NotFoundError("presumed use", "of this id")
    return row


def listed(
    session: Session,
    caller: Caller,
    *,
    limit: int,
    before: str | None = None,
    state: str | None = None,
    track_id: str | None = None,
) -> list[PresumedUse]:
    """Return the presumed uses that the caller may see, newest first."""
    if caller.flagger_id is not None:
        return []
    query = select(PresumedUse).where(PresumedUse.tenant_id == caller.tenant_id)
    if caller.account_id is not None:
        query = query.where(PresumedUse.account_id == caller.account_id)
    if caller.holder_id is not None:
        query = query.where(PresumedUse.holder_id == caller.holder_id)
    if state is not None:
        query = query.where(PresumedUse.state == state)
    if track_id is not None:
        query = query.where(PresumedUse.track_id == track_id)
    if before is not None:
        query = query.where(PresumedUse.id < before)
    return list(session.exec(query.order_by(col(PresumedUse.id).desc()).limit(limit)))


def describe(session: Session, row: PresumedUse) -> dict[str, Any]:
    """Return a presumed use as JSON; who decided is not named."""
    return {
        "id": row.id,
        "track_id": row.track_id,
        "reference_id": row.reference_id,
        "title": session.get_one(Reference, row.reference_id).title,
        "state": row.state,
        "version": row.version,
        "territories": list(TERRITORIES),
        "seen": row.evidence,
        "reason": row.reason,
        "block": {"name": row.block["name"], "statement": row.block["statement"]}
        if row.block
        else None,
        "outcome": row.outcome,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "created_at": row.created_at.isoformat(),
    }


def _open(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    reference_id: str,
    seen: Mapping[str, Any],
    event: Event,
) -> None:
    reference = session.get(Reference, reference_id)
    if reference is None:
        return
    row = matters.new(
        PresumedUse,
        track.tenant_id,
        service.now(),
        track_id=track.id,
        account_id=track.account_id,
        reference_id=reference_id,
        holder_id=reference.holder_id,
        decision_id=decision.id,
        evidence=dict(seen.get("evidence") or {}) | {"rule": seen["rule"]},
    )
    matters.opened(service, session, row, matters.CLOCK, cause=event)
    presumed_letters.tell_holder(service, session, row, "presumed-use-told")


def _follow_rules(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    rows: list[PresumedUse],
    event: Event,
) -> None:
    """End what is presumed no more, and tell the holders of what is presumed from now on."""
    presumed = presumed_blocks.presumed_in(decision)
    for row in rows:
        if presumed.pop(row.reference_id, None) is None:
            end(service, session, row, "the match is presumed lawful no more", event)
    if presumed_blocks.is_available(track, decision):
        for reference_id, seen in sorted(presumed.items()):
            _open(service, session, track, decision, reference_id, seen, event)


def _locked(session: Session, caller: Caller, use_id: str) -> tuple[Track, PresumedUse]:
    seen = find(session, caller, use_id)
    track = tracks.locked(session, caller.tenant_id, seen.track_id)
    return track, matters.locked(session, PresumedUse, caller.tenant_id, use_id)


def _ask(service: "Service", session: Session, row: PresumedUse) -> None:
    """Put a complaint before a person, by the end of its week."""
    text = f"The rights holder contests that this use is presumed lawful in Germany: {row.reason}"
    enqueue(
        session,
        appeals.open_case(
            case_id=new_id(),
            tenant_id=row.tenant_id,
            track_id=row.track_id,
            kind="presumed_use",
            reasons=[{"rule": "presumed-use.contested", "text": text, "legal_basis": [BASIS]}],
            now=service.now(),
            decision_id=row.decision_id,
            matter=(row.KIND, row.id),
            legal_due_at=row.due_at,
        ),
    )


def _tell_reviewer(
    service: "Service", session: Session, row: PresumedUse, actor: appeals.Actor, text: str
) -> None:
    """Put what the uploader says to the case, for whoever decides."""
    query = select(Case).where(
        Case.matter_kind == row.KIND, Case.matter_id == row.id, col(Case.closed_at).is_(None)
    )
    for case in session.exec(query).all():
        session.add(
            CaseNote(
                id=new_id(),
                tenant_id=row.tenant_id,
                case_id=case.id,
                author_id=actor.id,
                role=actor.role.value,
                kind="answer",
                text=text,
                created_at=service.now(),
            )
        )


def _close_cases(
    service: "Service", session: Session, row: PresumedUse, reason: str, actor: Actor
) -> None:
    about = (Case.matter_kind == row.KIND, Case.matter_id == row.id)
    case_closing.close(session, *about, reason=reason, now=service.now(), actor=actor)


def _block_at_once(
    service: "Service",
    session: Session,
    track: Track,
    row: PresumedUse,
    block: Attested,
    actor: appeals.Actor,
) -> None:
    if not session.get_one(Holder, row.holder_id).verified:
        raise ForbiddenError(
            "only a verified holder has a use blocked before it is decided on: send the complaint alone"
        )
    if block.text_version not in ATTESTATIONS:
        told = Told("one of %(attestations)s", attestations=", ".join(ATTESTATIONS))
        raise DeclarationError([{"field": "block.text_version", "detail": told}])
    before = session.get_one(PolicyDecision, track.decision_id)
    if not presumed_blocks.is_available(track, before):
        raise IllegalTransitionError(
            Told(
                "the track is %(state)s and not available in Germany: send the complaint alone",
                state=track.state,
            )
        )
    parts = {
        "name": block.name,
        "statement": block.statement,
        "text_version": block.text_version,
    }
    matters.move(service, session, row, "block", actor, parts=parts)
    row.block = parts | {
        "text": ATTESTATIONS[block.text_version],
        "at": service.now().isoformat(),
    }
    presumed_blocks.lay(service, session, track, row, matters.actor_of(actor), "person")
