"""DE-URHDAG: what a complaint blocked comes back, whatever else came on top of it meanwhile."""

import pytest
from sqlmodel import select

from scanner import (
    appeal_outcomes,
    appealing,
    claim_outcomes,
    inline,
    notices,
    presumed_uses,
    rulings,
)
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.journal import PIPELINE, Actor
from scanner.presumed_uses import Attested
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Case, PolicyDecision, PresumedUse, Reference, Track
from scanner.tracks import locked
from scanner.verdicts import Verdict
from tests import casework, claiming, noticed
from tests.casework import settled

(RELEASE,) = (each for each in GROUPS if each.name == "release")
WORD = Attested("Lena Vogt", "It is the hook of the song.", "premature-block-1")


def used(service: Service, caller: Caller, *songs: Reference) -> Track:
    """A track with short uses of songs."""
    ana = casework.account(service, caller)
    event = claiming.analysed(service, caller, *songs, parts=((0, 12),), account_id=ana.id)
    return settled(service, event.subject)


def uses(service: Service) -> list[PresumedUse]:
    with service.database.reading() as session:
        return list(session.exec(select(PresumedUse).order_by(PresumedUse.id)))


def blocked(service: Service, caller: Caller) -> tuple[Track, PresumedUse, Caller]:
    """A short use that its holder had blocked before it is decided on."""
    label = claiming.holder(service, caller)
    track = used(service, caller, claiming.reference(service, caller, label))
    (use,) = uses(service)
    holder = claiming.of(caller, label)
    presumed_uses.complain(service, holder, use.id, "It is the hook.", WORD)
    settled(service, track.id)
    return track, use, holder


def outcomes(service: Service, track: Track) -> dict[str, str]:
    with service.database.reading() as session:
        found = session.get_one(Track, track.id).decision_id
        return session.get_one(PolicyDecision, found).outcomes


@pytest.mark.parametrize(
    ("remedy", "meanwhile"),
    [
        ("block:AT", {"*": "restrict", "AT": "block", "DE": "clear"}),
        ("block", {"*": "block"}),
    ],
)
def test_a_complaint_taken_back_frees_what_a_notice_rests_on(
    service, caller, remedy, meanwhile
) -> None:
    """The notice stays for itself; it falls back to what was before the complaint."""
    track, use, holder = blocked(service, caller)
    assert outcomes(service, track)["DE"] == "block"
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", remedy))

    presumed_uses.withdraw(service, holder, use.id)

    settled(service, track.id)
    assert outcomes(service, track) == meanwhile
    notices.retract(service, notice, caller)
    settled(service, track.id)
    assert outcomes(service, track) == {"*": "restrict", "DE": "clear"}


def decided(service: Service, track: Track, use: PresumedUse, verdict: str = "block") -> None:
    """Let a reviewer decide on a complaint."""
    with service.database.transaction() as session:
        case = session.exec(select(Case).where(Case.matter_id == use.id)).one()
        said = Verdict(verdict, "copy", "It is the hook.")
        presumed_uses.apply(service, session, case, said, Actor("rita", "reviewer"))
    settled(service, track.id)


GRANTED = AppealDecision("grant", "A parody it is.")


def appealed(
    service: Service,
    caller: Caller,
    track: Track,
    wanted: AppealDecision = GRANTED,
    officer: str = "olga",
) -> None:
    """Appeal what stands on a track, and have that decided."""
    who = casework.person(service, caller, officer, "appeals_officer")
    row = appealing.file(service, caller, AppealAsked("track", track.id, "It is a parody."))
    appealing.assign(service, who, row.id)
    appeal_outcomes.decide(service, who, row.id, wanted)
    settled(service, track.id)


def judged_again(service: Service, track: Track) -> None:
    """Let rules decide anew, as they do when a claim ends; nobody follows yet."""
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        before = session.get_one(PolicyDecision, row.decision_id)
        ruling = Ruling("clear", "claim.ended", "-", ground=("claim", "-"), by="law")
        judged = claim_outcomes.judged_anew(service, session, row, before, ruling)
        rulings.rule(service, session, row, ruling, PIPELINE, judged=judged)
    inline.drive_group(service, RELEASE, track.tenant_id)


@pytest.mark.parametrize("times", [1, 2])
def test_an_upheld_complaint_stays_however_often_rules_decide_anew(service, caller, times) -> None:
    """DE-URHDAG, 14(5): what a person decided is no matter of who is quicker."""
    track, use, _ = blocked(service, caller)
    decided(service, track, use)
    for _ in range(times):
        judged_again(service, track)

    settled(service, track.id)

    assert outcomes(service, track)["DE"] == "block"
    assert casework.track_of(service, track.id).state == "conditioned"


def of_two_songs(
    service: Service, caller: Caller
) -> tuple[Track, Caller, PresumedUse, PresumedUse]:
    """Return a track that uses two songs of a holder, who complained about the first."""
    label = claiming.holder(service, caller)
    songs = [claiming.reference(service, caller, label, title=each) for each in ("Song", "Tune")]
    track = used(service, caller, *songs)
    holder = claiming.of(caller, label)
    first, second = uses(service)
    presumed_uses.complain(service, holder, first.id, "It is the hook.", WORD)
    settled(service, track.id)
    return track, holder, first, second


def test_every_complaint_is_laid_on_anew_when_rules_decide(service, caller) -> None:
    """DE-URHDAG: one that falls later leaves the other's block in place."""
    track, holder, _, second = of_two_songs(service, caller)
    presumed_uses.complain(service, holder, second.id, "It is the hook.")
    decided(service, track, second)
    judged_again(service, track)
    settled(service, track.id)

    appealed(service, caller, track)

    assert [each.state for each in uses(service)] == ["blocked", "reversed"]
    assert outcomes(service, track)["DE"] == "block"


def test_a_complaint_falls_with_its_block_when_the_appeal_is_granted(service, caller) -> None:
    """DSA-20: its holder is told, and nothing brings the block back."""
    track, use, _ = blocked(service, caller)
    decided(service, track, use)

    appealed(service, caller, track)

    (after,) = uses(service)
    assert (after.state, after.outcome) == ("reversed", "A parody it is.")
    assert outcomes(service, track)["DE"] == "clear"
    judged_again(service, track)
    settled(service, track.id)
    assert outcomes(service, track)["DE"] == "clear"
    letter = casework.letters(service, matter_id=use.id, template="presumed-use-decided")[-1]
    assert "A parody it is." in letter.body


@pytest.mark.parametrize("upheld", [True, False])
def test_what_an_appeal_left_of_a_block_stays_when_rules_decide_anew(
    service, caller, upheld
) -> None:
    """DSA-20, DE-URHDAG 14(5): the complaint is decided by that, and falls with what is left of its block."""
    track, use, _ = blocked(service, caller)
    if upheld:
        decided(service, track, use)
    limit = {"kind": "age", "min_age": 16, "territories": ["DE"]}
    part = AppealDecision("grant_partly", "Not for children.", "restrict", (), (limit,))

    appealed(service, caller, track, part)

    for _ in range(2):
        assert outcomes(service, track) == {"*": "restrict", "DE": "restrict"}
        assert _ages(service, track) == [16]
        judged_again(service, track)
        settled(service, track.id)
    (after,) = uses(service)
    assert (after.state, after.outcome) == ("upheld", "Not for children.")
    letter = casework.letters(service, matter_id=use.id, template="presumed-use-decided")[-1]
    assert "Not for children." in letter.body
    if not upheld:  # of an upheld one, whoever gives the verdict closes the case
        (case,) = noticed.cases(service, "presumed_use")
        assert case.closed_at is not None

    appealed(service, caller, track, officer="otto")
    assert [each.state for each in uses(service)] == ["reversed"]
    judged_again(service, track)
    settled(service, track.id)
    assert outcomes(service, track) == {"*": "restrict", "DE": "clear"}


def _ages(service: Service, track: Track) -> list[int]:
    with service.database.reading() as session:
        found = session.get_one(Track, track.id).decision_id
        limits = session.get_one(PolicyDecision, found).restrictions
        return [each["min_age"] for each in limits if each["kind"] == "age"]


def laid_over_and_taken_back(service: Service, caller: Caller, track: Track, way: str) -> None:
    """Let a notice block a track for a while; it is taken back, or falls on appeal."""
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block"))
    settled(service, track.id)
    if way == "appeal":
        appealed(service, caller, track)
    else:
        notices.retract(service, notice, caller)
        settled(service, track.id)


@pytest.mark.parametrize("way", ["retract", "appeal"])
def test_a_complaint_falls_with_its_block_that_came_back_after_a_notice(
    service, caller, way
) -> None:
    """DE-URHDAG: the block is another decision by then, and still the complaint's."""
    track, use, holder = blocked(service, caller)
    laid_over_and_taken_back(service, caller, track, way)
    assert outcomes(service, track)["DE"] == "block"

    presumed_uses.withdraw(service, holder, use.id)

    settled(service, track.id)
    assert outcomes(service, track) == {"*": "restrict", "DE": "clear"}


def test_a_complaint_that_is_upheld_after_its_block_came_back_falls_on_appeal(
    service, caller
) -> None:
    """DSA-20: what it falls back to is what stood before the block."""
    track, use, _ = blocked(service, caller)
    laid_over_and_taken_back(service, caller, track, "retract")
    decided(service, track, use)

    appealed(service, caller, track)

    assert outcomes(service, track).get("DE") != "block"


def test_a_complaint_that_falls_leaves_nothing_of_itself_in_another_one(service, caller) -> None:
    track, holder, first, second = of_two_songs(service, caller)
    laid_over_and_taken_back(service, caller, track, "retract")
    presumed_uses.complain(service, holder, second.id, "It is the hook.")
    decided(service, track, second)

    presumed_uses.withdraw(service, holder, first.id)
    settled(service, track.id)

    assert outcomes(service, track)["DE"] == "block"
    with service.database.reading() as session:
        prior = session.get_one(PresumedUse, second.id).prior_decision_id
        assert session.get_one(PolicyDecision, prior).outcomes.get("DE") != "block"


AGE = {"kind": "age", "min_age": 16, "territories": ["DE"]}
PART = AppealDecision("grant_partly", "Not for children.", "restrict", (), (AGE,))


@pytest.mark.parametrize("way", ["withdraw", "dismiss", "appeal"])
def test_what_an_appeal_left_of_one_complaint_keeps_nothing_of_another(
    service, caller, way
) -> None:
    """DE-URHDAG: each block ends with its own complaint."""
    track, holder, first, second = of_two_songs(service, caller)
    presumed_uses.complain(service, holder, second.id, "It is the hook.")
    decided(service, track, second)
    appealed(service, caller, track, PART)
    assert outcomes(service, track)["DE"] == "block"
    if way == "withdraw":
        presumed_uses.withdraw(service, holder, first.id)
    elif way == "dismiss":
        decided(service, track, first, "release")
    else:
        decided(service, track, first)
        appealed(service, caller, track, officer="otto")
    settled(service, track.id)

    assert outcomes(service, track)["DE"] == "restrict"
    assert _ages(service, track) == [16]
    appealed(service, caller, track, officer="oda")
    assert uses(service)[1].state == "reversed"
    assert outcomes(service, track).get("DE") in {None, "clear"}


def test_what_comes_back_when_a_complaint_falls_is_still_the_other_ones(service, caller) -> None:
    """DSA-20: an appeal against it reverses that one."""
    track, holder, _, second = of_two_songs(service, caller)
    appealed(service, caller, track, PART)
    presumed_uses.complain(service, holder, second.id, "It is the hook.", WORD)
    settled(service, track.id)
    assert outcomes(service, track)["DE"] == "block"
    presumed_uses.withdraw(service, holder, second.id)
    settled(service, track.id)
    assert _ages(service, track) == [16]

    appealed(service, caller, track, officer="otto")

    assert [each.state for each in uses(service)] == ["reversed", "withdrawn"]
    judged_again(service, track)
    settled(service, track.id)
    assert _ages(service, track) == []
