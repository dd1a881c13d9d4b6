"""Stored tracks are compared with references that came later, and nothing is blocked by itself."""

from pathlib import Path

import pytest
from sqlmodel import select

from scanner import banks, inline, references, retro, tracks, upkeep
from scanner.bus import dead_letters
from scanner.bus.dispatch import AlreadyHandledError
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.journal import event_of
from scanner.service import Service
from scanner.tables import (
    Case,
    DeadLetter,
    Handled,
    JournalRow,
    Reference,
    RetroMatch,
    RetroSweep,
    StatementOfReasons,
    Track,
)
from tests.running import add_tenant, working
from tests.servers import wait_until
from tests.songs import RATE, song, write


def submitted(service: Service, caller: Caller, path: Path) -> str:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    declared = Declaration.parse({})
    return tracks.submit(service, caller, source, declared, entrance="cli", key=new_id())


def decided(service: Service, caller: Caller, path: Path) -> str:
    track_id = submitted(service, caller, path)
    inline.drive(service, track_id, 60)
    return track_id


def state(service: Service, track_id: str) -> str:
    with service.database.reading() as session:
        return session.get_one(Track, track_id).state


def every(service: Service, table: type) -> list:
    with service.database.reading() as session:
        return list(session.exec(select(table).order_by(table.id)))


@pytest.fixture
def both(make_service, database_url: str) -> Service:
    return make_service(database_url=database_url, retro_chunk=2)


def test_a_released_track_with_a_newer_reference_gets_a_case_and_stays_released(
    both, tmp_path
) -> None:
    caller = add_tenant(both)
    path = write(tmp_path / "song.wav", song(1, 15))
    excerpt = write(tmp_path / "excerpt.wav", song(1, 15)[3 * RATE : 13 * RATE])
    copies = [decided(both, caller, each) for each in (path, excerpt)]
    others = [decided(both, caller, write(tmp_path / f"{n}.wav", song(n, 9))) for n in (2, 3, 4)]
    added = references.add(both, caller, path=path, title="Newer", operator=True)

    assert inline.drive_retro(both, caller.tenant_id) == (5, 2)

    assert {state(both, each) for each in [*copies, *others]} == {"released"}
    assert every(both, StatementOfReasons) == []
    cases = every(both, Case)
    assert {case.track_id for case in cases} == set(copies)
    for case in cases:
        assert (case.kind, case.state) == ("retro_match", "queued")
        assert "'Newer'" in case.reasons[0]["text"]
    found = {row.track_id: row for row in every(both, RetroMatch)}
    assert set(found) == set(copies)
    assert {row.reference_id for row in found.values()} == {added.id}
    assert {row.decision for row in found.values()} == {"block"}
    assert found[copies[1]].segments[0]["reference_start"] == pytest.approx(3, abs=0.3)
    (sweep,) = every(both, RetroSweep)
    assert (sweep.compared, sweep.found) == (5, 2)
    assert not list(both.settings.temporary_folder.glob("retro-*"))
    with both.database.reading() as session:
        rows = session.exec(
            select(JournalRow.type)
            .where(JournalRow.subject == sweep.id)
            .order_by(JournalRow.version)
        )
        types = [each.removeprefix("clearance.retro.") for each in rows]
    assert types == ["started", "advanced", "advanced", "advanced", "ended"]


def test_nothing_is_done_twice_whatever_is_delivered_again(service, caller, tmp_path) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    decided(service, caller, path)
    references.add(service, caller, path=path)
    inline.drive_retro(service, caller.tenant_id)
    with service.database.reading() as session:
        rows = session.exec(
            select(JournalRow).where(JournalRow.type.in_(["clearance.retro.started"]))
        ).all()
    with pytest.raises(AlreadyHandledError):
        retro.advance(service, event_of(rows[0]))
    assert inline.drive_retro(service, caller.tenant_id) == (0, 0)
    assert len(every(service, RetroMatch)) == len(every(service, Case)) == 1


def test_many_new_references_are_one_walk(service, caller, tmp_path) -> None:
    paths = [write(tmp_path / f"{n}.wav", song(n, 10)) for n in range(3)]
    both_songs = write(tmp_path / "both.wav", [*song(0, 10), *song(1, 10)])
    track = decided(service, caller, both_songs)
    for each in paths:
        references.add(service, caller, path=each)
    with service.database.transaction() as session:  # what a worker would not have come to
        assert session.exec(select(RetroSweep)).all() == []

    inline.drive_retro(service, caller.tenant_id)

    assert len(every(service, RetroMatch)) == 2
    (case,) = every(service, Case)  # one track, one case, however many references
    assert case.track_id == track
    assert len(case.reasons) == 2


def test_a_reference_that_only_tracks_is_recorded_without_a_case(service, caller, tmp_path) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    decided(service, caller, path)
    references.add(service, caller, path=path, policy="track")
    inline.drive_retro(service, caller.tenant_id)
    assert [row.decision for row in every(service, RetroMatch)] == ["clear"]
    assert every(service, Case) == []


def test_what_an_analysis_has_found_is_not_found_again(service, caller, tmp_path) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    references.add(service, caller, path=path, operator=True)
    assert state(service, decided(service, caller, path)) == "blocked"
    inline.drive_retro(service, caller.tenant_id)
    assert every(service, RetroMatch) == []


def test_a_bank_that_is_switched_on_is_compared_with_tracks_that_it_was_off_for(
    service, caller, tmp_path
) -> None:
    bank = banks.create(service, caller, "new", enabled=False)
    path = write(tmp_path / "song.wav", song(1, 12))
    references.add(service, caller, path=path, bank="new")
    track = decided(service, caller, path)
    inline.drive_retro(service, caller.tenant_id)
    assert every(service, RetroMatch) == []
    banks.change(service, caller, bank.id, {"enabled": True})
    inline.drive_retro(service, caller.tenant_id)
    assert [row.track_id for row in every(service, RetroMatch)] == [track]


def test_what_is_quarantined_is_compared_once_a_person_lets_it_out(
    service, caller, tmp_path
) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    track = decided(service, caller, path)
    references.add(service, caller, path=path, holder="One", policy="track")
    second = references.add(service, caller, path=path, holder="Another")
    inline.drive_retro(service, caller.tenant_id)
    assert len(every(service, RetroMatch)) == 1
    upkeep.settle(service, caller, second.id, "active", "they share it")
    inline.drive_retro(service, caller.tenant_id)
    assert [row.track_id for row in every(service, RetroMatch)] == [track, track]


def test_tracks_are_compared_as_far_back_as_is_set(make_service, tmp_path) -> None:
    service = make_service(retro_days=0)
    caller = add_tenant(service)
    path = write(tmp_path / "song.wav", song(1, 12))
    decided(service, caller, path)
    references.add(service, caller, path=path)
    assert inline.drive_retro(service, caller.tenant_id) == (0, 0)


def test_another_tenants_tracks_are_not_looked_at(service, caller, tmp_path) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    decided(service, add_tenant(service, "two"), path)
    references.add(service, caller, path=path)
    assert inline.drive_retro(service, caller.tenant_id) == (0, 0)


def test_a_reference_that_comes_while_a_track_is_analysed_is_found_by_the_tracks_own_event(
    service, caller, tmp_path, monkeypatch
) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    store = service.store.put_bytes
    added = []

    def and_a_reference_comes(tenant_id: str, content: bytes):  # the search is over by then
        if not added:
            added.append("")
            added.append(references.add(service, caller, path=path, operator=True).id)
        return store(tenant_id, content)

    monkeypatch.setattr(service.store, "put_bytes", and_a_reference_comes)
    track = decided(service, caller, path)
    assert state(service, track) == "released"
    (found,) = every(service, RetroMatch)
    assert (found.track_id, found.reference_id) == (track, added[1])
    assert [case.kind for case in every(service, Case)] == ["retro_match"]


@pytest.fixture(params=["sqlite", "postgresql", "kafka"])
def anywhere(request, make_service) -> Service:
    """A service on each database and each transport in turn; it gives up after one more try."""
    if request.param == "kafka":
        return make_service(kafka=request.getfixturevalue("broker"), retries=1)
    database_url = request.getfixturevalue(f"{request.param}_url")
    return make_service(database_url=database_url, retries=1)


def lost(service: Service, reference: Reference) -> bytes:
    """Have the store lose a reference's fingerprint, and return it."""
    own = reference.tenant_id, reference.fingerprint_sha256
    with service.store.open(*own) as file:
        print_ = file.read()
    service.store.delete(*own)
    return print_


def open_sweeps(service: Service) -> list[RetroSweep]:
    return [sweep for sweep in every(service, RetroSweep) if sweep.ended_at is None]


def buried(service: Service, how_many: int) -> list[DeadLetter]:
    """Wait for so many dead letters whose group was told."""

    def told() -> bool:
        with service.database.reading() as session:
            marks = session.exec(select(Handled).where(Handled.outcome == "given_up")).all()
        return len(marks) == how_many

    wait_until(told, 60, "giving up")
    return every(service, DeadLetter)


def test_a_sweep_that_died_is_replayed_with_what_it_looked_for(anywhere, tmp_path) -> None:
    caller = add_tenant(anywhere)
    path = write(tmp_path / "song.wav", song(1, 12))
    track = decided(anywhere, caller, path)
    inline.drive_retro(anywhere, caller.tenant_id)
    added = references.add(anywhere, caller, path=path)
    references.add(anywhere, caller, path=write(tmp_path / "2.wav", song(2, 9)))
    print_ = lost(anywhere, added)
    with working(anywhere, ["retro"]):
        letters = buried(anywhere, 1)
        wait_until(lambda: not open_sweeps(anywhere), 60, "the end of the other sweep")
        assert every(anywhere, RetroMatch) == []
        anywhere.store.put_bytes(caller.tenant_id, print_)

        for _ in range(2):  # an operator who is not sure that it worked
            dead_letters.replay(anywhere, letters[0].id, caller.tenant_id)
        wait_until(lambda: every(anywhere, RetroMatch), 60, "the newer reference in the track")
        wait_until(lambda: not open_sweeps(anywhere), 60, "the end of the sweep")

    assert [(row.track_id, row.reference_id) for row in every(anywhere, RetroMatch)] == [
        (track, added.id)
    ]
    assert [case.track_id for case in every(anywhere, Case)] == [track]
    assert len(every(anywhere, DeadLetter)) == 1


def test_a_track_whose_own_comparison_died_is_compared_when_that_is_replayed(
    service, caller, tmp_path, monkeypatch
) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    excerpt = write(tmp_path / "excerpt.wav", song(1, 12)[RATE:])
    store = service.store.put_bytes
    prints = []

    def and_a_reference_comes_and_is_lost(tenant_id: str, content: bytes):
        if not prints:
            prints.append(b"")
            prints.append(lost(service, references.add(service, caller, path=excerpt)))
        return store(tenant_id, content)

    monkeypatch.setattr(service.store, "put_bytes", and_a_reference_comes_and_is_lost)
    track = decided(service, caller, path)
    (letter,) = every(service, DeadLetter)
    assert letter.subject == track
    service.store.put_bytes(caller.tenant_id, prints[1])

    dead_letters.replay(service, letter.id, caller.tenant_id)

    with working(service, ["retro"]):
        wait_until(lambda: every(service, RetroMatch), 60, "the newer reference in the track")
    assert [row.track_id for row in every(service, RetroMatch)] == [track]


def test_a_worker_does_it_by_itself(service, caller, tmp_path) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    track = decided(service, caller, path)
    with working(service):
        references.add(service, caller, path=path)
        wait_until(lambda: every(service, RetroMatch), 60, "the newer reference in the track")
    assert [case.track_id for case in every(service, Case)] == [track]
