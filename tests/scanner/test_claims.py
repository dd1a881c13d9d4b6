"""Claims follow decisions: made under a holder's policy, potential while somebody looks, and ended.

What locks is tested on both databases in `test_disputes.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, event
from sqlmodel import col, select

from scanner import (
    claim_outcomes,
    claim_views,
    claims,
    disputes,
    events,
    inline,
    pipeline,
    references,
    rulings,
    tracks,
    upkeep,
)
from scanner.bus.dispatch import AlreadyHandledError
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.consumer_groups import GROUPS
from scanner.disputes import Answered, Filed
from scanner.journal import PIPELINE, Actor, event_of
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import (
    Analysis,
    Claim,
    Dispute,
    Handled,
    PolicyDecision,
    Reference,
    Track,
    TrackMatch,
)
from scanner.tracks import locked, withdraw
from tests import casework, claiming, noticed


def test_a_match_under_a_monetise_policy_is_claimed_and_the_creator_told(service, caller) -> None:
    ana = casework.account(service, caller)
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)

    track, claim = claiming.claimed(service, caller, song, account_id=ana.id)

    assert (track.state, claim.state, claim.remedy) == ("conditioned", "active", "monetise")
    assert [(each["query_start"], each["query_end"]) for each in claim.segments] == [
        (0, 30),
        (60, 120),
    ]
    assert claim.longest_ms == 60_000
    assert claiming.types(service, claim.id) == ["claim.potential", "claim.active"]
    (letter,) = casework.letters(service, template="claim-made")
    assert (letter.recipient_id, letter.track_id) == (ana.id, track.id)
    assert "Label" in letter.body
    assert "Under their policy: its revenue goes to them." in letter.body


def test_a_notice_by_somebody_else_vouches_for_no_holder(service, caller) -> None:
    """A holder whom nobody verified acts on nothing, whatever else befalls the track."""
    ana = casework.account(service, caller)
    stranger = claiming.holder(service, caller, verified=False)
    song = claiming.reference(service, caller, stranger)
    track, claim = claiming.claimed(service, caller, song, account_id=ana.id)
    assert claim.state == "potential"

    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block:AT"))

    assert [each.state for each in claiming.claims(service, track.id)] == ["potential"]


def test_a_repeated_event_makes_no_second_claim(service, caller) -> None:
    song = claiming.reference(service, caller, claiming.holder(service, caller))
    track, claim = claiming.claimed(service, caller, song)
    row = next(each for each in casework.events(service, track.id) if each.type.endswith("decided"))

    with pytest.raises(AlreadyHandledError):
        claims.on_decided(service, event_of(row))

    assert [each.id for each in claiming.claims(service, track.id)] == [claim.id]


def test_a_weak_likeness_is_no_claim(service, caller) -> None:
    song = claiming.reference(service, caller, claiming.holder(service, caller))
    event = claiming.analysed(service, caller, song, score=0.3)
    inline.drive(service, event.subject)

    assert claiming.claims(service, event.subject) == []


def test_a_claim_is_potential_while_a_person_looks_and_active_when_they_restrict(
    service, caller
) -> None:
    song = claiming.reference(service, caller, claiming.holder(service, caller), "block")
    track, claim = claiming.claimed(service, caller, song)
    assert (track.state, claim.state) == ("quarantined", "potential")

    claiming.ruled(service, caller, track.id, "block")

    assert claiming.claims(service, track.id)[0].state == "active"


def test_a_person_who_clears_a_track_ends_the_claims_on_it(service, caller) -> None:
    song = claiming.reference(service, caller, claiming.holder(service, caller), "block")
    track, _ = claiming.claimed(service, caller, song)

    claiming.ruled(service, caller, track.id, "clear")

    (claim,) = claiming.claims(service, track.id)
    assert (claim.state, claim.ground) == ("released", "person")


def test_a_holders_policy_acts_only_once_they_are_verified(service, caller) -> None:
    label = claiming.holder(service, caller, verified=False)
    song = claiming.reference(service, caller, label)

    _, claim = claiming.claimed(service, caller, song)

    assert claim.state == "potential"


def test_a_withdrawn_track_is_claimed_no_more(service, caller) -> None:
    song = claiming.reference(service, caller, claiming.holder(service, caller))
    track, _ = claiming.claimed(service, caller, song)

    withdraw(service, caller, track.id)
    inline.drive(service, track.id)

    (claim,) = claiming.claims(service, track.id)
    assert (claim.state, claim.ground) == ("released", "withdrawn")


def test_claims_of_others_on_the_same_track_stand_by_themselves(service, caller) -> None:
    one = claiming.reference(service, caller, claiming.holder(service, caller, "One"), "track")
    two = claiming.reference(service, caller, claiming.holder(service, caller, "Two"), "track")
    track, _ = claiming.claimed(service, caller, one, two)

    found = claiming.claims(service, track.id)

    assert {each.reference_id for each in found} == {one.id, two.id}


CLAIMS = next(each for each in GROUPS if each.name == "claims")


def upheld(service: Service, caller: Caller) -> tuple[Track, Claim, Reference]:
    """A track with a claim that its holder upheld after a dispute."""
    ana = casework.account(service, caller)
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    track, claim = claiming.claimed(service, caller, song, account_id=ana.id)
    filed = Filed(claim.id, ["misidentified"], claiming.WORDS, claiming.ATTESTED)
    dispute = disputes.file(service, caller, filed)
    given = Answered("uphold", "It is our master.")
    disputes.answer(service, claiming.of(caller, label), dispute.id, given)
    return track, claim, song


def settled(service: Service, track: Track) -> tuple[str, str, str | None]:
    """State of a track, with state and ground of its claim, once claims were followed up."""
    inline.drive_group(service, CLAIMS, track.tenant_id)
    inline.drive(service, track.id)
    (claim,) = claiming.claims(service, track.id)
    return casework.track_of(service, track.id).state, claim.state, claim.ground


def test_an_upheld_claim_ends_when_its_reference_is_retired(service, caller) -> None:
    """DSM-17-7: nothing stays limited for a work that nobody asserts any more."""
    track, claim, song = upheld(service, caller)

    references.remove(service, caller, song.id)

    assert settled(service, track) == ("released", "released", "reference-retired")
    assert [each.state for each in _disputes(service, claim)] == ["released"]


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        (((0, 40), (50, 130)), ("released", "released", "match-gone")),
        (((0, 40),), ("conditioned", "upheld", None)),
        (((140, 180),), ("conditioned", "upheld", None)),
    ],
)
def test_an_upheld_claim_ends_when_all_of_it_is_not_its_holders(
    service, caller, parts, left
) -> None:
    """DSM-17-7: what is left of a match stays claimed."""
    track, _, song = upheld(service, caller)

    for start, end in parts:
        upkeep.exclude(service, caller, song.id, start, end)

    assert settled(service, track) == left


def test_a_crash_before_an_exclusion_is_marked_handled_asks_nobody_twice(service, caller) -> None:
    """What a person decided stays, so a case asks one to look at each claim: once."""
    track, claim, song = upheld(service, caller)
    claiming.ruled(service, caller, track.id, "block")
    upkeep.exclude(service, caller, song.id, 0, 40)
    assert settled(service, track) == ("blocked", "upheld", None)
    assert len(noticed.cases(service, "claim")) == 1

    (excluded,) = (each for each in casework.events(service, song.id) if "exclu" in each.type)
    with service.database.transaction() as session:
        session.delete(session.get_one(Handled, (claims.GROUP, excluded.id)))
    assert settled(service, track) == ("blocked", "upheld", None)

    with service.database.reading() as session:
        assert session.get(Handled, (claims.GROUP, excluded.id)) is not None
    (case,) = noticed.cases(service, "claim")
    assert case.matter_id == claim.id


def test_an_upheld_claim_ends_when_the_rules_find_no_such_match(service, caller) -> None:
    track, claim, _ = upheld(service, caller)
    with service.database.transaction() as session:
        session.exec(delete(TrackMatch).where(TrackMatch.track_id == track.id))
        row = locked(session, track.tenant_id, track.id)
        before = session.get_one(PolicyDecision, row.decision_id)
        ruling = Ruling("clear", "claim.ended", "-", ground=("claim", claim.id), by="law")
        judged = claim_outcomes.judged_anew(service, session, row, before, ruling)
        rulings.rule(service, session, row, ruling, PIPELINE, judged=judged)

    assert settled(service, track) == ("released", "released", "match-gone")


def test_an_upheld_claim_stays_as_long_as_its_match_is_there(service, caller) -> None:
    """DSM-17-9: what was disputed and upheld is appealed; a ruling for another reason is no answer to it."""
    track, _, _ = upheld(service, caller)
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        ruling = Ruling("clear", "human.looked", "A person looked.")
        rulings.rule(service, session, row, ruling, Actor("rita", "reviewer"))

    assert settled(service, track) == ("released", "upheld", None)


def _disputes(service: Service, claim: Claim) -> list[Dispute]:
    with service.database.reading() as session:
        return list(session.exec(select(Dispute).where(Dispute.claim_id == claim.id)))


def test_how_often_holders_were_right_is_one_query_for_all_of_a_list(service, caller) -> None:
    found = []
    for name in ("One", "Two", "Three"):
        label = claiming.holder(service, caller, name)
        song = claiming.reference(service, caller, label, title=name)
        _, claim = claiming.claimed(service, caller, song)
        found.append(claim)

    with service.database.reading() as session:
        rows = [session.get_one(Claim, each.id) for each in found]
        with queries(service) as asked:
            shown = claim_views.describe_all(session, rows)

    assert [each["claimant"]["name"] for each in shown] == ["One", "Two", "Three"]
    assert len(asked) == 3


@contextmanager
def queries(service: Service) -> Iterator[list[str]]:
    """Note what is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_) -> None:
        asked.append(statement)

    event.listen(service.database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(service.database.engine, "before_cursor_execute", note)


def analysed_again(service: Service, track: Track, detectors: dict[str, str] | None = None) -> None:
    """Have a track of a reviewer's analysed again; with ``detectors`` it is, nothing found, and decided on."""
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        row.state = "quarantined"
        tracks.analyse_again(session, row, "a reviewer asks", service.now())
        if detectors is None:
            return
        again = session.exec(select(Analysis)).one().model_dump()
        session.add(Analysis(**again | {"id": new_id(), "detectors": detectors}))
        session.flush()
        found = session.exec(select(Analysis).order_by(col(Analysis.id).desc())).first()
        row.analysis_id, row.state = found.id, "analysing"
        known = (found.id, found.index_version)
    data = events.TrackAnalysed(
        analysis_id=known[0], sha256=None, detectors=detectors, index_version=known[1], matches=0
    )
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        analysed = tracks.note(session, row, data, service.now())
    pipeline.decide(service, analysed)


def test_an_upheld_claim_waits_for_its_track_to_be_analysed_again(service, caller) -> None:
    """DSM-17-9: a part that is not its holder's says nothing of a match that nobody can look at now."""
    track, claim, song = upheld(service, caller)
    analysed_again(service, track)

    upkeep.exclude(service, caller, song.id, 0, 5)
    inline.drive_group(service, CLAIMS, track.tenant_id)

    (claim,) = claiming.claims(service, track.id)
    assert (claim.state, claim.ground) == ("upheld", None)


@pytest.mark.parametrize(
    ("detectors", "left"),
    [
        ({"fingerprint": "failed"}, ("quarantined", "upheld", None)),
        ({"fingerprint": "ok", "composition": "failed"}, ("quarantined", "upheld", None)),
        ({"fingerprint": "ok"}, ("released", "released", "match-gone")),
    ],
)
def test_a_claim_ends_only_where_the_search_that_finds_nothing_came_to_its_end(
    service, caller, detectors, left
) -> None:
    track, _, _ = upheld(service, caller)

    analysed_again(service, track, detectors)

    assert settled(service, track) == left
