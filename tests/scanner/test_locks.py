"""Whoever changes the same things from two sides at once waits for the other, and nobody deadlocks."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

import appeals
from appeals.standing import Submissions
from scanner import (
    appeal_outcomes,
    appealing,
    cases,
    drift,
    inline,
    reasons,
    rescans,
    sanctions,
    upkeep,
    verdicts,
)
from scanner.appeal_parts import AppealDecision, Exclusion
from scanner.appealing import AppealAsked
from scanner.errors import ScannerError
from scanner.reference_events import ReferenceQuarantined
from scanner.reference_history import record_change
from scanner.references import locked as locked_reference
from scanner.sanctions import SanctionAsked
from scanner.service import Service
from scanner.tables import Case, Rescan
from scanner.verdicts import Verdict
from tests import casework, claiming, noticed, reviewing
from tests.running import add_tenant
from tests.scanner.test_complaints import complained, struck
from tests.scanner.test_drift import SPREAD, analysed, day

ROUNDS = 6
SENT = Submissions(total=8, unfounded=6, gravity="serious", intent=True)


@pytest.fixture
def service(make_service, postgresql_url) -> Service:
    service = make_service(database_url=postgresql_url, second_review_share=0)
    casework.at(service, service.now())
    return service


def at_once(*acts: Callable[[], object]) -> list[DBAPIError]:
    """Run all at one moment; return the database's errors, such as a deadlock."""
    failed: list[DBAPIError] = []
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
        except DBAPIError as error:
            failed.append(error)
        except (ScannerError, appeals.AppealError):
            pass  # the other was first

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return failed


def test_a_sanction_is_signed_while_the_verdict_on_its_case_takes_effect(service, caller) -> None:
    olga, otto, rita = (
        casework.person(service, caller, name, "appeals_officer")
        for name in ("olga", "otto", "rita")
    )
    suspend = Verdict("suspend", "human.misuse")
    reasons.put(service, caller, suspend.reason, verdicts=["suspend"], texts={"en": "Copies."})
    failed: list[DBAPIError] = []
    for n in range(ROUNDS):
        account = casework.account(service, caller, f"ana{n}")
        asked = ("account", account.id, "uploads")
        sanctions.propose(service, olga, SanctionAsked(*asked, "warning", "Again.", SENT))
        row = sanctions.propose(
            service, olga, SanctionAsked(*asked, "suspension", "Again.", SENT, 30)
        )
        with service.database.reading() as session:
            case = session.exec(select(Case).where(Case.matter_id == row.id)).one()
        cases.lease(service, otto, case.id)
        verdicts.decide(service, otto, case.id, suspend)
        casework.at(service, service.now() + timedelta(minutes=10))

        failed += at_once(
            lambda case=case: verdicts.settle(service, case.id),
            lambda row=row: sanctions.sign(service, rita, row.id, True, "Yes."),
        )

        assert reviewing.case_of(service, case).state == "closed"
    assert failed == []


def test_an_appeal_excludes_a_part_while_verdicts_on_its_track_and_reference_take_effect(
    service, caller
) -> None:
    olga = casework.person(service, caller, "olga", "appeals_officer")
    ann = casework.person(service, caller, "ann")
    label = claiming.holder(service, caller)
    failed: list[DBAPIError] = []
    for n in range(ROUNDS):
        account = casework.account(service, caller, f"ana{n}")
        case = reviewing.about_track(service, caller, account_id=account.id)
        reviewing.decided(service, ann, case)
        casework.at(service, service.now() + timedelta(minutes=10))
        verdicts.settle(service, case.id)
        inline.drive(service, str(case.track_id))
        appeal = appealing.file(service, caller, AppealAsked("track", str(case.track_id), "Mine."))
        appealing.assign(service, olga, appeal.id)
        song = claiming.reference(service, caller, label, title=f"Song {n}")
        quarantined(service, caller, song.id)
        about = {"track_id": case.track_id, "reference_id": song.id}
        other = reviewing.opened(service, caller, "review", **about)
        reviewing.decided(service, ann, other)
        casework.at(service, service.now() + timedelta(minutes=10))
        grant = AppealDecision("grant", "It is theirs.", exclusion=Exclusion(song.id, 0, 10))

        failed += at_once(
            lambda other=other: verdicts.settle(service, other.id),
            lambda row=appeal, to=grant: appeal_outcomes.decide(service, olga, row.id, to),
            lambda song=song: upkeep.settle(service, caller, song.id, "retired", "It was wrong."),
        )
    assert failed == []


def test_two_officers_who_find_misuse_of_one_account_at_once_open_one_case(service, caller) -> None:
    """DSA-23: each of them counts what the other found."""
    olga, otto = (
        casework.person(service, caller, name, "appeals_officer") for name in ("olga", "otto")
    )
    deny = AppealDecision("deny", "It is a copy.", misuse="grave")
    failed: list[DBAPIError] = []
    for n in range(ROUNDS):
        account = casework.account(service, caller, f"ana{n}")
        if n % 2:  # one more, and the next of them opens the case
            complained(service, caller, olga, struck(service, account), deny)
        rows = [appealing.file(service, caller, struck(service, account)) for _ in range(2)]
        for who, row in zip((olga, otto), rows, strict=True):
            appealing.assign(service, who, row.id)

        failed += at_once(
            lambda row=rows[0]: appeal_outcomes.decide(service, olga, row.id, deny),
            lambda row=rows[1]: appeal_outcomes.decide(service, otto, row.id, deny),
        )

        asked = [each.reasons[0]["party_id"] for each in noticed.cases(service, "misuse")]
        assert asked.count(account.id) == 1
    assert failed == []


def quarantined(service: Service, caller, reference_id: str) -> None:
    with service.database.transaction() as session:
        row = locked_reference(session, caller.tenant_id, reference_id)
        row.status, row.quarantined_for = "quarantined", "conflict"
        data = ReferenceQuarantined(epoch=row.epoch, cause="conflict")
        record_change(session, row, data, service.now(), caller.actor)


def test_of_two_rescans_that_start_at_once_one_runs(service, caller) -> None:
    failed: list[DBAPIError] = []
    for _ in range(ROUNDS):
        failed += at_once(*(lambda: rescans.start(service, caller) for _ in range(2)))
        with service.database.reading() as session:
            running = session.exec(select(Rescan).where(Rescan.state == "running")).all()
        assert len(running) == 1
        rescans.stop(service, caller)
    assert failed == []


def test_two_who_freeze_baselines_at_once_leave_one_of_each_kind_in_force(
    make_service, postgresql_url
) -> None:
    service = make_service(database_url=postgresql_url, drift_minimum=20)
    caller = add_tenant(service)
    casework.at(service, datetime.combine(day(9), time(12), UTC))
    analysed(service, caller, day(1), SPREAD * 2)
    for _ in range(ROUNDS):
        acts = [lambda: drift.freeze(service, caller, day(1), day(1))] * 3
        assert at_once(*acts) == []
        with service.database.reading() as session:
            kinds = [each.kind for each in drift.baselines(session, caller.tenant_id)]
        assert "recording" in kinds
        assert len(kinds) == len(set(kinds))
