"""Creators who add a credit, limit the territories, or attach a licence: what counts then, and what it changes."""

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select

from scanner import amendments, evidence, inline
from scanner.callers import Caller
from scanner.declarations import DeclarationError
from scanner.declared import declared
from scanner.errors import ConflictError, IllegalTransitionError, NotFoundError
from scanner.journal import Actor
from scanner.privacy import erasure
from scanner.service import Service
from scanner.tables import (
    Case,
    Evidence,
    PolicyDecision,
    Reference,
    Submission,
    Track,
    TrackAmendment,
)
from tests import casework, claiming, noticed, reviewing

LICENCE = {"licensor": "Label", "valid_from": "2026-01-01", "territories": ["DE"]}
CREDIT = {"title": "Song", "artist": "The Others", "isrc": "US-RC1-76-07839"}


def blocked(service: Service, caller: Caller, *places: str, **columns: Any) -> Track:
    """A track that holds somebody's song, which they block there; everywhere, if no place is named."""
    song = claiming.reference(service, caller, claiming.holder(service, caller), "block")
    with service.database.transaction() as session:
        session.get_one(Reference, song.id).territories = list(places)
    track, _ = claiming.claimed(service, caller, song, parts=((0, 180),), **columns)
    return casework.track_of(service, track.id)


def told(service: Service, track: Track) -> dict[str, Any]:
    with service.database.reading() as session:
        return declared(session, track.id)


def attached(service: Service, caller: Caller, row: TrackAmendment) -> None:
    """Attach a document to an amendment."""
    blob = service.store.put_bytes(caller.tenant_id, b"Paid in full.")
    matter = (row.KIND, row.id)
    evidence.add(
        service, caller.tenant_id, matter, Actor("ana", "creator"), "l.txt", "text/plain", blob
    )


def test_a_creator_leaves_a_country_out_and_the_track_goes_out_elsewhere(service, caller) -> None:
    track = blocked(service, caller, "DE")
    assert track.state == "conditioned"
    row = amendments.draft(service, caller, track.id, "territories", {"without": ["DE"]})

    change = amendments.preview(service, caller, row)
    assert change is not None and change.is_any
    assert (change.now["decision"], change.then["decision"]) == ("restrict", "clear")
    assert "territories" not in told(service, track)  # a draft counts for nothing

    amendments.apply(service, caller, track.id, row.id)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "released"
    assert "DE" not in told(service, track)["territories"]
    assert amendments.apply(service, caller, track.id, row.id).state == "applied"
    with pytest.raises(IllegalTransitionError, match="out with this change"):
        amendments.undo(service, caller, track.id, row.id)
    with service.database.reading() as session:
        submitted = session.exec(
            select(Submission.declaration).where(Submission.track_id == track.id)
        ).one()
    assert submitted == {}  # what was declared stays as it came


def test_a_licence_with_its_document_puts_a_block_before_a_person_until_it_is_undone(
    service, caller
) -> None:
    """design.md: a self-declared licence only turns a block into review."""
    track = blocked(service, caller)
    assert track.state == "blocked"
    row = amendments.draft(service, caller, track.id, "licence", LICENCE)
    with pytest.raises(DeclarationError, match="attach the licence"):
        amendments.apply(service, caller, track.id, row.id)
    attached(service, caller, row)
    amendments.apply(service, caller, track.id, row.id)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "quarantined"
    with service.database.reading() as session:
        case = session.exec(select(Case).where(Case.track_id == track.id)).all()[-1]
    assert case.state == "queued"
    with pytest.raises(IllegalTransitionError, match="no more evidence"):
        attached(service, caller, row)

    amendments.undo(service, caller, track.id, row.id)
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "blocked"
    assert "licences" not in told(service, track)
    with pytest.raises(IllegalTransitionError, match="anew"):
        amendments.apply(service, caller, track.id, row.id)


def test_a_credit_is_declared_and_decides_nothing(service, caller) -> None:
    track = blocked(service, caller)
    row = amendments.draft(service, caller, track.id, "credit", CREDIT)
    change = amendments.preview(service, caller, row)
    assert change is not None and not change.is_any
    amendments.apply(service, caller, track.id, row.id)

    assert told(service, track)["sources"] == [CREDIT | {"isrc": "USRC17607839"}]
    assert casework.track_of(service, track.id).decision_id == track.decision_id
    assert casework.events(service, track.id)[-1].type == "clearance.track.amended"


@pytest.mark.parametrize(
    ("kind", "content", "field"),
    [
        ("dance", {}, "kind"),
        ("credit", {"title": "Song"}, "artist"),
        ("credit", CREDIT | {"isrc": "X"}, "isrc"),
        ("credit", CREDIT | {"colour": "red"}, "colour"),
        ("territories", {}, "without"),
        ("territories", {"territories": ["XX"]}, "territories"),
        ("licence", {"licensor": "Label"}, "valid_from"),
        ("licence", LICENCE | {"valid_to": "2025-01-01"}, "content"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_field(service, caller, kind, content, field) -> None:
    track = blocked(service, caller)
    with pytest.raises(DeclarationError) as refused:
        amendments.draft(service, caller, track.id, kind, content)
    assert refused.value.errors[0]["field"] == field


def test_territories_become_fewer_and_never_none(service, caller) -> None:
    track = blocked(service, caller)
    for content, said in (
        ({"territories": ["DE", "AT"]}, None),
        ({"territories": ["DE", "US"]}, "not offered there now: US"),
        ({"without": ["DE", "AT"]}, "nothing would be left"),
        ({"without": ["US"]}, "changes nothing"),
    ):
        if said is None:
            row = amendments.draft(service, caller, track.id, "territories", content)
            amendments.apply(service, caller, track.id, row.id)
            inline.drive(service, track.id)
        else:
            with pytest.raises(DeclarationError, match=said):
                amendments.draft(service, caller, track.id, "territories", content)
    with service.database.reading() as session:
        decision = session.get_one(PolicyDecision, casework.track_of(service, track.id).decision_id)
    assert set(decision.outcomes) == {"AT", "DE"}


def test_what_a_person_decided_or_a_notice_took_down_is_contested_not_amended(
    service, caller
) -> None:
    """DMCA-R, DSA-20."""
    track = blocked(service, caller)
    claiming.ruled(service, caller, track.id, "block")
    with pytest.raises(IllegalTransitionError, match="a person decided"):
        amendments.draft(service, caller, track.id, "credit", CREDIT)

    taken = casework.decided_track(service, caller, account_id=casework.account(service, caller).id)
    noticed.decided(service, noticed.sent(service, caller, taken.id).id)
    with pytest.raises(IllegalTransitionError, match="notice"):
        amendments.draft(service, caller, taken.id, "credit", CREDIT)


def test_a_verdict_that_waits_for_its_effect_is_not_made_moot_by_an_amendment(
    service, caller
) -> None:
    track = blocked(service, caller)
    row = amendments.draft(service, caller, track.id, "licence", LICENCE)
    attached(service, caller, row)
    amendments.apply(service, caller, track.id, row.id)
    inline.drive(service, track.id)
    with service.database.reading() as session:
        case = session.exec(select(Case).where(Case.track_id == track.id)).all()[-1]
    reviewing.decided(service, casework.person(service, caller, "rita"), case)
    with pytest.raises(ConflictError, match="wait until that takes effect"):
        amendments.undo(service, caller, track.id, row.id)
    with pytest.raises(ConflictError, match="wait until that takes effect"):
        amendments.draft(service, caller, track.id, "credit", CREDIT)


def test_another_creators_track_reads_as_unknown_and_an_erased_one_takes_its_document_along(
    service, caller
) -> None:
    """GDPR-17."""
    ana, eve = (casework.account(service, caller, name) for name in ("ana", "eve"))
    track = blocked(service, caller, account_id=ana.id)
    row = amendments.draft(service, caller, track.id, "licence", LICENCE)
    attached(service, caller, row)
    as_creator = replace(caller, actor=Actor(eve.id, "creator"), account_id=eve.id)
    with pytest.raises(NotFoundError):
        amendments.draft(service, as_creator, track.id, "credit", CREDIT)

    erasure.erase_account(service, caller, "ana")

    with service.database.reading() as session:
        assert session.get(TrackAmendment, row.id) is None
        assert session.exec(select(Evidence).where(Evidence.matter_id == row.id)).all() == []
