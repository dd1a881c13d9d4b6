"""What an appeals officer decides, what is reversed by it, and what a body out of court says (DSA-20, DSA-21)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlmodel import Session

import appeals
from appeals import strike_policy
from scanner import (
    appeal_letters,
    appeal_notices,
    appeal_parts,
    catalogue,
    claims,
    matters,
    notice_tracks,
    parties,
    restrictions,
    rulings,
    sanctions,
    strikes,
    tracks,
    upkeep,
)
from scanner.appeal_parts import BadAppealError
from scanner.appealing import of_appellant
from scanner.callers import Caller
from scanner.errors import NotFoundError
from scanner.rulings import By, Outcome, Ruling
from scanner.tables import (
    Appeal,
    Claim,
    Dispute,
    Notice,
    PolicyDecision,
    Reference,
    Strike,
    Track,
)
from scanner.track_states import State

if TYPE_CHECKING:
    from scanner.service import Service

Decided = Literal["grant", "grant_partly", "deny"]
_OUT: Final = frozenset({"clear", "restrict"})


@dataclass(frozen=True)
class Exclusion:
    """A part of a reference that is not its holder's, in seconds."""

    reference_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class AppealDecision:
    """What an officer decides on an appeal.

    Attributes
    ----------
    partial : Outcome, territories, restrictions
        With ``grant_partly``: what becomes of the track.
    """

    outcome: Decided
    reason: str
    becomes: Outcome = "restrict"
    territories: tuple[str, ...] = ()
    restrictions: tuple[dict[str, Any], ...] = field(default=())
    exclusion: Exclusion | None = None


@dataclass(frozen=True)
class _Reversal:
    """What a reversal works with, in one transaction."""

    service: "Service"
    session: Session
    row: Appeal
    actor: appeals.Actor
    decided: AppealDecision
    by: By = "person"

    def ruling(self) -> Ruling:
        """Return what becomes of the track."""
        partly = self.decided.outcome == "grant_partly"
        return Ruling(
            outcome=self.decided.becomes if partly else "clear",
            reason="appeal.granted-partly" if partly else "appeal.granted",
            text=self.decided.reason,
            territories=self.decided.territories if partly else (),
            restrictions=self.decided.restrictions if partly else (),
            legal_basis=("DSA-20",),
            ground=("appeal", self.row.id),
            by=self.by,
        )


def decide(service: "Service", caller: Caller, appeal_id: str, decided: AppealDecision) -> Appeal:
    """Decide an appeal, as its officer; what is granted is reversed in the same transaction.

    Raises
    ------
    BadAppealError
        If a part is granted and nothing says which, or what is left is stricter than what was appealed.
    appeals.IllegalTransitionError
        If somebody else holds it, or the officer decided before.
    """
    actor = parties.staff(caller)
    _check(decided)
    with service.database.transaction() as session:
        if decided.exclusion is not None:
            catalogue.lock(session, caller.tenant_id)  # before any track
        row = _locked(session, caller.tenant_id, appeal_id)
        _check_part(row, decided)
        parts = {"reason": decided.reason}
        matters.move(service, session, row, decided.outcome, actor, parts=parts)
        row.outcome, row.outcome_kind = decided.reason, row.state
        if decided.outcome != "deny":
            _reverse(_Reversal(service, session, row, actor, decided))
        if decided.exclusion is not None:
            _exclude(service, session, caller, row, decided.exclusion)
        appeal_letters.tell_outcome(service, session, row)
        return row


def go_out_of_court(
    service: "Service",
    caller: Caller | None,
    appeal_id: str,
    body: str,
    *,
    body_case: str | None = None,
    complex_: bool = False,
    token: str | None = None,
) -> Appeal:
    """Write down that the appellant went to a certified body of their choice (DSA-21).

    Raises
    ------
    BadAppealError
        If the body is not on the list of certified ones.
    """
    known = {each["name"].lower(): each["name"] for each in bodies(service)}
    name = known.get(body.strip().lower())
    if name is None:
        raise BadAppealError(
            f"{body!r} is none of the certified bodies: {', '.join(sorted(known.values()))}; the "
            "setting out_of_court_bodies adds to them"
        )
    with service.database.transaction() as session:
        row, actor = of_appellant(session, caller, appeal_id, token)
        parts = {"body": name}
        matters.move(service, session, row, "go_out_of_court", actor, parts=parts, longer=complex_)
        row.body, row.body_case = name, body_case
        return row


def record_outcome(
    service: "Service", caller: Caller, appeal_id: str, outcome: str, reverses: bool
) -> Appeal:
    """Write down what the body said; where it says so, what was decided is reversed."""
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        row = _locked(session, caller.tenant_id, appeal_id)
        parts = {"outcome": outcome}
        matters.move(service, session, row, "record_outcome", actor, parts=parts)
        row.body_outcome = outcome
        if reverses:
            granted = AppealDecision("grant", outcome)
            _reverse(_Reversal(service, session, row, actor, granted))
            row.outcome_kind = "granted"
        appeal_letters.tell_outcome(service, session, row, template="appeal-body-outcome")
        return row


def bodies(service: "Service") -> list[Mapping[str, Any]]:
    """Return the out-of-court bodies: those of the list, and those that the settings add."""
    added = [{"name": name} for name in service.settings.out_of_court_bodies]
    return [*strike_policy.out_of_court()["bodies"], *added]


def _check(decided: AppealDecision) -> None:
    kinds = restrictions.KINDS | {restrictions.LABEL}
    if (flaw := restrictions.flaw(decided.restrictions, kinds)) is not None:
        raise BadAppealError(flaw)
    if decided.outcome != "grant_partly":
        return
    if decided.becomes == "clear":
        raise BadAppealError("a track that becomes clear is granted in whole: send grant")
    if decided.becomes == "restrict" and not decided.restrictions:
        raise BadAppealError("with outcome restrict, send the restrictions that are left")
    if decided.becomes == "block" and not decided.territories:
        raise BadAppealError("a block that is left everywhere grants nothing: send territories")


def _check_part(row: Appeal, decided: AppealDecision) -> None:
    """Refuse a part of what has none: it would fall in whole."""
    if decided.outcome == "grant_partly" and row.subject_kind in {"strike", "sanction"}:
        raise BadAppealError(f"a {row.subject_kind} stands or falls in whole: send grant or deny")


def _locked(session: Session, tenant_id: str, appeal_id: str) -> Appeal:
    """Lock the track, or a notice's tracks and the notice, then the appeal."""
    seen = matters.find(session, Appeal, tenant_id, appeal_id)
    if seen.track_id is not None:
        tracks.locked(session, tenant_id, seen.track_id)
    if seen.subject_kind == Notice.KIND:
        notice_tracks.lock_all(session, notice_tracks.of_notice(session, seen.subject_id))
        matters.locked(session, Notice, tenant_id, seen.subject_id)
    return matters.locked(session, Appeal, tenant_id, appeal_id)


def _reverse(reversal: _Reversal) -> None:
    by_kind: Mapping[str, Callable[[_Reversal], None]] = {
        "decision": _reverse_decision,
        "dispute": _reverse_dispute,
        "notice": _reverse_notice,
        "strike": _reverse_strike,
        "sanction": _reverse_sanction,
    }
    by_kind[reversal.row.subject_kind](reversal)


def _reverse_decision(reversal: _Reversal) -> None:
    """Decide on the track anew; if all is granted, notices let it go, and their strikes fall.

    Where something newer stands it stays, with its strike: then only that of what is contested falls.
    """
    session, row = reversal.session, reversal.row
    track = session.get_one(Track, row.track_id)
    contested = session.get_one(PolicyDecision, row.subject_id)
    stands = track.decision_id == contested.id
    if not stands and reversal.decided.outcome == "grant_partly":
        raise BadAppealError(
            "something newer stands on the track, so no part of the appealed decision can be left: "
            "send grant or deny"
        )
    if stands and track.state != State.WITHDRAWN:
        _rule(reversal, track, contested)
    if reversal.decided.outcome == "grant":
        appeal_notices.let_go(
            reversal.service, session, track, contested, reversal.actor, stands=stands
        )


def _rule(reversal: _Reversal, track: Track, contested: PolicyDecision) -> None:
    """Restore what a person's decision had taken back; else let the ruling stand by itself.

    What another notice did before the one that is contested stays as it was.
    """
    service, session = reversal.service, reversal.session
    actor, ruling = matters.actor_of(reversal.actor), reversal.ruling()
    before = notice_tracks.before(session, contested)
    held = before is not None and notice_tracks.is_held(session, track, before)
    if reversal.decided.outcome != "grant":
        under = (
            before if held or (before and contested.ruled_by and before.decision in _OUT) else None
        )
        stored = rulings.rule(service, session, track, replace(ruling, on_top_of=under), actor)
        appeal_parts.refuse_stricter(stored, contested)
        notice_tracks.leave(session, track, stored, contested, ruling)
    elif before is not None and (held or (contested.ruled_by and before.decision in _OUT)):
        stored = rulings.restore(service, session, track, before, ruling, actor)
        if held:  # it rests on the other notice again, and falls with it
            left = before.explanation.get(notice_tracks.LEFT)
            notice_tracks.rest_on(stored, notice_tracks.ground_of(before), left)
    else:
        rulings.rule(service, session, track, ruling, actor)


def _reverse_dispute(reversal: _Reversal) -> None:
    """Release the claim, and what it did to the track."""
    service, session, row = reversal.service, reversal.session, reversal.row
    dispute = matters.locked(session, Dispute, row.tenant_id, row.subject_id)
    release(service, session, dispute, "appeal")
    if dispute.state == "appealed":
        matters.move(service, session, dispute, "grant", matters.CLOCK, parts={"appeal": row.id})
    _rule_claimed(reversal, dispute)


def release_lapsed(
    service: "Service", session: Session, dispute: Dispute, appeal: Appeal | None
) -> None:
    """Release the claim of a holder who kept silent, and what it did to the track (DSM-17-9)."""
    release(service, session, dispute, "silence")
    if appeal is not None:
        reason = "The rights holder did not answer your appeal, so the claim was released."
        granted = AppealDecision("grant", reason)
        _rule_claimed(
            _Reversal(service, session, appeal, matters.CLOCK, granted, by="law"), dispute
        )


def _rule_claimed(reversal: _Reversal, dispute: Dispute) -> None:
    session = reversal.session
    claim = session.get_one(Claim, dispute.claim_id)
    track = session.get_one(Track, dispute.track_id)
    now_stands = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if now_stands is None or track.state == State.WITHDRAWN or now_stands.decision == "clear":
        return
    ground = tuple(now_stands.explanation.get("ground") or ())
    by_claim = now_stands.id == claim.decision_id or ground in {
        ("claim", claim.id),
        ("dispute", dispute.id),
    }
    if by_claim:
        _rule(reversal, track, now_stands)


def release(service: "Service", session: Session, dispute: Dispute, ground: str) -> None:
    """Release the claim of a dispute, if it stands."""
    claim = matters.locked(session, Claim, dispute.tenant_id, dispute.claim_id)
    if claim.state != "released":
        detail = {"ground": ground} | claims.money(claim, "creator")
        parts = {"ground": ground}
        matters.move(service, session, claim, "release", matters.CLOCK, parts=parts, detail=detail)
        claim.ground = ground


def _reverse_notice(reversal: _Reversal) -> None:
    """Act on a notice that was refused: what it is about is blocked, or limited (DSA-20b)."""
    decided = reversal.decided
    notice = matters.locked(
        reversal.session, Notice, reversal.row.tenant_id, reversal.row.subject_id
    )
    remedy = appeal_parts.remedy_of(
        notice.form, decided.becomes, decided.territories, decided.restrictions
    )
    appeal_notices.act(
        reversal.service, reversal.session, notice, decided.reason, remedy, reversal.actor
    )


def _reverse_strike(reversal: _Reversal) -> None:
    row = reversal.row
    strike = matters.locked(reversal.session, Strike, row.tenant_id, row.subject_id)
    strikes.reverse(reversal.service, reversal.session, strike, "appeal granted", reversal.actor)


def _reverse_sanction(reversal: _Reversal) -> None:
    row = reversal.row
    sanction = sanctions.locked(reversal.session, row.tenant_id, row.subject_id)
    if sanction.state == "in_force":
        sanctions.lifted(
            reversal.service,
            reversal.session,
            sanction,
            reversal.decided.reason,
            matters.actor_of(reversal.actor),
        )


def _exclude(
    service: "Service", session: Session, caller: Caller, row: Appeal, part: Exclusion
) -> None:
    """Feed the reference's exclusions: what the appeal showed is not its holder's."""
    reference = session.get(Reference, part.reference_id)
    if reference is None or reference.tenant_id != caller.tenant_id:
        raise NotFoundError("reference", "of this id")
    appeal_parts.refuse_unmatched(session, row.track_id, reference)
    upkeep.exclude_within(
        service,
        session,
        caller,
        reference.id,
        (part.start_s, part.end_s),
        origin="appeal",
        note=f"appeal {row.id}",
    )
