"""Rehearsals: what a candidate would have said of each decided track, and what rules do more than usual.

All of it happens after the decision, in a consumer group of its own: a candidate that is slow, broken or
absurd costs the live decision nothing. Delivery is at least once and the counts are of each decision
once, since they commit with the mark *handled*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import delete
from sqlmodel import Session, col, func, select

import policy
from policy import Difference, PackState, Ruling
from scanner import objections, policies
from scanner.bus.dispatch import once
from scanner.database import Database
from scanner.journal import Event
from scanner.metrics import COMPARISONS
from scanner.packs_in_force import as_asked_of
from scanner.rollouts import Rollout, hold
from scanner.tables import (
    ComparisonTally,
    PolicyActivation,
    PolicyComparison,
    PolicyDecision,
    PolicyRollout,
    RuleTally,
    Track,
)

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = "rehearse"
ALL: Final = "*"
BASELINE: Final = timedelta(days=7)
TALLIES_KEPT: Final = BASELINE + timedelta(days=2)
COMPARISONS_KEPT: Final = timedelta(days=180)

log = structlog.get_logger()


@dataclass(frozen=True)
class Compared:
    """One track under two packs; ``difference`` is None if one of them failed, ``error`` says how."""

    candidate: PolicyActivation
    difference: Difference | None
    error: str | None = None


def watch(service: "Service", event: Event) -> None:
    """Compare a new decision with the other pack's, and count the rules that fired in it."""
    with service.database.reading() as session:
        decision = session.get_one(PolicyDecision, event.data["decision_id"])
        compared = _compare(service, session, decision)
    hour = event.time.replace(minute=0, second=0, microsecond=0)
    with once(service, GROUP, event) as session:
        if compared is not None:
            _keep(session, decision, compared, hour)
        _watch_rules(service, session, decision, hour)
        if compared is not None:
            _stop_if_astray(service, session, decision.tenant_id, compared.candidate)
    if compared is not None:
        COMPARISONS.labels(_result(compared)).inc()


def in_shadow(service: "Service", session: Session, decision: PolicyDecision) -> Compared | None:
    """Return what the pack in the shadow says of what the live pack decided; None if none is there."""
    compared = _compare(service, session, decision)
    shadow = compared is not None and compared.candidate.mode == PackState.SHADOW
    return compared if shadow else None


def counts(session: Session, activation_id: str) -> dict[str, int]:
    """Return on how many tracks a candidate was compared, differed and failed."""
    row = session.exec(
        select(
            func.coalesce(func.sum(ComparisonTally.compared), 0),
            func.coalesce(func.sum(ComparisonTally.differing), 0),
            func.coalesce(func.sum(ComparisonTally.failed), 0),
        ).where(ComparisonTally.activation_id == activation_id)
    ).one()
    return dict(zip(("compared", "differing", "failed"), map(int, row), strict=True))


def differences(
    session: Session, activation_id: str, *, limit: int = 20
) -> Sequence[PolicyComparison]:
    """Return the last tracks on which a candidate differed or failed."""
    query = select(PolicyComparison).where(PolicyComparison.activation_id == activation_id)
    return session.exec(query.order_by(col(PolicyComparison.decision_id).desc()).limit(limit)).all()


def ruling_of(decision: PolicyDecision) -> Ruling:
    """Return what a stored decision came to."""
    return Ruling(
        decision.decision,
        decision.outcomes,
        decision.restrictions,
        frozenset(
            f"{reason['rule']}: {reason.get('outcome', decision.decision)}"
            for reason in decision.reasons
        ),
    )


def forget_old(service: "Service") -> None:
    """Drop tallies that no baseline reaches back to, and old comparisons."""
    now = service.now()
    with service.database.transaction() as session:
        session.execute(delete(RuleTally).where(col(RuleTally.hour) < now - TALLIES_KEPT))
        old = col(PolicyComparison.at) < now - COMPARISONS_KEPT
        session.execute(delete(PolicyComparison).where(old))


# --- candidates


def _compare(service: "Service", session: Session, decision: PolicyDecision) -> Compared | None:
    """Ask the pack that did not decide; None if nothing is rehearsed on this track."""
    rollout = session.get(PolicyRollout, decision.tenant_id)
    if rollout is None or rollout.candidate_id is None:
        return None
    track = session.get(Track, decision.track_id)
    if track is None or objections.objects(session, track.account_id, "rehearsal"):
        return None  # GDPR-21
    candidate = session.get_one(PolicyActivation, rollout.candidate_id)
    decided_it = decision.activation_id == candidate.id
    if decided_it != (candidate.mode == PackState.CANARY):
        return None  # a canary is judged by what it decided, a shadow by what it did not
    if not decided_it and decision.activation_id != rollout.active_id:
        return None  # a pack that decided earlier is not the live one
    other = session.get_one(PolicyActivation, rollout.active_id) if decided_it else candidate
    try:
        pack = service.packs.compiled(session, other.pack_id)
        facts = policy.Facts.model_validate(decision.facts)
        asked = Ruling.of(policy.decide(as_asked_of(pack, decision), facts))
    except Exception as error:
        log.exception("rehearsal_failed", activation=other.id, decision=decision.id)
        return Compared(candidate, None, f"{type(error).__name__}: {error}"[:500])
    stored = ruling_of(decision)
    live, candidates = (asked, stored) if decided_it else (stored, asked)
    return Compared(candidate, policy.compare(live, candidates))


def _result(compared: Compared) -> str:
    if compared.difference is None:
        return "failed"
    return "differing" if compared.difference.differs else "same"


def _keep(session: Session, decision: PolicyDecision, compared: Compared, hour: datetime) -> None:
    difference, activation_id = compared.difference, compared.candidate.id
    if difference is None or difference.differs:
        row = PolicyComparison(
            activation_id=activation_id,
            decision_id=decision.id,
            tenant_id=decision.tenant_id,
            track_id=decision.track_id,
            live=difference.live if difference else decision.decision,
            candidate=difference.candidate if difference else None,
            only_live=list(difference.only_live) if difference else [],
            only_candidate=list(difference.only_candidate) if difference else [],
            error=compared.error,
            at=decision.created_at,
        )
        session.add(row)
    Database.insert_if_absent(session, ComparisonTally(activation_id=activation_id, hour=hour))
    tally = session.get_one(
        ComparisonTally, (activation_id, hour), with_for_update=True, populate_existing=True
    )
    tally.compared += difference is not None
    tally.differing += difference is not None and difference.differs
    tally.failed += difference is None
    session.flush()


def _stop_if_astray(
    service: "Service", session: Session, tenant_id: str, candidate: PolicyActivation
) -> None:
    """Put a canary into the shadow once it decides too often otherwise than the live pack."""
    if candidate.stop_rate is None or candidate.stop_minimum is None:
        return
    seen = counts(session, candidate.id)
    if not policy.strays(
        seen["compared"], seen["differing"], candidate.stop_rate, candidate.stop_minimum
    ):
        return
    rollout = hold(service, session, tenant_id)
    reason = (
        f"{seen['differing']} of {seen['compared']} tracks would have been decided otherwise, "
        f"more than {candidate.stop_rate:g} of them"
    )
    if policies.take_back(rollout, candidate.id, reason):
        policies.raise_alarm(
            rollout,
            candidate,
            kind="canary",
            seen=seen["differing"],
            of=seen["compared"],
            taken_back=True,
        )


# --- rules that fire more often than they used to


def _watch_rules(
    service: "Service", session: Session, decision: PolicyDecision, hour: datetime
) -> None:
    """Count the rules of a decision, and raise the alarm for one whose rate has jumped."""
    if decision.activation_id is None:
        return
    activation = session.get_one(PolicyActivation, decision.activation_id)
    tallies = _tallied(session, decision, activation.pack_id, hour)
    decided = tallies.pop(ALL).fired
    settings = service.settings
    usual = policy.Usual(
        settings.rule_alarm_chance, settings.rule_alarm_factor, settings.rule_alarm_minimum
    )
    due = [each for each in tallies.values() if not each.alarmed and each.fired >= usual.minimum]
    usually = _before(session, decision.tenant_id, hour, due)
    for tally in due:
        fired_before, decided_before = _usual(service, session, usually, tally.rule)
        if policy.has_jumped(tally.fired, decided, fired_before, decided_before, usual):
            tally.alarmed = True
            _alarm(
                service, session, activation, tally, decision, decided, fired_before, decided_before
            )


def _tallied(
    session: Session, decision: PolicyDecision, pack_id: str, hour: datetime
) -> dict[str, RuleTally]:
    """Count a decision; return this hour's tallies of the rules that fired in it, and of all."""
    tenant_id = decision.tenant_id
    fired = sorted({ALL, *(reason["rule"] for reason in decision.reasons)})
    Database.insert_if_absent(
        session,
        *(RuleTally(tenant_id=tenant_id, pack_id=pack_id, rule=rule, hour=hour) for rule in fired),
    )
    rows = session.exec(
        select(RuleTally)
        .where(
            RuleTally.tenant_id == tenant_id,
            RuleTally.pack_id == pack_id,
            col(RuleTally.rule).in_(fired),
            RuleTally.hour == hour,
        )
        .order_by(col(RuleTally.rule))  # two events lock in the same order
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        row.fired += 1
    session.flush()
    return {row.rule: row for row in rows}


def _before(
    session: Session, tenant_id: str, hour: datetime, tallies: Sequence[RuleTally]
) -> dict[str, dict[str, int]]:
    """Return, by pack, how often some rules fired in the days before, and of how many decisions."""
    if not tallies:
        return {}
    rows = session.exec(
        select(RuleTally.pack_id, RuleTally.rule, func.sum(RuleTally.fired))
        .where(
            RuleTally.tenant_id == tenant_id,
            col(RuleTally.rule).in_([ALL, *(tally.rule for tally in tallies)]),
            col(RuleTally.hour) >= hour - BASELINE,
            col(RuleTally.hour) < hour,
        )
        .group_by(col(RuleTally.pack_id), col(RuleTally.rule))
    )
    found: dict[str, dict[str, int]] = {}
    for pack_id, rule, fired in rows:
        found.setdefault(pack_id, {})[rule] = int(fired)
    return found


def _usual(
    service: "Service", session: Session, before: dict[str, dict[str, int]], rule: str
) -> tuple[int, int]:
    """Return firings and decisions of the days before, over all packs that have the rule."""
    having = [
        fired for pack_id, fired in before.items() if _has_rule(service, session, pack_id, rule)
    ]
    return sum(each.get(rule, 0) for each in having), sum(each.get(ALL, 0) for each in having)


def _has_rule(service: "Service", session: Session, pack_id: str, rule: str) -> bool:
    if rule.startswith("core."):
        return True
    try:
        return any(each.id == rule for each in service.packs.compiled(session, pack_id).rules)
    except policy.PackError:  # of an older version of the program: its counts say nothing here
        return False


def _is_the_packs_doing(
    service: "Service",
    session: Session,
    rollout: Rollout,
    activation: PolicyActivation,
    decision: PolicyDecision,
) -> bool:
    """Whether what would be gone back to decides otherwise; else the cause lies elsewhere."""
    going_back = rollout.row.candidate_id == activation.id
    other_id = rollout.row.active_id if going_back else activation.before_id
    if other_id is None:
        return False
    other = session.get_one(PolicyActivation, other_id)
    try:
        pack = as_asked_of(service.packs.compiled(session, other.pack_id), decision)
        asked = Ruling.of(policy.decide(pack, policy.Facts.model_validate(decision.facts)))
    except (policy.PackError, ValueError):
        return False
    return policy.compare(ruling_of(decision), asked).differs


def _alarm(
    service: "Service",
    session: Session,
    activation: PolicyActivation,
    tally: RuleTally,
    decision: PolicyDecision,
    decided: int,
    fired_before: int,
    decided_before: int,
) -> None:
    log.error("rule_rate_jumped", rule=tally.rule, fired=tally.fired, decided=decided)
    rollout = hold(service, session, activation.tenant_id)
    reason = (
        f"rule {tally.rule} fired in {tally.fired} of {decided} decisions this hour, "
        f"{fired_before} of {decided_before} in the 7 days before"
    )
    reverts = service.settings.rule_alarm_action == "revert" and _is_the_packs_doing(
        service, session, rollout, activation, decision
    )
    policies.raise_alarm(
        rollout,
        activation,
        kind="rule",
        rule=tally.rule,
        seen=tally.fired,
        of=decided,
        usual_seen=fired_before,
        usual_of=decided_before,
        taken_back=reverts and policies.take_back(rollout, activation.id, reason),
    )
