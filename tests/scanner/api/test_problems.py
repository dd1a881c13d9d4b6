"""What goes wrong is told as a problem with a stable name, and tells nothing it should not."""

import asyncio
import contextlib
import pathlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from scanner import byte_ranges, cursors, problems
from scanner.api import create_app
from scanner.bodies import chunks
from scanner.problems import KINDS, HttpError
from scanner.service import Service
from scanner.strict_json import strict_json
from scanner.tables import Track
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem

DOCS = pathlib.Path(__file__).parents[3] / "docs" / "api.md"


WRONG: list[tuple[str, str, dict[str, str], int, str]] = [
    ("GET", "/nowhere", {}, 404, "not-found"),
    ("GET", "/v1/tracks/", {}, 404, "not-found"),
    ("PUT", "/v1/tracks", {}, 405, "method-not-allowed"),
    ("DELETE", "/v1/tracks", {}, 405, "method-not-allowed"),
    ("GET", "/v1/tracks", {"Accept": "text/html"}, 406, "not-acceptable"),
    ("GET", "/v1/tracks", {"Accept": "application/json;q=0"}, 406, "not-acceptable"),
    ("POST", "/v1/webhooks", {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
    ("POST", "/v1/webhooks", {"Content-Type": "application/json"}, 400, "malformed-json"),
]


def test_what_http_itself_can_get_wrong_is_a_problem_too(platform: Platform) -> None:
    for method, path, headers, status, name in WRONG:
        content = b"{" if headers else b""
        answer = platform.http.request(method, path, headers=headers, content=content)
        assert (answer.status_code, problem(answer)) == (status, name), (method, path, headers)
        assert (status == 405) == ("allow" in answer.headers)


def test_what_is_accepted_is_answered(platform: Platform) -> None:
    for accept in ("*/*", "application/*", "text/html, application/json;q=0.1", "Application/JSON"):
        assert platform.http.get("/v1/tracks", headers={"Accept": accept}).status_code == 200


def test_a_large_body_without_a_file_is_refused_declared_or_not(make_api: MakeApi) -> None:
    platform = make_api(max_body_bytes=4096).platform()

    def pieces() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 1024

    headers = {"Content-Type": "application/json"}
    for content in (b" " * 5000, pieces()):
        answer = platform.http.post("/v1/webhooks", headers=headers, content=content)
        assert (answer.status_code, problem(answer)) == (413, "too-large")


FORM = (
    "multipart/form-data; boundary=b",
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF',
)
SLOW = [
    ("/v1/tracks", *FORM),
    ("/v1/references", *FORM),
    ("/v1/tracks", "application/json", b'{"url": "'),
    ("/v1/webhooks", "application/json", b'{"url": "'),
]


@pytest.mark.parametrize("dribbling", [False, True], ids=["stalled", "dribbling"])
@pytest.mark.parametrize(("path", "kind", "begin"), SLOW)
def test_a_body_that_comes_too_slowly_is_ended(
    make_api: MakeApi, path: str, kind: str, begin: bytes, dribbling: bool
) -> None:
    api = make_api(upload_stall_seconds=0.5)
    platform = api.platform()
    host, port = api.url.removeprefix("http://").split(":")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {platform.token}\r\n"
        f"Idempotency-Key: k\r\nContent-Type: {kind}\r\nContent-Length: 100000\r\n\r\n"
    )

    with socket.create_connection((host, int(port)), timeout=0.05) as connection:
        connection.sendall(head.encode() + begin)
        answer, started = b"", time.monotonic()
        while not answer and time.monotonic() - started < 10:
            if dribbling:
                connection.sendall(b"a")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/upload-timeout" in answer
    assert api.files() == set()


def test_a_server_that_is_slow_itself_blames_no_client(
    make_service: Callable[..., Service],
) -> None:
    """What counts is the time in which the client is waited for."""
    service = make_service(upload_stall_seconds=0.3, upload_bytes_per_second=1_000_000)
    sent = iter([b"a", b"b", b"c", b""])

    async def receive() -> dict[str, Any]:
        piece = next(sent)
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def read_slowly() -> bytes:
        app = create_app(service.settings, service)
        body = b""
        async for piece in chunks(Request({"type": "http", "app": app}, receive)):
            body += piece
            await asyncio.sleep(0.2)
        return body

    assert asyncio.run(read_slowly()) == b"abc"


def test_what_nobody_foresaw_is_told_by_its_incident_id_only(make_api: MakeApi, wav: bytes) -> None:
    """A table that is gone stands for every surprise."""
    api = make_api()
    platform = api.platform()
    with api.service.database.transaction() as session:
        session.connection().exec_driver_sql("DROP TABLE webhook")

    with structlog.testing.capture_logs() as logs:
        answer = platform.http.get("/v1/webhooks")

    assert answer.status_code in {500, 503}
    assert problem(answer) in {"internal-error", "unavailable"}
    incident = answer.json()["instance"].removeprefix("urn:uuid:")
    assert answer.headers["x-request-id"] == incident
    assert incident in {line.get("incident") for line in logs}
    assert "webhook" not in answer.json()["detail"]


def test_each_request_is_one_line_in_the_log(api: Api, platform: Platform, wav: bytes) -> None:
    with structlog.testing.capture_logs() as logs:
        track_id = platform.submit(wav)
        platform.http.get(f"/v1/tracks/{track_id}", headers={"X-Request-ID": "client-7"})

    posted, read = [line for line in logs if line["event"] == "request"]
    assert (posted["method"], posted["route"], posted["status"]) == ("POST", "/v1/tracks", 202)
    assert posted["track_id"] == read["track_id"] == track_id
    assert posted["tenant"] == read["tenant"] == platform.tenant.id
    assert posted["seconds"] > 0
    assert (read["route"], read["client_request_id"]) == ("/v1/tracks/{track_id}", "client-7")
    assert platform.token not in str(logs)


def test_every_problem_is_documented_and_leads_somewhere(api: Api) -> None:
    section = DOCS.read_text(encoding="utf-8").partition("\n## Problems\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE))
    client = api.client()

    assert documented == set(KINDS)
    for name, kind in KINDS.items():
        told = client.get(f"/problems/{name}").json()
        assert told == {"name": name, "status": kind.status, "title": kind.title}
    assert problem(client.get("/problems/none")) == "not-found"


def test_the_database_that_does_not_answer_is_a_503(make_api: MakeApi) -> None:
    api = make_api()
    platform = api.platform()
    api.service.database.engine.dispose()
    path = pathlib.Path(api.service.database.url.removeprefix("sqlite:///"))
    path.rename(path.with_suffix(".away"))
    path.mkdir()

    answer = platform.http.get("/v1/tracks")

    assert (answer.status_code, problem(answer)) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_a_database_without_a_free_connection_is_a_503_and_followers_go_on(
    api: Api, platform: Platform, wav: bytes
) -> None:
    track_id = platform.submit(wav)
    address = f"/v1/tracks/{track_id}"
    pool: Any = api.service.database.engine.pool
    pool._timeout = 0.3

    with api.client(platform.token).stream("GET", f"{address}/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event: "))
        with contextlib.ExitStack() as held:
            for _ in range(pool.size() + pool._max_overflow):
                held.enter_context(api.service.database.engine.connect())
            answer = platform.http.get("/v1/tracks")
            time.sleep(0.6)  # so that who watches the followed tracks finds none free either
        assert platform.http.delete(address, headers={"If-Match": "*"}).status_code == 200
        rest = [line for line in lines if line.startswith("event: ")]

    assert (answer.status_code, problem(answer)) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert rest == ["event: clearance.track.withdrawn"]


# --- limits


def test_a_key_that_asks_too_often_is_slowed_down(make_api: MakeApi) -> None:
    api = make_api(rate_limit="5/minute")
    platform, other = api.platform("one"), api.platform("two")

    answers = [platform.http.get("/v1/tracks") for _ in range(7)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert problem(answers[-1]) == "rate-limited"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[0].headers["ratelimit-policy"] == '"key";q=5;w=60'
    assert answers[0].headers["ratelimit"].startswith('"key";r=4;t=')
    assert answers[-1].headers["ratelimit"].startswith('"key";r=0;t=')
    assert other.http.get("/v1/tracks").status_code == 200


def test_guessing_keys_is_slowed_down_by_address(make_api: MakeApi) -> None:
    api = make_api(public_rate_limit="3/minute")
    client = api.client("clr_live_" + "a" * 43)

    answers = [client.get("/v1/tracks").status_code for _ in range(5)]

    assert answers == [401] * 3 + [429] * 2
    assert api.client().get("/v1/schemas/clearance.track.held/1").status_code == 429
    assert api.client().get("/healthz").status_code == 200
    assert api.platform().http.get("/v1/tracks").status_code == 200


# --- small languages


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(1, 2**40))
def test_a_range_is_what_the_rfc_says(first: int, last: int, size: int) -> None:
    try:
        part = byte_ranges.requested(f"bytes={first}-{last}", size)
    except HttpError as error:
        assert error.name == "range-not-satisfiable"
        assert first >= size
        return
    if last < first:
        assert part is None
    else:
        assert part is not None
        assert (part.start, part.end) == (first, min(last, size - 1) + 1)
        assert len(part) > 0


@given(st.text(max_size=40), st.integers(0, 10_000))
def test_no_range_header_is_more_than_a_range_or_a_refusal(header: str, size: int) -> None:
    try:
        part = byte_ranges.requested(header, size)
    except HttpError:
        return
    assert part is None or 0 <= part.start < part.end <= size


@given(st.integers(0, 2**60), st.uuids())
def test_a_cursor_comes_back_as_it_was_made(number: int, id_: object) -> None:
    cursor = cursors.encode("list", number, str(id_))

    assert cursors.decode("list", cursor, int, str) == (number, str(id_))
    with pytest.raises(HttpError):
        cursors.decode("other", cursor, int, str)
    with pytest.raises(HttpError):
        cursors.decode("list", cursor, str, str)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_cursor_with_a_time_that_utc_does_not_have_is_refused(
    platform: Platform, at: str
) -> None:
    cursor = cursors.encode("tracks", at, "a")

    answer = platform.http.get("/v1/tracks", params={"cursor": cursor})

    assert (answer.status_code, problem(answer)) == (422, "bad-cursor")


@given(st.text(max_size=80))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    with pytest.raises(HttpError):
        cursors.decode("list", text, str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    )
)
def test_strict_json_is_json_without_what_databases_refuse(value: object) -> None:
    import json

    raw = json.dumps(value).encode()
    strings = json.dumps(value, ensure_ascii=False)
    refused = "\\u0000" in strings.replace("\\\\", "") or any(
        0xD800 <= ord(char) < 0xE000 for char in strings
    )
    if refused:
        with pytest.raises(ValueError, match=r".*"):
            strict_json(raw)
    else:
        assert strict_json(raw) == value


def test_a_problem_without_a_kind_of_its_own_still_has_a_plain_title(api: Api) -> None:
    from scanner.audio import AudioError

    members = problems.document(AudioError("odd-thing", "what was found"))

    assert (members["status"], members["title"]) == (422, "Odd thing")
    assert api.count(Track) == 0
