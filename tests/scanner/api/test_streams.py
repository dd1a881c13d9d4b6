"""Live streams over HTTP: added, sent while they play, followed, ended."""

import json
import threading
from collections.abc import Iterator

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


def _follow(http, address: str, frames: list[str]) -> None:
    with http.stream("GET", address, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("event:"):
                frames.append(line.removeprefix("event:").strip())
            if line.startswith("data:"):
                json.loads(line.removeprefix("data:"))
