"""A case that is left for nobody is told of, and an administrator appoints who decides it."""

from dataclasses import replace

import pytest

import appeals
from scanner import appointments, cases, keys, logins, second_reviews, verdicts
from scanner.callers import Caller
from scanner.errors import ForbiddenError, NotFoundError
from scanner.metrics import CASES_FOR_NOBODY
from scanner.service import Service
from scanner.tables import Case
from tests import casework, reviewing
from tests.reviewing import COPY, FINE, decided

WHY = "There are only the two of us."


@pytest.fixture
def service(make_service) -> Service:
    return make_service(second_review_share=1)


@pytest.fixture
def olga(service, caller) -> Caller:
    return casework.person(service, caller, "olga", "appeals_officer")


@pytest.fixture
def admin(service, caller) -> Caller:
    return replace(casework.person(service, caller, "ada", "admin"), user_id=None)


@pytest.fixture
def disputed(service, caller, olga) -> Case:
    """A case on which a reviewer and the only officer differed."""
    ann = casework.person(service, caller, "ann")
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)
    reviewing.later(service, minutes=10)
    second_reviews.answer(service, olga, case.id, FINE)
    return reviewing.case_of(service, case)


def notes_of(service: Service, case: Case) -> list[str]:
    with service.database.reading() as session:
        return [each.kind for each in cases.notes(session, case)]


def test_a_case_for_nobody_is_told_of_once_and_to_the_administrators(
    service, admin, disputed
) -> None:
    appointments.watch(service)
    appointments.watch(service)

    assert disputed.state == "escalated"
    assert notes_of(service, disputed) == ["nobody_left"]
    assert CASES_FOR_NOBODY._value.get() == 1
    (letter,) = casework.letters(service, template="case-for-nobody")
    assert letter.address == "ada@example.org"
    assert disputed.id in letter.body


def test_whom_an_administrator_appoints_decides_and_the_journal_says_so(
    service, admin, olga, disputed
) -> None:
    with pytest.raises(appeals.IllegalTransitionError, match="before"):
        cases.lease(service, olga, disputed.id)

    appointments.appoint(service, admin, disputed.id, "olga@example.org", WHY)
    assert cases.lease_next(service, olga).id == disputed.id
    verdicts.decide(service, olga, disputed.id, COPY)
    reviewing.later(service, minutes=10)

    assert reviewing.case_of(service, disputed).state == "closed"
    (event,) = [
        each
        for each in casework.events(service, disputed.id)
        if each.data.get("action") == "appoint"
    ]
    assert event.role == "admin"
    assert event.data["detail"] == {"appointed": olga.user_id}
    assert appointments.watch(service) == 0


def test_nobody_is_appointed_while_somebody_else_is_left(
    service, caller, admin, olga, disputed
) -> None:
    casework.person(service, caller, "otto", "appeals_officer")
    assert appointments.watch(service) == 0

    with pytest.raises(appeals.IllegalTransitionError, match="nobody needs to be appointed"):
        appointments.appoint(service, admin, disputed.id, "olga@example.org", WHY)


def test_a_reviewer_is_not_appointed_to_what_is_for_an_officer(service, admin, disputed) -> None:
    with pytest.raises(appeals.IllegalTransitionError, match="for an appeals officer"):
        appointments.appoint(service, admin, disputed.id, "ann@example.org", WHY)


@pytest.mark.parametrize("role", ["reviewer", "appeals_officer", "platform"])
def test_only_an_administrator_appoints(service, caller, disputed, role) -> None:
    who = caller if role == "platform" else casework.person(service, caller, "eve", role)
    with pytest.raises(ForbiddenError):
        appointments.appoint(service, who, disputed.id, "olga@example.org", WHY)


def test_nobody_of_another_platform_is_appointed(service, admin, disputed) -> None:
    other = keys.create_tenant(service, "two")
    keys.create_user(service, "zoe@example.org", "appeals_officer", tenant_id=other.id)
    assert appointments.watch(service) == 1
    with pytest.raises(NotFoundError):
        appointments.appoint(service, admin, disputed.id, "zoe@example.org", WHY)


def test_a_termination_is_never_decided_twice_by_one_person(service, caller, admin, olga) -> None:
    case = reviewing.opened(service, caller, "termination", deciders=[str(olga.user_id)])
    assert appointments.watch(service) == 1

    with pytest.raises(ForbiddenError, match="two people"):
        appointments.appoint(service, admin, case.id, "olga@example.org", WHY)


def test_who_was_appointed_is_not_when_the_case_is_opened_again(
    service, caller, admin, olga, disputed
) -> None:
    appointments.appoint(service, admin, disputed.id, "olga@example.org", WHY)
    decided(service, olga, disputed)
    reviewing.later(service, minutes=10)
    otto = casework.person(service, caller, "otto", "appeals_officer")
    cases.reopen(service, otto, disputed.id, "A licence came by post.")

    with pytest.raises(appeals.IllegalTransitionError, match="before"):
        cases.lease(service, olga, disputed.id)


def test_a_login_out_of_use_is_nobody_who_could_decide(service, caller, admin, olga) -> None:
    """Neither does an officer who left keep a case from being told of, nor is one appointed."""
    otto = casework.person(service, caller, "otto", "appeals_officer")
    gone = replace(casework.person(service, caller, "gus", "admin"), user_id=None)
    case = reviewing.about_track(service, caller)
    decided(service, casework.person(service, caller, "ann"), case)
    reviewing.later(service, minutes=10)
    second_reviews.answer(service, olga, case.id, FINE)
    for each in (otto, gone):
        logins.change(service, caller, each.actor.id, disabled=True)

    assert appointments.watch(service) == 1

    (letter,) = casework.letters(service, template="case-for-nobody")
    assert letter.address == "ada@example.org"
    with pytest.raises(NotFoundError):
        appointments.appoint(service, admin, case.id, "otto@example.org", WHY)
