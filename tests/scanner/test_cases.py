"""Cases are taken, given back, asked about and passed up by one person at a time, on both databases."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

import appeals
from scanner import cases, matters, queues
from scanner.callers import Caller
from scanner.errors import ForbiddenError, NotFoundError
from scanner.journal import Actor
from scanner.metrics import DEADLINES_MISSED, count_what_waits
from scanner.service import Service
from scanner.tables import Deadline
from tests import casework, reviewing
from tests.running import add_tenant

REVIEWERS = 50


@pytest.fixture
def service(make_service, database_url) -> Service:
    return make_service(database_url=database_url, second_review_share=0)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


@pytest.fixture
def ann(service, caller) -> Caller:
    return casework.person(service, caller, "ann")


@pytest.fixture
def olga(service, caller) -> Caller:
    return casework.person(service, caller, "olga", "appeals_officer")


def test_what_was_passed_up_stays_with_officers_when_one_lets_it_go(
    service, caller, ann, olga
) -> None:
    case = reviewing.opened(service, caller)
    bob = casework.person(service, caller, "bob")
    cases.lease(service, ann, case.id)
    cases.escalate(service, ann, case.id, "It is for you.")
    cases.lease(service, olga, case.id)
    cases.release(service, olga, case.id)

    assert cases.lease_next(service, bob) is None
    with pytest.raises(appeals.IllegalTransitionError, match="passed up"):
        cases.lease(service, bob, case.id)
    assert cases.lease_next(service, olga).id == case.id


def test_fifty_reviewers_never_hold_the_same_case(service, caller) -> None:
    waiting = [reviewing.opened(service, caller).id for _ in range(REVIEWERS - 10)]
    crowd = [
        replace(caller, actor=Actor(f"r{n}", "reviewer"), user_id=f"r{n}") for n in range(REVIEWERS)
    ]
    together = threading.Barrier(REVIEWERS)
    taken: list[tuple[str, str]] = []
    failures: list[Exception] = []

    def work(who: Caller) -> None:
        together.wait()
        try:
            while (case := cases.lease_next(service, who)) is not None:
                taken.append((case.id, str(case.holder)))
                if len(taken) > len(waiting):
                    return
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert not failures
    assert Counter(case_id for case_id, _ in taken) == Counter(waiting)
    with service.database.reading() as session:
        holders = {each: session.get_one(appeals.Case, each).holder for each in waiting}
    assert holders == dict(taken)


def test_a_lease_runs_out_and_is_renewed_by_work(service, caller, ann) -> None:
    case = reviewing.opened(service, caller)
    cases.lease(service, ann, case.id)
    ben = casework.person(service, caller, "ben")

    with pytest.raises(appeals.IllegalTransitionError, match="can't lease"):
        cases.lease(service, ben, case.id)
    casework.at(service, service.now() + timedelta(minutes=8))
    cases.note(service, ann, case.id, "The intro is the same.")
    casework.at(service, service.now() + timedelta(minutes=8))
    with pytest.raises(appeals.IllegalTransitionError):
        cases.lease(service, ben, case.id)
    casework.at(service, service.now() + timedelta(minutes=3))

    assert cases.lease_next(service, ben).holder == ben.user_id
    with pytest.raises(appeals.IllegalTransitionError, match="somebody else"):
        cases.release(service, ann, case.id)


def test_the_clock_puts_back_what_nobody_works_on(service, caller, ann) -> None:
    case = reviewing.opened(service, caller)
    cases.lease(service, ann, case.id)

    reviewing.later(service, minutes=10)

    back = reviewing.case_of(service, case)
    assert (back.state, back.holder, back.due_at) == ("queued", None, None)


def test_law_comes_first_then_harm_and_reach_then_age(service, caller, ann) -> None:
    old = reviewing.opened(service, caller, "misuse")
    wide = reviewing.opened(service, caller, "misuse")
    harmful = reviewing.opened(service, caller, "review")
    due = reviewing.opened(
        service, caller, "misuse", legal_due_at=service.now() + timedelta(days=2)
    )
    with service.database.transaction() as session:
        matters.locked(session, appeals.Case, caller.tenant_id, wide.id).reach = 3

    order = [cases.lease_next(service, ann).id for _ in range(4)]

    assert order == [due.id, wide.id, harmful.id, old.id]
    assert cases.lease_next(service, ann) is None


def test_reach_is_how_many_tracks_are_the_same_file(service, caller) -> None:
    first = reviewing.about_track(service, caller, sha256="a" * 64)
    reviewing.about_track(service, caller, sha256="a" * 64)
    alone = reviewing.about_track(service, caller, sha256="b" * 64)

    queues.take_in(service)

    assert reviewing.case_of(service, first).reach == 2
    assert reviewing.case_of(service, alone).reach == 1


def test_a_reviewer_gets_what_their_skills_and_languages_cover(service, caller, ann) -> None:
    cases.set_skills(service, "ann@example.org", ["review", "composition"], ["de"])
    reviewing.opened(service, caller, "misuse")
    other = reviewing.opened(service, caller, right="recording")
    reviewing.opened(service, caller, right="composition", language="fr")
    mine = reviewing.opened(service, caller, right="composition", language="de")

    assert cases.lease_next(service, ann).id == mine.id
    assert cases.lease_next(service, ann) is None
    with pytest.raises(ForbiddenError, match="recording"):
        cases.lease(service, ann, other.id)


def test_a_platform_and_another_tenant_take_no_case(service, caller, ann) -> None:
    case = reviewing.opened(service, caller)
    foreign = casework.person(service, add_tenant(service, "two"), "otto")

    with pytest.raises(ForbiddenError, match="reviewer"):
        cases.lease(service, caller, case.id)
    with pytest.raises(NotFoundError):
        cases.lease(service, foreign, case.id)
    assert cases.lease_next(service, foreign) is None


def test_what_is_passed_up_goes_to_an_appeals_officer(service, caller, ann, olga) -> None:
    case = reviewing.opened(service, caller)
    cases.lease(service, ann, case.id)
    cases.escalate(service, ann, case.id, "A famous band; who decides this?")

    assert cases.lease_next(service, ann) is None
    assert cases.lease_next(service, olga).id == case.id
    with service.database.reading() as session:
        assert [each.kind for each in cases.notes(session, case)] == ["escalation"]


def test_who_is_affected_is_asked_and_answers(service, caller, ann) -> None:
    case = reviewing.about_track(service, caller)
    cases.lease(service, ann, case.id)
    assert cases.ask(service, ann, case.id, "Is there a licence?").state == "waiting_info"

    with pytest.raises(ForbiddenError):
        cases.answer(service, ann, case.id, "I answer myself")
    assert cases.answer(service, caller, case.id, "Here it is.").state == "queued"


def test_without_an_answer_a_reviewer_goes_on_after_a_week(service, caller, ann) -> None:
    case = reviewing.about_track(service, caller)
    cases.lease(service, ann, case.id)
    cases.ask(service, ann, case.id, "Is there a licence?")

    reviewing.later(service, days=7)

    assert reviewing.case_of(service, case).state == "queued"


def test_a_case_that_nobody_takes_is_passed_up_when_its_time_is_over(service, caller) -> None:
    late = reviewing.opened(service, caller)
    queues.take_in(service)

    reviewing.later(service, hours=73)

    assert reviewing.case_of(service, late).state == "escalated"
    with service.database.reading() as session:
        (clock,) = session.exec(select(Deadline).where(Deadline.matter_id == late.id))
    assert (clock.rule, clock.state) == ("case-target", "missed")
    count_what_waits(service)
    assert DEADLINES_MISSED._value.get() == 0  # a target of one's own is no law


def test_targets_differ_by_kind_of_case(make_service) -> None:
    service = make_service(case_target_hours={"review=5", "*=50"})

    assert queues.target(service, "review") == timedelta(hours=5)
    assert queues.target(service, "misuse") == timedelta(hours=50)
