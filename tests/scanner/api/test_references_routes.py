"""References over HTTP."""

import io
from typing import Any

import numpy as np
import soundfile

from scanner.tables import Reference
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem, sound


def test_a_reference_is_found_from_the_moment_of_the_answer(platform: Platform) -> None:
    recording = sound(21, 8)
    made = platform.reference(
        recording,
        title="Song",
        holder="Label",
        policy="monetise",
        isrc="us-rc1-76-07839",
        territories="DE,FR",
    )

    track = platform.http.get(f"/v1/tracks/{platform.decided(recording)}").json()

    assert [match["reference_id"] for match in track["matches"]] == [made["id"]]
    assert (made["holder"]["name"], made["policy"]) == ("Label", "monetise")
    assert (made["isrc"], made["territories"]) == ("USRC17607839", ["DE", "FR"])
    assert made["id"] == made["reference_id"]
    assert platform.http.get("/v1/references/stats").json()["references"] == 1


def test_the_default_policy_blocks(platform: Platform, wav: bytes) -> None:
    assert platform.reference(wav)["policy"] == "block"


def test_a_reference_is_changed_and_retired_by_its_version(
    api: Api, platform: Platform, wav: bytes
) -> None:
    address = f"/v1/references/{platform.reference(wav)['id']}"
    tag = platform.http.get(address).headers["etag"]

    assert problem(platform.http.patch(address, json={"policy": "track"})) == (
        "precondition-required"
    )
    changed = platform.http.patch(
        address, json={"policy": "track", "title": "New"}, headers={"If-Match": tag}
    )
    stale = platform.http.patch(address, json={"title": "Old"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["policy"]) == (200, "track")
    assert problem(stale) == "precondition-failed"
    assert platform.http.get(address).json()["title"] == "New"
    assert problem(platform.http.delete(address)) == "precondition-required"
    gone = platform.http.delete(address, headers={"If-Match": changed.headers["etag"]})
    assert gone.status_code == 204
    assert problem(platform.http.get(address)) == "not-found"
    assert platform.http.get("/v1/references").json()["items"] == []
    track = platform.http.get(f"/v1/tracks/{platform.decided(wav)}").json()
    assert track["matches"] == []


BAD_CHANGES: list[tuple[Any, str]] = [
    ({"policy": "burn"}, "bad-fields"),
    ({"title": None}, "bad-fields"),
    ({"title": ""}, "bad-fields"),
    ({"isrc": "12"}, "bad-fields"),
    ({"isrc": ""}, "bad-fields"),
    ({"isrc": " "}, "bad-fields"),
    ({"territories": ["Atlantis"]}, "bad-fields"),
    ({"duration": 3}, "bad-fields"),
    ([], "bad-fields"),
]


def test_bad_changes_are_named_and_change_nothing(platform: Platform, wav: bytes) -> None:
    address = f"/v1/references/{platform.reference(wav)['id']}"
    for body, name in BAD_CHANGES:
        answer = platform.http.patch(address, json=body, headers={"If-Match": "*"})
        assert (answer.status_code, problem(answer)) == (422, name), body
        assert answer.json()["errors"]
    assert platform.http.get(address).json()["version"] == 1


def slow() -> bytes:
    """A whole WAV file at a rate that nothing can be told from."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8_000, np.float32), 1_000, format="WAV")
    return file.getvalue()


def silence() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(88_000, np.float32), 22_050, format="WAV")
    return file.getvalue()


FORMS: dict[str, tuple[Any, dict[str, str], str]] = {
    "no file": ({"title": (None, b"x")}, {}, "bad-fields"),
    "empty": ({"file": ("a", b"")}, {}, "empty-file"),
    "text": ({"file": ("a", b"hello " * 99)}, {}, "not-audio"),
    "lying header": (
        {"file": ("a", b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\xff" * 999)},
        {},
        "unreadable-audio",
    ),
    "short": ({"file": ("a", sound(1, 1))}, {}, "too-short"),
    "silent": ({"file": ("a", silence())}, {}, "silent-audio"),
    "a rate of 1 kHz": ({"file": ("a", slow())}, {}, "unreadable-audio"),
    "policy": (None, {"policy": "burn"}, "bad-fields"),
    "isrc": (None, {"isrc": "12"}, "bad-fields"),
    "territory": (None, {"territories": "Atlantis"}, "bad-fields"),
    "long title": (None, {"title": "t" * 301}, "bad-fields"),
    "unknown": (None, {"colour": "blue"}, "bad-fields"),
}


def test_bad_references_are_refused_by_name_and_leave_nothing(
    api: Api, platform: Platform, wav: bytes
) -> None:
    for case, (files, data, name) in FORMS.items():
        answer = platform.http.post(
            "/v1/references", files=files or {"file": ("a.wav", wav)}, data=data
        )
        assert (answer.status_code, problem(answer)) == (422, name), case
        assert (api.files(), api.count(Reference)) == (set(), 0), case


def test_references_are_listed_in_pages(platform: Platform) -> None:
    ids = [platform.reference(sound(seed, 4))["id"] for seed in range(30, 33)]

    first = platform.http.get("/v1/references?limit=2").json()
    rest = platform.http.get(
        "/v1/references", params={"limit": 2, "cursor": first["next_cursor"]}
    ).json()

    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_references_have_slots_of_their_own(make_api: MakeApi, wav: bytes) -> None:
    api = make_api(reference_slots=1)
    platform = api.platform()

    with api.service.precheck_slots, api.service.reference_slots:
        busy = platform.http.post("/v1/references", files={"file": ("a.wav", wav)})

    assert (busy.status_code, problem(busy)) == (503, "busy")
    assert platform.reference(wav)["policy"] == "block"


def test_a_large_reference_is_refused(make_api: MakeApi, wav: bytes) -> None:
    platform = make_api(max_upload_bytes=1000).platform()

    answer = platform.http.post("/v1/references", files={"file": ("a.wav", wav)})

    assert (answer.status_code, problem(answer)) == (413, "too-large")
    assert problem(platform.http.post("/v1/references", json={})) == "unsupported-media-type"
