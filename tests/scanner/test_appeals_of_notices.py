"""Appeals about what notices did: nothing of another notice falls, nobody is worse off, strikes follow (DSA-20)."""

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
    notice_tracks,
    notice_verdicts,
    notices,
)
from scanner.appeal_parts import AppealDecision, BadAppealError, Exclusion
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.consumer_groups import GROUPS
from scanner.errors import IllegalTransitionError
from scanner.journal import PIPELINE
from scanner.service import Service
from scanner.tables import (
    Account,
    Appeal,
    Notice,
    PolicyDecision,
    StatementOfReasons,
    Strike,
    Track,
)
from tests import casework, noticed

(STRIKES,) = (each for each in GROUPS if each.name == "strikes")
AGE = {"kind": "age", "min_age": 16}
LABEL = {"kind": "label", "label": "likeness"}


@pytest.fixture
def officer(service, caller) -> Caller:
    return casework.person(service, caller, "olga", "appeals_officer")


@pytest.fixture
def account(service, caller) -> Account:
    casework.at(service, service.now())
    return casework.account(service, caller)


def actioned(
    service: Service, caller: Caller, *track_ids: str, form: str = "dmca", remedy: str | None = None
) -> Notice:
    """A notice that was acted on, with its strikes."""
    notice = noticed.sent(service, caller, *track_ids, form=form)
    noticed.decided(service, notice.id, replace(noticed.ACTION, remedy=remedy))
    inline.drive_group(service, STRIKES, caller.tenant_id)
    return notice


def refused(service: Service, caller: Caller, track_id: str, form: str = "dmca") -> Notice:
    notice = noticed.sent(service, caller, track_id, form=form)
    noticed.decided(service, notice.id, noticed.REFUSE)
    return notice


def assigned(
    service: Service, caller: Caller, officer: Caller, subject_id: str, kind: str = "track"
) -> Appeal:
    row = appealing.file(service, caller, AppealAsked(kind, subject_id, "No."))
    return appealing.assign(service, officer, row.id)


def decide(service: Service, officer: Caller, row: Appeal, decided: AppealDecision) -> None:
    appeal_outcomes.decide(service, officer, row.id, decided)
    if row.track_id is not None:
        inline.drive(service, row.track_id)


def decision_of(service: Service, track_id: str) -> PolicyDecision:
    with service.database.reading() as session:
        track = casework.track_of(service, track_id)
        return session.get_one(PolicyDecision, track.decision_id)


def strikes(service: Service) -> dict[str, tuple[str, str | None]]:
    """State and track of each strike, by the notice that it was given for."""
    with service.database.reading() as session:
        return {row.ground_id: (row.state, row.track_id) for row in session.exec(select(Strike))}


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


@pytest.mark.parametrize(
    ("was", "decided", "says"),
    [
        ("block:DE", AppealDecision("grant_partly", "So.", "block", ("AT",)), "clear in AT"),
        ("block:DE", AppealDecision("grant_partly", "So.", restrictions=(AGE,)), "everywhere else"),
        ("label", AppealDecision("grant_partly", "So.", restrictions=(AGE,)), "by age"),
        ("label", AppealDecision("grant_partly", "So.", "block", ("AT",)), "restrict in AT"),
    ],
)
def test_nobody_is_worse_off_for_an_appeal(service, caller, officer, was, decided, says) -> None:
    """DSA-20: a part of what was decided is left, never more."""
    track = casework.decided_track(service, caller)
    form = "likeness" if was == "label" else "dmca"
    actioned(service, caller, track.id, form=form, remedy=was)
    before = decision_of(service, track.id)
    row = assigned(service, caller, officer, track.id)

    with pytest.raises(BadAppealError, match=says):
        decide(service, officer, row, decided)

    assert decision_of(service, track.id).id == before.id
    with service.database.reading() as session:
        assert session.get_one(Appeal, row.id).state == "assigned"


def test_a_part_of_a_label_is_left(service, caller, officer) -> None:
    track = casework.decided_track(service, caller)
    actioned(service, caller, track.id, form="likeness", remedy="label")
    row = assigned(service, caller, officer, track.id)
    left = LABEL | {"territories": ["DE"]}
    decided = AppealDecision(
        "grant_partly", "Here only.", territories=("DE",), restrictions=(left,)
    )

    decide(service, officer, row, decided)

    assert decision_of(service, track.id).outcomes == {"*": "clear", "DE": "restrict"}


@pytest.mark.parametrize("partly", [False, True])
def test_an_appeal_won_against_one_notice_leaves_what_the_other_blocked(
    service, caller, officer, account, partly
) -> None:
    """DSA-20, DMCA-RI: each notice has its own takedown, its own strike, and its own appeal."""
    track = casework.decided_track(service, caller, account_id=account.id)
    older = actioned(service, caller, track.id)
    newer = actioned(service, caller, track.id)
    row = assigned(service, caller, officer, track.id)
    decided = AppealDecision("grant", "Not this song.")
    if partly:
        decided = AppealDecision("grant_partly", "In Austria only.", "block", ("AT",))
    decide(service, officer, row, decided)

    assert casework.track_of(service, track.id).state == "blocked"
    wanted = "pending" if partly else "reversed"
    assert {each: state for each, (state, _) in strikes(service).items()} == {
        older.id: "pending",
        newer.id: wanted,
    }
    if not partly:
        notices.retract(service, older, caller)
        inline.drive(service, track.id)
        assert casework.track_of(service, track.id).state == "released"


def test_a_track_that_came_back_on_appeal_is_not_taken_down_again_by_a_rescan(
    service, caller, officer
) -> None:
    track = casework.decided_track(service, caller)
    notice = actioned(service, caller, track.id)
    row = assigned(service, caller, officer, track.id)
    decide(service, officer, row, AppealDecision("grant", "Not this song."))

    assert [each.state for each in noticed.tracks_of(service, notice.id)] == ["restored"]
    assert casework.track_of(service, track.id).state == "released"


@pytest.mark.parametrize("way", ["appeal", "counter"])
def test_a_strike_stands_as_long_as_its_notice_holds_a_track_of_the_account(
    service, caller, officer, account, way
) -> None:
    """DMCA-RI: one strike for a notice and account, gone with the last of its tracks."""
    tracks = sorted(
        casework.decided_track(service, caller, account_id=account.id).id for _ in range(2)
    )
    notice = actioned(service, caller, *tracks)
    assert strikes(service) == {notice.id: ("pending", tracks[0])}

    seen = []
    for track_id in tracks:
        if way == "appeal":
            row = assigned(service, caller, officer, track_id)
            decide(service, officer, row, AppealDecision("grant", "Not this song."))
        else:
            made = counter_notices.file(
                service, caller, notice, track_id, noticed.COUNTER | {"location": [track_id]}
            )
            counter_notices.override(service, officer, made, "It is a mistake.")
            inline.drive_group(service, STRIKES, caller.tenant_id)
        seen.append(strikes(service)[notice.id])

    assert seen == [("pending", tracks[1]), ("reversed", tracks[1])]


def test_two_notices_that_were_upheld_are_two_strikes(service, caller, account) -> None:
    """DMCA-RI: one strike for each upheld matter and account, whatever its tracks."""
    other = casework.account(service, caller, "bea")
    ours = [casework.decided_track(service, caller, account_id=account.id).id for _ in range(2)]
    theirs = casework.decided_track(service, caller, account_id=other.id).id
    first = actioned(service, caller, *ours, theirs)
    second = actioned(service, caller, ours[0])

    with service.database.reading() as session:
        given = [(row.account_id, row.ground_id) for row in session.exec(select(Strike))]
    assert sorted(given) == sorted(
        [(account.id, first.id), (other.id, first.id), (account.id, second.id)]
    )


def test_a_reference_that_was_not_found_in_the_track_loses_nothing(
    service, caller, officer
) -> None:
    reference = noticed.referenced(service, caller)
    track = casework.decided_track(service, caller)
    actioned(service, caller, track.id)
    row = assigned(service, caller, officer, track.id)
    decided = AppealDecision("grant", "Ours.", exclusion=Exclusion(reference, 0.0, 9.0))

    with pytest.raises(BadAppealError, match="not found in the track"):
        decide(service, officer, row, decided)


def test_a_notice_acts_on_every_stored_version_of_a_name(service, caller) -> None:
    """DMCA-T: what is taken down is what stands at the place, not the newest file behind it."""
    named = {"external_id": "blue door"}
    ours = [casework.decided_track(service, caller, **named).id for _ in range(2)]
    other = casework.decided_track(service, caller, external_id="red door").id
    notice = actioned(service, caller, "https://music.example/tracks/blue%20door")

    assert [row.track_id for row in noticed.tracks_of(service, notice.id)] == sorted(ours)
    assert {casework.track_of(service, each).state for each in ours} == {"blocked"}
    assert casework.track_of(service, other).state == "released"


PART = AppealDecision("grant_partly", "In Germany only.", "block", ("DE",))


@pytest.mark.parametrize("way", ["retraction", "counter"])
def test_what_an_appeal_left_of_a_notice_falls_with_it(service, caller, officer, way) -> None:
    """DSA-20, DMCA-R: the sender takes it back, or the uploader's counter-notice wins."""
    track = casework.decided_track(service, caller)
    notice = actioned(service, caller, track.id)
    decide(service, officer, assigned(service, caller, officer, track.id), PART)
    assert decision_of(service, track.id).outcomes == {"*": "clear", "DE": "block"}

    if way == "retraction":
        notices.retract(service, notice, caller)
    else:
        made = counter_notices.file(
            service, caller, notice, track.id, noticed.COUNTER | {"location": [track.id]}
        )
        counter_notices.override(service, officer, made, "It is a mistake.")
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "released"


def test_what_an_appeal_left_of_a_notice_is_all_that_is_left_when_the_older_one_goes(
    service, caller, officer
) -> None:
    track = casework.decided_track(service, caller)
    older, newer = (actioned(service, caller, track.id) for _ in range(2))
    decide(service, officer, assigned(service, caller, officer, track.id), PART)
    assert decision_of(service, track.id).decision == "block"

    notices.retract(service, older, caller)
    inline.drive(service, track.id)
    assert decision_of(service, track.id).outcomes == {"*": "clear", "DE": "block"}
    notices.retract(service, newer, caller)
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"


def test_what_rules_decide_later_does_not_undo_what_an_appeal_left(
    service, caller, officer
) -> None:
    """DSA-20: the notice is acted on again, and only so far as the officer left it."""
    track = casework.decided_track(service, caller)
    notice = actioned(service, caller, track.id)
    ruled = decision_of(service, track.id)
    decide(service, officer, assigned(service, caller, officer, track.id), PART)
    with service.database.transaction() as session:
        known = set(PolicyDecision.model_fields) - {"id", "ruled_by", "explanation"}
        rules = PolicyDecision(
            id=new_id(), explanation={}, **{name: getattr(ruled, name) for name in known}
        )
        rules.decision, rules.outcomes, rules.restrictions = "restrict", {"*": "restrict"}, [AGE]
        session.add(rules)
        session.flush()
        row = session.get_one(Track, track.id)
        row.decision_id = rules.id
        (held,) = notice_tracks.of_notice(session, notice.id)
        notice_tracks.take_down(service, session, notice, held, row, PIPELINE)

    found = decision_of(service, track.id)
    assert found.outcomes == {"*": "restrict", "DE": "block"}
    assert AGE in found.restrictions


def test_no_part_is_left_of_what_something_newer_stands_on(service, caller, officer) -> None:
    track = casework.decided_track(service, caller)
    actioned(service, caller, track.id)
    older = decision_of(service, track.id).id
    actioned(service, caller, track.id, remedy="block:AT")
    row = assigned(service, caller, officer, older, "decision")

    with pytest.raises(BadAppealError, match="something newer stands"):
        decide(service, officer, row, PART)


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
