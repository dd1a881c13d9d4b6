"""What rules tighten for a person, and what of other decisions counts in that."""

from dataclasses import replace

import pytest
from sqlmodel import select

import policy
from scanner import (
    appeal_outcomes,
    appealing,
    claim_releases,
    consents,
    decision_replays,
    inline,
    notices,
    pipeline,
    presumed_uses,
    statements,
)
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.journal import event_of
from scanner.packs_in_force import KEEPS
from scanner.presumed_uses import Attested
from scanner.rulings import Ruling
from scanner.tables import Case, Consent, MatchExemption, PolicyDecision, PresumedUse, Track
from tests import casework, claiming, noticed
from tests.casework import settled
from tests.consenting import (
    CLAIMS,
    PARENT,
    analysed_again,
    kids,
    ruled,
    rules,
    standing,
    taken_back,
)
from tests.scanner.test_presumed_uses import GRANTED, appealed, decided, outcomes, uses


def test_a_track_that_rules_tighten_before_its_release_is_claimed(
    service, caller, earning, analysed
) -> None:
    """DSM-17: who earns from a track has a claim on it, which its creator can dispute."""
    pipeline.decide(service, analysed)
    consents.withdraw(service, earning.id, PARENT)
    decided = casework.events(service, analysed.subject)[-1]

    pipeline.release(service, event_of(decided))
    inline.drive_group(service, CLAIMS, caller.tenant_id)

    (claim,) = claiming.claims(service, analysed.subject)
    assert claim.state == "active"
    assert claim.decision_id == casework.track_of(service, analysed.subject).decision_id


def test_a_notice_that_came_to_nothing_makes_no_decision_of_rules_a_persons(
    service, caller, earning, track
) -> None:
    """Claims on such a track end by themselves, with what they limit."""
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block"))
    settled(service, track.id)
    notices.retract(service, notice, caller)
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert KEEPS not in standing(service, track).explanation

    (claim,) = claiming.claims(service, track.id)
    claim_releases.release(service, caller, claim.id)
    settled(service, track.id)

    (limit,) = standing(service, track).restrictions
    assert limit["holders"] == []
    with service.database.reading() as session:
        assert "claim" not in session.exec(select(Case.kind)).all()


def test_an_appeal_of_a_complaint_that_rules_tightened_ends_the_complaint(
    service, caller, earning, label
) -> None:
    """DSA-20: the block falls, and its case and the held match with it."""
    song = claiming.reference(service, caller, label)
    event = kids(service, caller, song, seconds=12)
    track = settled(service, event.subject)
    with service.database.reading() as session:
        use = session.exec(select(PresumedUse)).one()
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    presumed_uses.complain(service, claiming.of(caller, label), use.id, "It is the hook.", word)
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert outcomes(service, track)["DE"] == "block"

    appealed(service, caller, track)

    assert outcomes(service, track).get("DE") != "block"
    with service.database.reading() as session:
        assert session.exec(select(PresumedUse)).one().state == "reversed"
        assert session.exec(select(Case)).one().closed_at is not None
    (claim,) = claiming.claims(service, track.id)
    assert (claim.state, claim.ground) == ("released", "appeal")


def test_an_appeal_of_what_rules_and_a_person_decided_frees_the_match(
    service, caller, earning, track
) -> None:
    """DSA-20: all that was contested falls, the claim too, and the match is held against nobody again."""
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert KEEPS in standing(service, track).explanation

    appealed(service, caller, track)

    (claim,) = claiming.claims(service, track.id)
    assert (claim.state, claim.ground) == ("released", "appeal")
    with service.database.reading() as session:
        freed = session.exec(select(MatchExemption)).one()
    assert freed.reference_id == claim.reference_id


def test_an_appeal_reaches_no_other_decision_that_has_the_same_words(
    service, caller, earning, track
) -> None:
    """DSA-20: a template's words are no matter; what a person limits elsewhere stays until it is appealed itself."""
    officer = casework.person(service, caller, "olga", "appeals_officer")
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    contested = standing(service, track).id
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("DE",)))
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert outcomes(service, track)["DE"] == "block"

    row = appealing.file(service, caller, AppealAsked("decision", contested, "No."))
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, GRANTED)
    settled(service, track.id)

    assert outcomes(service, track)["DE"] == "block"


def test_an_appeal_reaches_what_rules_tightened_twice(service, caller, earning, track) -> None:
    """DSA-20: what a person limited is in both, and falls with the first."""
    officer = casework.person(service, caller, "olga", "appeals_officer")
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    taken_back(service, caller, earning)
    contested = settled(service, track.id).decision_id
    with service.database.reading() as session:
        publishing = session.exec(select(Consent).where(Consent.id != earning.id)).one()
    taken_back(service, caller, publishing)
    twice = settled(service, track.id).decision_id
    with service.database.reading() as session:
        kept = [
            session.get_one(PolicyDecision, each).explanation[KEEPS] for each in (contested, twice)
        ]
    assert twice != contested
    assert kept[0] == kept[1]

    row = appealing.file(service, caller, AppealAsked("decision", contested, "No."))
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, GRANTED)
    settled(service, track.id)

    assert outcomes(service, track).get("FR") != "block"


def test_a_body_out_of_court_reaches_the_part_that_rules_tightened(
    service, caller, earning, track
) -> None:
    """DSA-21: the part has other words than what was contested, and falls with it all the same."""
    officer = casework.person(service, caller, "olga", "appeals_officer")
    ruled(service, track, Ruling("block", "human.looked", "It is hate."))
    row = appealing.file(service, caller, AppealAsked("track", track.id, "No."))
    appealing.assign(service, officer, row.id)
    part = AppealDecision("grant_partly", "In France.", "block", ("FR",))
    appeal_outcomes.decide(service, officer, row.id, part)
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert outcomes(service, track)["FR"] == "block"

    appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")
    appeal_outcomes.record_outcome(service, officer, row.id, "It is a joke.", reverses=True)
    settled(service, track.id)

    assert outcomes(service, track).get("FR") != "block"


def test_the_statement_of_what_rules_tightened_names_the_notice_that_it_rests_on(
    service, caller, earning, track
) -> None:
    """DSA-17: whether a restriction follows a notice."""
    notice = noticed.sent(service, caller, track.id)
    ground = ("notice", notice.id)
    ruling = Ruling("block", "notice.actioned", "-", territories=("FR",), ground=ground)
    ruled(service, track, ruling)
    taken_back(service, caller, earning)
    settled(service, track.id)
    decision = standing(service, track)
    assert KEEPS in decision.explanation
    assert decision.ruled_by is None
    with service.database.reading() as session:
        source = statements.source_of(session, decision)
    assert (source.kind, source.id) == ("notice", notice.id)


def test_a_block_that_came_back_after_a_notice_is_still_the_complaints_when_rules_tighten(
    service, caller, earning, label
) -> None:
    song = claiming.reference(service, caller, label)
    track = settled(service, kids(service, caller, song, seconds=12).subject)
    with service.database.reading() as session:
        use = session.exec(select(PresumedUse)).one()
    holder = claiming.of(caller, label)
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    presumed_uses.complain(service, holder, use.id, "It is the hook.", word)
    settled(service, track.id)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block"))
    settled(service, track.id)
    notices.retract(service, notice, caller)
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert outcomes(service, track)["DE"] == "block"

    presumed_uses.withdraw(service, holder, use.id)
    settled(service, track.id)

    assert outcomes(service, track).get("DE") != "block"


def test_rules_tighten_a_track_whose_complaint_falls_back_to_its_own_block(
    service, caller, earning, label
) -> None:
    """Earlier versions wrote such, where one complaint had been laid over another and fell."""
    song = claiming.reference(service, caller, label)
    track = settled(service, kids(service, caller, song, seconds=12).subject)
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    with service.database.reading() as session:
        use = session.exec(select(PresumedUse)).one()
    presumed_uses.complain(service, claiming.of(caller, label), use.id, "It is the hook.", word)
    settled(service, track.id)
    with service.database.transaction() as session:
        row = session.get_one(PresumedUse, use.id)
        row.prior_decision_id = row.decision_id

    taken_back(service, caller, earning)
    settled(service, track.id)

    assert outcomes(service, track)["DE"] == "block"
    assert "child-monetising" in rules(service, track)


@pytest.fixture
def laid_over(service, caller, earning, label) -> Track:
    """A child's track with two complaints, of which the first was laid anew over the second when it was upheld."""
    songs = [claiming.reference(service, caller, label, title=each) for each in ("Song", "Tune")]
    track = settled(service, kids(service, caller, *songs, seconds=12).subject)
    holder = claiming.of(caller, label)
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    first, second = uses(service)
    presumed_uses.complain(service, holder, first.id, "It is the hook.", word)
    settled(service, track.id)
    presumed_uses.complain(service, holder, second.id, "It is the hook.")
    decided(service, track, second)
    decided(service, track, first)
    return track


@pytest.mark.parametrize("again", [False, True])
def test_rules_tighten_a_track_whose_complaints_were_laid_over_each_other(
    service, caller, earning, laid_over, again
) -> None:
    """DE-URHDAG: each block ends with its own complaint, also where rules decide anew; a child's protection does not."""
    track = laid_over
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert "child-monetising" in rules(service, track)
    if again:
        analysed_again(service, track)

    assert outcomes(service, track)["DE"] == "block"
    appealed(service, caller, track, officer="olga")
    assert outcomes(service, track)["DE"] == "block"
    appealed(service, caller, track, officer="otto")

    assert [each.state for each in uses(service)] == ["reversed", "reversed"]
    assert outcomes(service, track).get("DE") in {None, "restrict"}
    assert "child-monetising" in rules(service, track)


def test_what_keeps_a_persons_limits_says_so_and_names_no_fact_that_flips_it(
    service, caller, earning, track
) -> None:
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    kept = standing(service, track)
    taken_back(service, caller, earning)
    settled(service, track.id)

    replayed = decision_replays.replay(service, casework.track_of(service, track.id))

    assert replayed.keeps == kept.id
    with service.database.reading() as session:
        assert decision_replays.flips_of(service, session, standing(service, track)) is None


def test_a_decision_that_joined_all_who_earn_is_replayed_to_the_same(
    service, caller, earning, track
) -> None:
    """It was made so by the same rules; what they limit now is told by place."""
    taken_back(service, caller, earning)
    with service.database.transaction() as session:
        row = session.get_one(PolicyDecision, casework.track_of(service, track.id).decision_id)
        assert [each["kind"] for each in row.restrictions] == ["monetise", "monetise"]
        (label,) = row.restrictions[0]["holders"]
        pack = decision_replays.pack_of(service, session, row)
        made = policy.decide(pack, policy.Facts.model_validate(row.facts))
        one = {"kind": "monetise", "territories": [], "except": [], "holders": [label]}
        before = replace(made, restrictions=(one,))
        row.restrictions, row.outcome_hash = [one], before.outcome_hash

    replayed = decision_replays.replay(service, casework.track_of(service, track.id))

    assert replayed.same
    assert replayed.replayed_outcome_hash == replayed.outcome_hash
