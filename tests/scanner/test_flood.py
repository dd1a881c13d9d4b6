"""A reference that is suddenly found everywhere is taken out until a person has looked."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from scanner import banks, flood, inline, references, tracks, upkeep
from scanner.callers import Caller
from scanner.clock import new_id, utc_now
from scanner.declarations import Declaration
from scanner.events import TrackAnalysed
from scanner.journal import Event, record
from scanner.service import Service
from scanner.tables import (
    Analysis,
    Case,
    Reference,
    ReferenceTally,
    Submission,
    Track,
    TrackMatch,
)
from tests.running import add_tenant
from tests.songs import RATE, song, write


def analysed(
    service: Service,
    caller: Caller,
    reference_id: str,
    at: datetime,
    sha256: str | None = None,
    sound: str | None = None,
    account: str | None = None,
) -> Event:
    """Journal an analysis of some bytes, of some sound, from some account, that found one reference."""
    track_id, analysis_id = new_id(), new_id()
    with service.database.transaction() as session:
        session.add(
            Track(
                id=track_id,
                tenant_id=caller.tenant_id,
                state="analysing",
                sha256=sha256,
                created_at=at,
                updated_at=at,
            )
        )
        session.flush()
        if account is not None:
            session.add(
                Submission(
                    id=new_id(),
                    tenant_id=caller.tenant_id,
                    track_id=track_id,
                    entrance="api",
                    declaration={"account": account},
                    created_at=at,
                )
            )
        session.add(
            Analysis(
                id=analysis_id,
                tenant_id=caller.tenant_id,
                track_id=track_id,
                detectors={},
                versions={},
                audio={},
                warnings=[],
                seconds={},
                fingerprint_sha256=sound,
                started_at=at,
                ended_at=at,
            )
        )
        session.flush()
        session.add(
            TrackMatch(
                id=new_id(),
                tenant_id=caller.tenant_id,
                track_id=track_id,
                analysis_id=analysis_id,
                reference_id=reference_id,
                kind="recording",
                score=1.0,
                coverage_query=1.0,
                coverage_reference=1.0,
                longest_seconds=5.0,
                segments=[],
            )
        )
        return record(
            session,
            tenant_id=caller.tenant_id,
            subject=track_id,
            version=1,
            data=TrackAnalysed(
                analysis_id=analysis_id, sha256=None, detectors={}, index_version=None, matches=1
            ),
            now=at,
        )


def found(service: Service, caller: Caller, reference_id: str, times: int, at: datetime) -> None:
    for _ in range(times):
        flood.watch(service, analysed(service, caller, reference_id, at))


def status(service: Service, reference_id: str) -> str:
    with service.database.reading() as session:
        return session.get_one(Reference, reference_id).status


@pytest.fixture
def guarded(make_service, database_url: str) -> Service:
    return make_service(database_url=database_url, flood_minimum=6, flood_factor=3)


@pytest.fixture
def known(guarded: Service, tmp_path: Path) -> tuple[Caller, str]:
    caller = add_tenant(guarded)
    added = references.add(guarded, caller, path=write(tmp_path / "song.wav", song(1, 12)))
    return caller, added.id


def test_a_flood_is_quarantined_for_a_person_and_its_return_is_not_another_one(
    guarded, known
) -> None:
    caller, reference_id = known
    now = utc_now()
    found(guarded, caller, reference_id, 5, now)
    assert status(guarded, reference_id) == "active"

    found(guarded, caller, reference_id, 1, now)

    assert status(guarded, reference_id) == "quarantined"
    assert guarded.catalogue.compare(caller.tenant_id) == 0
    with guarded.database.reading() as session:
        (case,) = session.exec(select(Case))
    assert (case.kind, case.reference_id) == ("reference_flood", reference_id)
    assert "6 times" in case.reasons[0]["text"]

    upkeep.settle(guarded, caller, reference_id, "active", "it is a hit")
    found(guarded, caller, reference_id, 6, now)
    assert status(guarded, reference_id) == "active"  # 12: not three times what was found right
    found(guarded, caller, reference_id, 7, now)
    assert status(guarded, reference_id) == "quarantined"


def test_what_is_found_often_and_always_was_is_no_flood(guarded, known) -> None:
    caller, reference_id = known
    now = utc_now()
    with guarded.database.transaction() as session:
        session.get_one(Reference, reference_id).created_at = now - timedelta(days=90)
        for days in range(2, 31):
            hour = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
            session.add(ReferenceTally(reference_id=reference_id, hour=hour, matches=5))
    found(guarded, caller, reference_id, 12, now)
    assert status(guarded, reference_id) == "active"
    found(guarded, caller, reference_id, 4, now)
    assert status(guarded, reference_id) == "quarantined"


def test_matches_of_days_ago_are_no_flood_of_today(guarded, known) -> None:
    caller, reference_id = known
    now = utc_now()
    for days in range(6):
        found(guarded, caller, reference_id, 4, now + timedelta(days=2 * days))
    assert status(guarded, reference_id) == "active"


def tallied(service: Service) -> int:
    with service.database.reading() as session:
        return sum(session.exec(select(ReferenceTally.matches)))


def test_copies_of_one_file_or_of_the_same_samples_count_as_one(guarded, known, tmp_path) -> None:
    caller, reference_id = known
    now = utc_now()
    for n in range(9):  # the same file, then the same samples with other tags
        for event in (
            analysed(guarded, caller, reference_id, now, "a" * 64, "1" * 64),
            analysed(guarded, caller, reference_id, now, f"{n:064}", "1" * 64),
        ):
            flood.watch(guarded, event)
    assert tallied(guarded) == 1
    other = analysed(guarded, caller, reference_id, now, "b" * 64, "2" * 64)
    flood.watch(guarded, other)
    assert (tallied(guarded), status(guarded, reference_id)) == (2, "active")

    month_later = now + timedelta(days=33)
    guarded.now = lambda: month_later
    flood.forget_old(guarded)
    flood.watch(guarded, analysed(guarded, caller, reference_id, month_later, "a" * 64))
    assert tallied(guarded) == 1


def test_a_file_that_is_sent_again_and_again_switches_no_reference_off(guarded, known) -> None:
    caller, reference_id = known
    path = guarded.settings.home / "song.wav"
    for _ in range(8):
        blob = guarded.store.put_file(caller.tenant_id, path)
        source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size)
        declared = Declaration.parse({})
        track = tracks.submit(guarded, caller, source, declared, entrance="cli", key=new_id())
        assert inline.drive(guarded, track, 60) == "quarantined"
    assert (tallied(guarded), status(guarded, reference_id)) == (1, "active")


def test_one_account_makes_no_flood_of_its_own_copies(make_service, database_url, tmp_path) -> None:
    service = make_service(database_url=database_url, flood_minimum=20, flood_factor=3)
    caller = add_tenant(service)
    added = references.add(service, caller, path=write(tmp_path / "song.wav", song(1, 12)))
    now = utc_now().replace(hour=12)
    for _ in range(30):
        flood.watch(service, analysed(service, caller, added.id, now, account="eager"))
    assert (tallied(service), status(service, added.id)) == (2, "active")

    flood.watch(
        service, analysed(service, caller, added.id, now + timedelta(days=1), account="eager")
    )
    assert tallied(service) == 3
    for n in range(10):
        for _ in range(2):
            flood.watch(service, analysed(service, caller, added.id, now, account=f"many {n}"))
    assert status(service, added.id) == "quarantined"


def test_two_workers_that_see_copies_at_the_same_moment_count_one(guarded, known) -> None:
    caller, reference_id = known
    now = utc_now()
    for n in range(5):
        sha256 = f"{n:064}"
        events = [analysed(guarded, caller, reference_id, now, sha256) for _ in range(2)]
        start = threading.Barrier(2)

        def watch(event: Event, start: threading.Barrier = start) -> None:
            start.wait()
            flood.watch(guarded, event)

        workers = [threading.Thread(target=watch, args=(event,)) for event in events]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert tallied(guarded) == 5


def test_a_rate_that_is_found_right_is_that_of_the_flood_whenever_a_person_looks(
    guarded, known
) -> None:
    caller, reference_id = known
    start = utc_now()
    found(guarded, caller, reference_id, 6, start)
    guarded.now = lambda: start + timedelta(days=3)
    references.change(guarded, caller, reference_id, {"title": "A hit"})
    settled = upkeep.settle(guarded, caller, reference_id, "active", "it is a hit")
    assert (settled.status, settled.accepted_rate) == ("active", 6.0)


def test_an_event_that_comes_twice_counts_once(guarded, known) -> None:
    from scanner.bus.dispatch import AlreadyHandledError

    caller, reference_id = known
    event = analysed(guarded, caller, reference_id, utc_now())
    flood.watch(guarded, event)
    for _ in range(9):
        with pytest.raises(AlreadyHandledError):
            flood.watch(guarded, event)
    assert status(guarded, reference_id) == "active"


def test_what_nobody_claims_may_be_found_everywhere(guarded, tmp_path) -> None:
    caller = add_tenant(guarded)
    banks.create(guarded, caller, "loops", kind="negative")
    path = write(tmp_path / "loop.wav", song(1, 8))
    loop = references.add(guarded, caller, path=path, bank="loops")
    found(guarded, caller, loop.id, 9, utc_now())
    assert status(guarded, loop.id) == "active"


def test_tracks_that_were_decided_stay_as_they_are(guarded, known, tmp_path) -> None:
    caller, reference_id = known
    ids = []
    for n in range(7):
        path = write(tmp_path / f"{n}.wav", song(1, 12)[n * RATE // 2 :])
        blob = guarded.store.put_file(caller.tenant_id, path)
        source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size)
        declared = Declaration.parse({})
        ids.append(tracks.submit(guarded, caller, source, declared, entrance="cli", key=new_id()))
        inline.drive(guarded, ids[-1], 60)
    with guarded.database.reading() as session:
        states = [session.get_one(Track, each).state for each in ids]
    assert status(guarded, reference_id) == "quarantined"
    assert states == ["quarantined"] * 6 + ["released"]


def test_tallies_that_no_baseline_reaches_are_dropped(guarded, known) -> None:
    _, reference_id = known
    now = utc_now()
    with guarded.database.transaction() as session:
        for days in (1, 20, 40):
            at = now - timedelta(days=days)
            session.add(ReferenceTally(reference_id=reference_id, hour=at, matches=1))
    flood.forget_old(guarded)
    with guarded.database.reading() as session:
        assert len(session.exec(select(ReferenceTally)).all()) == 2
