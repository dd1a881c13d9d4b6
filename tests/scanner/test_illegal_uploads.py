"""Accounts whose tracks are taken down too often: a person is asked to warn, then to suspend, by the count as it stands (DSA-23)."""

from dataclasses import replace

import pytest
from sqlmodel import select

from appeals.standing import MisusePolicy
from scanner import appeal_outcomes, appealing, inline, notices
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.service import Service
from scanner.tables import Account, Case, Notice, Sanction, Track
from scanner.verdicts import Verdict
from tests import casework, noticed, reviewing, rollouts

BLOCK = replace(noticed.ACTION, remedy="block")


@pytest.fixture
def service(make_service, database_url) -> Service:
    return make_service(database_url=database_url)


def uploaded(service: Service, caller: Caller, account: Account, count: int) -> list[Track]:
    return [casework.decided_track(service, caller, account_id=account.id) for _ in range(count)]


def taken_down(service: Service, caller: Caller, *tracks: Track) -> Notice:
    notice = noticed.sent(service, caller, *(each.id for each in tracks), form="likeness")
    noticed.decided(service, notice.id, BLOCK)
    return notice


def decided(
    service: Service, officer: Caller, case: Case, verdict: str, why: str = "misuse.frequent"
) -> None:
    reviewing.decided(service, officer, case, Verdict(verdict, why))
    reviewing.later(service, hours=2)


def sanctions_of(service: Service, account: Account) -> list[tuple[str, str, str]]:
    with service.database.reading() as session:
        found = session.exec(select(Sanction).where(Sanction.party_id == account.id))
        return [(row.what, row.kind, row.state) for row in found]


def test_half_of_what_an_account_uploads_taken_down_asks_a_person_to_warn_and_then_to_suspend(
    service, caller, account
) -> None:
    olga = casework.person(service, caller, "olga", "appeals_officer")
    tracks = uploaded(service, caller, account, 10)
    for each in tracks[:4]:
        taken_down(service, caller, each)
    assert noticed.cases(service, "misuse") == []
    taken_down(service, caller, tracks[4])

    (case,) = noticed.cases(service, "misuse")
    (reason,) = case.reasons
    assert (reason["party_kind"], reason["party_id"], reason["what"]) == ("account", account.id, "uploads")  # fmt: skip
    assert reason["text"] == "5 of 10 were taken down after notices"
    assert reason["factors"] == {"count": 5, "share": 0.5, "gravity": "minor", "intent": False}
    assert sanctions_of(service, account) == []

    decided(service, olga, case, "warn")
    assert sanctions_of(service, account) == [("uploads", "warning", "in_force")]
    with service.database.reading() as session:
        (given,) = session.exec(select(Sanction))
    assert given.factors["because"] == ["5 of 10 were taken down after notices"]
    taken_down(service, caller, tracks[5])
    case = noticed.cases(service, "misuse")[-1]
    assert case.reasons[0]["suggests"] == "suspension"
    otto = casework.person(service, caller, "otto", "appeals_officer")
    decided(service, otto, case, "suspend")
    assert ("uploads", "suspension", "proposed") in sanctions_of(service, account)


def test_what_came_back_counts_no_more(service, caller, account) -> None:
    """By the sender, or by an appeal that was won."""
    olga = casework.person(service, caller, "olga", "appeals_officer")
    tracks = uploaded(service, caller, account, 6)
    first = taken_down(service, caller, *tracks[:2])
    notices.retract(service, first, caller)
    taken_down(service, caller, *tracks[2:5])
    row = appealing.file(service, caller, AppealAsked("track", tracks[2].id, "It is me."))
    appealing.assign(service, olga, row.id)
    appeal_outcomes.decide(service, olga, row.id, AppealDecision("grant", "It is."))
    for each in tracks[:3]:
        inline.drive(service, each.id)
    taken_down(service, caller, tracks[5])
    assert noticed.cases(service, "misuse") == []


def test_one_who_uploads_much_and_little_of_it_is_taken_down_is_not_asked_about(
    service, caller, account
) -> None:
    tracks = uploaded(service, caller, account, 11)
    taken_down(service, caller, *tracks[:5])
    assert noticed.cases(service, "misuse") == []


def test_one_notice_with_tracks_of_two_accounts_asks_about_each(service, caller, account) -> None:
    bob = casework.account(service, caller, "bob")
    tracks = [*uploaded(service, caller, account, 5), *uploaded(service, caller, bob, 5)]
    taken_down(service, caller, *tracks)
    asked = {case.reasons[0]["party_id"] for case in noticed.cases(service, "misuse")}
    assert asked == {account.id, bob.id}


def test_what_only_got_a_label_was_not_taken_down(service, caller, account) -> None:
    tracks = uploaded(service, caller, account, 6)
    notice = noticed.sent(service, caller, *(each.id for each in tracks), form="likeness")
    noticed.decided(service, notice.id, replace(noticed.ACTION, remedy="label"))
    assert noticed.cases(service, "misuse") == []


def test_a_notice_that_an_appeal_had_acted_on_is_counted_at_once(service, caller, account) -> None:
    tracks = uploaded(service, caller, account, 5)
    notice = noticed.sent(service, caller, *(each.id for each in tracks), form="likeness")
    noticed.decided(service, notice.id, noticed.REFUSE)
    olga = casework.person(service, caller, "olga", "appeals_officer")
    row = appealing.file(service, caller, AppealAsked("notice", notice.id, "It is."))
    appealing.assign(service, olga, row.id)
    decided_ = AppealDecision("grant", "It is.", becomes="block")
    appeal_outcomes.decide(service, olga, row.id, decided_)
    (case,) = noticed.cases(service, "misuse")
    assert case.reasons[0]["party_id"] == account.id


def test_what_a_person_saw_no_misuse_in_is_not_asked_again_where_nothing_more_is_done(
    service, caller, account
) -> None:
    """DSA-23: the sender's appeal was denied, by an officer and by a body."""
    olga = casework.person(service, caller, "olga", "appeals_officer")
    tracks = uploaded(service, caller, account, 5)
    notice = noticed.sent(service, caller, *(each.id for each in tracks))
    noticed.decided(service, notice.id, replace(noticed.ACTION, remedy="block:DE"))
    (case,) = noticed.cases(service, "misuse")
    decided(service, olga, case, "dismiss", "misuse.not-shown")
    otto = casework.person(service, caller, "otto", "appeals_officer")
    row = appealing.file(service, caller, AppealAsked("notice", notice.id, "Everywhere."))
    appealing.assign(service, otto, row.id)
    appeal_outcomes.decide(service, otto, row.id, AppealDecision("deny", "No."))
    appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")
    appeal_outcomes.record_outcome(service, otto, row.id, "It is enough.", False)
    assert len(noticed.cases(service, "misuse")) == 1


def test_uploads_of_more_than_a_year_ago_count_neither_way(service, caller, account) -> None:
    """DSA-23: number and share are of one time frame, Art. 23(3)(a) and (b)."""
    taken_down(service, caller, *uploaded(service, caller, account, 4))
    uploaded(service, caller, account, 6)
    casework.at(service, service.now() + MisusePolicy().frame)
    tracks = uploaded(service, caller, account, 5)
    for each in tracks[:4]:
        taken_down(service, caller, each)
    assert noticed.cases(service, "misuse") == []
    taken_down(service, caller, tracks[4])
    (case,) = noticed.cases(service, "misuse")
    assert case.reasons[0]["text"] == "5 of 5 were taken down after notices"


def test_a_notice_that_a_body_out_of_court_had_acted_on_is_counted_at_once(
    service, caller, account
) -> None:
    """DSA-21, DSA-23: as one that an appeal had acted on."""
    tracks = uploaded(service, caller, account, 5)
    notice = noticed.sent(service, caller, *(each.id for each in tracks))
    noticed.decided(service, notice.id, noticed.REFUSE)
    olga = casework.person(service, caller, "olga", "appeals_officer")
    row = appealing.file(service, caller, AppealAsked("notice", notice.id, "It is."))
    appealing.assign(service, olga, row.id)
    appeal_outcomes.decide(service, olga, row.id, AppealDecision("deny", "It is not."))
    appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")
    assert noticed.cases(service, "misuse") == []

    appeal_outcomes.record_outcome(service, olga, row.id, "It is.", True)
    (case,) = noticed.cases(service, "misuse")
    assert case.reasons[0]["text"] == "5 of 5 were taken down after notices"


def test_a_track_that_waited_is_counted_once_it_is_taken_down(service, caller, account) -> None:
    """DSA-23: still analysed when its notice was decided, it was no upload of theirs that was taken down."""
    taken_down(service, caller, *uploaded(service, caller, account, 4))
    waits = rollouts.analysed(service, caller, account_id=account.id).subject
    notice = noticed.sent(service, caller, waits)
    noticed.decided(service, notice.id)
    assert noticed.cases(service, "misuse") == []

    inline.drive(service, waits)
    (case,) = noticed.cases(service, "misuse")
    assert case.matter_id == notice.id
    assert case.reasons[0]["text"] == "5 of 5 were taken down after notices"
