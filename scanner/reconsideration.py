"""What a person's age, consents and controls had allowed is judged anew when they change.

The facts of the decision that stands are kept but for those about the person, so nothing else that may
have changed since then moves a track. What the pack is now stricter about is tightened at once, with its
statement of reasons (DSA-17). What was held and would now pass is analysed again, from the beginning: it is
released by the pipeline and with all that this asks for, or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session, col, select

import policy
from scanner import (
    exemptions,
    generations,
    judgements,
    people,
    strictness,
    take_invitations,
    take_projects,
    tightening,
)
from scanner.bus.dispatch import once
from scanner.declared import declared
from scanner.delivery import OUT
from scanner.effects import take_effect
from scanner.events import TrackDecided, TrackSuperseded, TrackUnpublished
from scanner.journal import Event
from scanner.judgements import decision_row
from scanner.marking import mark_of
from scanner.packs_in_force import InForce
from scanner.people_events import AgePurged
from scanner.tables import Account, Analysis, PolicyActivation, PolicyDecision, Track
from scanner.track_states import State
from scanner.tracks import analyse_again, locked, note

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = "people"
EXPIRED: Final = "expired"
HELD_FOR_THE_PERSON: Final = "what held it was about its account"

log = structlog.get_logger()

_STANDING: Final = (*sorted(OUT), State.QUARANTINED)


@dataclass(frozen=True)
class Rejudged:
    """A decision made again, with what is known of the person then and now."""

    facts: policy.Facts
    before: policy.Decision
    after: policy.Decision
    by: InForce

    @property
    def is_stricter(self) -> bool:
        """Whether any territory is worse off."""
        return strictness.stricter(self.after, self.before) is not None


def reconsider(service: "Service", event: Event) -> None:
    """Judge an account's tracks and generations anew; a repeat finds nothing left to do.

    Each track is a transaction of its own: an account may have thousands.
    """
    account_id = event.data["account_id"]
    generations.reconsider(service, event)
    take_projects.unshare_where_not_public(service, event)
    take_invitations.end_where_not_public(service, event)
    failed: Exception | None = None
    for track_id in _standing(service, account_id):
        try:
            with service.database.transaction() as session:
                _reconsider(service, session, track_id, event)
        except Exception as error:  # noqa: BLE001 - one track must not keep the others out
            log.error("reconsideration_failed", track_id=track_id, error=str(error))
            failed = error
    if failed is not None:
        raise failed
    with once(service, GROUP, event):
        return


def up_to_date(
    service: "Service", session: Session, track: Track, decision: PolicyDecision, event: Event
) -> PolicyDecision:
    """Return a decision that is about to take effect, or what supersedes it.

    A consent may have been withdrawn since the facts were gathered. Whoever withdraws one holds the
    account's lock, as this does: either it is seen here, or the track is out by the time that
    `reconsider` comes to it.
    """
    if track.account_id is None or decision.analysis_id is None:
        return decision
    session.get_one(Account, track.account_id, with_for_update=True)
    again = _rejudged(service, session, track, decision)
    if again is None or not again.is_stricter:
        return decision
    return _superseding(service, session, track, decision, again, event)


def freed(
    service: "Service", session: Session, track: Track, decision: PolicyDecision, event: Event
) -> bool:
    """Analyse a track again that was just held for what its person has settled meanwhile.

    `reconsider` passes over a track that is decided and not yet held, so a consent that is granted
    between the two is looked for here, under the account's lock that `up_to_date` took.
    """
    if track.account_id is None or decision.analysis_id is None:
        return False
    if track.state != State.QUARANTINED:
        return False
    again = _rejudged(service, session, track, decision)
    if again is None or not _was_held_for_the_person(track, decision, again):
        return False
    analyse_again(session, track, HELD_FOR_THE_PERSON, service.now(), cause=event)
    return True


def decided_anew(
    service: "Service", session: Session, track: Track, decision: PolicyDecision, event: Event
) -> bool:
    """Decide a track again whose pack was taken out of force before the decision took effect.

    The stage *release* then begins anew with the new decision, whatever it asks for.
    """
    if decision.ruled_by is not None or decision.activation_id is None:
        return False
    facts = policy.Facts.model_validate(decision.facts)
    by = service.packs.in_force(session, track.tenant_id, track.id, facts=facts, held=True)
    made_by = session.get_one(PolicyActivation, decision.activation_id, populate_existing=True)
    if made_by.ended_at is None:
        return False
    analysis = session.get_one(Analysis, decision.analysis_id)
    judged = policy.decide(by.pack, facts)
    stored = decision_row(service, track, analysis, facts, judged, by)
    session.add(stored)
    track.decision_id = stored.id
    session.flush()
    note(session, track, TrackDecided(**_told(stored)), service.now(), cause=event)
    return True


def _standing(service: "Service", account_id: str) -> Sequence[str]:
    query = select(Track.id).where(Track.account_id == account_id, col(Track.state).in_(_STANDING))
    with service.database.reading() as session:
        return session.exec(query.order_by(col(Track.id))).all()


def _reconsider(service: "Service", session: Session, track_id: str, event: Event) -> None:
    track = locked(session, event.tenant or "", track_id)
    decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if track.state not in _STANDING or decision is None or decision.analysis_id is None:
        return  # withdrawn or settled meanwhile
    if _publishing_is_off(service, session, track):
        _unpublish(service, session, track, event)
    again = _rejudged(service, session, track, decision)
    if again is None:
        return
    if track.state in OUT:
        if again.is_stricter:
            _tighten(service, session, track, decision, again, event)
    elif not _forgot(event) and _was_held_for_the_person(track, decision, again):
        analyse_again(session, track, HELD_FOR_THE_PERSON, service.now(), cause=event)


def _forgot(event: Event) -> bool:
    """Whether an age is merely no longer vouched for: to know less never sets a track free."""
    return event.type == AgePurged.type and event.data["cause"] == EXPIRED


def _rejudged(
    service: "Service", session: Session, track: Track, decision: PolicyDecision
) -> Rejudged | None:
    """Judge the kept facts with today's person; None if nothing about the person changed.

    By the pack that decided, so that nothing but the person makes a difference, and what they said since of
    a rule that fell on appeal.
    """
    told = declared(session, track.id)
    kept = _as_exempted(service, session, track, decision)
    now = kept.model_copy(update=people.facts(session, track.tenant_id, told, service.now()))
    made_by = service.packs.that_made(session, decision)
    by = (
        service.packs.in_force(session, track.tenant_id, track.id, held=True)
        if made_by is None
        else InForce(made_by, decision.activation_id, decision.single_operator)
    )
    before = by.less(judgements.fallen(decision))
    by = by.without_struck(session, track.id, now)
    if (set_aside := tightening.overruled(session, decision, before.pack, kept)) is not None:
        before = before.less(set_aside[1])
        by = by.without_overruled(session, *set_aside, now)
    if now == kept and by.void >= before.void:
        return None
    return Rejudged(now, policy.decide(before.pack, kept), policy.decide(by.pack, now), by)


def _as_exempted(
    service: "Service", session: Session, track: Track, decision: PolicyDecision
) -> policy.Facts:
    """Return a decision's facts without what is held against its track no more, of matches."""
    facts = policy.Facts.model_validate(decision.facts)
    exempted = {each.reference_id for each in exemptions.of_track(session, track.id).rows}
    if not exempted or not isinstance(facts.matches, tuple):
        return facts
    analysis = session.get_one(Analysis, decision.analysis_id)
    now = judgements.facts_about(service, session, track, analysis).matches
    kept = [each for each in facts.matches if each.reference_id not in exempted]
    left = [each for each in now if each.reference_id in exempted] if isinstance(now, tuple) else []
    return facts.model_copy(update={"matches": (*kept, *left)})


def _was_held_for_the_person(track: Track, decision: PolicyDecision, again: Rejudged) -> bool:
    """Whether nothing but what is known of the person stands between a held track and its release."""
    return (
        track.problem is None
        and again.before.outcomes == decision.outcomes  # the pack still says what it said then
        and again.after.decision in {"clear", "restrict"}
        and not again.is_stricter
    )


def _tighten(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    again: Rejudged,
    event: Event,
) -> None:
    stored = _superseding(service, session, track, decision, again, event)
    take_effect(service, session, track, stored, event)
    if track.state not in OUT:
        _unpublish(service, session, track, event)


def _publishing_is_off(service: "Service", session: Session, track: Track) -> bool:
    """Whether a parent has switched publishing off; controls end when their child is an adult."""
    person = people.person_of(service, session, track.account_id)
    told = policy.gate("publish", person, service.now()).reasons
    return any(reason.rule == "controls.publish" for reason in told)


def _unpublish(service: "Service", session: Session, track: Track, event: Event) -> None:
    """Let nobody but its platform find a track any more, if anybody could."""
    mark = mark_of(session, track.id)
    if mark is not None and mark.published_at is not None:
        mark.published_at = None
        note(session, track, TrackUnpublished(watermark_id=mark.id), service.now(), cause=event)


def _superseding(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    again: Rejudged,
    event: Event,
) -> PolicyDecision:
    """Put the decision of now in place of the one before, and write that down."""
    analysis = session.get_one(Analysis, decision.analysis_id)

    def judged() -> PolicyDecision:
        return decision_row(service, track, analysis, again.facts, again.after, again.by)

    stored = tightening.keeping(session, decision, judged)
    session.add(stored)
    track.decision_id = stored.id
    session.flush()
    data = TrackSuperseded(supersedes=decision.id, **_told(stored))
    note(session, track, data, service.now(), cause=event)
    return stored


def _told(stored: PolicyDecision) -> dict[str, Any]:
    """Return what events tell of a decision."""
    return {
        "decision_id": stored.id,
        "decision": stored.decision,
        "outcomes": stored.outcomes,
        "rules": sorted({reason["rule"] for reason in stored.reasons}),
        "pack": stored.pack,
        "outcome_hash": stored.outcome_hash,
    }
