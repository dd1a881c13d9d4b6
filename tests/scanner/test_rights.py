"""Holders, shares and licences on record, and what they do to claims."""

from datetime import date
from decimal import Decimal

import pytest
from sqlmodel import select

from scanner import claims, consumer_groups, inline, rights
from scanner.errors import ConflictError, ForbiddenError, NotFoundError
from scanner.rights import LicenceAsked, ShareAsked, ShareConflictError
from scanner.tables import Submission
from tests import casework, claiming, rollouts


def group():
    (found,) = (each for each in consumer_groups.GROUPS if each.name == claims.GROUP)
    return found


def test_a_holders_claims_begin_to_act_when_a_person_has_verified_them(service, caller) -> None:
    label = claiming.holder(service, caller, verified=False)
    song = claiming.reference(service, caller, label)
    track, claim = claiming.claimed(service, caller, song)
    with pytest.raises(ForbiddenError):
        rights.verify_holder(service, caller, label.id, True)

    rights.verify_holder(service, casework.person(service, caller, "rita"), label.id, True)
    inline.drive_group(service, group(), caller.tenant_id)

    assert claim.state == "potential"
    assert claiming.claims(service, track.id)[0].state == "active"


def test_a_holder_is_named_once_and_sees_nobody_else(service, caller) -> None:
    label = rights.add_holder(service, caller, "Label", "Desk@Label.example")
    other = rights.add_holder(service, caller, "Other", None)

    assert label.contact_email == "desk@label.example"
    with pytest.raises(ConflictError):
        rights.add_holder(service, caller, "Label", None)
    own = claiming.of(caller, label)
    with service.database.reading() as session:
        assert [each.id for each in rights.holders(session, own, limit=9, before=None)] == [
            label.id
        ]
        with pytest.raises(NotFoundError):
            rights.find_holder(session, own, other.id)
    with pytest.raises(NotFoundError):
        rights.record_share(service, own, share(other.id, "T-034.524.680-1"))
    with pytest.raises(ForbiddenError):
        rights.add_holder(service, own, "Mine too", None)


def share(holder_id: str, subject: str, percent: str = "60", **more: object) -> ShareAsked:
    fields = {"right": "recording", "territory": "*"} | more
    return ShareAsked(holder_id, subject, percent=Decimal(percent), **fields)


def test_shares_that_are_too_much_are_refused_with_the_others_and_a_case(service, caller) -> None:
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    first = rights.record_share(service, caller, share(label.id, song.id))
    other = claiming.holder(service, caller, "Other")

    for _ in range(2):
        with pytest.raises(ShareConflictError, match=f"120 % .*{first.id}"):
            rights.record_share(service, caller, share(other.id, song.id))
    rights.record_share(service, caller, share(other.id, song.id, "40", territory="DE"))

    (case,) = rollouts.journal(service, "clearance.case.opened")
    assert (case.data["kind"], case.data["reference_id"]) == ("reference_conflict", song.id)
    with service.database.reading() as session:
        assert len(rights.shares(session, caller, limit=9, before=None, subject=song.id)) == 2


def test_a_share_may_follow_another_in_time(service, caller) -> None:
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    rights.record_share(
        service, caller, share(label.id, song.id, "100", ends_on=date(2026, 12, 31))
    )

    rights.record_share(
        service, caller, share(label.id, song.id, "100", starts_on=date(2027, 1, 1))
    )
    with pytest.raises(ShareConflictError, match="2026-12-31"):
        rights.record_share(
            service, caller, share(label.id, song.id, "1", starts_on=date(2026, 12, 31))
        )


def test_a_licence_ends_the_claims_it_covers_and_frees_the_track(service, caller) -> None:
    ana = casework.account(service, caller)
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    track, _ = claiming.claimed(service, caller, song, account_id=ana.id)
    _declare(service, track.id, "ana")
    bystander, _ = claiming.claimed(service, caller, song)

    rights.grant_licence(service, caller, LicenceAsked(label.id, account_id=ana.id))
    inline.drive_group(service, group(), caller.tenant_id)
    inline.drive(service, track.id)

    (claim,) = claiming.claims(service, track.id)
    assert (claim.state, claim.ground) == ("released", "licence")
    assert casework.track_of(service, track.id).state == "released"
    assert claiming.claims(service, bystander.id)[0].state == "active"


def test_a_licence_that_ended_exempts_nothing_more(service, caller) -> None:
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    licence = rights.grant_licence(service, caller, LicenceAsked(label.id))
    casework.later(service, days=1)

    ended = rights.end_licence(service, caller, licence.id)
    track, claim = claiming.claimed(service, caller, song)

    assert ended.valid_to == service.now()
    assert (track.state, claim.state) == ("conditioned", "active")
    with pytest.raises(NotFoundError):
        rights.end_licence(
            service, claiming.of(caller, claiming.holder(service, caller, "Other")), licence.id
        )


def _declare(service, track_id: str, account: str) -> None:
    with service.database.transaction() as session:
        row = session.exec(select(Submission).where(Submission.track_id == track_id)).one()
        row.declaration = row.declaration | {"account": account}


def test_a_share_is_corrected_or_ended_but_never_to_more_than_all(service, caller) -> None:
    label, other = (claiming.holder(service, caller, name) for name in ("Label", "Other"))
    song = claiming.reference(service, caller, label)
    first = rights.record_share(service, caller, share(label.id, song.id, "60"))
    second = rights.record_share(service, caller, share(other.id, song.id, "40"))

    with pytest.raises(ShareConflictError, match="110"):
        rights.correct_share(service, caller, second.id, percent=Decimal(50))
    with pytest.raises(rights.BadShareError):
        rights.correct_share(
            service, caller, first.id, starts_on=date(2027, 2, 1), ends_on=date(2027, 1, 1)
        )
    with pytest.raises(NotFoundError):
        rights.correct_share(service, claiming.of(caller, other), first.id, percent=Decimal(1))
    ended = rights.correct_share(service, caller, first.id, ends_on=date(2026, 12, 31))
    more = share(other.id, song.id, "60", starts_on=date(2027, 1, 1))
    rights.record_share(service, claiming.of(caller, other), more)

    assert (ended.version, ended.parts) == (2, 600_000)
    assert claiming.types(service, first.id) == ["share.recorded", "share.corrected"]


def test_nobody_keeps_others_out_before_a_person_knows_who_they_are(service, caller) -> None:
    label = claiming.holder(service, caller, verified=False)
    own = claiming.of(caller, label)
    with pytest.raises(ForbiddenError, match="verified"):
        rights.record_share(service, own, share(label.id, "T-034.524.680-1", "100"))
    made = rights.record_share(service, caller, share(label.id, "T-034.524.680-1", "100"))
    with pytest.raises(ForbiddenError):
        rights.correct_share(service, own, made.id, percent=Decimal(50))
