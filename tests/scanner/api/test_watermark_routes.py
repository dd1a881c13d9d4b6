"""Marks over HTTP: the check for anybody, soft bindings, files that go out, the timeline, licensees."""

import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import soundfile

import fingerprint
from scanner import delivery, licensees, marking, watermark_keys
from scanner.audio import Decoder
from scanner.inline import drive
from scanner.keys import OPERATOR
from tests.marked import RATE, bass, voice
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem, sound

MADE = {"model": "composer", "model_version": "3", "take_id": "take-7", "prompt_sha256": "ab" * 32}


def content_of(samples: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples.T, RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


def submit(platform: Platform, content: bytes, stems: dict[str, bytes] | None = None) -> str:
    files: list[Any] = [("file", ("take.wav", content))]
    files += [("stems", (f"{name}.wav", each)) for name, each in (stems or {}).items()]
    answer = platform.http.post(
        "/v1/tracks",
        headers={"Idempotency-Key": "take"},
        files=files,
        data={"generated": json.dumps(MADE)},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["track_id"])


def check(api: Api, content: bytes, token: str | None = None) -> dict[str, Any]:
    files = {"file": ("unknown.mp3", content)}
    answer = api.client(token).post("/v1/watermarks/detect", files=files)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def released(make_api: MakeApi, database_url: str) -> Iterator[tuple[Api, Platform, str]]:
    """A released generated track with two stems, on each database."""
    both_api = make_api(database_url=database_url, delivery_bit_rate=64_000)
    watermark_keys.rotate(both_api.service, OPERATOR)
    platform = both_api.platform()
    mix, low = 0.6 * voice(21), 0.6 * bass(2)  # one stroke: too short to carry a mark
    stems = {"voice": content_of(mix), "bass": content_of(low)}
    track_id = submit(platform, content_of(mix), stems)
    assert drive(both_api.service, track_id) == "released"
    yield both_api, platform, track_id


def test_a_released_track_is_recognised_by_anybody_and_told_of_once_it_is_published(
    released: tuple[Api, Platform, str],
) -> None:
    api, platform, track_id = released
    before = api.files()
    delivered = platform.http.get(f"/v1/tracks/{track_id}/audio?format=mp3&bit_rate=64000")
    assert delivered.status_code == 200
    assert delivered.headers["content-type"] == "audio/mpeg"
    made = api.files() - before

    unpublished = check(api, delivered.content)

    assert unpublished["verdict"] == "marked_here"
    (mark, *_) = unpublished["watermarks"]
    assert (mark["verdict"], mark["owner"], mark["scheme"]) == ("found", "ours", "audiowmark")
    assert {"take_id", "track_id", "model", "provider"}.isdisjoint(mark)
    assert check(api, delivered.content, platform.token)["watermarks"][0]["take_id"] == "take-7"
    stranger = api.platform("stranger")
    assert "take_id" not in check(api, delivered.content, stranger.token)["watermarks"][0]
    asked = {"watermark": mark["payload"]}
    assert api.client().post("/v1/soft-bindings", json=asked).json() == {"matches": []}

    published = platform.http.post(f"/v1/tracks/{track_id}/publication")
    assert published.status_code == 200
    assert published.json()["published_at"]
    told = check(api, delivered.content)["watermarks"][0]
    assert (told["take_id"], told["provider"], told["model"]) == ("take-7", "one", "composer")
    (found,) = api.client().post("/v1/soft-bindings", json=asked).json()["matches"]
    assert (found["take_id"], found["by"], found["score"]) == ("take-7", "watermark", None)
    with api.service.database.reading() as session:
        row = marking.mark_of(session, track_id)
        assert row is not None
        digests = {each.sha256 for each in delivery.files_of(session, track_id)}
    assert {each["sha256"] for each in found["files"]} == digests
    assert (
        api.client().post("/v1/soft-bindings", json={"watermark": row.payload_id}).json()["matches"]
    )

    with Decoder() as decoder:
        path = api.service.settings.home / "delivered.mp3"
        path.write_bytes(delivered.content)
        decoded = decoder.decode(path)
    print_ = fingerprint.fingerprint(decoded.samples, decoded.sample_rate)
    by_sound = {"fingerprint": print_.to_json()}
    (heard,) = api.client().post("/v1/soft-bindings", json=by_sound).json()["matches"]
    assert (heard["track_id"], heard["by"]) == (track_id, "fingerprint")
    assert heard["score"] > 0.9

    version = {"If-Match": f'"{published.json()["version"]}"'}
    gone = platform.http.delete(f"/v1/tracks/{track_id}/publication", headers=version)
    assert (gone.status_code, gone.json()["published_at"]) == (200, None)
    for asked_again in (asked, by_sound):
        assert api.client().post("/v1/soft-bindings", json=asked_again).json() == {"matches": []}
    assert api.files() - before == made  # what was checked is not kept


def test_files_stems_bundle_and_timeline_of_a_released_track(
    released: tuple[Api, Platform, str],
) -> None:
    _api, platform, track_id = released
    track = f"/v1/tracks/{track_id}"

    master = platform.http.get(f"{track}/audio")
    assert master.content[:3] == b"ID3"  # C2PA keeps the manifest of a FLAC in a tag before it
    assert b"fLaC" in master.content
    part = platform.http.get(f"{track}/audio", headers={"Range": "bytes=0-2"})
    assert (part.status_code, part.content) == (206, b"ID3")
    assert platform.http.get(f"{track}/audio?format=ogg").status_code == 422
    stem = platform.http.get(f"{track}/stems/voice/audio?format=m4a&bit_rate=96000")
    assert (stem.status_code, stem.headers["content-type"]) == (200, "audio/mp4")
    alone = platform.http.get(f"{track}/stems/bass/audio")
    assert (alone.status_code, problem(alone)) == (409, "stem-unmarkable")
    assert problem(platform.http.get(f"{track}/stems/drums/audio")) == "not-found"
    stems = {
        each["name"]: each["state"] for each in platform.http.get(f"{track}/stems").json()["items"]
    }
    assert stems == {"bass": "unmarkable", "voice": "marked"}
    bundle = platform.http.get(f"{track}/bundle")
    assert (bundle.status_code, bundle.content[:2]) == (200, b"PK")
    files = platform.http.get(f"{track}/files").json()["items"]
    assert [(each["part"], each["format"]) for each in files] == [
        ("mix", "mp3"),
        ("mix", "flac"),
        ("stem:voice", "m4a"),
        ("stem:voice", "flac"),
        ("bundle", "zip"),
    ]

    timeline = platform.http.get(f"{track}/timeline").json()

    assert [each["step"] for each in timeline["steps"]] == [
        "prompt", "model", "stems", "mix", "mark", "scan", "decision", "file", "release", "file",
        "file", "file", "file",
    ]  # fmt: skip
    told = {each["step"]: each for each in timeline["steps"]}
    assert told["prompt"]["detail"] == {"sha256": "ab" * 32}
    assert (told["model"]["source"], told["mark"]["source"]) == ("declared", "recorded")
    assert told["mark"]["detail"]["stems"] == stems
    assert told["scan"]["detail"]["detectors"]["watermark"] == "ok"
    assert timeline["not_known"] == ["seed", "parents"]
    assert all(each["event_id"] for each in timeline["steps"] if each["source"] == "recorded")


@pytest.fixture
def marking_api(api: Api) -> Api:
    watermark_keys.rotate(api.service, OPERATOR)
    return api


def test_an_unmarked_file_has_none_found_which_proves_nothing(marking_api: Api) -> None:
    answer = check(marking_api, sound(22, 10))

    assert (answer["verdict"], answer["watermarks"]) == ("none_found", [])
    assert "proves nothing" in answer["statement"]


def test_a_mark_of_a_registered_other_service_is_named_as_such(marking_api: Api) -> None:
    service = marking_api.service
    theirs = watermark_keys.new_key("theirs")
    watermark_keys.add(service, OPERATOR, theirs, owner="Them")
    import watermark

    marked = service.watermarker.embed(
        voice(23, 60), RATE, watermark.Payload("0123456789abcdef" * 2), theirs
    )

    answer = check(marking_api, content_of(marked))

    assert answer["verdict"] == "other_mark"
    assert {mark["owner"] for mark in answer["watermarks"]} == {"other"}


def test_what_can_not_be_checked_is_a_problem_with_its_reason(make_api: MakeApi) -> None:
    api = make_api(public_upload_bytes=300_000, public_rate_limit="8/minute")
    watermark_keys.rotate(api.service, OPERATOR)

    def posted(**arguments: Any) -> str:
        return problem(api.client().post("/v1/watermarks/detect", **arguments))

    assert posted(files={"file": ("a.wav", sound(24, 1))}) == "too-short"
    assert posted(files={"file": ("a.wav", b"no audio at all" * 9)}) == "not-audio"
    assert posted(files={"file": ("a.wav", sound(24, 30))}) == "too-large"
    assert posted(data={"file": "text"}) in {"bad-fields", "unsupported-media-type"}
    assert posted(json={}) == "unsupported-media-type"
    for body in ({}, {"watermark": "xyz"}, {"watermark": "0" * 24, "fingerprint": {}}):
        assert problem(api.client().post("/v1/soft-bindings", json=body)) == "bad-fields"
    limited = api.client().post("/v1/watermarks/detect", json={})
    assert (problem(limited), "Retry-After" in limited.headers) == ("rate-limited", True)


def test_a_bad_key_is_not_taken_for_anybody(marking_api: Api) -> None:
    answer = marking_api.client("clr_live_" + "x" * 43).post("/v1/watermarks/detect", json={})

    assert problem(answer) == "unauthorised"


def test_the_check_page_works_without_a_script_and_says_what_an_answer_means(
    marking_api: Api,
) -> None:
    browser = marking_api.client()
    page = browser.get("/check", headers={"Accept": "text/html"})
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert 'method="post" action="/check" enctype="multipart/form-data"' in page.text

    answered = browser.post("/check", files={"file": ("a.wav", sound(25, 10))})
    assert answered.status_code == 200
    assert "No mark found, which proves nothing" in answered.text
    refused = browser.post("/check", files={"file": ("<b>.wav", b"<script>alert(1)</script>" * 9)})
    assert refused.status_code == 422
    assert "It could not be checked" in refused.text
    assert "<script>" not in refused.text


def test_a_generated_track_is_neither_prechecked_nor_taken_without_its_audio(
    marking_api: Api,
) -> None:
    platform = marking_api.platform()
    headers = {"Idempotency-Key": "x"}
    generated = json.dumps(MADE)

    def refused(**fields: str) -> dict[str, Any]:
        answer = platform.http.post(
            "/v1/tracks",
            headers=headers,
            files=[("file", ("a.wav", sound(26))), ("stems", ("b.wav", sound(27)))],
            data=fields,
        )
        assert problem(answer) == "bad-fields"
        return {each["field"]: each["detail"] for each in answer.json()["errors"]}

    assert "precheck" in refused(generated=generated, mode="precheck")["generated"]
    assert refused() == {"stems": "only a track with `generated` has stems"}
    assert "generated.model" in refused(generated="{}")
    assert "unknown field" in refused(generated=json.dumps(MADE | {"x": 1}))["generated.x"]
    assert marking_api.files() == set()


def test_a_generated_track_that_is_not_released_gives_out_nothing(marking_api: Api) -> None:
    platform = marking_api.platform()
    track_id = submit(platform, content_of(np.zeros((1, 20 * RATE), np.float32)))
    assert problem(platform.http.get(f"/v1/tracks/{track_id}/audio")) == "illegal-transition"
    assert drive(marking_api.service, track_id) == "quarantined"

    for address in ("audio", "bundle", "stems/bass/audio"):
        answer = platform.http.get(f"/v1/tracks/{track_id}/{address}")
        assert problem(answer) == "illegal-transition", address
    published = platform.http.post(f"/v1/tracks/{track_id}/publication")
    assert problem(published) == "illegal-transition"


def test_a_licensees_right_ends_within_96_hours_of_notice_by_itself(both_api: Api) -> None:
    """CA-942."""
    platform, stranger = both_api.platform("one"), both_api.platform("two")
    service = both_api.service
    added = platform.http.post("/v1/watermarks/licensees", json={"name": "Label"})
    assert added.status_code == 201
    address = f"/v1/watermarks/licensees/{added.json()['id']}"
    assert problem(stranger.http.get(address)) == "not-found"
    again = platform.http.post("/v1/watermarks/licensees", json={"name": "Label"})
    assert problem(again) == "conflict"

    noticed = platform.http.post(f"{address}/notice", json={"reason": "strips marks"}).json()

    assert noticed["state"] == "noticed"
    start = service.now()
    assert noticed["due_at"] > (start + timedelta(hours=95, minutes=59)).isoformat()
    assert noticed["due_at"] <= (start + timedelta(hours=96)).isoformat()
    assert licensees.revoke_due(service) == 0
    service.now = lambda: start + timedelta(hours=96, seconds=1)
    assert licensees.revoke_due(service) == 1
    ended = platform.http.get(address).json()
    assert (ended["state"], ended["rule"]) == ("revoked", "CA-942")
    (event,) = both_api.journal(platform, "clearance.licensee.revoked")
    assert event.data["in_time"] is True
    assert problem(platform.http.post(f"{address}/revocation", json={"reason": "x"})) == (
        "illegal-transition"
    )
    listed = platform.http.get("/v1/watermarks/licensees").json()["items"]
    assert [each["id"] for each in listed] == [added.json()["id"]]


def test_visitors_without_a_key_take_no_slot_of_a_client(api: Api) -> None:
    files = {"file": ("unknown.wav", sound(70))}
    with ExitStack() as stack:
        for _ in range(api.service.settings.precheck_slots):
            stack.enter_context(api.service.public_slots)

        turned_away = api.client().post("/v1/watermarks/detect", files=files)
        told = api.client().post("/v1/provenance/verify", files=files)

        assert (turned_away.status_code, problem(turned_away)) == (503, "busy")
        assert (told.status_code, problem(told)) == (503, "busy")
        assert check(api, sound(70), api.platform("one").token)["verdict"] == "none_found"
    assert check(api, sound(70))["verdict"] == "none_found"
