"""DSA-23: who often complains without any ground is warned and then suspended, by people."""

from dataclasses import replace

import pytest

from scanner import appeal_outcomes, appealing, flaggers, matters, sanctions
from scanner.appeal_parts import AppealDecision, BadAppealError
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.sanctions import SanctionAsked, SuspendedError
from scanner.service import Service
from scanner.tables import Account, Appeal, Case, Strike
from scanner.verdicts import Verdict
from tests import casework, noticed, reviewing
from tests.running import add_tenant
from tests.scanner.test_sanctions import SENT

GRAVE = AppealDecision("deny", "It is a copy.", misuse="grave")


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


@pytest.fixture
def caller(service) -> Caller:
    made = add_tenant(service)
    casework.at(service, service.now())
    return made


@pytest.fixture
def olga(service, caller) -> Caller:
    return casework.person(service, caller, "olga", "appeals_officer")


@pytest.fixture
def otto(service, caller) -> Caller:
    return casework.person(service, caller, "otto", "appeals_officer")


def struck(service: Service, account: Account) -> AppealAsked:
    """Give an account a strike, and return the appeal of it."""
    row = matters.new(
        Strike,
        account.tenant_id,
        service.now(),
        account_id=account.id,
        ground_kind="notice",
        ground_id="-",
        policy_version="-",
    )
    with service.database.transaction() as session:
        matters.opened(service, session, row, matters.CLOCK)
    return AppealAsked("strike", row.id, "It is mine.")


def complained(
    service: Service, caller: Caller, officer: Caller, asked: AppealAsked, decided=GRAVE
) -> Appeal:
    """File an appeal and have it decided."""
    row = appealing.file(service, caller, asked)
    appealing.assign(service, officer, row.id)
    return appeal_outcomes.decide(service, officer, row.id, decided)


def settled(service: Service, officer: Caller, case: Case, verdict: str) -> None:
    reviewing.decided(service, officer, case, Verdict(verdict, "misuse.frequent"))
    reviewing.later(service, seconds=service.settings.undo_seconds + 1)


def test_frequent_misuse_of_complaints_is_warned_of_and_then_suspended_by_two(
    service, caller, olga, otto
) -> None:
    account = casework.account(service, caller)
    complained(service, caller, olga, struck(service, account))
    assert noticed.cases(service, "misuse") == []
    last = complained(service, caller, olga, struck(service, account))

    (case,) = noticed.cases(service, "misuse")
    (reason,) = case.reasons
    assert (case.matter_kind, case.matter_id) == ("appeal", last.id)
    assert (reason["what"], reason["suggests"]) == ("complaints", "warning")
    assert (reason["party_kind"], reason["party_id"]) == ("account", account.id)
    assert reason["factors"] == {"count": 2, "share": 1.0, "gravity": "grave", "intent": False}
    settled(service, olga, case, "warn")
    (letter,) = casework.letters(service, template="sanction")
    assert letter.recipient_id == account.id

    complained(service, caller, olga, struck(service, account))
    case = noticed.cases(service, "misuse")[-1]
    assert case.reasons[0]["suggests"] == "suspension"
    settled(service, olga, case, "suspend")
    appealing.file(service, caller, struck(service, account))
    with service.database.reading() as session:
        row = sanctions.listed(session, caller, limit=1)[0]
    assert (row.what, row.state, row.factors["count"]) == ("complaints", "proposed", 3)

    sanctions.sign(service, otto, row.id, True, "I agree.")
    with pytest.raises(SuspendedError, match=row.id):
        appealing.file(service, caller, struck(service, account))


def test_a_finding_falls_with_the_denial_that_it_came_with(service, caller, olga) -> None:
    """DSA-21: what a body out of court reversed was not unfounded."""
    account = casework.account(service, caller)
    first = complained(service, caller, olga, struck(service, account))
    appeal_outcomes.go_out_of_court(service, caller, first.id, "User Rights")
    appeal_outcomes.record_outcome(service, olga, first.id, "They are right.", True)

    complained(service, caller, olga, struck(service, account))
    assert noticed.cases(service, "misuse") == []


@pytest.mark.parametrize("outcome", ["grant", "deny"])
def test_misuse_is_found_of_a_denied_appeal_alone(service, caller, olga, outcome) -> None:
    asked = struck(service, casework.account(service, caller))
    wrong = AppealDecision(outcome, "-", misuse="grave" if outcome == "grant" else "annoying")
    with pytest.raises(BadAppealError, match="unfounded, grave, meant"):
        complained(service, caller, olga, asked, wrong)


@pytest.mark.parametrize("kind", ["notifier", "flagger"])
def test_whoever_sends_notices_is_counted_by_who_they_are(
    service, caller, olga, otto, kind
) -> None:
    """Their complaints, not their notices, are refused; the address is known by its whole digest."""
    track = casework.decided_track(service, caller)
    by = caller
    if kind == "flagger":
        flagger, _ = flaggers.add(service, caller, "Music Watch", "desk@watch.example")
        by = replace(caller, flagger_id=flagger.id)

    def refused() -> AppealAsked:
        notice = noticed.sent(service, by, track.id)
        noticed.decided(service, notice.id, noticed.REFUSE)
        return AppealAsked("notice", notice.id, "It is mine.")

    for _ in range(2):
        complained(service, by, olga, refused())
    (case,) = noticed.cases(service, "misuse")
    reason = case.reasons[0]
    assert (reason["party_kind"], reason["factors"]["count"]) == (kind, 2)
    settled(service, olga, case, "warn")
    party = (kind, reason["party_id"])
    asked = SanctionAsked(*party, "complaints", "suspension", "Again.", SENT, 30)
    row = sanctions.propose(service, olga, asked)
    sanctions.sign(service, otto, row.id, True, "I agree.")
    with pytest.raises(SuspendedError, match=row.id):
        appealing.file(service, by, refused())
