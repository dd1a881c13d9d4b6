"""Appeals against what notices did: nothing of another notice falls, nobody is worse off, strikes follow (DSA-20)."""

import pytest
from sqlmodel import select

from scanner import counter_notices, inline, notice_tracks, notices
from scanner.appeal_parts import AppealDecision, BadAppealError, Exclusion
from scanner.clock import new_id
from scanner.journal import PIPELINE
from scanner.tables import Appeal, PolicyDecision, Strike, Track
from tests import casework, noticed
from tests.casework import decision_of
from tests.contesting import AGE, STRIKES, actioned, assigned, decide, strikes

LABEL = {"kind": "label", "label": "likeness"}


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
