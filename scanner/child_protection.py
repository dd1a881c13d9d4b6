"""What no reviewer gives in a parent's stead: rules about age and consent limit a track as long as the facts say so.

What they hold goes out by a parent's consent alone; what else they limit stays beside what a person decides (COPPA,
GDPR-8).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlmodel import Session

import policy
from scanner import claim_outcomes, judgements, rulings, tightening
from scanner.journal import Actor
from scanner.packs_in_force import OVERRULED, WITHOUT, less
from scanner.reasons import BadVerdictError
from scanner.rulings import Ruling
from scanner.tables import PolicyDecision, Track
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

_HELD: Final = frozenset({"review", "indeterminate", "block"})


def rule(
    service: "Service",
    session: Session,
    track: Track,
    ruling: Ruling,
    actor: Actor,
    *,
    keep_cases: Sequence[str] = (),
) -> PolicyDecision:
    """Rule on a locked track as a reviewer decided, and leave what protects a child.

    Raises
    ------
    BadVerdictError
        If that holds the track.
    """
    child = _protected(service, session, track, ruling)
    judged = None
    if child is not None and ruling.outcome == "clear":
        judged = _cleared(service, session, child)
    elif child is not None:
        said = [each for each in child.reasons if each["rule"] != ruling.reason]
        child.reasons = said  # the ruling gives its own reason
        ruling = replace(ruling, on_top_of=child)
    return rulings.rule(
        service, session, track, ruling, actor, keep_cases=keep_cases, judged=judged
    )


def refuse_held(service: "Service", session: Session, track: Track, ruling: Ruling) -> None:
    """Raise ``BadVerdictError`` if a ruling would let out what is held to protect a child."""
    _protected(service, session, track, ruling)


def _protected(
    service: "Service", session: Session, track: Track, ruling: Ruling
) -> PolicyDecision | None:
    """Return what rules about age and consent leave no reviewer to decide; None if a ruling may be what it says."""
    before = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if before is None or (ruling.outcome == "block" and not ruling.territories):
        return None
    child = claim_outcomes.protected(service, session, track, before, ruling)
    if child is not None and child.decision in _HELD:
        told = " ".join(
            str(each["text"]) for each in judgements.limits(child) if "evidence" in each
        )
        raise BadVerdictError(
            Told(
                "no reviewer consents in a parent's stead, so the track is held on: "
                "block it everywhere, or leave it until that is settled. %(told)s",
                told=told,
            )
        )
    return child


def _cleared(service: "Service", session: Session, child: PolicyDecision) -> PolicyDecision:
    """Return what is left of a track that a reviewer cleared; what else rules say was set aside, and stays so."""
    made_by = service.packs.that_made(session, child)
    if made_by is None:
        return child
    fell = judgements.fallen(child)
    facts = policy.Facts.model_validate(child.facts)
    rules = tightening.set_aside(less(made_by, fell), facts)
    if rules:
        overruled = {"by": child.id, "rules": sorted(rules)}
        told = {WITHOUT: sorted(rules | fell), OVERRULED: overruled}
        child.explanation = child.explanation | told
    return child
