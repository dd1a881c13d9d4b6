"""What fell on appeal or what a reviewer cleared: no rule brings it back while the person is the same."""

import pytest
from sqlmodel import select

from scanner import appeal_outcomes, appealing, decision_replays, effects, inline, notices
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.journal import event_of
from scanner.packs_in_force import KEEPS, WITHOUT
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Consent, PolicyDecision, Track
from scanner.tracks import locked
from tests import casework, claiming, noticed
from tests.casework import settled
from tests.consenting import (
    CLAIMS,
    agreed,
    analysed_again,
    declaring,
    ruled,
    rules,
    standing,
    taken_back,
)
from tests.scanner.test_presumed_uses import GRANTED, appealed, outcomes


def granted(service: Service, caller: Caller, track: Track) -> None:
    """Appeal what stands on a track, have that granted, and look that nothing limits it."""
    appealed(service, caller, track)
    assert standing(service, track).decision == "clear"


def test_a_match_that_fell_on_appeal_stays_so_when_rules_tighten(
    service, caller, earning, track
) -> None:
    """DSA-20: nobody earns again from what an officer set free."""
    granted(service, caller, track)

    taken_back(service, caller, earning)
    settled(service, track.id)
    inline.drive_group(service, CLAIMS, caller.tenant_id)

    (limit,) = standing(service, track).restrictions
    assert (limit["kind"], limit["holders"]) == ("monetise", [])
    assert [each.state for each in claiming.claims(service, track.id)] == ["released"]


def test_a_rule_that_fell_on_appeal_counts_no_more_when_its_track_is_analysed_again(
    service, caller, earning, track
) -> None:
    """DSA-20: it was struck down for the track, whatever was decided on it since."""
    declaring(service, track, attestation_refused=True)
    assert "rights-not-attested" in rules(service, track)
    granted(service, caller, track)

    analysed_again(service, track)

    assert standing(service, track).decision == "clear"
    assert "rights-not-attested" in standing(service, track).explanation[WITHOUT]


@pytest.mark.parametrize("newer", ["clear", "block"])
def test_a_rule_that_fell_on_appeal_does_not_come_back_with_what_was_newer(
    service, caller, earning, track, newer
) -> None:
    """DSA-20: also where the appeal left something newer in place."""
    declaring(service, track, attestation_refused=True)
    contested = standing(service, track).id
    ruled(service, track, Ruling(newer, "human.looked", "A person looked."))
    stands = standing(service, track)

    who = casework.person(service, caller, "olga", "appeals_officer")
    row = appealing.file(service, caller, AppealAsked("decision", contested, "It is mine."))
    appealing.assign(service, who, row.id)
    appeal_outcomes.decide(service, who, row.id, GRANTED)
    settled(service, track.id)
    assert standing(service, track).id == stands.id

    analysed_again(service, track)

    assert "rights-not-attested" not in rules(service, track)


def test_a_rule_about_the_person_counts_again_once_their_consent_is_another(
    service, caller, earning, track
) -> None:
    """COPPA: what a parent takes back after an appeal has its effect."""
    declaring(service, track, ern={"parental_warning": "Explicit"})
    assert "minor-explicit" in rules(service, track)
    granted(service, caller, track)

    given = agreed(service, caller, "explicit")
    settled(service, track.id)
    taken_back(service, caller, given)
    settled(service, track.id)

    assert "minor-explicit" in rules(service, track)
    assert casework.track_of(service, track.id).state == "quarantined"


def test_no_appeal_stands_in_for_the_consent_of_a_parent(service, caller, earning, track) -> None:
    """COPPA, GDPR-8: what the facts say of a child stays; all else that was contested falls."""
    with service.database.reading() as session:
        publishing = session.exec(select(Consent).where(Consent.id != earning.id)).one()
    declaring(service, track, attestation_refused=True)
    taken_back(service, caller, publishing)
    declaring(service, track)
    assert {"child-publishing", "rights-not-attested"} < rules(service, track)

    appealed(service, caller, track)

    assert rules(service, track) == {"child-publishing"}
    assert casework.track_of(service, track.id).state == "quarantined"
    (letter,) = casework.letters(service, template="appeal-decided")
    assert "no parent's consent to publishing is on record" in letter.body


@pytest.mark.parametrize("part", [False, True])
def test_an_appeal_of_what_keeps_a_persons_limits_leaves_what_protects_a_child(
    service, caller, earning, track, part
) -> None:
    """COPPA: a person's block falls, or a part of it, and no consent to earn is there by that."""
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert KEEPS in standing(service, track).explanation

    left = {"kind": "age", "min_age": 16, "territories": ["FR"]}
    partly = AppealDecision("grant_partly", "Not for children.", "restrict", ("FR",), (left,))
    appealed(service, caller, track, partly if part else GRANTED)

    limits = standing(service, track).restrictions
    assert [each["kind"] for each in limits if each["kind"] != "age"] == ["monetise"]
    assert any(each.get("holders") == [] for each in limits)
    assert outcomes(service, track)["*"] == "restrict"
    assert outcomes(service, track).get("FR") != "block"


def test_a_track_that_is_kept_back_is_judged_without_what_fell_on_appeal(
    service, caller, earning, track
) -> None:
    declaring(service, track, attestation_refused=True)
    granted(service, caller, track)
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        row.state = "decided"
        before = session.get_one(PolicyDecision, row.decision_id)
        event = event_of(casework.events(service, track.id)[-1])
        effects.keep_back(service, session, row, before, ("watermark", "unreadable"), event)

    found = {each["rule"] for each in standing(service, track).reasons}
    assert "core.mark-not-read-back" in found
    assert "rights-not-attested" not in found


def test_a_decision_without_a_rule_that_fell_is_replayed_without_it(
    service, caller, earning, track
) -> None:
    """What it says of itself has to come out of what it was made of."""
    with service.database.transaction() as session:
        row = session.get_one(PolicyDecision, track.decision_id)
        (fell,) = {each["rule"] for each in row.reasons if "evidence" in each}
        row.explanation = row.explanation | {WITHOUT: [fell]}
    taken_back(service, caller, earning)
    settled(service, track.id)

    replayed = decision_replays.replay(service, casework.track_of(service, track.id))

    stands = standing(service, track)
    assert replayed.same
    assert {each["rule"] for each in stands.reasons if "evidence" in each} == {"child-monetising"}
    with service.database.reading() as session:
        flips = decision_replays.flips_of(service, session, stands)
    assert "match" not in {each["fact"].split(".")[0] for each in flips}


def reviewed(service: Service, track: Track) -> None:
    """Let a reviewer clear a track."""
    ruled(service, track, Ruling("clear", "human.fine", "A person looked.", ground=("case", "-")))
    assert standing(service, track).decision == "clear"


def test_what_a_reviewer_cleared_does_not_come_back_when_rules_tighten(
    service, caller, earning, track
) -> None:
    """DSM-17-7: what a person decided stays where nothing of it has changed; a new analysis is judged in full."""
    with service.database.reading() as session:
        publishing = session.exec(select(Consent).where(Consent.id != earning.id)).one()
    declaring(service, track, attestation_refused=True)
    assert rules(service, track) == {"recording-monetise", "rights-not-attested"}
    reviewed(service, track)

    taken_back(service, caller, earning)
    settled(service, track.id)

    assert rules(service, track) == {"child-monetising"}
    assert casework.track_of(service, track.id).state == "conditioned"
    assert decision_replays.replay(service, casework.track_of(service, track.id)).same
    taken_back(service, caller, publishing)
    settled(service, track.id)
    assert rules(service, track) == {"child-monetising", "child-publishing"}
    analysed_again(service, track)
    assert {"recording-monetise", "rights-not-attested"} < rules(service, track)


def test_what_a_reviewer_cleared_beneath_a_notice_does_not_come_back_either(
    service, caller, earning, track
) -> None:
    reviewed(service, track)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block:FR"))
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert rules(service, track) == {"child-monetising"}

    notices.retract(service, notice, caller)
    settled(service, track.id)

    assert rules(service, track) == {"child-monetising"}


def test_what_a_reviewer_cleared_counts_again_once_the_person_is_another(
    service, caller, earning, track
) -> None:
    """DSA-28: they had cleared it for what was known of the child then."""
    declaring(service, track, ern={"parental_warning": "Explicit"})
    reviewed(service, track)

    given = agreed(service, caller, "explicit")
    settled(service, track.id)
    taken_back(service, caller, given)
    settled(service, track.id)

    assert rules(service, track) == {"minor-explicit"}
