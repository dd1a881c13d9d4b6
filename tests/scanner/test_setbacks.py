"""A row on which a chore fails comes again later, and keeps nobody behind it from their turn."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import select

from scanner import deadlines, sanctions, setbacks, verdicts
from scanner.clock import new_id
from scanner.metrics import SETBACKS, count_what_waits
from scanner.service import Service
from scanner.tables import Case, Sanction, Setback
from tests import casework, reviewing
from tests.reviewing import decided


@pytest.fixture
def service(make_service) -> Service:
    return make_service(second_review_share=0)


def break_decision(service: Service, case: Case) -> None:
    """Damage the decision that a verdict would supersede, so that whoever reads it fails."""
    with service.database.transaction() as session:
        session.execute(
            text("UPDATE policy_decision SET created_at = 'never' WHERE track_id = :track"),
            {"track": case.track_id},
        )


def test_verdicts_that_fail_do_not_hold_up_those_behind_them(service, caller, monkeypatch) -> None:
    monkeypatch.setattr(verdicts, "BATCH", 2)
    ann = casework.person(service, caller, "ann")
    bad = [reviewing.about_track(service, caller) for _ in range(2)]
    good = reviewing.about_track(service, caller)
    for case in (*bad, good):
        decided(service, ann, case)
        casework.at(service, service.now() + timedelta(seconds=1))
    for case in bad:
        break_decision(service, case)

    casework.at(service, service.now() + timedelta(minutes=10))
    verdicts.settle_due(service)
    verdicts.settle_due(service)

    assert reviewing.case_of(service, good).state == "closed"
    assert [reviewing.case_of(service, case).state for case in bad] == ["decided", "decided"]
    count_what_waits(service)
    assert SETBACKS.labels("settling")._value.get() == 2


def test_what_fails_is_tried_again_after_longer_and_longer_waits(service) -> None:
    tried: list[float] = []
    start = service.now()
    casework.at(service, start)

    def fail(row_id: str) -> None:
        tried.append((service.now() - start).total_seconds())
        raise ZeroDivisionError

    def row() -> Setback | None:
        with service.database.reading() as session:
            return session.get(Setback, ("clock", "r"))

    for _ in range(4):
        setbacks.each(service, "clock", ["r"], fail)
        casework.at(service, row().not_before)
    assert tried == [0, 5, 15, 35]
    assert row().error == "ZeroDivisionError"

    setbacks.each(service, "clock", ["r"], lambda _: None)
    assert row() is None


def test_setbacks_of_what_is_not_due_any_more_are_forgotten(service) -> None:
    setbacks.each(service, "clock", ["r"], lambda _: False)
    setbacks.forget_old(service)
    with service.database.reading() as session:
        assert session.get(Setback, ("clock", "r")) is not None
    casework.at(service, service.now() + timedelta(days=2))

    setbacks.forget_old(service)

    with service.database.reading() as session:
        assert session.get(Setback, ("clock", "r")) is None


def test_a_clock_that_fails_does_not_hold_up_the_next(service, caller, monkeypatch) -> None:
    monkeypatch.setattr(deadlines, "BATCH", 1)
    cases = [reviewing.about_track(service, caller) for _ in range(2)]
    reviewing.later(service, minutes=1)
    with service.database.transaction() as session:
        session.execute(
            text("UPDATE appeal_case SET since = 'never' WHERE id = :id"), {"id": cases[0].id}
        )

    reviewing.later(service, days=4)

    assert reviewing.case_of(service, cases[1]).state == "escalated"


def test_a_verdict_waits_behind_the_decision_before_without_an_alarm(service, caller) -> None:
    ann = casework.person(service, caller, "ann")
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)
    with service.database.transaction() as session:
        session.execute(
            text("UPDATE track SET state = 'decided' WHERE id = :id"), {"id": case.track_id}
        )
    casework.at(service, service.now() + timedelta(minutes=10))

    verdicts.settle_due(service)

    with service.database.reading() as session:
        assert setbacks.failing(session) == {}
        assert session.get(Setback, ("settling", case.id)).attempts == 1


def test_a_suspension_that_can_not_end_does_not_hold_up_the_others(
    service, caller, monkeypatch
) -> None:
    monkeypatch.setattr(sanctions, "BATCH", 1)
    start = service.now()
    rows = [
        Sanction(
            id=new_id(),
            tenant_id=caller.tenant_id,
            party_kind="flagger",
            party_id=new_id(),
            what="notices",
            kind="suspension",
            state="in_force",
            factors={},
            reason="Often unfounded.",
            signed_by="olga",
            created_at=start,
            ends_at=start + timedelta(minutes=minutes),
        )
        for minutes in (1, 2)
    ]
    with service.database.transaction() as session:
        session.add_all(rows)
    with service.database.transaction() as session:
        session.execute(
            text("UPDATE sanction SET created_at = 'never' WHERE id = :id"), {"id": rows[0].id}
        )
    casework.at(service, start + timedelta(hours=1))
    sanctions.expire_due(service)
    sanctions.expire_due(service)
    with service.database.reading() as session:
        query = select(Sanction.state).order_by(Sanction.ends_at)
        assert session.exec(query).all() == ["in_force", "expired"]
