"""A flag of a lawful use, and what rules judge anew, make nobody worse off (DE-URHDAG, DSM-17-7)."""

import pytest

from scanner import amendments, case_matters, claim_releases, inline, lawful_uses, packs_in_force
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Attestation
from scanner.errors import IllegalTransitionError
from scanner.journal import Actor
from scanner.service import Service
from scanner.tables import Case, Claim, PolicyDecision, Track
from scanner.verdicts import Verdict
from tests import casework, claiming, noticed


def song_in_track(service: Service, caller: Caller, *policies: str) -> tuple[Track, list[Claim]]:
    label = claiming.holder(service, caller)
    ana = casework.account(service, caller)
    songs = [claiming.reference(service, caller, label, each) for each in policies]
    track, _ = claiming.claimed(service, caller, *songs, account_id=ana.id)
    by_song = {each.reference_id: each for each in claiming.claims(service, track.id)}
    return track, [by_song[each.id] for each in songs]


def flag(service: Service, caller: Caller, track: Track) -> None:
    said = Attestation(
        lawful_use="parody", signer="Ana Ruiz", text_version="use-1", at=service.now()
    )
    lawful_uses.flag(service, caller, track.id, said)
    inline.drive(service, track.id)


def standing(service: Service, track: Track) -> PolicyDecision:
    with service.database.reading() as session:
        found = session.get_one(Track, track.id).decision_id
        return session.get_one(PolicyDecision, found)


def changed(service: Service, track: Track, **columns: object) -> None:
    """Write something else into the decision that stands."""
    with service.database.transaction() as session:
        row = session.get_one(PolicyDecision, standing(service, track).id)
        for name, value in columns.items():
            setattr(row, name, value)
        session.add(row)


def test_what_a_person_cleared_on_a_claim_is_not_judged_by_rules_again(service, caller) -> None:
    """DSM-17-9: a person's decision on a claim is a person's, whatever it rests on."""
    track, (claim,) = song_in_track(service, caller, "block")
    case = Case(
        id=new_id(),
        tenant_id=caller.tenant_id,
        kind="claim",
        matter_kind="claim",
        matter_id=claim.id,
        opened_at=service.now(),
    )
    with service.database.transaction() as session:
        verdict = Verdict("release", "human.nothing-wrong", "It is theirs.")
        case_matters.on_claim(service, session, case, verdict, Actor("rita", "reviewer"))
    inline.drive(service, track.id)
    assert standing(service, track).decision == "clear"

    with pytest.raises(IllegalTransitionError, match="a person has decided"):
        flag(service, caller, track)

    assert standing(service, track).decision == "clear"


def test_a_flag_never_makes_it_worse_where_rules_are_stricter_now(service, caller) -> None:
    track, _ = song_in_track(service, caller, "monetise")
    changed(service, track, outcomes={"*": "clear"}, restrictions=[])
    before = standing(service, track).id

    flag(service, caller, track)

    assert standing(service, track).id == before


def test_a_flag_that_is_repeated_changes_nothing(service, caller) -> None:
    track, _ = song_in_track(service, caller, "monetise")
    flag(service, caller, track)
    told = [row.id for row in casework.events(service, track.id)]
    casework.later(service, hours=1)

    flag(service, caller, track)

    assert [row.id for row in casework.events(service, track.id)] == told


def test_a_claim_that_ends_asks_a_person_where_rules_are_stricter_now(service, caller) -> None:
    track, (_, second) = song_in_track(service, caller, "monetise", "monetise")
    milder = {"*": "clear", "FR": "restrict"}
    in_france = [{"kind": "monetise", "territories": ["FR"], "except": []}]
    changed(service, track, outcomes=milder, restrictions=in_france)
    before = standing(service, track).id

    release(service, caller, second)

    assert standing(service, track).id == before
    assert [each.matter_id for each in noticed.cases(service, "claim")] == [second.id]


def test_a_rule_that_fell_on_appeal_counts_no_more_when_rules_judge_anew(service, caller) -> None:
    """DSA-20: what an officer struck down does not come back with the end of a claim."""
    track, (_, second) = song_in_track(service, caller, "monetise", "block")
    told = standing(service, track).explanation | {packs_in_force.WITHOUT: ["recording-monetise"]}
    changed(service, track, explanation=told)

    release(service, caller, second)

    after = standing(service, track)
    assert after.decision == "clear"
    assert after.explanation[packs_in_force.WITHOUT] == ["recording-monetise"]


def test_a_rule_that_fell_on_appeal_counts_no_more_when_a_creator_amends(service, caller) -> None:
    """DSA-20: a claim that ended makes nobody's declaration a matter of appeals."""
    track, (_, second) = song_in_track(service, caller, "monetise", "monetise")
    release(service, caller, second)
    told = standing(service, track).explanation | {packs_in_force.WITHOUT: ["recording-monetise"]}
    changed(service, track, explanation=told)
    row = amendments.draft(service, caller, track.id, "territories", {"without": ["DE"]})

    change = amendments.preview(service, caller, row)
    assert change is not None
    assert change.then["decision"] == "clear"
    amendments.apply(service, caller, track.id, row.id)
    inline.drive(service, track.id)

    assert standing(service, track).decision == "clear"
    assert standing(service, track).explanation[packs_in_force.WITHOUT] == ["recording-monetise"]


def test_a_flag_makes_nobody_worse_off_by_a_limit_that_is_new(service, caller) -> None:
    """DE-URHDAG: an outcome of the same name can limit more."""
    track, _ = song_in_track(service, caller, "monetise")
    changed(service, track, restrictions=[{"kind": "monetise", "territories": ["FR"]}])
    before = standing(service, track).id

    flag(service, caller, track)

    assert standing(service, track).id == before


def release(service: Service, caller: Caller, claim: Claim) -> None:
    claim_releases.release(service, caller, claim.id)  # the platform speaks for the holder
    inline.drive(service, claim.track_id)


def test_a_flag_said_again_helps_where_it_does_by_then(service, caller) -> None:
    """DE-URHDAG: what rules were too strict for at first is not lost for good; it is written down once."""
    track, _ = song_in_track(service, caller, "monetise")
    changed(service, track, outcomes={"*": "clear"}, restrictions=[])
    flag(service, caller, track)
    changed(service, track, outcomes={"*": "block"}, decision="block", restrictions=[])

    flag(service, caller, track)

    assert standing(service, track).outcomes == {"*": "restrict"}
    assert claiming.types(service, track.id).count("track.lawful_use_flagged") == 1
