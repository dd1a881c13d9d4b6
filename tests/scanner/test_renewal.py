"""What an upgrade that changes the networks takes from references, and how they get it back."""

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

import fingerprint
from scanner import (
    inline,
    installation,
    reference_checks,
    references,
    stored_prints,
    tracks,
    upkeep,
)
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.reference_checks import New
from scanner.service import Service
from scanner.tables import Analysis, Reference, Track
from tests.earlier_bytes import age, stored_before
from tests.running import add_tenant
from tests.songs import RATE, song, write

FASTER = round(RATE * 1.12)
PEER = "ab" * 32


@pytest.fixture
def both(make_service, database_url: str) -> Service:
    return make_service(database_url=database_url)


def decided(service: Service, caller: Caller, path: Path) -> None:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size)
    track_id = tracks.submit(
        service, caller, source, Declaration.parse({}), entrance="cli", key=new_id()
    )
    inline.drive(service, track_id, 60)


def of_before(service: Service, caller: Caller, source: tracks.Source) -> str:
    """Decide a track as the version before the networks changed did; return its id."""
    track_id = tracks.submit(
        service, caller, source, Declaration.parse({}), entrance="cli", key=new_id()
    )
    inline.drive(service, track_id, 60)
    inline.drive_retro(service, caller.tenant_id)
    with service.database.transaction() as session:
        row = session.get_one(Analysis, session.get_one(Track, track_id).analysis_id)
        row.versions = row.versions | {"embedding": "of-last-year", "composition": "of-last-year"}
        with service.store.open(caller.tenant_id, row.fingerprint_sha256) as file:
            content = stored_before(fingerprint.Fingerprint.from_bytes(file.read()))
        row.fingerprint_sha256 = service.store.put_bytes(caller.tenant_id, content).sha256
    return track_id


def found(service: Service, caller: Caller, print_: fingerprint.Fingerprint) -> list[str]:
    matches = service.catalogue.search(caller.tenant_id, print_).matches
    return [match.reference_id for match in matches if match.kind == "recording"]


def whole(seed: int, rate: int = RATE) -> fingerprint.Fingerprint:
    samples = song(seed, 20)[None]
    return fingerprint.completed(fingerprint.fingerprint(samples, rate), samples, rate)


def added_again(service: Service, caller: Caller, path: Path) -> Reference:
    return references.add(service, caller, path=path, holder="Label", audio_sha256="0" * 64)


def test_the_same_audio_again_gives_a_reference_what_an_upgrade_took(both, tmp_path) -> None:
    caller = add_tenant(both)
    path = write(tmp_path / "song.wav", song(1, 20))
    added = added_again(both, caller, path)
    age(both, added)
    decided(both, caller, write(tmp_path / "faster.wav", song(1, 20), FASTER))
    assert both.catalogue.bare(caller.tenant_id) == 1
    assert found(both, caller, whole(1, FASTER)) == []
    assert inline.drive_retro(both, caller.tenant_id)[1] == 0

    again = added_again(both, caller, path)

    assert (again.id, again.status) == (added.id, "active")
    assert again.fingerprint_sha256 == added.fingerprint_sha256  # as before the upgrade
    assert both.catalogue.bare(caller.tenant_id) == 0
    assert found(both, caller, whole(1, FASTER)) == [added.id]
    assert inline.drive_retro(both, caller.tenant_id) == (1, 1)  # the stored copy, too
    assert added_again(both, caller, path).version == again.version  # nothing is left to mend


def test_a_reference_that_is_not_found_stays_so_when_its_audio_comes_again(
    service, caller, tmp_path
) -> None:
    path = write(tmp_path / "song.wav", song(1, 20))
    added = added_again(service, caller, path)
    age(service, added)
    upkeep.snooze(service, caller, added.id, service.now().replace(year=2199))
    again = added_again(service, caller, path)
    assert (again.status, found(service, caller, whole(1))) == ("snoozed", [])
    assert service.catalogue.print_of(again).missing == frozenset()


def shared(service: Service, caller: Caller, print_: fingerprint.Fingerprint) -> Reference:
    """A peer's reference of an earlier version."""
    blob = service.store.put_bytes(caller.tenant_id, print_.to_bytes())
    new = New(
        title="Shared",
        duration=print_.duration,
        fingerprint_sha256=blob.sha256,
        holder="Label (via Peer)",
        peer_key=PEER,
        origin_id="1",
    )
    reference = reference_checks.take_in(service, caller, new, print_)
    age(service, reference)
    with service.database.reading() as session:
        return session.get_one(Reference, reference.id)


def test_a_peers_reference_is_renewed_by_the_same_recording_only(service, caller) -> None:
    known = shared(service, caller, whole(1))
    for wrong in (whole(2), fingerprint.fingerprint(song(1, 20)[None], RATE)):
        left = reference_checks.renew_shared(service, caller, known, wrong)
        assert left.fingerprint_sha256 == known.fingerprint_sha256
    now = reference_checks.renew_shared(service, caller, known, whole(1))
    assert now.epoch > known.epoch
    assert found(service, caller, whole(1, FASTER)) == [known.id]


def test_a_peer_cannot_renew_its_reference_into_what_another_holds(
    service, caller, tmp_path
) -> None:
    known = shared(service, caller, whole(1))
    references.add(service, caller, path=write(tmp_path / "2.wav", song(2, 20)), holder="Other")
    theirs = whole(2)
    forged = replace(
        whole(1),
        embedding=theirs.embedding,
        constellation=theirs.constellation,
        tones=theirs.tones,
    )
    left = reference_checks.renew_shared(service, caller, known, forged)
    assert left.fingerprint_sha256 == known.fingerprint_sha256


def test_a_stored_track_of_before_is_completed_from_its_audio_once(both, tmp_path) -> None:
    caller = add_tenant(both)
    blob = both.store.put_file(
        caller.tenant_id, write(tmp_path / "faster.wav", song(1, 20), FASTER)
    )
    track_id = of_before(both, caller, tracks.Source(sha256=blob.sha256, size_bytes=blob.size))
    references.add(both, caller, path=write(tmp_path / "song.wav", song(1, 20)), operator=True)
    assert inline.drive_retro(both, caller.tenant_id) == (1, 1)
    with both.database.reading() as session:
        row = session.get_one(Analysis, session.get_one(Track, track_id).analysis_id)
    blob_of_audio = both.store.put_bytes(caller.tenant_id, b"").sha256
    with both.database.transaction() as session:  # nothing can be decoded any more, nor need be
        session.get_one(Track, track_id).sha256 = blob_of_audio
    references.add(both, caller, path=write(tmp_path / "2.wav", song(2, 20)), operator=True)
    assert inline.drive_retro(both, caller.tenant_id) == (1, 0)
    with both.database.reading() as session:
        assert session.get_one(Analysis, row.id).fingerprint_sha256 == row.fingerprint_sha256
        assert stored_prints.without_audio(both, session, caller.tenant_id) == 0


def test_a_stored_fingerprint_of_before_is_counted_for_whoever_sent_it(both, tmp_path) -> None:
    caller = add_tenant(both)
    sent = both.store.put_bytes(caller.tenant_id, whole(1, FASTER).to_bytes())
    before = incomplete()
    with both.database.reading() as session:
        assert stored_prints.without_audio(both, session, caller.tenant_id) == 0
    of_before(both, caller, tracks.Source(fingerprint_sha256=sent.sha256))
    with both.database.reading() as session:
        assert stored_prints.without_audio(both, session, caller.tenant_id) == 1
    references.add(both, caller, path=write(tmp_path / "song.wav", song(1, 20)), operator=True)
    assert inline.drive_retro(both, caller.tenant_id) == (1, 0)
    assert incomplete() == before + 1
    (index,) = (each for each in installation.examine(both) if each.part == "index")
    assert "1 stored tracks are fingerprints of earlier networks" in index.detail


def incomplete() -> float:
    return REGISTRY.get_sample_value("clearance_retro_incomplete_total") or 0.0
