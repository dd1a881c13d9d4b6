"""What is undone where an appeal is granted: the track decided anew, claims ended, strikes taken back (DSA-20).

What else stands, stays: another notice, another claim, what a person decided for another reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlmodel import Session

import appeals
from scanner import (
    appeal_letters,
    appeal_notices,
    appeal_parts,
    appeal_remains,
    claim_escalations,
    claim_outcomes,
    claims,
    judgements,
    left_copies,
    matters,
    notice_tracks,
    presumed_blocks,
    presumed_uses,
    rulings,
    sanctions,
    strikes,
    tightening,
)
from scanner.appeal_parts import AppealDecision, BadAppealError
from scanner.journal import Actor
from scanner.notice_senders import COPY, notice_of_copy
from scanner.packs_in_force import OVERRULED, WITHOUT, protecting
from scanner.rulings import By, Ruling
from scanner.tables import Appeal, Claim, Dispute, Notice, PolicyDecision, Strike, Track
from scanner.track_states import State

if TYPE_CHECKING:
    from scanner.service import Service

_OUT: Final = frozenset({"clear", "restrict"})


@dataclass(frozen=True)
class Reversal:
    """What a reversal works with, in one transaction."""

    service: "Service"
    session: Session
    row: Appeal
    actor: appeals.Actor
    decided: AppealDecision
    by: By = "person"

    @property
    def whole(self) -> bool:
        """Whether all is granted that was asked for."""
        return self.decided.outcome == "grant"

    @property
    def ground(self) -> tuple[str, str]:
        """What decisions and exemptions that follow rest on."""
        return Appeal.KIND, self.row.id

    @property
    def journal(self) -> Actor:
        """Who decides, as the journal names them."""
        return matters.actor_of(self.actor)

    def ruling(self) -> Ruling:
        """Return what becomes of the track."""
        return Ruling(
            outcome="clear" if self.whole else self.decided.becomes,
            reason=appeal_letters.GRANTED if self.whole else "appeal.granted-partly",
            text=self.decided.reason,
            territories=() if self.whole else self.decided.territories,
            restrictions=() if self.whole else self.decided.restrictions,
            legal_basis=("DSA-20",),
            ground=self.ground,
            by=self.by,
        )


def reverse(reversal: Reversal) -> None:
    """Undo what was appealed, or a part of it; tracks and notices are locked, then the appeal."""
    by_kind: Mapping[str, Callable[[Reversal], None]] = {
        "decision": _reverse_decision,
        "dispute": _reverse_dispute,
        "notice": _reverse_notice,
        COPY: _reverse_copy,
        "strike": _reverse_strike,
        "sanction": _reverse_sanction,
    }
    by_kind[reversal.row.subject_kind](reversal)


def _reverse_decision(reversal: Reversal) -> None:
    """Decide on the track anew; if all is granted, claims and notices behind it let it go, and strikes fall."""
    session, row = reversal.session, reversal.row
    track = session.get_one(Track, row.track_id)
    contested = session.get_one(PolicyDecision, row.subject_id)
    present = session.get_one(PolicyDecision, track.decision_id)
    stands = appeal_remains.repeats(session, present, contested)
    ground = appeal_remains.matter_of(session, contested)
    if not reversal.whole:
        if present.id != contested.id:
            raise BadAppealError(
                "something newer stands on the track, so no part of the appealed decision can be left: "
                "send grant or deny"
            )
        if track.state != State.WITHDRAWN:
            stored = _leave_a_part(reversal, track, contested)
            left = reversal.ruling()
            presumed_uses.leave(
                reversal.service, session, track, ground, stored, left, row, reversal.actor
            )
        return
    _end_claims(reversal, track, contested)
    if track.state != State.WITHDRAWN:
        _undo(reversal, track, present, contested)
    appeal_notices.let_go(
        reversal.service, session, track, contested, reversal.actor, stands=stands
    )
    presumed_uses.reverse(reversal.service, session, track, ground, row)


def _undo(
    reversal: Reversal, track: Track, present: PolicyDecision, contested: PolicyDecision
) -> None:
    """Take back what a decision did that fell, and what only repeated it; the rest stays as it is."""
    if present.id == contested.id or present.decision != "clear":
        _take_back(reversal, track, present, contested)
    _strike_down(reversal, track, contested)


def _take_back(
    reversal: Reversal, track: Track, present: PolicyDecision, contested: PolicyDecision
) -> None:
    session = reversal.session
    if appeal_remains.repeats(session, present, contested):
        claim_outcomes.refuse_under_way(track)
        under = appeal_remains.beneath(session, present, contested)
        if under is not None:
            ground = appeal_remains.matter_of(session, contested)
            under = presumed_blocks.without(reversal.service, session, track, under, ground)
        _fall_back(reversal, track, contested, under)
    elif appeal_remains.mixes(session, present, contested):
        _judge_without(reversal, track, present, contested)
    else:
        _rebase(reversal, track, contested)


def _fall_back(
    reversal: Reversal, track: Track, contested: PolicyDecision, under: PolicyDecision | None
) -> None:
    """Restore what a person's decision had taken back, or what another notice did; else the track is clear.

    Save for what protects a child: that stays as long as the facts say so (COPPA, GDPR-8).
    """
    service, session, ruling = reversal.service, reversal.session, reversal.ruling()
    if under is None or not _stays(session, track, under, contested):
        present = session.get_one(PolicyDecision, track.decision_id)
        judged = claim_outcomes.protected(service, session, track, present, ruling)
        rulings.rule(service, session, track, ruling, reversal.journal, judged=judged)
        return
    now = claim_outcomes.as_it_would_be_now(service, session, track, under, ruling)
    stored = rulings.restore(service, session, track, under, ruling, reversal.journal, judged=now)
    if _is_held(session, track, under):  # it rests on that matter again, falls with it
        left = under.explanation.get(notice_tracks.LEFT)
        notice_tracks.rest_on(stored, notice_tracks.ground_of(under), left)


def _struck_down(reversal: Reversal, contested: PolicyDecision) -> set[str]:
    """Return the ids of rules that count on a track no more when a decision falls."""
    session = reversal.session
    if not judgements.rests_on_rules(session, contested):
        return set()
    tenant_id, track_id = contested.tenant_id, contested.track_id
    by = reversal.service.packs.in_force(session, tenant_id, track_id, held=True)
    return appeal_remains.rules_on_the_track(contested) - protecting(by.pack)


def _strike_down(reversal: Reversal, track: Track, contested: PolicyDecision) -> None:
    """Note in what stands now which rules fell, so that they do not come back with what is decided later.

    Of something newer that stays, none of them has limited anything: it is replayed to the same without them.
    """
    stands = reversal.session.get_one(PolicyDecision, track.decision_id)
    fell = _struck_down(reversal, contested)
    if void := judgements.fallen(stands).union(fell):
        told = stands.explanation.get(OVERRULED)
        left = told and told | {"rules": [each for each in told["rules"] if each not in fell]}
        more = {OVERRULED: left} if left else {}
        stands.explanation = stands.explanation | {WITHOUT: sorted(void)} | more


def _stays(
    session: Session, track: Track, under: PolicyDecision, contested: PolicyDecision
) -> bool:
    """Whether what was before a decision that falls holds again: another notice's, or what a person undid."""
    undone = contested.ruled_by is not None and under.decision in _OUT
    return undone or _is_held(session, track, under)


def _is_held(session: Session, track: Track, under: PolicyDecision) -> bool:
    held = notice_tracks.is_held(session, track, under)
    return held or presumed_blocks.holds(session, under)


def _judge_without(
    reversal: Reversal, track: Track, present: PolicyDecision, contested: PolicyDecision
) -> None:
    """Let the rules judge by what else they know; what fell counts no more."""
    claim_outcomes.refuse_under_way(track)
    session, service = reversal.session, reversal.service
    void = _struck_down(reversal, contested)
    judged = claim_outcomes.judged_anew(
        service, session, track, present, reversal.ruling(), without=void
    )
    rulings.rule(service, session, track, reversal.ruling(), reversal.journal, judged=judged)


def _rebase(reversal: Reversal, track: Track, contested: PolicyDecision) -> None:
    """Something newer stands: where a notice did it, it no longer falls back to what fell, nor adds to it."""
    session, service = reversal.session, reversal.service
    present = session.get_one(PolicyDecision, track.decision_id)
    under = appeal_remains.beneath(session, contested, contested)
    if under is None or not _stays(session, track, under, contested):
        ruling = reversal.ruling()
        under = claim_outcomes.protected(service, session, track, present, ruling)
        under = under or rulings.drafted(service, track, present, ruling)
        session.add(under)
        session.flush()

    def fell(prior: PolicyDecision) -> bool:
        return appeal_remains.repeats(session, prior, contested)

    notice_tracks.rebase(service, session, track, fell, under, reversal.journal)


def _leave_a_part(
    reversal: Reversal,
    track: Track,
    contested: PolicyDecision,
    *,
    besides: PolicyDecision | None = None,
) -> PolicyDecision:
    """Rule as the officer decided; what another notice did before, or ``besides``, stays where it is stricter."""
    service, session, ruling = reversal.service, reversal.session, reversal.ruling()
    before = appeal_remains.beneath(session, contested, contested)
    stays = before is not None and _stays(session, track, before, contested)
    under = besides or (before if stays else None)
    limits = {str(each["rule"]) for each in contested.reasons}
    child = claim_outcomes.protected(service, session, track, contested, ruling, among=limits)
    if child is not None:  # no officer leaves less than that (COPPA, GDPR-8)
        under = child if under is None else tightening.merged(child, under)
    stored = rulings.rule(
        service, session, track, replace(ruling, on_top_of=under), reversal.journal
    )
    appeal_parts.refuse_stricter(stored, contested)
    stored.explanation = stored.explanation | {judgements.LEFT_OF: contested.id}
    notice_tracks.leave(session, track, stored, contested, ruling)
    return stored


def _end_claims(reversal: Reversal, track: Track, contested: PolicyDecision) -> None:
    """Release the claims that a decision rests on; their matches are held against the track no more."""
    session, service = reversal.session, reversal.service
    notice = notice_tracks.ground_of(contested)
    if notice[:1] == [Notice.KIND]:
        claim_escalations.free(service, session, track, notice[1], reversal.ground)
    if not judgements.rests_on_rules(session, contested):
        return
    found = appeal_remains.references(contested)
    for each in claims.open_on(session, track.id):
        if each.reference_id in found and each.remedy != "track":
            claims.end(service, session, each, matters.CLOCK, "appeal")
    for reference_id in found:
        claim_outcomes.exempt_match(service, session, track, reference_id, reversal.ground)


def _reverse_dispute(reversal: Reversal) -> None:
    """Release the claim and what it did to the track; of one that is granted in part, leave the part."""
    service, session, row = reversal.service, reversal.session, reversal.row
    dispute = matters.locked(session, Dispute, row.tenant_id, row.subject_id)
    claim = matters.locked(session, Claim, row.tenant_id, dispute.claim_id)
    if not reversal.whole:
        _narrow(reversal, dispute, claim)
        return
    release(service, session, claim, "appeal")
    if dispute.state in {"appealed", "closed"}:
        matters.move(service, session, dispute, "grant", matters.CLOCK, parts={"appeal": row.id})
    _free(reversal, claim)


def release_lapsed(
    service: "Service", session: Session, dispute: Dispute, appeal: Appeal | None
) -> None:
    """Release the claim of a holder who kept silent, and what it did to the track (DSM-17-9)."""
    claim = matters.locked(session, Claim, dispute.tenant_id, dispute.claim_id)
    release(service, session, claim, "silence")
    if appeal is not None:
        reason = "The rights holder did not answer your appeal, so the claim was released."
        granted = AppealDecision("grant", reason)
        _free(Reversal(service, session, appeal, matters.CLOCK, granted, by="law"), claim)


def release(service: "Service", session: Session, claim: Claim, ground: str) -> None:
    """Release a locked claim whose dispute is decided, if it stands."""
    if claim.state != "released":
        detail = {"ground": ground} | claims.money(claim, "creator")
        parts = {"ground": ground}
        matters.move(service, session, claim, "release", matters.CLOCK, parts=parts, detail=detail)
        claim.ground = ground


def _free(reversal: Reversal, claim: Claim) -> None:
    """Exempt the match, and let the rules judge by what else stands on the track."""
    service, session = reversal.service, reversal.session
    track = session.get_one(Track, claim.track_id)
    claim_outcomes.exempt(service, session, claim, reversal.ground)
    claim_outcomes.decide_again(
        service,
        session,
        track,
        claim,
        reversal.ground,
        reversal.decided.reason,
        reversal.journal,
        by=reversal.by,
    )


def _narrow(reversal: Reversal, dispute: Dispute, claim: Claim) -> None:
    """Leave a part of a claim, which stands: what else the rules found stays as strict as it is.

    When the claim is released later, the part goes with it.
    """
    service, session, decided = reversal.service, reversal.session, reversal.decided
    track = session.get_one(Track, dispute.track_id)
    places = set(decided.territories)
    places |= {place for each in decided.restrictions for place in each.get("territories", ())}
    if places and claim.territories:
        places &= set(claim.territories)
    if places:
        claim.territories = sorted(places)
        claim_outcomes.exempt(
            service, session, claim, reversal.ground, claimed_in=claim.territories
        )
    present = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if present is None or track.state == State.WITHDRAWN or present.decision == "clear":
        return
    if judgements.made_by_rules(session, present):
        claim_outcomes.refuse_under_way(track)
        besides = claim_outcomes.judged_anew(
            service, session, track, present, reversal.ruling(), beside=claim.reference_id
        )
        _leave_a_part(reversal, track, present, besides=besides)


def _reverse_notice(reversal: Reversal) -> None:
    """Act on a notice that was refused, or do more if it was acted on: its tracks are blocked, or limited (DSA-20b).

    All that its sender can ask for is a block everywhere; of a refused one about a likeness a label comes first.
    """
    decided, row = reversal.decided, reversal.row
    notice = matters.locked(reversal.session, Notice, row.tenant_id, row.subject_id)
    refused = notice.remedy is None
    remedy: tuple[str, list[str]] = ("block", [])
    if refused or not reversal.whole:
        remedy = appeal_parts.remedy_of(
            notice.form, decided.becomes, decided.territories, decided.restrictions
        )
    notice.misuse = None  # what was found of it falls with the decision that it came with (DSA-23)
    do = appeal_notices.act if refused else appeal_notices.widen
    do(reversal.service, reversal.session, notice, decided.reason, remedy, reversal.actor)


def _reverse_copy(reversal: Reversal) -> None:
    """Take a copy down that was left."""
    session, row = reversal.session, reversal.row
    notice = notice_of_copy(session, row.subject_id)
    track = session.get_one(Track, row.track_id)
    left_copies.take_down(reversal.service, session, notice, track, reversal.actor)


def _reverse_strike(reversal: Reversal) -> None:
    row = reversal.row
    strike = matters.locked(reversal.session, Strike, row.tenant_id, row.subject_id)
    strikes.reverse(reversal.service, reversal.session, strike, "appeal granted", reversal.actor)


def _reverse_sanction(reversal: Reversal) -> None:
    row = reversal.row
    sanction = sanctions.locked(reversal.session, row.tenant_id, row.subject_id)
    if sanction.state in sanctions.STOOD:
        sanctions.lifted(
            reversal.service,
            reversal.session,
            sanction,
            reversal.decided.reason,
            reversal.journal,
        )
