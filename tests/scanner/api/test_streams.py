"""Live streams over HTTP: added, sent while they play, followed, ended."""

import json
import threading
from collections.abc import Iterator

from tests.servers import wait_until
from tests.songs import RATE, song, write

SONG = song(1, 30)


def test_a_stream_that_is_sent_is_followed_and_ends_with_its_cue_sheet(platform, tmp_path) -> None:
    known = write(tmp_path / "known.wav", SONG).read_bytes()
    platform.reference(known, title="Known")
    http = platform.http
    data = write(tmp_path / "live.wav", SONG[: 20 * RATE]).read_bytes()

    made = http.post("/v1/streams", json={"name": "Radio"})
    assert made.status_code == 201
    address = made.headers["Location"]
    assert made.json()["state"] == "waiting"

    frames: list[str] = []
    follower = threading.Thread(target=_follow, args=(http, f"{address}/events", frames))
    follower.start()

    def blocks() -> Iterator[bytes]:
        for start in range(0, len(data), 1 << 15):
            yield data[start : start + (1 << 15)]

    sent = http.post(f"{address}/audio", content=blocks(), headers={"Content-Type": "audio/wav"})
    assert sent.status_code == 200, sent.text
    assert (sent.json()["state"], round(sent.json()["heard_seconds"])) == ("waiting", 20)

    ended = http.post(f"{address}/end").json()
    follower.join(20)
    assert not follower.is_alive()
    (entry,) = ended["entries"]
    assert entry["title"] == "Known"
    assert entry["from"] < entry["to"]
    assert "clearance.stream.matched" in frames
    assert frames[-1] == "clearance.stream.ended"

    assert http.get(f"{address}/cue-sheet").json() == ended
    csv = http.get(f"{address}/cue-sheet", params={"format": "csv"})
    assert csv.headers["Content-Type"].startswith("text/csv")
    assert "Known" in csv.text
    late = http.post(f"{address}/audio", content=data)
    assert late.status_code == 409
    (listed,) = http.get("/v1/streams").json()["items"]
    assert (listed["state"], listed["on_air"]) == ("ended", [])


def test_what_can_not_be_a_stream_is_refused_with_what_to_do(platform) -> None:
    http = platform.http
    refused = http.post("/v1/streams", json={"name": "Radio", "url": "ftp://a/b"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "url")
    address = http.post("/v1/streams", json={"name": "Radio"}).headers["Location"]
    bad = http.post(f"{address}/audio", content=b"<html>" * 9000)
    assert (bad.status_code, bad.json()["type"]) == (422, "/problems/unreadable-audio")
    assert http.get(address).json()["problem"]["type"] == "unreadable-audio"


def test_audio_may_come_as_slowly_as_it_plays(make_api, wav) -> None:
    """A station at 64 kbit/s sends less in a second than an upload has to."""
    http = make_api(upload_stall_seconds=1.0, upload_bytes_per_second=10**9).platform().http
    address = http.post("/v1/streams", json={"name": "Radio"}).headers["Location"]
    paced = threading.Event()

    def blocks() -> Iterator[bytes]:
        size = len(wav) // 8 + 1
        for start in range(0, len(wav), size):
            paced.wait(0.2)
            yield wav[start : start + size]

    sent = http.post(f"{address}/audio", content=blocks())
    assert sent.status_code == 200, sent.text
    assert round(sent.json()["heard_seconds"]) == 6


def test_who_sends_to_a_stream_that_is_ended_meanwhile_is_told(api, wav) -> None:
    platform = api.platform()
    address = platform.http.post("/v1/streams", json={"name": "Radio"}).headers["Location"]

    def blocks() -> Iterator[bytes]:
        yield wav[: len(wav) // 2]
        listening = api.client(platform.token)
        wait_until(lambda: listening.get(address).json()["state"] == "listening")
        assert listening.post(f"{address}/end").status_code == 200
        yield wav[len(wav) // 2 :]

    sent = platform.http.post(f"{address}/audio", content=blocks())
    assert (sent.status_code, sent.json()["type"]) == (409, "/problems/conflict")
    assert platform.http.get(address).json()["state"] == "ended"


def _follow(http, address: str, frames: list[str]) -> None:
    with http.stream("GET", address, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("event:"):
                frames.append(line.removeprefix("event:").strip())
            if line.startswith("data:"):
                json.loads(line.removeprefix("data:"))
