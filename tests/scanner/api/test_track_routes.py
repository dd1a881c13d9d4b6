"""One track over HTTP: its parts, its progress, its audio, taking it back."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlmodel import select

from scanner.inline import drive
from scanner.journal import event_of
from scanner.tables import JournalRow
from scanner.track_states import FINAL
from tests.running import working
from tests.scanner.api.conftest import Api, Platform, problem, sound


def frames(text: str) -> list[dict[str, str]]:
    """Server-Sent Events as their fields."""
    return [
        dict(line.split(": ", 1) for line in frame.splitlines())
        for frame in text.replace("\r\n", "\n").strip().split("\n\n")
        if frame and not frame.startswith(":")
    ]


def test_a_track_that_matches_is_shown_with_all_that_the_contract_names(
    platform: Platform,
) -> None:
    recording = sound(7, 10)
    reference = platform.reference(recording, title="Known", policy="block")
    track_id = platform.decided(recording, external_id="mine")

    track = platform.http.get(f"/v1/tracks/{track_id}").json()
    analysis = platform.http.get(f"/v1/tracks/{track_id}/analysis").json()
    decision = platform.http.get(f"/v1/tracks/{track_id}/decision").json()

    assert (track["id"], track["external_id"]) == (track_id, "mine")
    assert (track["state"], track["decision"]) == ("quarantined", "review")
    (match,) = track["matches"]
    assert (match["reference_id"], match["title"]) == (reference["id"], "Known")
    (segment,) = match["segments"]
    assert abs(segment["query_start"] - segment["reference_start"]) < 0.3
    assert {"pitch_semitones", "tempo_ratio"} <= set(segment)
    assert analysis["matches"] == track["matches"]
    assert analysis["detectors"] == track["detectors"]
    assert "decision" not in analysis
    assert decision["decision"] == "review"
    assert decision["reasons"] == track["reasons"]
    assert decision["pack"] == track["pack"]
    assert set(track["outcomes"].values()) == {"review"}


def test_parts_that_are_not_there_yet_are_not_found(platform: Platform, wav: bytes) -> None:
    track_id = platform.submit(wav)

    for part in ("analysis", "decision"):
        assert problem(platform.http.get(f"/v1/tracks/{track_id}/{part}")) == "not-found"
    assert platform.http.get(f"/v1/tracks/{track_id}").json()["decision"] is None


def test_tracks_are_listed_in_pages_newest_first(platform: Platform, wav: bytes) -> None:
    ids = [platform.submit(wav, external_id=f"n{n % 2}") for n in range(7)]

    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = platform.http.get("/v1/tracks", params=params).json()
        assert len(page["items"]) <= 3
        seen += [item["id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert seen == ids[::-1]
    found = platform.http.get("/v1/tracks?external_id=n1&state=received").json()["items"]
    assert [item["id"] for item in found] == ids[1::2][::-1]
    assert platform.http.get("/v1/tracks?state=released").json()["items"] == []


QUESTIONS = [
    ("limit=0", "bad-fields"),
    ("limit=201", "bad-fields"),
    ("limit=many", "bad-fields"),
    ("state=lost", "bad-fields"),
    ("cursor=nonsense", "bad-cursor"),
    ("cursor=W10", "bad-cursor"),
    ("cursor=%F0%9F%8E%B5", "bad-cursor"),
    ("external_id=%00", "bad-request"),
]


def test_bad_questions_about_a_list_are_named(platform: Platform) -> None:
    told = [(query, problem(platform.http.get(f"/v1/tracks?{query}"))) for query, _ in QUESTIONS]

    assert told == QUESTIONS


def test_a_cursor_of_another_list_is_refused(platform: Platform, wav: bytes) -> None:
    for _ in range(2):
        platform.submit(wav)
    cursor = platform.http.get("/v1/tracks?limit=1").json()["next_cursor"]

    assert problem(platform.http.get("/v1/cases", params={"cursor": cursor})) == "bad-cursor"


# --- taking back, rescanning


def test_a_track_is_taken_back_only_by_who_read_its_present_version(
    platform: Platform, wav: bytes
) -> None:
    track_id = platform.submit(wav)
    address = f"/v1/tracks/{track_id}"
    tag = platform.http.get(address).headers["etag"]

    without = platform.http.delete(address)
    stale = platform.http.delete(address, headers={"If-Match": '"99"'})
    weak = platform.http.delete(address, headers={"If-Match": f"W/{tag}"})
    done = platform.http.delete(address, headers={"If-Match": tag})
    again = platform.http.delete(address, headers={"If-Match": done.headers["etag"]})

    assert (without.status_code, problem(without)) == (428, "precondition-required")
    assert (stale.status_code, problem(stale)) == (412, "precondition-failed")
    assert (weak.status_code, problem(weak)) == (412, "precondition-failed")
    assert (done.status_code, done.json()["state"]) == (200, "withdrawn")
    assert done.headers["etag"] != tag
    assert (again.status_code, problem(again)) == (409, "illegal-transition")
    assert problem(platform.http.get(f"{address}/audio")) == "audio-missing"


def test_a_held_track_can_be_rescanned_once_for_a_key(api: Api, platform: Platform) -> None:
    track_id = platform.submit(b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\xff" * 4000)
    address = f"/v1/tracks/{track_id}/rescan"
    early = platform.http.post(address)
    drive(api.service, track_id)
    headers = {"Idempotency-Key": "again"}

    first = platform.http.post(address, headers=headers)
    second = platform.http.post(address, headers=headers)

    assert problem(early) == "illegal-transition"
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert len(api.journal(platform, "clearance.track.rescanned")) == 1


# --- audio


RANGES: list[tuple[str, int, int | None]] = [
    ("bytes=0-99", 0, 99),
    ("bytes=100-", 100, None),
    ("bytes=-10", -10, None),
    ("bytes=5-5", 5, 5),
    ("bytes=0-999999999", 0, None),
]


def test_a_range_of_the_audio_is_exactly_those_bytes(platform: Platform, wav: bytes) -> None:
    address = f"/v1/tracks/{platform.submit(wav)}/audio"
    for asked, first, last in RANGES:
        answer = platform.http.get(address, headers={"Range": asked})

        start = first if first >= 0 else len(wav) + first
        end = len(wav) - 1 if last is None else last
        assert answer.status_code == 206, asked
        assert answer.content == wav[start : end + 1], asked
        assert answer.headers["content-range"] == f"bytes {start}-{end}/{len(wav)}"
        assert answer.headers["content-length"] == str(end + 1 - start)


def test_the_whole_audio_comes_with_type_and_tag(platform: Platform, wav: bytes) -> None:
    address = f"/v1/tracks/{platform.submit(wav)}/audio"

    answer = platform.http.get(address)
    tag = answer.headers["etag"]

    assert (answer.status_code, answer.content) == (200, wav)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "bytes"
    for known in (tag, f'"of another", W/{tag}', "*"):
        same = platform.http.get(address, headers={"If-None-Match": known})
        assert (same.status_code, same.content) == (304, b""), known
    for ignored in ("bytes=1-2,4-5", "lines=1-2", "bytes=2-1", "bytes=-", "nonsense"):
        assert platform.http.get(address, headers={"Range": ignored}).content == wav
    old = {"Range": "bytes=0-1", "If-Range": '"of another file"'}
    assert platform.http.get(address, headers=old).status_code == 200
    assert platform.http.get(address, headers=old | {"If-Range": tag}).status_code == 206


@pytest.mark.parametrize("beyond", ["bytes=99999999-", "bytes=-0"])
def test_a_range_beyond_the_audio_is_not_satisfiable(
    platform: Platform, wav: bytes, beyond: str
) -> None:
    answer = platform.http.get(
        f"/v1/tracks/{platform.submit(wav)}/audio", headers={"Range": beyond}
    )

    assert (answer.status_code, problem(answer)) == (416, "range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(wav)}"


# --- events


def test_events_tell_a_tracks_whole_story_and_end_with_it(
    api: Api, platform: Platform, wav: bytes
) -> None:
    track_id = platform.decided(wav)

    answer = platform.http.get(f"/v1/tracks/{track_id}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    told = frames(answer.text)
    assert [frame["event"] for frame in told] == [
        "clearance.track.submitted",
        "clearance.track.analysing",
        "clearance.track.analysed",
        "clearance.track.decided",
        "clearance.track.released",
    ]
    for frame in told:
        data = json.loads(frame["data"])
        assert (data["id"], data["type"]) == (frame["id"], frame["event"])
        assert (data["subject"], data["tenant"]) == (track_id, platform.tenant.id)


def test_events_are_for_who_accepts_them(platform: Platform, wav: bytes) -> None:
    """A browser's EventSource accepts nothing else."""
    address = f"/v1/tracks/{platform.decided(wav)}/events"

    stream = platform.http.get(address, headers={"Accept": "text/event-stream"})
    refused = platform.http.get(address, headers={"Accept": "application/json"})

    assert stream.status_code == 200
    assert frames(stream.text)[-1]["event"] == "clearance.track.released"
    assert (refused.status_code, problem(refused)) == (406, "not-acceptable")


def test_last_event_id_resumes_after_that_event(platform: Platform, wav: bytes) -> None:
    track_id = platform.decided(wav)
    address = f"/v1/tracks/{track_id}/events"
    told = frames(platform.http.get(address).text)

    for seen in range(1, len(told)):
        rest = platform.http.get(address, headers={"Last-Event-ID": told[seen - 1]["id"]})
        assert frames(rest.text) == told[seen:]
    over = platform.http.get(address, headers={"Last-Event-ID": told[-1]["id"]})
    assert (over.status_code, over.content) == (204, b"")
    for unknown in ("nonsense", told[0]["data"][:30], "x" * 500):
        again = platform.http.get(address, headers={"Last-Event-ID": unknown})
        assert frames(again.text) == told


def test_many_clients_follow_one_track_live(api: Api, platform: Platform, wav: bytes) -> None:
    """More of them than the server has threads for: one that waits holds none."""
    track_id = platform.submit(wav)
    clients, listening = 60, threading.Semaphore(0)

    def follow(_: int) -> list[str]:
        with api.client(platform.token).stream(
            "GET", f"/v1/tracks/{track_id}/events", timeout=30
        ) as answer:
            lines = []
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    lines.append(line.removeprefix("event: "))
                    if len(lines) == 1:
                        listening.release()
            return lines

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(follow, n) for n in range(clients)]
        for _ in range(clients):
            assert listening.acquire(timeout=20)
        started = time.monotonic()
        assert platform.http.get("/v1/tracks").status_code == 200
        assert time.monotonic() - started < 5
        drive(api.service, track_id)
        stories = {tuple(future.result()) for future in running}

    assert len(stories) == 1
    assert stories.pop()[-1] == "clearance.track.released"


def test_a_worker_and_a_follower_meet_through_the_journal(
    api: Api, platform: Platform, wav: bytes
) -> None:
    track_id = platform.submit(wav)

    with working(api.service):
        text = platform.http.get(f"/v1/tracks/{track_id}/events", timeout=30).text

    assert frames(text)[-1]["event"] == "clearance.track.released"


def test_the_stream_holds_what_the_journal_holds(api: Api, platform: Platform, wav: bytes) -> None:
    track_id = platform.decided(wav)
    told = frames(platform.http.get(f"/v1/tracks/{track_id}/events").text)

    with api.service.database.reading() as session:
        rows: list[Any] = list(
            session.exec(select(JournalRow).where(JournalRow.subject == track_id))
        )
    assert [frame["id"] for frame in told] == [
        event_of(row).id for row in sorted(rows, key=lambda row: row.version)
    ]
    state = platform.http.get(f"/v1/tracks/{track_id}").json()["state"]
    assert state in FINAL


def test_a_track_taken_back_ends_its_stream(api: Api, platform: Platform, wav: bytes) -> None:
    track_id = platform.submit(wav)
    address = f"/v1/tracks/{track_id}"
    with api.client(platform.token).stream("GET", f"{address}/events") as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event: "))
        withdrawn: httpx.Response = platform.http.delete(address, headers={"If-Match": "*"})
        rest = [line for line in lines if line.startswith("event: ")]

    assert withdrawn.status_code == 200
    assert rest == ["event: clearance.track.withdrawn"]
