"""Appeals of those who sent a notice: what was refused or left of it is done after all (DSA-20)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from scanner import (
    appeal_outcomes,
    appealing,
    counter_notices,
    inline,
    notice_appeals,
    notice_verdicts,
    notices,
)
from scanner.appeal_parts import AppealDecision, BadAppealError
from scanner.appealing import AppealAsked
from scanner.errors import IllegalTransitionError
from scanner.tables import Notice, StatementOfReasons
from tests import casework, noticed
from tests.casework import decision_of
from tests.contesting import AGE, STRIKES, actioned, assigned, decide, refused, strikes


def test_a_refused_notice_that_is_acted_on_leaves_what_another_notice_did(
    service, caller, officer
) -> None:
    """DSA-20b: the label of a likeness lets nothing out that is blocked, and falls with its notice."""
    track = casework.decided_track(service, caller)
    likeness = refused(service, caller, track.id, form="likeness")
    copy = actioned(service, caller, track.id, remedy="block:DE")
    row = assigned(service, caller, officer, likeness.id, "notice")
    decide(service, officer, row, AppealDecision("grant", "It is their voice."))
    inline.drive(service, track.id)

    found = decision_of(service, track.id)
    assert found.outcomes == {"*": "restrict", "DE": "block"}
    assert {each["kind"] for each in found.restrictions} == {"label", "territory"}
    assert noticed.read(service, likeness.id).remedy == "label"

    notices.retract(service, copy, caller)
    inline.drive(service, track.id)
    assert decision_of(service, track.id).outcomes == {"*": "restrict"}
    notices.retract(service, likeness, caller)
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"


def test_the_uploader_is_told_of_a_notice_that_is_acted_on_after_all(
    service, caller, officer, account
) -> None:
    """DMCA-T, DSA-17, DMCA-RI: as of one that was upheld at once."""
    track = casework.decided_track(service, caller, account_id=account.id)
    notice = refused(service, caller, track.id)
    row = assigned(service, caller, officer, notice.id, "notice")
    decided = AppealDecision("grant_partly", "In Austria.", "block", ("AT",))
    decide(service, officer, row, decided)
    inline.drive(service, track.id)
    inline.drive_group(service, STRIKES, caller.tenant_id)

    assert decision_of(service, track.id).outcomes == {"*": "clear", "AT": "block"}
    (told,) = casework.letters(service, recipient_id=account.id, template="notice-taken-down")
    assert "AT" in told.body
    with service.database.reading() as session:
        (statement,) = session.exec(select(StatementOfReasons))
    assert (statement.source, statement.source_id) == ("notice", notice.id)
    assert strikes(service) == {notice.id: ("pending", track.id)}


@pytest.mark.parametrize("way", ["appeal", "body"])
def test_what_was_found_of_a_notice_falls_with_its_refusal(service, caller, officer, way) -> None:
    """DSA-23: a notice that was right after all is none of the unfounded ones of its sender."""
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, replace(noticed.REFUSE, misuse="unfounded"))
    row = assigned(service, caller, officer, notice.id, "notice")

    def unfounded() -> int:
        with service.database.reading() as session:
            found = notice_verdicts.sent_by(session, session.get_one(Notice, notice.id), now)
        assert found is not None
        return found[1].unfounded

    now = service.now()
    assert unfounded() == 1
    if way == "appeal":
        decide(service, officer, row, AppealDecision("grant", "It is a copy."))
    else:
        decide(service, officer, row, AppealDecision("deny", "No."))
        appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")
        appeal_outcomes.record_outcome(service, officer, row.id, "It is a copy.", True)
    assert unfounded() == 0


def test_a_refused_notice_is_not_acted_on_by_what_no_notice_does(service, caller, officer) -> None:
    track = casework.decided_track(service, caller)
    row = assigned(service, caller, officer, refused(service, caller, track.id).id, "notice")

    with pytest.raises(BadAppealError, match="a notice blocks a track"):
        decide(service, officer, row, AppealDecision("grant_partly", "So.", restrictions=(AGE,)))

    assert casework.track_of(service, track.id).state == "released"


def test_a_letter_promises_an_appeal_only_of_what_was_left(service, caller) -> None:
    """DSA-16, DSA-20: who got all that there is has nothing to contest; who got a part is told until when."""
    track = casework.decided_track(service, caller)
    whole = actioned(service, caller, track.id)
    part = actioned(service, caller, track.id, remedy="block:DE")
    told = [each.body for each in casework.letters(service, template="notice-actioned")]
    assert ["contest what was left" in body for body in told] == [False, True]
    assert f"/public/notices/{part.id}?token=" in told[1]
    with pytest.raises(IllegalTransitionError, match="or acted on in part"):
        appealing.file(service, caller, AppealAsked("notice", whole.id, "More, please."))
    other = refused(service, caller, track.id)
    for each in (part, other):
        filed = appealing.file(service, caller, AppealAsked("notice", each.id, "No."))
        assert filed.state == "filed"


def test_what_a_notice_left_is_done_on_its_senders_appeal(
    service, caller, officer, account
) -> None:
    """DSA-20(1): a label, where they want it gone; the notice takes all back still, its sender's to withdraw."""
    track = casework.decided_track(service, caller, account_id=account.id)
    notice = actioned(service, caller, track.id, form="likeness", remedy="label")
    row = assigned(service, caller, officer, notice.id, "notice")
    decide(service, officer, row, AppealDecision("grant", "It passes for her."))
    inline.drive(service, track.id)

    assert decision_of(service, track.id).outcomes == {"*": "block"}
    (told,) = casework.letters(service, recipient_id=account.id, template="notice-taken-down")
    assert "It passes for her." in told.body
    (answered,) = casework.letters(service, template="appeal-decided")
    assert answered.address == noticed.LIKENESS["email"]
    with service.database.reading() as session:
        newest = session.exec(select(StatementOfReasons).order_by(StatementOfReasons.id)).all()[-1]
    assert (newest.source, newest.source_id) == ("notice", notice.id)

    notices.retract(service, notice, caller)
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"


def test_a_sender_whose_appeal_is_granted_reads_which_tracks_stay_up(
    service, caller, officer, account
) -> None:
    """DSA-20: what uploaders won on appeal stays theirs, and nobody takes the grant for all."""
    back, other = (casework.decided_track(service, caller, account_id=account.id) for _ in range(2))
    notice = actioned(service, caller, back.id, other.id, remedy="block:DE")
    won = assigned(service, caller, officer, back.id)
    decide(service, officer, won, AppealDecision("grant", "It is their own."))
    row = assigned(service, caller, officer, notice.id, "notice")
    decide(service, officer, row, AppealDecision("grant", "Everywhere."))
    for track in (back, other):
        inline.drive(service, track.id)

    assert casework.track_of(service, back.id).state == "released"
    assert casework.track_of(service, other.id).state == "blocked"
    (answered,) = casework.letters(service, template="appeal-decided", matter_id=row.id)
    assert f"brought back, wholly or in part: {back.id}." in answered.body
    (to_uploader,) = casework.letters(service, template="appeal-decided", matter_id=won.id)
    assert "brought back" not in to_uploader.body


def test_more_of_a_notice_is_laid_on_top_of_what_another_did_since(
    service, caller, officer, account
) -> None:
    """DSA-20, DMCA-RI: each is taken back by itself, and no second strike is given."""
    track = casework.decided_track(service, caller, account_id=account.id)
    first = actioned(service, caller, track.id, remedy="block:DE")
    second = actioned(service, caller, track.id, remedy="block:AT")
    row = assigned(service, caller, officer, first.id, "notice")
    with pytest.raises(BadAppealError, match="led to a block in DE"):
        decide(service, officer, row, AppealDecision("grant_partly", "So.", "block", ("FR",)))
    more = AppealDecision("grant_partly", "There, too.", "block", ("DE", "FR"))
    decide(service, officer, row, more)
    inline.drive(service, track.id)
    inline.drive(service, track.id)
    inline.drive_group(service, STRIKES, caller.tenant_id)

    blocked = {"*": "clear", "AT": "block", "DE": "block", "FR": "block"}
    assert decision_of(service, track.id).outcomes == blocked
    assert set(strikes(service)) == {first.id, second.id}
    notices.retract(service, first, caller)
    inline.drive(service, track.id)
    assert decision_of(service, track.id).outcomes == {"*": "clear", "AT": "block"}


def test_the_sender_of_a_part_has_six_months_from_the_day_they_were_told(
    service, caller, account
) -> None:
    """DSA-20(1): a counter-notice for another of its tracks, later, begins no other window."""
    tracks = [casework.decided_track(service, caller, account_id=account.id).id for _ in range(2)]
    notice = actioned(service, caller, *tracks, remedy="block:DE")
    until = noticed.read(service, notice.id).due_at
    made = counter_notices.file(
        service, caller, notice, tracks[0], noticed.COUNTER | {"location": [tracks[0]]}
    )
    officer = casework.person(service, caller, "otto", "appeals_officer")
    counter_notices.override(service, officer, made, "It is a mistake.")
    assert noticed.read(service, notice.id).state == "countered"

    with service.database.reading() as session:
        seen = notice_appeals.of(service, session, noticed.read(service, notice.id))
    assert seen.until == until
    casework.at(service, until)
    with pytest.raises(IllegalTransitionError, match="too late"):
        appealing.file(service, caller, AppealAsked("notice", notice.id, "Everywhere."))


@pytest.mark.parametrize("remedy", [None, "block:DE"])
def test_a_body_out_of_court_has_a_closed_notice_acted_on(
    service, caller, officer, account, remedy
) -> None:
    """DSA-21: what it says may come long after the time in which one can appeal."""
    track = casework.decided_track(service, caller, account_id=account.id)
    made = (
        refused(service, caller, track.id)
        if remedy is None
        else actioned(service, caller, track.id, remedy=remedy)
    )
    casework.at(service, made.created_at + timedelta(days=170))
    row = assigned(service, caller, officer, made.id, "notice")
    decide(service, officer, row, AppealDecision("deny", "No."))
    appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")
    casework.later(service, days=30)
    assert noticed.read(service, made.id).state == "closed"

    appeal_outcomes.record_outcome(service, officer, row.id, "It is to be blocked.", True)
    inline.drive(service, track.id)

    assert noticed.read(service, made.id).state == "actioned"
    assert decision_of(service, track.id).outcomes == {"*": "block"}


@pytest.mark.parametrize(("becomes", "outcome"), [("restrict", "label"), ("block", "block")])
def test_a_body_out_of_court_has_a_likeness_labelled_or_taken_down(
    service, caller, officer, becomes, outcome
) -> None:
    """DSA-21: as an officer who grants the appeal can."""
    track = casework.decided_track(service, caller)
    made = refused(service, caller, track.id, form="likeness")
    row = assigned(service, caller, officer, made.id, "notice")
    decide(service, officer, row, AppealDecision("deny", "No."))
    appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")

    appeal_outcomes.record_outcome(service, officer, row.id, "It is her voice.", True, becomes)
    inline.drive(service, track.id)

    assert noticed.read(service, made.id).remedy == outcome
    assert decision_of(service, track.id).decision == becomes
