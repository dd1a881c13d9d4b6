"""DSA-23: who often complains without any ground is warned and then suspended, by people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appeals.standing import MisusePolicy
from scanner import (
    appeal_outcomes,
    appealing,
    claim_views,
    contestable,
    disputes,
    flaggers,
    matters,
    sanctions,
)
from scanner.appeal_parts import AppealDecision, BadAppealError
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.complaint_windows import prolonged
from scanner.console import creator_views
from scanner.disputes import Answered, Filed
from scanner.errors import IllegalTransitionError
from scanner.sanctions import SanctionAsked, SuspendedError
from scanner.service import Service
from scanner.tables import Account, Appeal, Case, Dispute, Notice, Strike, Track
from scanner.verdicts import Verdict
from tests import casework, claiming, noticed, reviewing
from tests.running import add_tenant
from tests.scanner.test_sanctions import SENT

GRAVE = AppealDecision("deny", "It is a copy.", misuse="grave")


@pytest.fixture
def service(make_service) -> Service:
    return make_service(second_review_share=0)


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


def test_complaints_of_more_than_a_year_ago_count_neither_way(service, caller, olga) -> None:
    """DSA-23: number and share are of one time frame, Art. 23(3)(a) and (b)."""
    account = casework.account(service, caller)
    complained(service, caller, olga, struck(service, account))
    casework.at(service, service.now() + MisusePolicy().frame)
    complained(service, caller, olga, struck(service, account))
    assert noticed.cases(service, "misuse") == []
    complained(service, caller, olga, struck(service, account))
    (case,) = noticed.cases(service, "misuse")
    assert case.reasons[0]["factors"]["count"] == 2


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
    (told,) = casework.letters(service, template="sanction")
    assert told.address == ("desk@watch.example" if kind == "flagger" else noticed.DMCA["email"])
    party = (kind, reason["party_id"])
    asked = SanctionAsked(*party, "complaints", "suspension", "Again.", SENT, 30)
    row = sanctions.propose(service, olga, asked)
    sanctions.sign(service, otto, row.id, True, "I agree.")
    with pytest.raises(SuspendedError, match=row.id):
        appealing.file(service, by, refused())


def barred(service: Service, olga: Caller, otto: Caller, party: tuple[str, str], days: int) -> None:
    """Suspend somebody's complaints."""
    asked = SanctionAsked(*party, "complaints", "warning", "Unfounded.", SENT)
    sanctions.propose(service, olga, asked)
    row = sanctions.propose(service, olga, replace(asked, kind="suspension", days=days))
    sanctions.sign(service, otto, row.id, True, "I agree.")


def test_the_six_months_stand_still_while_complaints_are_suspended(
    service, caller, olga, otto
) -> None:
    """DSA-20: they are open for six months, to whoever may use them."""
    account = casework.account(service, caller)
    asked = struck(service, account)
    casework.at(service, service.now() + timedelta(days=160))
    barred(service, olga, otto, ("account", account.id), 30)
    with pytest.raises(SuspendedError):
        appealing.file(service, caller, asked)

    casework.at(service, service.now() + timedelta(days=48))
    row = appealing.file(service, caller, asked)
    appealing.withdraw(service, caller, row.id, None)
    casework.at(service, service.now() + timedelta(days=8))
    with pytest.raises(IllegalTransitionError, match="too late"):
        appealing.file(service, caller, asked)


def test_what_the_clock_would_close_stays_open_as_long(service, caller, olga, otto) -> None:
    """Of a claim that was upheld, and of a notice that was refused."""
    account = casework.account(service, caller)
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    track, claim = claiming.claimed(service, caller, song, account_id=account.id)
    dispute = disputes.file(
        service, caller, Filed(claim.id, ["misidentified"], claiming.WORDS, claiming.ATTESTED)
    )
    disputes.answer(service, claiming.of(caller, label), dispute.id, Answered("uphold", "Ours."))
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.REFUSE)
    barred(service, olga, otto, ("account", account.id), 20)
    casework.later(service, days=21)
    barred(service, olga, otto, ("notifier", str(notice.notifier_digest)), 20)
    casework.later(service, days=21)

    with service.database.reading() as session:
        row, on = session.get_one(Dispute, dispute.id), session.get_one(Track, track.id)
        before = {
            each.what: each.until for each in contestable.of_tracks(session, [on], row.since)[on.id]
        }
        told = claim_views.describe_dispute(session, caller, row)
        shown = creator_views.view(service, caller, on, "en")
    ends = row.due_at + timedelta(days=20)  # before any clock has looked
    assert before["appeal_claim"] == ends
    assert told["due_at"] == ends.isoformat()
    assert [each.at for each in shown.clocks if each.what == "dispute-appeal"] == [ends]

    casework.later(service, days=155)
    with service.database.reading() as session:
        can = contestable.of_tracks(session, [session.get_one(Track, track.id)], service.now())
        shown = creator_views.view(service, caller, session.get_one(Track, track.id), "en")
    assert {each.what for each in can[track.id]} == {"appeal", "appeal_claim"}
    [until] = [each.until for each in can[track.id] if each.what == "appeal"]
    assert [each.at for each in shown.clocks if each.what == "contest"] == [until]
    assert [each.until for each in can[track.id] if each.what == "appeal_claim"] == [ends]
    for kind, subject_id in (("dispute", dispute.id), ("notice", notice.id)):
        row = appealing.file(service, caller, AppealAsked(kind, subject_id, "It is mine."))
        appealing.withdraw(service, caller, row.id, None)
    casework.later(service, days=10)
    with service.database.reading() as session:
        assert session.get_one(Dispute, dispute.id).state == "closed"
        assert session.get_one(Notice, notice.id).state == "closed"


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 60)).map(lambda s: (s[0], s[0] + s[1])),
        max_size=5,
    )
)
def test_a_window_has_as_many_days_outside_of_suspensions(spans) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)

    def day(number: int) -> datetime:
        return began + timedelta(days=number)

    until = prolonged(began, day(180), [(day(start), day(end)) for start, end in spans])

    days = range((until - began).days)
    assert sum(not any(start <= each < end for start, end in spans) for each in days) == 180
