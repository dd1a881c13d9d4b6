"""Claims follow decisions: made under a holder's policy, potential while somebody looks, and ended.

What locks is tested on both databases in `test_disputes.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from scanner import claim_views, claims, inline
from scanner.bus.dispatch import AlreadyHandledError
from scanner.journal import event_of
from scanner.service import Service
from scanner.tables import Claim
from scanner.tracks import withdraw
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
