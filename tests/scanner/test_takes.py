"""Takes: made, submitted, marked, scanned and judged; what copies somebody does not leave."""

import hashlib
from pathlib import Path
from typing import Final

import pytest
from sqlmodel import select

from scanner import (
    delivery,
    generations,
    generators,
    inline,
    references,
    takes,
    track_views,
    tracks,
    watermark_keys,
)
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.declarations import DeclarationError
from scanner.generations import GenerationAsked
from scanner.journal import Actor, event_of
from scanner.privacy import blobs
from scanner.service import Service
from scanner.tables import Generation, JournalRow, Track
from tests import casework
from tests.generator.test_given_melody import midi
from tests.running import add_tenant

(GROUP,) = (group for group in GROUPS if group.name == takes.GROUP)
PROMPT = "calm, 90 bpm, G major, 4 bars, piano and cello"


OPERATOR: Final = Actor("operator", "admin")


@pytest.fixture
def caller(service) -> Caller:
    watermark_keys.rotate(service, OPERATOR)
    return add_tenant(service)


def asked(service: Service, caller: Caller, prompt: str = PROMPT, **parameters: object) -> dict:
    return generations.request(service, caller, GenerationAsked(prompt, None, parameters))


def made(service: Service, caller: Caller, **parameters: object) -> tuple[Generation, Track]:
    """Bring a request to its end; return it and its track."""
    view = asked(service, caller, **parameters)
    inline.drive_generation(service, view["id"])
    row = generation(service, view["id"])
    inline.drive(service, row.track_id)
    with service.database.reading() as session:
        return row, tracks.find(session, caller.tenant_id, row.track_id)


def generation(service: Service, generation_id: str) -> Generation:
    with service.database.reading() as session:
        return session.get_one(Generation, generation_id)


def test_a_take_is_marked_scanned_and_released_and_says_why_it_is_as_it_is(service, caller) -> None:
    """AIA-50-2."""
    row, track = made(
        service, caller, seed=3, stems=True, lyrics="Hold the harbour, hold the light"
    )

    assert row.state == "made"
    assert row.take["seed"] == 3
    assert {each["field"] for each in row.take["understood"]} >= {"tempo", "key", "bars"}
    assert {each["name"] for each in row.take["stems"]} == {"piano", "cello"}
    assert all(each["why"] for each in row.take["reasons"])
    with service.database.reading() as session:
        view = track_views.describe(session, [track])[0]
    assert (view["state"], view["decision"]) == ("released", "clear")
    assert "lyrics" in view["words"]["sources"]
    assert [each["take_id"] for each in view["watermarks"]] == [row.take["id"]]
    assert delivery.deliver(service, track, delivery.ZIP, 0, delivery.BUNDLE).sha256


def test_a_take_that_copies_a_protected_recording_does_not_leave(service, caller, tmp_path) -> None:
    first, track = made(service, caller, seed=4)
    original = tmp_path / "protected.flac"
    with service.store.path_or_copy(caller.tenant_id, track.sha256) as kept:
        original.write_bytes(kept.read_bytes())
    references.add(service, caller, path=original, title="Protected", holder="Label")

    again, copy = made(service, caller, seed=4)

    assert again.take["id"] == first.take["id"]
    assert copy.state in {"blocked", "quarantined"}


def test_a_take_builds_on_a_given_melody_which_is_kept_until_it_is_erased(service, caller) -> None:
    wanted = GenerationAsked("flute and piano", None, {"seed": 2}, melody=midi())
    view = generations.request(service, caller, wanted)
    inline.drive_generation(service, view["id"])

    row = generation(service, view["id"])

    assert view["melody_sha256"] == row.melody_sha256 == hashlib.sha256(midi()).hexdigest()
    told = {each["field"]: each["why"] for each in row.take["reasons"]}
    assert told["key"] == told["bars"] == "as in the MIDI given"
    with service.database.reading() as session:
        assert blobs.held(session, caller.tenant_id, [row.melody_sha256])


def test_the_melody_of_a_request_that_was_not_taken_does_not_stay(service, caller) -> None:
    wanted = GenerationAsked(PROMPT, "ana", {"audio_reference": "no-track"}, melody=midi())
    with pytest.raises(DeclarationError):
        generations.request(service, caller, wanted)
    digest = hashlib.sha256(midi()).hexdigest()
    assert service.store.exists(caller.tenant_id, digest)

    later = service.store.modified_at(caller.tenant_id, digest) + blobs.UNCLAIMED
    casework.at(service, later)
    blobs.release(service)

    assert not service.store.exists(caller.tenant_id, digest)


def test_what_is_no_midi_file_is_refused(service, caller) -> None:
    with pytest.raises(DeclarationError) as refused:
        generations.request(service, caller, GenerationAsked(PROMPT, melody=b"MThd nothing"))
    assert "melody_midi" in str(refused.value.errors)
    with service.database.reading() as session:
        assert session.exec(select(Generation)).all() == []


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"key": "H flat"}, "key"),
        ({"instruments": ["kazoo"]}, "kazoo"),
        ({"seconds": 500.0}, "at most 180 s"),
        ({"instruments": ["piano"], "without": ["piano"]}, "excluded"),
    ],
)
def test_what_no_engine_can_answer_is_refused_when_it_is_asked_for(
    service, caller, parameters, told
) -> None:
    with pytest.raises(DeclarationError) as refused:
        asked(service, caller, **parameters)
    assert told in str(refused.value.errors)
    with service.database.reading() as session:
        assert session.exec(select(Generation)).all() == []


def test_what_was_taken_back_while_it_was_made_makes_no_track(service, caller, monkeypatch) -> None:
    view = asked(service, caller)
    make = takes._made

    def slowly(service: Service, row: Generation, place: Path, reference: str | None) -> dict:
        take = make(service, row, place, reference)
        with service.database.transaction() as session:
            wanted = session.get_one(Generation, row.id)
            wanted.state = "withdrawn"
        return take

    monkeypatch.setattr(takes, "_made", slowly)
    inline.drive_generation(service, view["id"])

    assert generation(service, view["id"]).track_id is None
    with service.database.reading() as session:
        assert session.exec(select(Track)).all() == []


def test_an_event_that_comes_again_makes_no_second_track(service, caller) -> None:
    row, track = made(service, caller)
    with service.database.reading() as session:
        event = session.exec(
            select(JournalRow).where(JournalRow.type == "clearance.generation.queued")
        ).one()
    takes.make(service, event_of(event))

    with service.database.reading() as session:
        assert [each.id for each in session.exec(select(Track))] == [track.id]
    assert generation(service, row.id).state == "made"


def test_a_take_that_costs_too_much_is_given_up_and_says_so(make_service, database_url) -> None:
    service = make_service(database_url=database_url, generation_cpu_seconds=1, retries=0)
    caller = add_tenant(service)
    view = asked(service, caller, seconds=120.0)
    inline.drive_generation(service, view["id"])

    row = generation(service, view["id"])
    assert (row.state, row.track_id) == ("failed", None)


def test_whoever_has_no_seed_gets_one_that_is_told(service, caller) -> None:
    view = asked(service, caller)
    row = generation(service, view["id"])
    assert generators.seed_of(row) == generators.seed_of(row) < 2**53
