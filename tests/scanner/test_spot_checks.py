"""A share of what is cleared goes before a person, while it is out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from scanner import case_views, consents, error_rates, inline, queues
from scanner.callers import Caller
from scanner.cases import ask, lease
from scanner.errors import NotFoundError
from scanner.service import Service
from scanner.tables import Case, Deadline
from scanner.track_states import State
from scanner.verdicts import Verdict
from tests import casework, reviewing, rollouts
from tests.running import add_tenant
from tests.scanner.test_reconsideration import PARENT, agreed, childs_track, people_decide

NOTHING = Verdict("dismiss", "human.nothing-wrong")


@pytest.fixture
def service(make_service) -> Service:
    return make_service(spot_check_share=1, undo_seconds=0)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def cases(service: Service) -> list[Case]:
    with service.database.reading() as session:
        return list(session.exec(select(Case).order_by(Case.id)))


def test_a_cleared_track_that_is_drawn_is_out_and_before_a_person(service, caller) -> None:
    track = casework.decided_track(service, caller)

    (case,) = cases(service)
    assert track.state == State.RELEASED
    assert (case.kind, case.track_id, case.decision_id) == (
        "spot_check", track.id, track.decision_id,
    )  # fmt: skip
    assert case.priority < reviewing.opened(service, caller, "misuse").priority


def test_what_a_reviewer_finds_has_effect_and_counts_as_an_error_of_clearing(
    service, caller
) -> None:
    tracks = [casework.decided_track(service, caller) for _ in range(3)]
    rita = casework.person(service, caller, "rita")

    for case, verdict in zip(cases(service), (NOTHING, reviewing.COPY, NOTHING), strict=True):
        reviewing.decided(service, rita, case, verdict)
        inline.drive(service, str(case.track_id))

    states = [casework.track_of(service, track.id).state for track in tracks]
    assert states == [State.RELEASED, State.BLOCKED, State.RELEASED]
    with service.database.reading() as session:
        told = error_rates.by_rule(session, caller.tenant_id, service.now())
    assert [(each.rule, each.source, each.errors, each.n) for each in told] == [
        ("core.nothing-found", "sample", 1, 3)
    ]


def test_a_track_that_somebody_looks_at_already_is_drawn_and_what_they_decide_counts(
    make_service, database_url
) -> None:
    service = make_service(database_url=database_url, spot_check_share=1, undo_seconds=0)
    caller = add_tenant(service)
    others = []
    for _ in range(3):
        made = rollouts.decided(service, caller)
        about = {"track_id": made.track_id, "decision_id": made.id}
        others.append(reviewing.opened(service, caller, "human_review", **about))
        inline.drive(service, made.track_id)
    drawn = [case.track_id for case in cases(service) if case.kind == "spot_check"]
    assert drawn == [case.track_id for case in others]

    rita = casework.person(service, caller, "rita")
    for case, verdict in zip(others[:2], (reviewing.COPY, reviewing.FINE), strict=True):
        reviewing.decided(service, rita, case, verdict)
        inline.drive(service, str(case.track_id))
    with service.database.reading() as session:
        told = error_rates.by_rule(session, caller.tenant_id, service.now())
    assert ("sample", 1, 2) in [(each.source, each.errors, each.n) for each in told]


def test_none_is_drawn_without_a_share(make_service) -> None:
    service = make_service(spot_check_share=0)
    casework.decided_track(service, add_tenant(service))

    assert cases(service) == []


def test_what_a_person_cleared_is_not_drawn(service, caller) -> None:
    track = casework.decided_track(service, caller)
    (drawn,) = cases(service)
    reviewing.decided(service, casework.person(service, caller, "rita"), drawn, reviewing.COPY)
    inline.drive(service, track.id)

    asked = reviewing.opened(service, caller, "human_review", track_id=track.id)
    reviewing.decided(service, casework.person(service, caller, "otto"), asked, reviewing.FINE)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == State.RELEASED
    assert [case.kind for case in cases(service)] == ["spot_check", "human_review"]


def test_nobody_is_hurried_to_look_unless_the_operator_wants_it(make_service) -> None:
    unhurried = make_service(spot_check_share=1)
    casework.decided_track(unhurried, add_tenant(unhurried))
    queues.take_in(unhurried)

    reviewing.later(unhurried, days=30)

    (case,) = cases(unhurried)
    with unhurried.database.reading() as session:
        clocks = session.exec(select(Deadline).where(Deadline.matter_id == case.id)).all()
    assert (case.state, clocks) == ("queued", [])
    hurried = make_service(case_target_hours={"spot_check=200", "*=50"})
    assert queues.target(hurried, "spot_check") == timedelta(hours=200)


def test_audio_that_came_often_does_not_put_it_before_what_people_wait_for(service, caller) -> None:
    for _ in range(12):
        casework.decided_track(service, caller, sha256="a" * 64)
    asked = reviewing.opened(service, caller, "human_review")
    queues.take_in(service)

    rita = casework.person(service, caller, "rita")
    with service.database.transaction() as session:
        first = queues.first(session, rita.actor, caller.tenant_id, service.now())
        assert first is not None
        assert first.id == asked.id


def test_its_creator_is_not_told_until_they_are_asked(service, caller) -> None:
    ana = casework.account(service, caller)
    casework.decided_track(service, caller, account_id=ana.id)

    (case,) = cases(service)
    with service.database.reading() as session, pytest.raises(NotFoundError):
        case_views.check_reader(session, replace(caller, account_id=ana.id), case)

    rita = casework.person(service, caller, "rita")
    lease(service, rita, case.id)
    ask(service, rita, case.id, "Who sings?")
    with service.database.reading() as session:
        case_views.check_reader(session, replace(caller, account_id=ana.id), case)


def test_a_check_ends_when_rules_decide_anew_so_that_its_verdict_loosens_nothing(
    service, caller
) -> None:
    given = [agreed(service, caller, scope) for scope in ("publish", "monetise")]
    track_id = childs_track(service, caller).subject
    inline.drive(service, track_id)
    drawn = [case for case in cases(service) if case.kind == "spot_check"]

    consents.withdraw(service, given[0].id, PARENT)
    people_decide(service, caller)

    assert len(drawn) == 1
    assert casework.track_of(service, track_id).state == State.QUARANTINED
    assert reviewing.case_of(service, drawn[0]).state == "closed"
