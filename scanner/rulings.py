"""What a person decides about a track: a decision that supersedes the one before, and its effect.

The ruling is written here, and takes the track out of where it was at once; the stage *release* gives it
its effect with the statement of reasons, as it does for the rules (DSA-17), so that a generated track goes
out only with its mark and its manifest.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import rfc8785
from sqlmodel import Session, col, select

import policy
from scanner.clock import new_id
from scanner.errors import IllegalTransitionError
from scanner.events import TrackRuled, TrackUnpublished
from scanner.journal import Actor, Event
from scanner.marking import mark_of
from scanner.tables import Case, PolicyDecision, Track
from scanner.track_states import Command
from scanner.tracks import close_cases, move, note
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

Outcome = Literal["clear", "restrict", "block"]
By = Literal["person", "law"]
"""Who made a decision that no rules made: a person, or law once its time has come (DMCA-R)."""
AUTOMATION: Final[dict[By, str]] = {"person": "none", "law": "partly"}


@dataclass(frozen=True)
class Ruling:
    """What is to become of a track, and why.

    Attributes
    ----------
    outcome : {"clear", "restrict", "block"}
    reason : str
        Code of the reason, such as ``human.licence-shown`` or ``notice.actioned``.
    text : str
        The reason in plain words, as the affected person reads it.
    territories : tuple of str
        Where it holds, ISO 3166; everywhere, if empty. Elsewhere the track is clear.
    restrictions : tuple of dict
        As in a decision; what is monetised, limited by age or by territory.
    legal_basis : tuple of str
        Ids of rules of law.
    ground : (str, str), optional
        Kind and id of the case, notice, dispute or appeal that it follows from.
    by : {"person", "law"}
    texts : mapping
        `text` in other languages.
    on_top_of : PolicyDecision, optional
        Whose outcomes and restrictions stay, where they are stricter.
    """

    outcome: Outcome
    reason: str
    text: str
    territories: tuple[str, ...] = ()
    restrictions: tuple[dict[str, Any], ...] = field(default=())
    legal_basis: tuple[str, ...] = ()
    ground: tuple[str, str] | None = None
    by: By = "person"
    on_top_of: PolicyDecision | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


def rule(
    service: "Service",
    session: Session,
    track: Track,
    ruling: Ruling,
    actor: Actor,
    *,
    cause: Event | None = None,
    keep_cases: Sequence[str] = (),
    judged: PolicyDecision | None = None,
) -> PolicyDecision:
    """Decide, for a person, on a locked track; its effect follows.

    Parameters
    ----------
    keep_cases : sequence of str
        Ids of cases of the track that stay open, as those about matters do; others are closed, if a person
        has decided.
    judged : PolicyDecision, optional
        What holds instead of the ruling's own outcome: what the rules say now that a matter's outcome
        changed the facts, or what an earlier decision had allowed.

    Raises
    ------
    IllegalTransitionError
        If the track is not where a person decides on it: still analysed, unreadable or withdrawn.
    """
    before = _standing(session, track)
    now = service.now()
    stored = judged or drafted(service, track, before, ruling)
    session.add(stored)
    session.flush()
    track.decision_id = stored.id
    track.problem = None
    data = TrackRuled(
        decision_id=stored.id,
        supersedes=before.id,
        decision=stored.decision,
        outcomes=stored.outcomes,
        reason=ruling.reason,
        ground_kind=ruling.ground[0] if ruling.ground else None,
        ground_id=ruling.ground[1] if ruling.ground else None,
    )
    if ruling.by == "person":  # law's clock answers nothing that a person was asked
        kept = [*keep_cases, *about_matters(session, track)]
        close_cases(session, track, "a person has decided", now, actor, keep=kept)
    move(session, track, Command.RULE, data, now, actor=actor, cause=cause)
    mark = mark_of(session, track.id)
    if (
        stored.decision not in {"clear", "restrict"}
        and mark is not None
        and mark.published_at is not None
    ):
        mark.published_at = None
        note(session, track, TrackUnpublished(watermark_id=mark.id), now, actor=actor, cause=cause)
    return stored


def restore(
    service: "Service",
    session: Session,
    track: Track,
    earlier: PolicyDecision,
    ruling: Ruling,
    actor: Actor,
    *,
    cause: Event | None = None,
    judged: PolicyDecision | None = None,
) -> PolicyDecision:
    """Bring back what an earlier decision had allowed, for a reason of now.

    Outcome, territories and restrictions of ``ruling`` are replaced by those of ``earlier``. ``judged`` is
    what comes back instead of it, since what it rested on has ended in part.
    """
    if judged is not None:
        judged.explanation = judged.explanation | {"restores": earlier.id}
        return rule(service, session, track, ruling, actor, cause=cause, judged=judged)
    stored = drafted(service, track, _standing(session, track), ruling)
    stored.outcomes, stored.restrictions = earlier.outcomes, earlier.restrictions
    stored.decision = earlier.decision
    stored.reasons = [*stored.reasons, *earlier.reasons]  # what limits it again has its reason
    stored.outcome_hash = _hash(stored.outcomes, stored.restrictions)
    stored.explanation = stored.explanation | {"restores": earlier.id}
    return rule(service, session, track, ruling, actor, cause=cause, judged=stored)


def about_matters(session: Session, track: Track) -> Sequence[str]:
    """Return the ids of open cases that ask about a copy or a claim, not about the decision."""
    query = select(Case.id).where(
        Case.track_id == track.id, col(Case.closed_at).is_(None), col(Case.matter_kind).is_not(None)
    )
    return session.exec(query).all()


def _standing(session: Session, track: Track) -> PolicyDecision:
    """Return the decision that stands, or raise ``IllegalTransitionError``."""
    before = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if before is None:
        raise IllegalTransitionError(
            Told(
                "the track is %(state)s and nothing was decided on it yet: wait, or rescan it",
                state=track.state,
            )
        )
    return before


def last_by_rules(session: Session, track: Track) -> PolicyDecision | None:
    """Return the newest decision on a track that the pack of rules made; None if there is none."""
    query = select(PolicyDecision).where(
        PolicyDecision.track_id == track.id, col(PolicyDecision.ruled_by).is_(None)
    )
    return session.exec(query.order_by(col(PolicyDecision.id).desc()).limit(1)).first()


def drafted(
    service: "Service", track: Track, before: PolicyDecision, ruling: Ruling
) -> PolicyDecision:
    """Return a ruling as a decision that supersedes the one before; it is not in the database."""
    here = ruling.territories or ("*",)
    outcomes: dict[str, str] = {"*": "clear"} | dict.fromkeys(here, ruling.outcome)
    restrictions = list(ruling.restrictions)
    if ruling.territories and ruling.outcome == "block":
        restrictions.append(
            {"kind": "territory", "territories": list(ruling.territories), "except": []}
        )
    whole: str = "restrict" if restrictions and ruling.outcome != "clear" else ruling.outcome
    reasons = []
    if (base := ruling.on_top_of) is not None:
        outcomes = _strictest(outcomes, base.outcomes)
        restrictions += [each for each in base.restrictions if each not in restrictions]
        whole = max(whole, base.decision, key=policy.SEVERITY.__getitem__)
        reasons = base.reasons
    reason = {
        "rule": ruling.reason,
        "outcome": ruling.outcome,
        "text": ruling.text,
        "texts": dict(ruling.texts),
        "legal_basis": list(ruling.legal_basis),
    }
    return PolicyDecision(
        id=new_id(),
        tenant_id=track.tenant_id,
        track_id=track.id,
        analysis_id=before.analysis_id,
        decision=whole,
        outcomes=outcomes,
        restrictions=restrictions,
        reasons=[reason, *reasons],
        explanation={
            "by": ruling.by,
            "ground": list(ruling.ground or ()),
            "reason": reason,
        },
        facts=before.facts,
        pack=before.pack,
        facts_hash=before.facts_hash,
        outcome_hash=_hash(outcomes, restrictions),
        index_version=before.index_version,
        automation=AUTOMATION[ruling.by],
        ruled_by=ruling.by,
        supersedes=before.id,
        activation_id=before.activation_id,
        single_operator=before.single_operator,
        created_at=service.now(),
    )


def _strictest(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Return, for each place that either names, the stricter of two decisions' outcomes."""
    return {
        place: max(
            one.get(place, one["*"]),
            other.get(place, other.get("*", "clear")),
            key=policy.SEVERITY.__getitem__,
        )
        for place in {**one, **other}
    }


def _hash(outcomes: dict[str, str], restrictions: list[dict[str, Any]]) -> str:
    return hashlib.sha256(rfc8785.dumps([outcomes, restrictions])).hexdigest()
