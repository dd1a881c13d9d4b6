"""How often a rule was wrong, by what shows it: reviews, appeals and golden cases, each with its interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import dashboards, error_rates
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.service import Service
from scanner.tables import Appeal, Case, CaseVerdict, GoldenCase, PolicyDecision
from tests import casework, rollouts
from tests.running import add_tenant


def decided(service: Service, caller: Caller, decision: str, *rules: str) -> PolicyDecision:
    """A decision of rules on a track."""
    made = rollouts.decided(service, caller)
    with service.database.transaction() as session:
        row = session.get_one(PolicyDecision, made.id)
        row.decision, row.reasons = decision, [{"rule": rule, "text": ""} for rule in rules]
        return row


def case_of(service: Service, decision: PolicyDecision, kind: str = "review") -> Case:
    now = service.now()
    return Case(
        id=new_id(), tenant_id=decision.tenant_id, track_id=decision.track_id, kind=kind, state="closed",
        priority=0, decision_id=decision.id, reasons=[], opened_at=now, closed_at=now,
    )  # fmt: skip


def reviewed(
    service: Service, decision: PolicyDecision, reviewer_id: str, verdict: str, kind: str = "review"
) -> None:
    case = case_of(service, decision, kind)
    given_ = CaseVerdict(
        id=new_id(), tenant_id=case.tenant_id, case_id=case.id, reviewer_id=reviewer_id, role="reviewer",
        verdict=verdict, reason="other", text="", state="applied", created_at=service.now(),
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(case)
        session.flush()
        session.add(given_)


def appealed(service: Service, decision: PolicyDecision, outcome: str | None) -> None:
    now = service.now()
    appeal = Appeal(
        id=new_id(), tenant_id=decision.tenant_id, state=outcome or "filed", since=now, created_at=now,
        subject_kind="decision", subject_id=decision.id, filed_by="somebody", filed_as="creator", reason="No.",
        outcome_kind=outcome,
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(appeal)


def golden(service: Service, decision: PolicyDecision, known: str, officer_id: str) -> None:
    case = case_of(service, decision)
    case.track_id = None
    row = GoldenCase(
        case_id=case.id, tenant_id=case.tenant_id, source_id=new_id(), track_id=decision.track_id, verdict=known,
        created_by=officer_id, created_at=service.now(),
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(case)
        session.flush()
        session.add(row)


def test_of_what_was_cleared_and_drawn_it_is_told_how_often_somebody_found_something(
    service: Service, caller: Caller
) -> None:
    rita = str(casework.person(service, caller, "rita").user_id)
    clear = decided(service, caller, "clear", "nothing-found")
    for verdict in ("dismiss", "dismiss", "block", "restrict"):
        reviewed(service, clear, rita, verdict, "spot_check")

    with service.database.reading() as session:
        (rate,) = error_rates.by_rule(session, caller.tenant_id, service.now())

    assert (rate.rule, rate.source, rate.errors, rate.n) == ("nothing-found", "sample", 2, 4)


def test_each_rule_is_told_by_source_with_how_often_it_was_looked_at(
    service: Service, caller: Caller
) -> None:
    rita = str(casework.person(service, caller, "rita").user_id)
    block = decided(service, caller, "block", "copy", "long-track")
    ask = decided(service, caller, "review", "long-track")
    for decision, verdict in (
        (block, "block"), (block, "release"), (block, "restrict"), (ask, "block"), (ask, "release"), (ask, "rescan"),
    ):  # fmt: skip
        reviewed(service, decision, rita, verdict)
    for outcome in ("granted", "partly", "denied", "denied", None):
        appealed(service, block, outcome)
    golden(service, ask, "release", rita)
    golden(service, decided(service, caller, "review", "long-track"), "block", rita)

    with service.database.reading() as session:
        told = error_rates.by_rule(session, caller.tenant_id, service.now())

    assert [(each.rule, each.source, each.errors, each.n) for each in told] == [
        ("copy", "reviews", 2, 3),
        ("copy", "appeals", 2, 4),
        ("long-track", "reviews", 3, 6),
        ("long-track", "appeals", 2, 4),
        ("long-track", "golden", 1, 2),
    ]


def test_a_decision_is_one_golden_case_however_often_it_is_put_up(
    make_service, database_url: str
) -> None:
    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    rita = str(casework.person(service, caller, "rita").user_id)
    often, once = (decided(service, caller, "review", "copy") for _ in range(2))
    golden(service, once, "block", rita)
    for known in ("block", "block", "release"):
        golden(service, often, known, rita)
        casework.later(service, minutes=1)

    with service.database.reading() as session:
        (rate,) = error_rates.by_rule(session, caller.tenant_id, service.now())

    assert (rate.source, rate.errors, rate.n) == ("golden", 1, 2)  # what was known last


def test_what_is_old_or_a_persons_own_decision_does_not_count(
    service: Service, caller: Caller
) -> None:
    human = decided(service, caller, "block", "human.copy-confirmed")
    with service.database.transaction() as session:
        session.get_one(PolicyDecision, human.id).ruled_by = "person"
    appealed(service, human, "granted")
    appealed(service, decided(service, caller, "block", "copy"), "granted")
    later = service.now() + dashboards.RECENT * 2
    with service.database.reading() as session:
        now = error_rates.by_rule(session, caller.tenant_id, service.now())
        assert [each.rule for each in now] == ["copy"]
        assert error_rates.by_rule(session, caller.tenant_id, later) == []


def test_wilsons_interval_by_hand() -> None:
    # 2 of 10: z² = 3.8415; middle (0.2 + 0.19207) / 1.38415; half 1.95996 · √(0.016 + 0.0096037) / 1.38415
    assert error_rates.wilson(2, 10) == pytest.approx((0.05668, 0.50984), abs=1e-4)
    assert error_rates.wilson(0, 10)[0] == 0
    with pytest.raises(ValueError, match="of nothing"):
        error_rates.wilson(0, 0)


@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_mirrors(hits_of: tuple[int, int]) -> None:
    hits, n = hits_of
    low, high = error_rates.wilson(hits, n)
    assert 0 <= low <= hits / n + 1e-12 and hits / n - 1e-12 <= high <= 1
    assert error_rates.wilson(n - hits, n) == pytest.approx((1 - high, 1 - low))
