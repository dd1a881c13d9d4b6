"""Streams of real encoded audio, heard window by window: what was on, from when to when."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
import structlog
from sqlalchemy import text
from sqlmodel import col, select

from scanner import keys, references
from scanner.bus.worker import run_worker
from scanner.callers import Caller
from scanner.errors import BusyError, ConflictError
from scanner.journal import Actor
from scanner.service import Service
from scanner.streams import cue_sheets, records
from scanner.streams.hearing import Hearing, Pace
from scanner.streams.keeper import Keeper
from scanner.streams.plays import Play
from scanner.tables import JournalRow, Stream
from tests.live_audio import encoded, filed
from tests.loopback import Listener
from tests.servers import wait_until
from tests.songs import RATE, song, write

FIRST, SECOND = song(1, 30), song(2, 30)


@pytest.fixture
def known(service, caller, tmp_path) -> dict[str, str]:
    """Two references by what they are called here."""
    made = {}
    for name, samples in (("first", FIRST), ("second", SECOND)):
        path = write(tmp_path / f"{name}.wav", samples)
        row = references.add(service, caller, path=path, title=name, operator=True)
        made[row.id] = name
    return made


def heard(service, connection, data: bytes) -> Hearing:
    hearing = Hearing(service, connection, is_live=False)
    for start in range(0, len(data), 4000):
        if not hearing.feed(data[start : start + 4000]):
            break
    hearing.close()
    return hearing


def sheet_of(service, stream_id: str) -> dict:
    with service.database.reading() as session:
        return cue_sheets.cue_sheet(session, session.get_one(Stream, stream_id))


def events_of(service, stream_id: str) -> list[JournalRow]:
    with service.database.reading() as session:
        rows = select(JournalRow).where(JournalRow.subject == stream_id)
        return list(session.exec(rows.order_by(col(JournalRow.version))))


def test_what_is_on_is_said_while_it_is_on_and_stands_in_the_cue_sheet(
    service, caller, known
) -> None:
    audio = np.concatenate([song(7, 12), FIRST[5 * RATE :], song(8, 6), SECOND[: 20 * RATE]])
    row = records.add(service, caller, "Radio", None)
    connection = records.connect(service, row.id)

    heard(service, connection, encoded(audio))
    records.disconnect(service, connection, None, retries=False)
    records.end(service, row.id, "finished")

    sheet = sheet_of(service, row.id)
    assert [each["title"] for each in sheet["entries"]] == ["first", "second"]
    first, second = sheet["entries"]
    assert (first["start"], first["end"]) == pytest.approx((12, 37), abs=0.7)
    assert (first["reference_start"], first["reference_end"]) == pytest.approx((5, 30), abs=0.7)
    assert (second["start"], second["end"]) == pytest.approx((43, 63), abs=0.7)
    assert all(each["said_after"] <= 10 for each in sheet["entries"])
    assert sheet["is_final"]
    assert (sheet["gaps"], sheet["unsearched"]) == ([], [])
    assert sheet["heard_seconds"] == pytest.approx(63, abs=0.2)
    said = [each.type.removeprefix("clearance.stream.") for each in events_of(service, row.id)]
    assert (said[:3], said[-2:]) == (["added", "connected", "matched"], ["lost", "ended"])
    assert sorted(said[3:-2]) == ["matched", "play_over", "play_over"]
    csv = cue_sheets.as_csv(sheet).splitlines()
    assert len(csv) == 3
    assert ",first," in csv[1]


def test_a_broken_connection_leaves_a_gap_and_the_song_goes_on_as_one_entry(
    make_service, caller, service, known
) -> None:
    row = records.add(service, caller, "Radio", None)
    connection = records.connect(service, row.id)
    heard(service, connection, encoded(FIRST[: 12 * RATE]))
    records.disconnect(service, connection, "client-gone", retries=False)
    again = records.connect(service, row.id, gap=4.0)
    heard(service, again, encoded(FIRST[16 * RATE : 28 * RATE]))
    records.end(service, row.id, "finished")

    sheet = sheet_of(service, row.id)
    (gap,) = sheet["gaps"]
    assert (gap["start"], gap["end"]) == pytest.approx((12, 16), abs=0.2)
    (entry,) = sheet["entries"]
    assert (entry["start"], entry["end"]) == pytest.approx((0, 28), abs=0.7)
    assert entry["said_after"] <= 5.5, "what may have begun is looked at again after a second"


def test_how_late_a_play_was_said_goes_by_the_start_that_the_cue_sheet_tells(
    service, caller, known
) -> None:
    row = records.add(service, caller, "Radio", None)
    connection = records.connect(service, row.id)
    play = Play(next(iter(known)), 4.0, 10.0, 0.0, 6.0, 0.9, 0.0, 1.0)
    records.note_heard(service, connection, 10.0, begun=[play])
    play.start = 5.5  # a later window tells it better
    records.note_heard(service, connection, 12.0, on=[play])
    (entry,) = sheet_of(service, row.id)["entries"]
    assert (entry["start"], entry["said_after"]) == (5.5, 4.5)


def test_where_nothing_was_found_the_next_request_goes_on_where_the_last_one_ended(
    service, caller
) -> None:
    row = records.add(service, caller, "Radio", None)
    connection = records.connect(service, row.id)
    heard(service, connection, encoded(song(7, 6)))
    records.disconnect(service, connection, None, retries=False)
    assert records.connect(service, row.id, gap=0).start == pytest.approx(6, abs=0.2)


def test_who_ends_a_stream_gets_what_was_on_air_when_they_asked(service, caller, known) -> None:
    """Its listener is a few seconds behind, so the end waits for it."""
    row = records.add(service, caller, "Radio", None)
    hearing = Hearing(service, records.connect(service, row.id), is_live=False)
    hearing.feed(encoded(FIRST[: 13 * RATE]))
    wait_until(lambda: sheet_of(service, row.id)["heard_seconds"] >= 10)
    now = service.now()
    service.now = lambda: now + timedelta(seconds=3)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(records.finish, service, row.id, "ended", caller.actor)
        with pytest.raises(TimeoutError):
            ended.result(0.5)
        hearing.feed(encoded(FIRST[13 * RATE : 20 * RATE]))
        ended.result(5)
    hearing.close()

    sheet = sheet_of(service, row.id)
    assert sheet["entries"][0]["end"] >= 13
    assert sheet["is_final"]


def test_one_stream_is_listened_to_once_until_its_listener_dies(service, caller) -> None:
    row = records.add(service, caller, "Radio", None)
    records.connect(service, row.id)
    with pytest.raises(ConflictError):
        records.connect(service, row.id)
    now = service.now()
    service.now = lambda: now + records.LEASE + timedelta(seconds=1)
    assert records.connect(service, row.id).start == pytest.approx(61, abs=2)
    records.end(service, row.id, "ended")
    with pytest.raises(ConflictError, match="ended"):
        records.connect(service, row.id)


def test_a_tenant_has_only_so_many_of_its_streams_listened_to_at_once(make_service) -> None:
    service = make_service(streams_a_tenant=1)
    callers = [
        Caller(keys.create_tenant(service, name).id, Actor(name, "platform"), frozenset())
        for name in ("one", "other")
    ]
    url = "https://radio.example/live"
    first, second, foreign = (
        records.add(service, caller, "radio", url) for caller in (callers[0], *callers)
    )
    connection = records.connect(service, first.id)

    with pytest.raises(BusyError):
        records.connect(service, second.id)
    assert records.due(service, 9) == [foreign.id]
    assert (records.note_busy(service), records.note_busy(service)) == (1, 0)
    with service.database.reading() as session:
        assert session.get_one(Stream, second.id).problem == {"type": "busy"}
        assert session.get_one(Stream, foreign.id).problem is None
    records.end(service, connection.stream_id, "over")
    assert records.due(service, 9) == [second.id, foreign.id]
    records.connect(service, second.id)
    with service.database.reading() as session:
        assert session.get_one(Stream, second.id).problem is None


def test_of_two_that_begin_at_once_a_tenant_with_room_for_one_hears_one(
    make_service, postgresql_url
) -> None:
    service = make_service(streams_a_tenant=1, database_url=postgresql_url)
    tenant = keys.create_tenant(service, "one")
    caller = Caller(tenant.id, Actor("one", "platform"), frozenset())
    first, second = (records.add(service, caller, "radio", None) for _ in range(2))
    with service.database.transaction() as session, ThreadPoolExecutor(1) as pool:
        row = session.get_one(Stream, first.id, with_for_update=True)
        records.require_room(service, session, row, service.now())
        begun = pool.submit(records.connect, service, second.id)
        wait_until(lambda: begun.done() or waiting(service), 10, "the second one's turn")
        row.lease, row.lease_until = "first", service.now() + records.LEASE
        session.commit()
        with pytest.raises(BusyError):
            begun.result(10)


def waiting(service: Service) -> bool:
    """Whether somebody waits for a lock of the database."""
    with service.database.reading() as session:
        return bool(session.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted")).all())


def test_a_source_that_paused_is_not_behind_for_the_rest_of_its_connection() -> None:
    pace = Pace(began=0.0)
    pace.took(asked=0.0, came=2.0, heard=2.0)
    assert pace.lag(2.0, heard=2.0) == 0
    pace.took(asked=2.0, came=14.0, heard=4.0)  # 10 s of silence on the line
    assert pace.lag(14.0, heard=4.0) == 0
    pace.took(asked=21.0, came=21.1, heard=6.0)  # 7 s of search, so the next hop lay there
    assert pace.lag(21.1, heard=6.0) == pytest.approx(5.1)


def test_what_is_no_audio_is_named(service, caller) -> None:
    for data, word in ((b"<html>" * 9000, "MP3"), (b"#EXTM3U\nhttp://a/b", "playlist")):
        row = records.add(service, caller, "Radio", None)
        hearing = heard(service, records.connect(service, row.id), data)
        assert hearing.problem is not None
        assert hearing.problem.problem == "unreadable-audio"
        assert word in str(hearing.problem)


@pytest.mark.parametrize(
    ("form", "times"), [("VORBIS", 2), ("OPUS", 2), ("aac", 2), ("FLAC", 1), ("WAV", 1)]
)
def test_every_kind_of_stream_is_heard(service, caller, form, times) -> None:
    """Stations that play Ogg begin a new stream with each song."""
    data = encoded(song(3, 3), "adts", "aac") if form == "aac" else filed(song(3, 3, 48000), form)
    row = records.add(service, caller, "Radio", None)
    hearing = heard(service, records.connect(service, row.id), data * times)
    assert hearing.problem is None
    assert hearing.position == pytest.approx(3 * times, abs=0.3)


def test_a_station_that_hangs_up_is_fetched_again_until_it_is_lost(
    make_service, caller, service, known
) -> None:
    audio = encoded(FIRST[: 14 * RATE])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n"
    station = Listener()
    station.answer = lambda connection, _: connection.sendall(
        head + audio if station.accepted == 1 else head
    )
    allowed = make_service(allowed_hosts=station.host, stream_lost_seconds=1.5)
    stopping = threading.Event()
    keeper = Keeper(allowed, stopping)
    row = records.add(allowed, caller, "Radio", station.url("/live.mp3"))

    def over() -> bool:
        keeper.run_due()
        with allowed.database.reading() as session:
            return session.get_one(Stream, row.id).state == records.ENDED

    try:
        wait_until(over, 60)
    finally:
        stopping.set()
        keeper.close()
        station.close()

    assert station.accepted >= 2
    (entry,) = sheet_of(allowed, row.id)["entries"]
    assert entry["title"] == "first"
    last = events_of(allowed, row.id)[-1]
    assert (last.type, last.data["reason"]) == ("clearance.stream.ended", "lost")


@pytest.mark.parametrize(
    ("later", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n<html>Back in a minute.</html>", "unreadable-audio"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n", "url-refused"),
    ],
)
def test_a_station_that_was_heard_is_tried_again_whatever_it_says(
    make_service, caller, later, problem
) -> None:
    audio = b"HTTP/1.1 200 OK\r\n\r\n" + encoded(song(7, 6))
    station = Listener()
    station.answer = lambda connection, _: connection.sendall(
        later if station.accepted == 2 else audio
    )
    service = make_service(allowed_hosts=station.host)
    stopping = threading.Event()
    keeper = Keeper(service, stopping)
    row = records.add(service, caller, "Radio", station.url("/live.mp3"))

    def problems() -> list[str]:
        keeper.run_due()
        rows = events_of(service, row.id)
        return [each.data["problem"] for each in rows if each.type.endswith("lost")]

    try:
        wait_until(lambda: len(problems()) >= 3, 30)
    finally:
        stopping.set()
        keeper.close()
        station.close()
    assert problems()[:3] == ["url-ended", problem, "url-ended"]


@pytest.mark.parametrize("sent", [b"", bytes(100)])
def test_a_stall_is_part_of_the_gap_and_tries_in_vain_make_no_gaps_of_their_own(
    make_service, caller, monkeypatch, sent
) -> None:
    """Whether nothing comes for a while, or nothing that sounds."""
    monkeypatch.setattr("scanner.streams.sources.STALL_SECONDS", 1.0)
    monkeypatch.setattr("scanner.streams.keeper.SOUNDLESS_SECONDS", 3.0)
    audio = b"HTTP/1.1 200 OK\r\n\r\n" + encoded(song(7, 6))
    away = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
    station, released = Listener(), threading.Event()

    def answer(connection, _) -> None:
        heard_now = station.accepted in (2, 4)
        connection.sendall(audio if heard_now else away)
        while heard_now and not released.wait(0.2):
            connection.sendall(sent)

    station.answer = answer
    service = make_service(allowed_hosts=station.host)
    keeper = Keeper(service, threading.Event())
    row = records.add(service, caller, "Radio", station.url("/live.mp3"))

    def lost() -> int:
        keeper.run_due()
        return sum(each.type.endswith("lost") for each in events_of(service, row.id))

    try:
        wait_until(lambda: lost() >= 4, 30)
    finally:
        released.set()
        station.close()
        keeper.close()
    sheet = sheet_of(service, row.id)
    (gap,) = sheet["gaps"]
    assert gap["start"] == pytest.approx(6, abs=0.2)
    assert gap["end"] - gap["start"] >= 1 + 1 + 2  # the stall, and the waits for two tries
    assert sheet["heard_seconds"] == pytest.approx(gap["end"] + 6, abs=0.2)


def test_a_station_is_not_lost_by_one_try_after_no_worker_was_there(make_service, caller) -> None:
    station = Listener(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    service = make_service(allowed_hosts=station.host)
    row = records.add(service, caller, "Radio", station.url("/live.mp3"))
    now, lost = service.now(), []
    for hour in range(1, 7):
        service.now = lambda hour=hour: now + timedelta(hours=hour)
        keeper = Keeper(service, threading.Event())
        keeper.run_due()
        keeper.close()
        lost.append(events_of(service, row.id)[-1].type.endswith("ended"))
    station.close()
    assert lost == [False] * 5 + [True]


def test_an_address_that_is_refused_ends_the_stream(service, caller) -> None:
    row = records.add(service, caller, "Radio", "http://10.0.0.1/live.mp3")
    keeper = Keeper(service, threading.Event())
    keeper.run_due()
    keeper.close()
    last = events_of(service, row.id)[-1]
    assert (last.type, last.data["reason"]) == ("clearance.stream.ended", "url-refused")


@pytest.mark.parametrize(
    ("said", "problem"), [(b"", "url-timeout"), (b"HTTP/1.1 200 OK\r\n\r\n", "unreadable-audio")]
)
def test_a_server_that_sends_no_sound_drop_by_drop_is_let_go(
    make_service, caller, monkeypatch, said, problem
) -> None:
    """Else its lease runs out while it is listened to, and it takes one place after the other."""
    monkeypatch.setattr("scanner.streams.keeper.SOUNDLESS_SECONDS", 1.0)
    released = threading.Event()

    def drip(connection, _) -> None:
        connection.sendall(said)
        while not released.wait(0.1):
            connection.sendall(b"H" if not said else b"\0")

    station = Listener()
    station.answer = drip
    service = make_service(allowed_hosts=station.host, stream_lost_seconds=0)
    keeper = Keeper(service, threading.Event())
    row = records.add(service, caller, "Radio", station.url("/live.mp3"))
    keeper.run_due()
    try:
        wait_until(lambda: events_of(service, row.id)[-1].type.endswith("ended"), 10)
    finally:
        released.set()
        station.close()
        keeper.close()
    lost = events_of(service, row.id)[-2]
    assert (lost.type, lost.data["problem"]) == ("clearance.stream.lost", problem)


def test_after_a_fault_of_the_database_a_worker_takes_streams_beside_those_that_it_hears(
    make_service, caller, monkeypatch
) -> None:
    monkeypatch.setattr("scanner.bus.worker.CHORE_SECONDS", 0.05)
    station, released = Listener(), threading.Event()

    def play(connection, _) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + encoded(song(7, 4)))
        released.wait()

    station.answer = play
    service = make_service(allowed_hosts=station.host)
    stopping = threading.Event()
    worker = threading.Thread(target=run_worker, args=(service, ["analyse"], stopping))
    url = station.url("/live.mp3")

    def listening(row: Stream) -> bool:
        return any(each.type.endswith("connected") for each in events_of(service, row.id))

    def renamed(old: str, new: str) -> None:
        with service.database.transaction() as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    first = records.add(service, caller, "Radio", url)
    worker.start()
    try:
        wait_until(lambda: listening(first))
        with structlog.testing.capture_logs() as logs:
            renamed("stream", "away")
            wait_until(lambda: any(each.get("job") == "streams" for each in logs))
        renamed("away", "stream")
        second = records.add(service, caller, "Other radio", url)
        wait_until(lambda: listening(second), 10)
    finally:
        stopping.set()
        released.set()
        station.close()
        worker.join(30)


def test_a_worker_does_not_take_a_stream_twice(service, caller) -> None:
    row = records.add(service, caller, "Radio", "https://radio.example.com/live.mp3")
    assert records.due(service, 4) == [row.id]
    assert records.due(service, 4, but=[row.id]) == []


def test_a_stream_whose_sender_died_ends_after_a_day(service, caller) -> None:
    row = records.add(service, caller, "Radio", None)
    records.connect(service, row.id)
    now = service.now()
    assert records.lapse(service) == 0
    service.now = lambda: now + records.IDLE + timedelta(seconds=1)
    assert records.lapse(service) == 1
