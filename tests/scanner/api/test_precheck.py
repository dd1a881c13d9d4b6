"""A precheck answers in the request and leaves nothing behind but a counter."""

import hashlib
import io
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from sqlmodel import SQLModel, select

import fingerprint
from scanner.tables import UsageCounter
from tests.loopback import Listener, reply
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem, sound
from tests.servers import wait_until
from tests.songs import RATE, song


def rows(api: Api) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: api.count(table)
        for table in SQLModel.metadata.sorted_tables
        if table.name != "usage_counter"
    }


def traces(api: Api, content: bytes) -> list[Path]:
    """Files of the whole home folder that hold the content or its digest."""
    digest = hashlib.sha256(content).hexdigest().encode()
    found = [path for path in api.service.settings.home.rglob("*") if path.is_file()]
    return [
        path
        for path in found
        if digest in (raw := path.read_bytes()) or digest.decode() in path.name or content in raw
    ]


@pytest.mark.parametrize("mode_first", [True, False], ids=["mode first", "file first"])
def test_a_precheck_of_a_file_leaves_no_trace(api: Api, mode_first: bool) -> None:
    platform = api.platform()
    recording = sound(11, 10)
    platform.reference(recording, policy="block")
    query = sound(11, 8)
    before, files = rows(api), api.files()
    mode, file = ("mode", (None, b"precheck")), ("file", ("a.wav", query))

    answer = platform.http.post("/v1/tracks", files=[mode, file] if mode_first else [file, mode])

    assert answer.status_code == 200
    assert (answer.json()["track_id"], answer.json()["decision"]) == (None, "review")
    assert len(answer.json()["matches"]) == 1
    assert rows(api) == before
    assert api.files() == files
    assert traces(api, query) == []
    with api.service.database.reading() as session:
        assert [counter.value for counter in session.exec(select(UsageCounter))] == [1]


def test_a_precheck_ignores_the_idempotency_key(api: Api, platform: Platform, wav: bytes) -> None:
    platform.submit(wav, key="k")
    before = rows(api)
    files = {"file": ("a.wav", sound(5))}

    answers = [
        platform.http.post(
            "/v1/tracks", headers={"Idempotency-Key": "k"}, files=files, data={"mode": "precheck"}
        )
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert rows(api) == before


def test_a_precheck_of_a_fingerprint_and_the_track_itself_decide_the_same(
    platform: Platform,
) -> None:
    platform.reference(sound(12, 10), policy="monetise")
    print_ = fingerprint.fingerprint(song(12, 10)[None, :], RATE)

    checked = platform.http.post(
        "/v1/tracks", json={"fingerprint": print_.to_json(), "mode": "precheck"}
    ).json()
    track = platform.http.get(f"/v1/tracks/{platform.decided(sound(12, 10))}").json()

    assert checked["decision"] == track["decision"] == "restrict"


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Serve a folder; give its host:port."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_precheck_of_an_address_fetches_it_into_a_temporary_file(
    make_api: MakeApi, tmp_path: Path, wav: bytes
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.wav").write_bytes(wav)
    (folder / "a.txt").write_text("no sound " * 99)
    with file_server(folder) as host:
        api = make_api(allowed_hosts=host)
        platform = api.platform()
        before = rows(api)

        sounds, text, missing = (
            platform.http.post(
                "/v1/tracks", json={"url": f"http://{host}/{name}", "mode": "precheck"}
            )
            for name in ("a.wav", "a.txt", "b.wav")
        )

    assert (sounds.status_code, sounds.json()["decision"]) == (200, "clear")
    assert problem(text) == "not-audio"
    assert problem(missing) == "url-status"
    assert (rows(api), api.files()) == (before, set())


@pytest.mark.parametrize("mode_first", [True, False], ids=["mode first", "file first"])
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "empty-file"),
        (b"no sound at all " * 99, "not-audio"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\xff" * 4000, "unreadable-audio"),
    ],
)
def test_a_refused_precheck_leaves_no_record_either(
    api: Api, platform: Platform, content: bytes, name: str, mode_first: bool
) -> None:
    before = rows(api)
    mode, file = ("mode", (None, b"precheck")), ("file", ("a.wav", content))

    answer = platform.http.post("/v1/tracks", files=[mode, file] if mode_first else [file, mode])

    assert (answer.status_code, problem(answer)) == (422, name)
    assert (rows(api), api.files()) == (before, set())


def test_a_precheck_that_fetches_holds_its_slot_all_the_while(
    make_api: MakeApi, wav: bytes
) -> None:
    go_on = Event()

    def dawdle(connection: socket.socket, _request: bytes) -> None:
        assert go_on.wait(20)
        connection.sendall(reply(wav))

    listener = Listener(dawdle)
    api = make_api(precheck_slots=1, allowed_hosts=listener.host)
    platform = api.platform()

    def check(address: str) -> httpx.Response:
        body = {"mode": "precheck", "url": address}
        return api.client(platform.token).post("/v1/tracks", json=body)

    try:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(check, listener.url())
            wait_until(lambda: listener.requests, 10, "the fetch")
            busy = platform.http.post(
                "/v1/tracks", files={"file": ("a.wav", wav)}, data={"mode": "precheck"}
            )
            reference = platform.http.post("/v1/references", files={"file": ("a.wav", wav)})
            go_on.set()
            fetched = first.result(20)
    finally:
        go_on.set()
        listener.close()

    assert (busy.status_code, problem(busy)) == (503, "busy")
    assert reference.status_code == 201
    assert fetched.status_code == 200


def test_a_precheck_does_not_decode_for_longer_than_it_may_take(make_api: MakeApi) -> None:
    platform = make_api(precheck_seconds=0.02).platform()
    file = io.BytesIO()
    soundfile.write(file, np.zeros(600 * 44_100, np.int16), 44_100, format="FLAC")

    answer = platform.http.post(
        "/v1/tracks", files={"file": ("a.flac", file.getvalue())}, data={"mode": "precheck"}
    )

    assert (answer.status_code, problem(answer)) == (422, "decode-timeout")


def test_a_precheck_is_told_to_come_back_when_all_slots_are_taken(
    make_api: MakeApi, wav: bytes
) -> None:
    api = make_api(precheck_slots=1)
    platform = api.platform()

    with api.service.precheck_slots:
        busy = platform.http.post(
            "/v1/tracks", files={"file": ("a.wav", wav)}, data={"mode": "precheck"}
        )
    free = platform.http.post(
        "/v1/tracks", files={"file": ("a.wav", wav)}, data={"mode": "precheck"}
    )

    assert (busy.status_code, problem(busy)) == (503, "busy")
    assert int(busy.headers["retry-after"]) >= 1
    assert free.status_code == 200
    assert api.files() == set()
