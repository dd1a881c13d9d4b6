"""What else stands on a track when an appeal is won, and what falls with what was appealed (DSA-20)."""

from dataclasses import asdict

import fingerprint
from scanner import appeal_outcomes, appealing, claim_releases, disputes, inline, notices, rulings
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.disputes import Answered, Filed
from scanner.journal import Actor
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Appeal, Claim, Dispute, Holder, PolicyDecision, Track, TrackMatch
from scanner.tracks import locked
from tests import casework, claiming, noticed
from tests.claiming import ATTESTED, WORDS

GRANT = AppealDecision("grant", "It is a quotation.")
MONETISE = {"kind": "monetise", "territories": ["DE"]}


def claimed(
    service: Service, caller: Caller, label: Holder, *titles: str, policy: str = "monetise"
) -> tuple[Track, list[Claim]]:
    """A track of an account's in which songs of a holder are claimed."""
    ana = casework.account(service, caller)
    songs = [claiming.reference(service, caller, label, policy, title) for title in titles]
    track, _ = claiming.claimed(service, caller, *songs, account_id=ana.id)
    return track, claiming.claims(service, track.id)


def standing(service: Service, track: Track) -> PolicyDecision:
    with service.database.reading() as session:
        return session.get_one(PolicyDecision, casework.track_of(service, track.id).decision_id)


def granted(
    service: Service,
    caller: Caller,
    officer: Caller,
    subject: str,
    kind: str = "decision",
    decided: AppealDecision = GRANT,
    holder: Caller | None = None,
) -> Appeal:
    """An appeal of something, decided by an officer, with what follows on its track."""
    row = appealing.file(service, caller, AppealAsked(kind, subject, "It is mine."))
    if holder is not None:
        appealing.say(service, holder, row.id, "It is ours.")
    appealing.assign(service, officer, row.id)
    row = appeal_outcomes.decide(service, officer, row.id, decided)
    inline.drive(service, str(row.track_id))
    return row


def upheld(service: Service, caller: Caller, label: Holder, claim: Claim) -> Dispute:
    filed = Filed(claim.id, ["misidentified"], WORDS, ATTESTED)
    dispute = disputes.file(service, caller, filed)
    given = Answered("uphold", "It is our master.")
    return disputes.answer(service, claiming.of(caller, label), dispute.id, given)


def states(service: Service, track: Track) -> list[str]:
    return [each.state for each in claiming.claims(service, track.id)]


def told(service: Service, row: Appeal) -> str:
    (letter,) = casework.letters(service, matter_id=row.id, template="appeal-decided")
    return letter.body


def test_what_a_person_only_let_stand_falls_with_what_rules_decided(
    service, caller, officer, label
) -> None:
    """GDPR-22, DSA-20: a reviewer upheld what rules said; the appeal of that reaches both."""
    track, _ = claimed(service, caller, label, "Song")
    contested = standing(service, track)
    upheld_it = Ruling("restrict", "human.looked", "It stays.", ground=("case", new_id()))
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, track.id)
        before = session.get_one(PolicyDecision, contested.id)
        reviewer = Actor("rita", "reviewer")
        rulings.restore(service, session, row, before, upheld_it, reviewer)
    inline.drive(service, track.id)

    row = granted(service, caller, officer, contested.id)

    assert casework.track_of(service, track.id).state == "released"
    assert states(service, track) == ["released"]
    assert "still limited" not in told(service, row)


def test_another_notice_stays_and_no_longer_falls_back_to_what_fell(
    service, caller, officer, label
) -> None:
    """DMCA-T: what it did by itself is all that is left, and the appellant is told of it."""
    track, _ = claimed(service, caller, label, "Song")
    contested = standing(service, track).id
    notice = noticed.sent(service, caller, track.id)
    action = noticed.NoticeVerdict("action", "copy", "A copy of Blue Door.", "block:DE")
    noticed.decided(service, notice.id, action)
    assert standing(service, track).outcomes == {"*": "restrict", "DE": "block"}

    row = granted(service, caller, officer, contested)

    assert standing(service, track).outcomes == {"*": "clear", "DE": "block"}
    assert "A copy of Blue Door." in told(service, row)
    assert "appeal it as well, until" in told(service, row)
    notices.retract(service, notice, caller)
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"


def test_what_a_person_decided_for_another_reason_stays_until_it_is_appealed_itself(
    service, caller, officer, label
) -> None:
    track, _ = claimed(service, caller, label, "Song")
    contested = standing(service, track).id
    claiming.ruled(service, caller, track.id, "block")

    row = granted(service, caller, officer, contested)

    assert casework.track_of(service, track.id).state == "blocked"
    assert "A person looked." in told(service, row)
    assert states(service, track) == ["released"]

    other = casework.person(service, caller, "otto", "appeals_officer")
    granted(service, caller, other, track.id, "track")
    assert casework.track_of(service, track.id).state == "released"


def test_rules_that_found_something_else_meanwhile_judge_by_that_alone(
    service, caller, officer, label
) -> None:
    track, (first, second) = claimed(service, caller, label, "Song", "Second")
    contested = standing(service, track).id
    other = claiming.holder(service, caller, "Other")
    third = claiming.reference(service, caller, other, title="Third")
    later = asdict(fingerprint.Segment(130, 170, 130, 170, 0.995))
    with service.database.transaction() as session:
        found = session.get_one(Track, track.id).analysis_id
        known = session.exec(TrackMatch.__table__.select().where(TrackMatch.analysis_id == found))
        values = dict(known.mappings().first()) | {"id": new_id(), "reference_id": third.id}
        values |= {"segments": [later]}
        session.add(TrackMatch(**values))
    claim_releases.release(service, claiming.of(caller, label), first.id)
    inline.drive(service, track.id)

    granted(service, caller, officer, contested)

    left = standing(service, track)
    assert left.decision == "restrict"
    assert {each["evidence"]["reference_id"] for each in left.reasons if "evidence" in each} == {
        third.id
    }
    by_reference = {each.reference_id: each.state for each in claiming.claims(service, track.id)}
    assert by_reference[second.reference_id] == "released"
    assert by_reference[third.id] == "active"


def test_an_appeal_won_against_one_claim_leaves_the_other(service, caller, officer, label) -> None:
    """DSM-17-9."""
    track, (first, second) = claimed(service, caller, label, "Song", "Second")
    dispute = upheld(service, caller, label, first)

    holder = claiming.of(caller, label)
    granted(service, caller, officer, dispute.id, "dispute", holder=holder)

    assert standing(service, track).decision == "restrict"
    assert states(service, track) == ["released", "active"]
    claim_releases.release(service, holder, second.id)
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"


def test_a_part_that_an_appeal_left_of_a_claim_goes_when_the_claim_is_released(
    service, caller, officer, label
) -> None:
    track, (claim,) = claimed(service, caller, label, "Song")
    dispute = upheld(service, caller, label, claim)
    part = AppealDecision("grant_partly", "In Germany.", "restrict", ("DE",), (MONETISE,))
    holder = claiming.of(caller, label)
    granted(service, caller, officer, dispute.id, "dispute", part, holder)

    assert standing(service, track).outcomes == {"*": "clear", "DE": "restrict"}
    (left,) = claiming.claims(service, track.id)
    assert (left.state, left.territories) == ("upheld", ["DE"])
    with service.database.reading() as session:
        assert session.get_one(Dispute, dispute.id).state == "closed"

    claim_releases.release(service, holder, claim.id)
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"


def test_an_appeal_won_brings_no_notice_back_that_was_retracted(service, caller, officer) -> None:
    """DMCA-T: what a person blocked on top of a notice falls to what was before both."""
    ana = casework.account(service, caller)
    track_id = claiming.analysed(service, caller, account_id=ana.id).subject
    inline.drive(service, track_id)
    notice = noticed.sent(service, caller, track_id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block:FR"))
    claiming.ruled(service, caller, track_id, "block")
    notices.retract(service, notice, caller)

    granted(service, caller, officer, track_id, "track")

    assert standing(service, casework.track_of(service, track_id)).outcomes == {"*": "clear"}
