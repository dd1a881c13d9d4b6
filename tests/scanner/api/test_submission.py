"""POST /v1/tracks: what is accepted, what is refused, and what a refusal leaves behind."""

import asyncio
import hashlib
import json
import socket
import threading

import httpx
import pytest
from sqlmodel import select

import fingerprint
from scanner import uploads
from scanner.events import SubmissionRefused, TrackSubmitted
from scanner.inline import drive
from scanner.tables import Submission, Track
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem
from tests.servers import wait_until
from tests.songs import RATE, song

KEY = {"Idempotency-Key": "one"}


def test_a_file_is_accepted_stored_by_its_digest_and_decided(
    api: Api, platform: Platform, wav: bytes
) -> None:
    answer = platform.http.post(
        "/v1/tracks",
        headers=KEY,
        files={"file": ("../../etc/Ünï song.wav", wav)},
        data={"external_id": "x-1", "territories[]": ["DE", "FR"], "age_band": "adult"},
    )

    assert answer.status_code == 202
    track_id = answer.json()["track_id"]
    assert answer.json()["status_url"] == answer.headers["location"] == f"/v1/tracks/{track_id}"
    drive(api.service, track_id)
    track = platform.http.get(answer.json()["status_url"]).json()
    assert track["sha256"] == hashlib.sha256(wav).hexdigest()
    assert (track["decision"], track["state"]) == ("clear", "released")
    assert track["file_name"] == "Ünï song.wav"
    assert set(track["outcomes"]) == {"DE", "FR"}
    assert [path.name for path in api.files()].count(track["sha256"]) == 1
    assert all(path.is_relative_to(api.service.settings.home) for path in api.files())


@pytest.mark.parametrize("mode_first", [True, False], ids=["mode first", "file first"])
def test_fields_may_come_before_or_after_the_file(
    api: Api, platform: Platform, wav: bytes, mode_first: bool
) -> None:
    mode, file = ("mode", (None, b"release")), ("file", ("a.wav", wav))
    parts = [mode, file] if mode_first else [file, mode]

    answer = platform.http.post("/v1/tracks", headers=KEY, files=parts)

    assert answer.status_code == 202
    assert [path.name for path in api.files()] == [hashlib.sha256(wav).hexdigest()]


def test_what_is_declared_is_kept_word_for_word(api: Api, platform: Platform, wav: bytes) -> None:
    licence = {"licensor": "Label", "territories": ["DE"]}
    attestation = {
        "text_version": "2026-01",
        "signer": "A. N. Artist",
        "at": "2026-02-03T04:05:06Z",
    }
    platform.submit(
        wav,
        account="u-1",
        isrc="USRC17607839",
        iswc="T-034.524.680-1",
        **{"licences[]": [json.dumps(licence), json.dumps(licence)]},
        sources=json.dumps([{"title": "Sample"}]),
        attestation=json.dumps(attestation),
        ai_disclosure=json.dumps({"vocals": "generated"}),
        lyrics="la la",
    )

    with api.service.database.reading() as session:
        declared = session.exec(select(Submission)).one().declaration
    assert declared["licences"] == [licence, licence]
    assert declared["sources"] == [{"title": "Sample"}]
    assert declared["attestation"] == attestation
    assert declared["ai_disclosure"] == {"vocals": "generated"}
    assert (declared["isrc"], declared["iswc"]) == ("USRC17607839", "T-034.524.680-1")
    assert (declared["account"], declared["lyrics"]) == ("u-1", "la la")


def test_a_fingerprint_alone_is_accepted_and_decided(api: Api, platform: Platform) -> None:
    print_ = fingerprint.fingerprint(song(3, 12)[None, :], RATE)

    answer = platform.http.post(
        "/v1/tracks", headers=KEY, json={"fingerprint": print_.to_json(), "external_id": "p"}
    )

    assert answer.status_code == 202
    drive(api.service, answer.json()["track_id"])
    track = platform.http.get(answer.json()["status_url"]).json()
    assert (track["decision"], track["sha256"]) == ("clear", None)
    assert problem(platform.http.get(f"{answer.json()['status_url']}/audio")) == "audio-missing"


def test_an_address_is_accepted_and_left_to_the_worker(api: Api, platform: Platform) -> None:
    answer = platform.http.post(
        "/v1/tracks", headers=KEY, json={"url": "https://cdn.example.com/a.flac"}
    )

    assert answer.status_code == 202
    assert platform.http.get(answer.json()["status_url"]).json()["state"] == "received"
    assert api.files() == set()


FORMS = {
    "empty file": ({"file": ("a.wav", b"")}, {}, 422, "empty-file"),
    "a text": ({"file": ("a.wav", b"not a sound at all" * 99)}, {}, 422, "not-audio"),
    "a picture": ({"file": ("a.wav", b"\x89PNG\r\n\x1a\n" * 99)}, {}, 422, "not-audio"),
    "no file": ({"lyrics": (None, b"la")}, {}, 422, "bad-fields"),
    "territory": (None, {"territories": "Atlantis"}, 422, "bad-fields"),
    "age band": (None, {"age_band": "ancient"}, 422, "bad-fields"),
    "isrc": (None, {"isrc": "12"}, 422, "bad-fields"),
    "iswc": (None, {"iswc": "T-034.524.680-2"}, 422, "bad-fields"),
    "unknown field": (None, {"colour": "blue"}, 422, "bad-fields"),
    "twice": (None, {"external_id": ["a", "b"]}, 422, "bad-fields"),
    "mode": (None, {"mode": "maybe"}, 422, "bad-fields"),
    "attestation": (None, {"attestation": "{"}, 422, "bad-fields"),
    "ern": (None, {"ern": "<a>"}, 422, "bad-fields"),
    "nul": (None, {"external_id": "a\x00b"}, 422, "bad-fields"),
    "too large": ({"file": ("a.wav", b"RIFF" + b"\0" * 600_000)}, {}, 413, "too-large"),
    "large field": (None, {"lyrics": "l" * 70_000}, 413, "too-large"),
}


def test_bad_forms_are_refused_by_name_and_leave_only_a_record(
    make_api: MakeApi, wav: bytes
) -> None:
    api = make_api(max_upload_bytes=500_000, max_body_bytes=65_536)
    told, expected = {}, {}
    for case, (files, data, status, name) in FORMS.items():
        platform = api.platform(case)
        answer = platform.http.post(
            "/v1/tracks", headers=KEY, files=files or {"file": ("a.wav", wav)}, data=data
        )
        (row,) = api.journal(platform, SubmissionRefused.type)
        told[case] = (answer.status_code, problem(answer), row.data["problem"]["type"])
        expected[case] = (status, name, name)
        assert ("errors" in answer.json()) == (name == "bad-fields"), case
        assert (api.files(), api.count(Track)) == (set(), 0), case

    assert told == expected


BODIES = {
    "no JSON": (b"{", 400, "malformed-json"),
    "NaN": (b'{"url": NaN}', 400, "malformed-json"),
    "NUL": (b'{"external_id": "\\u0000", "url": "https://a.example/b"}', 400, "malformed-json"),
    "lone surrogate": (b'{"external_id": "\\ud800"}', 400, "malformed-json"),
    "nested": (b"[" * 30_000, 400, "malformed-json"),
    "a list": (b"[]", 422, "bad-fields"),
    "nothing": (b"{}", 422, "bad-fields"),
    "both": (b'{"url": "https://a.example/b", "fingerprint": {}}', 422, "bad-fields"),
    "number": (b'{"url": 7}', 422, "bad-fields"),
    "file scheme": (b'{"url": "file:///etc/passwd"}', 422, "url-refused"),
    "plain http": (b'{"url": "http://a.example/b"}', 422, "url-refused"),
    "loopback": (b'{"url": "https://127.0.0.1/b"}', 422, "url-refused"),
    "unknown bucket": (b'{"url": "s3://bucket/key"}', 422, "url-refused"),
    "fingerprint": (b'{"fingerprint": {"algorithm": "mine"}}', 422, "bad-fingerprint"),
    "too large": (b'{"url": "' + b"a" * 70_000 + b'"}', 413, "too-large"),
}


def test_bad_json_is_refused_by_name_and_leaves_only_a_record(make_api: MakeApi) -> None:
    api = make_api(max_body_bytes=65_536)
    told, expected = {}, {}
    for case, (body, status, name) in BODIES.items():
        platform = api.platform(case)
        answer = platform.http.post(
            "/v1/tracks", headers=KEY | {"Content-Type": "application/json"}, content=body
        )
        (row,) = api.journal(platform, SubmissionRefused.type)
        told[case] = (answer.status_code, problem(answer), row.data["problem"]["type"])
        expected[case] = (status, name, name)
        assert (api.files(), api.count(Track)) == (set(), 0), case

    assert told == expected


def part(disposition: bytes, value: bytes) -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + value + b"\r\n"


WITH_NUL: dict[str, bytes] = {
    "in a name": part(b'name="co\0lour"', b"blue"),
    "in a value": part(b'name="lyrics"', b"la\0la"),
    "in the name of a nested field": part(b'name="ai_disclosure"', b'{"vo\\u0000cals": "none"}'),
    "in a nested value": part(b'name="sources"', b'[{"title": "a\\u0000b"}]'),
    "in a file's field": part(b'name="fi\0le"; filename="a.wav"', b"RIFF"),
}


def test_nul_in_a_form_is_refused_on_both_databases(both_api: Api, wav: bytes) -> None:
    platform = both_api.platform()
    file = part(b'name="file"; filename="a.wav"', wav)
    for case, wrong in WITH_NUL.items():
        answer = platform.http.post(
            "/v1/tracks",
            headers=KEY | {"Content-Type": MULTIPART},
            content=wrong + file + b"--b--\r\n",
        )
        assert (answer.status_code, problem(answer)) == (422, "bad-fields"), case

    assert len(both_api.journal(platform, SubmissionRefused.type)) == len(WITH_NUL)
    assert both_api.files() == set()


MULTIPART = "multipart/form-data; boundary=b"
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
RAW = {
    "no boundary": ("multipart/form-data", b"", 400, "malformed-multipart"),
    "no parts": (MULTIPART, b"hello", 400, "malformed-multipart"),
    "cut off": (MULTIPART, HEAD + b"RIFF1234WAVE" * 99, 400, "malformed-multipart"),
    "no name": (MULTIPART, b"--b\r\nX: y\r\n\r\nz\r\n--b--\r\n", 400, "malformed-multipart"),
    "text": ("text/plain", b"hello", 415, "unsupported-media-type"),
    "none": ("", b"hello", 415, "unsupported-media-type"),
}


def test_bodies_of_the_wrong_form_are_refused(api: Api, platform: Platform) -> None:
    told = {}
    for case, (kind, body, _, _) in RAW.items():
        answer = platform.http.post(
            "/v1/tracks", headers=KEY | {"Content-Type": kind}, content=body
        )
        told[case] = (answer.status_code, problem(answer))

    assert told == {case: (status, name) for case, (_, _, status, name) in RAW.items()}
    assert (api.files(), api.count(Track)) == (set(), 0)


def test_a_compressed_body_is_refused(platform: Platform) -> None:
    headers = KEY | {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    answer = platform.http.post("/v1/tracks", headers=headers, content=b"\x1f\x8b")

    assert problem(answer) == "unsupported-media-type"


def test_what_an_upload_opened_is_closed_beside_the_event_loop() -> None:
    closed_in: list[int] = []

    async def refuse() -> None:
        async with uploads.kept_open() as stack:
            stack.callback(lambda: closed_in.append(threading.get_ident()))
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        asyncio.run(refuse())

    assert len(closed_in) == 1
    assert closed_in != [threading.get_ident()]


def test_the_idempotency_key_is_required_and_named(
    api: Api, platform: Platform, wav: bytes
) -> None:
    answer = platform.http.post("/v1/tracks", files={"file": ("a.wav", wav)})

    assert (answer.status_code, problem(answer)) == (400, "idempotency-key-required")
    assert "Idempotency-Key" in answer.json()["detail"]
    assert (api.files(), api.count(Track)) == (set(), 0)


@pytest.mark.parametrize("key", ["", "k" * 201, "kéy"])
def test_an_unusable_idempotency_key_is_refused(platform: Platform, wav: bytes, key: str) -> None:
    answer = platform.http.post(
        "/v1/tracks",
        headers={"Idempotency-Key": key.encode()},
        files={"file": ("a.wav", wav)},
    )

    assert (answer.status_code, problem(answer)) == (400, "idempotency-key-invalid")


@pytest.mark.parametrize("mode_first", [True, False], ids=["mode first", "file first"])
def test_a_client_that_goes_away_leaves_nothing(
    api: Api, platform: Platform, wav: bytes, mode_first: bool
) -> None:
    mode = b'--b\r\nContent-Disposition: form-data; name="mode"\r\n\r\nrelease\r\n'
    body = (mode if mode_first else b"") + HEAD + wav * 12
    host, port = api.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/tracks HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {platform.token}\r\n"
        f"Idempotency-Key: k\r\nContent-Type: {MULTIPART}\r\nContent-Length: {len(body) * 2}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        wait_until(api.files, 10, "the upload to arrive")
    wait_until(lambda: not api.files(), 10, "the upload to be cleared away")

    assert api.count(Track) == 0
    assert api.journal(platform, TrackSubmitted.type) == []


def test_a_track_whose_file_lies_is_held_with_the_problem_named(
    api: Api, platform: Platform
) -> None:
    track_id = platform.submit(b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\xff" * 4000)
    drive(api.service, track_id)

    track = platform.http.get(f"/v1/tracks/{track_id}").json()
    assert (track["state"], track["decision"]) == ("held", None)
    assert track["problem"]["type"] == "unreadable-audio"


def test_waiting_answers_with_the_decision_when_it_is_ready(
    api: Api, platform: Platform, wav: bytes
) -> None:
    track_id = platform.submit(wav, key="same")
    early = platform.http.post(
        "/v1/tracks?wait=0.3", headers={"Idempotency-Key": "same"}, files={"file": ("a", wav)}
    )
    drive(api.service, track_id)
    late = platform.http.post(
        "/v1/tracks?wait=5", headers={"Idempotency-Key": "same"}, files={"file": ("a", wav)}
    )

    assert (early.status_code, early.json()["track_id"]) == (202, track_id)
    assert (late.status_code, late.json()["decision"]) == (200, "clear")
    assert late.json()["track_id"] == track_id
    assert late.elapsed.total_seconds() < 4


def test_waiting_takes_no_nonsense(platform: Platform, wav: bytes) -> None:
    for wait in ("-1", "soon", "nan"):
        answer = platform.http.post(
            f"/v1/tracks?wait={wait}", headers=KEY, files={"file": ("a", wav)}
        )
        assert (answer.status_code, problem(answer)) == (422, "bad-fields")


def test_a_full_queue_refuses_uploads_but_not_reading(make_api: MakeApi, wav: bytes) -> None:
    api = make_api(queue_limit=1)
    platform = api.platform()
    platform.submit(wav)
    from scanner.bus.relay import Relay

    Relay(api.service.database, api.service.transport, api.service.settings.home).run_once()

    def refused() -> httpx.Response | None:
        answer = platform.http.post(
            "/v1/tracks", headers={"Idempotency-Key": "b"}, files={"file": ("a", wav)}
        )
        return answer if answer.status_code == 503 else None

    wait_until(refused, 5, "back-pressure")
    answer = refused()
    assert answer is not None
    assert problem(answer) == "busy"
    assert int(answer.headers["retry-after"]) > 0
    assert platform.http.get("/v1/tracks").status_code == 200
