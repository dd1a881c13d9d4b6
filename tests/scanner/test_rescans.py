"""Stored tracks are looked at again with newer detectors, one by one, and a person decides on what is found."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from scanner import analysis, detector_versions, inline, references, rescans, rulings, tracks
from scanner.bus.chores import Chores
from scanner.bus.relay import Relay
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.errors import BadOptionError, ConflictError
from scanner.service import Service
from scanner.tables import Analysis, Case, JournalRow, Rescan, RetroMatch, Track
from tests.casework import at
from tests.running import add_tenant, working
from tests.servers import wait_until
from tests.songs import song, write


def submitted(service: Service, caller: Caller, path: Path) -> str:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    return tracks.submit(service, caller, source, Declaration.parse({}), entrance="cli", key=new_id())  # fmt: skip


def decided(service: Service, caller: Caller, path: Path, **versions: str) -> str:
    """Bring a track to its end, analysed by detectors of other versions."""
    track_id = submitted(service, caller, path)
    inline.drive(service, track_id, 60)
    with service.database.transaction() as session:
        row = session.get_one(Analysis, session.get_one(Track, track_id).analysis_id)
        row.versions = row.versions | versions
    return track_id


def every(service: Service, table: type) -> list:
    with service.database.reading() as session:
        return list(session.exec(select(table).order_by(table.id)))


def read(service: Service, run: Rescan) -> Rescan:
    with service.database.reading() as session:
        return session.get_one(Rescan, run.id)


def to_the_end(service: Service, run: Rescan) -> Rescan:
    for _ in range(20):
        if not rescans.work(service):
            break
    return read(service, run)


@pytest.fixture
def both(make_service, database_url: str) -> Service:
    return make_service(database_url=database_url)


def test_what_a_newer_detector_finds_is_put_before_a_person_and_the_track_stays_out(
    both, tmp_path
) -> None:
    caller = add_tenant(both)
    paths = [write(tmp_path / f"{n}.wav", song(n, 12)) for n in (1, 2, 3)]
    found, clean = (decided(both, caller, each, embedding="of-last-year") for each in paths[:2])
    decided(both, caller, paths[2])
    added = references.add(both, caller, path=paths[0], title="Now found", operator=True)

    run = rescans.start(both, caller, ["embedding"])
    assert (run.total, run.state) == (2, "running")
    done = to_the_end(both, run)

    assert (done.state, done.looked_at, done.stricter, done.looser) == ("done", 2, 1, 0)
    (case,) = every(both, Case)
    assert (case.track_id, case.kind, case.state) == (found, "retro_match", "queued")
    assert "'Now found'" in case.reasons[0]["text"]
    (match,) = every(both, RetroMatch)
    assert (match.track_id, match.reference_id, match.decision) == (found, added.id, "block")
    rows = {row.id: row for row in every(both, Track)}
    assert {rows[each].state for each in (found, clean)} == {"released"}
    assert len(every(both, Analysis)) == 5
    journal = [row.type for row in every(both, JournalRow) if row.subject == run.id]
    assert journal == ["clearance.rescan.started", "clearance.rescan.ended"]

    assert rescans.start(both, caller, ["embedding"]).total == 0  # all were looked at


def test_what_a_person_decided_stays_and_nobody_is_asked_again(service, caller, tmp_path) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    references.add(service, caller, path=path, operator=True)
    track_id = decided(service, caller, path, fingerprint="chromaprint-1")
    with service.database.transaction() as session:
        track = tracks.locked(session, caller.tenant_id, track_id)
        assert track.state == "blocked"
        ruling = rulings.Ruling("clear", "human.licence-shown", "It is their own.")
        rulings.rule(service, session, track, ruling, caller.actor)
    inline.drive(service, track_id, 60)

    done = to_the_end(service, rescans.start(service, caller))

    assert (done.looked_at, done.stricter) == (1, 0)
    (track,) = every(service, Track)
    assert track.state == "released"
    assert [case for case in every(service, Case) if case.closed_at is None] == []
    assert every(service, RetroMatch) == []


def test_no_track_is_taken_while_an_upload_waits(service, caller, tmp_path) -> None:
    path = write(tmp_path / "song.wav", song(1, 9))
    decided(service, caller, path, lyrics="words-0", fingerprint="chromaprint-1")
    relay = Relay(service.database, service.transport, service.settings.home)
    run = rescans.start(service, caller)
    submitted(service, caller, write(tmp_path / "new.wav", song(2, 9)))
    relay.run_once()
    assert service.transport.depth("analyse") > 0
    assert not rescans.work(service)
    assert read(service, run).at_work == {}


def test_a_track_without_audio_is_counted(service, caller, tmp_path) -> None:
    gone = decided(service, caller, write(tmp_path / "1.wav", song(1, 9)), embedding="old")
    never = decided(service, caller, write(tmp_path / "2.wav", song(2, 9)), embedding="old")
    with service.database.transaction() as session:
        service.store.delete(caller.tenant_id, session.get_one(Track, gone).sha256)
        session.get_one(Track, never).sha256 = None
    done = to_the_end(service, rescans.start(service, caller))
    assert (done.state, done.without_audio, done.looked_at) == ("done", 2, 0)


def test_the_track_of_a_worker_that_died_is_looked_at_by_another_and_counted_once(
    service, caller, tmp_path
) -> None:
    track_id = decided(service, caller, write(tmp_path / "1.wav", song(1, 9)), embedding="old")
    run = rescans.start(service, caller)
    lost = rescans._take(service)
    assert lost is not None
    assert not rescans.work(service)  # another worker is at it, so the end waits
    assert read(service, run).state == "running"
    at(service, service.now() + timedelta(hours=1))
    done = to_the_end(service, run)
    assert (done.state, done.looked_at) == ("done", 1)
    rescans._finish(service, *lost, None, "looked_at", service.now())  # the first was only slow
    assert read(service, run).looked_at == 1
    assert done.cursor == track_id


def test_a_look_that_outlasts_its_lease_counts_once_by_who_ends_first(
    service, caller, tmp_path
) -> None:
    decided(service, caller, write(tmp_path / "1.wav", song(1, 9)), embedding="old")
    run = rescans.start(service, caller)
    slow = rescans._take(service)
    at(service, service.now() + timedelta(hours=1))
    second = rescans._take(service)
    assert slow is not None
    assert second is not None
    for taken in (slow, second):
        rescans._finish(service, *taken, None, "looked_at", service.now())
    assert read(service, run).looked_at == 1
    assert to_the_end(service, run).state == "done"


def test_a_track_that_keeps_three_workers_from_their_end_is_given_up(
    service, caller, tmp_path
) -> None:
    decided(service, caller, write(tmp_path / "1.wav", song(1, 9)), embedding="old")
    run = rescans.start(service, caller)
    for _ in range(3):
        assert rescans._take(service) is not None
        at(service, service.now() + timedelta(hours=1))
    done = to_the_end(service, run)
    assert (done.state, done.failed, done.looked_at, done.at_work) == ("done", 1, 0, {})


def test_a_track_in_which_a_detector_failed_is_looked_at_again_by_the_next_rescan(
    service, caller, tmp_path
) -> None:
    decided(service, caller, write(tmp_path / "1.wav", song(1, 9)), provenance="old")
    run = rescans.start(service, caller, ["provenance"])
    taken = rescans._take(service)
    assert taken is not None
    evidence, outcome = rescans._look(service, taken[1])
    assert evidence is not None
    evidence.detectors["provenance"] = analysis.FAILED
    rescans._finish(service, *taken, evidence, outcome, service.now())
    first = to_the_end(service, run)
    assert (first.state, first.looked_at, first.failed) == ("done", 0, 1)
    assert (first.stricter, every(service, Case)) == (
        0,
        [],
    )  # nobody is asked what nobody looked at

    again = rescans.start(service, caller, ["provenance"])

    done = to_the_end(service, again)
    assert (again.total, done.looked_at, done.failed) == (1, 1, 0)
    assert rescans.start(service, caller, ["provenance"]).total == 0


def test_what_is_found_in_a_stem_is_on_record_with_it(service, caller, tmp_path) -> None:
    path = write(tmp_path / "1.wav", song(1, 12))
    decided(service, caller, path, embedding="old")
    added = references.add(service, caller, path=path, title="In the drums", operator=True)
    rescans.start(service, caller)
    taken = rescans._take(service)
    assert taken is not None
    evidence, _ = rescans._look(service, taken[1])
    assert evidence is not None
    evidence.stems["drums"] = analysis.Evidence(
        matches=evidence.matches, duration=evidence.duration
    )
    evidence.matches = ()

    rescans._finish(service, *taken, evidence, "looked_at", service.now())

    (match,) = every(service, RetroMatch)
    assert match.reference_id == added.id
    assert {segment["stem"] for segment in match.segments} == {"drums"}
    assert match.case_id == every(service, Case)[0].id


def test_a_workers_chores_do_not_wait_for_a_look_and_a_worker_that_analyses_looks(
    service, caller, tmp_path
) -> None:
    decided(service, caller, write(tmp_path / "1.wav", song(1, 9)), embedding="old")
    run = rescans.start(service, caller)
    Chores(service).run_due()
    with working(service, ["notify"]):
        pass
    assert (read(service, run).looked_at, read(service, run).at_work) == (0, {})

    with working(service, ["analyse"]):
        wait_until(lambda: read(service, run).state == "done", 60, "the rescan's end")

    assert read(service, run).looked_at == 1


def test_one_at_a_time_and_the_next_goes_on_with_what_is_left(service, caller, tmp_path) -> None:
    for n in (1, 2):
        decided(service, caller, write(tmp_path / f"{n}.wav", song(n, 9)), embedding="old")
    first = rescans.start(service, caller)
    with pytest.raises(ConflictError, match="is running"):
        rescans.start(service, caller)
    with pytest.raises(BadOptionError, match="no detector nose"):
        rescans.start(service, caller, ["nose"])
    assert rescans.work(service)
    assert rescans.stop(service, caller).state == "stopped"
    with pytest.raises(ConflictError, match="no rescan"):
        rescans.stop(service, caller)
    assert not rescans.work(service)
    again = rescans.start(service, caller)
    assert (read(service, first).looked_at, again.total) == (1, 1)


def test_an_analysis_names_the_version_of_each_detector_that_looked(
    service, caller, tmp_path
) -> None:
    decided(service, caller, write(tmp_path / "1.wav", song(1, 9)))
    (row,) = every(service, Analysis)
    looked = {name for name, state in row.detectors.items() if state == "ok"}
    assert {"fingerprint", "embedding", "composition", "provenance"} <= looked
    present = detector_versions.present(service)
    assert {name: row.versions[name] for name in looked} == {name: present[name] for name in looked}
