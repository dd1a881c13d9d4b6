"""What anybody may ask: is this manifest right, where does this track come from."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from scanner import provenance, publication, tracks, watermark_keys
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.keys import OPERATOR
from scanner.marking import MarkState
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Watermark
from tests.scanner.api.conftest import Api, Platform, sound
from tests.scanner.audio.recordings import encode, stereo
from tests.signed_files import signed_file
from tests.watermark.provenance.signing import Signer, read, remuxed, with_flipped_audio
from watermark.provenance import Claim, Making, ManifestState, SourceType

GENERATED: dict[str, Any] = {
    "generated": {"model": "songmaker", "model_version": "2.1", "prompt_sha256": "ab" * 32}
}
PAYLOAD = "0123456789abcdef0011223344556677"


def delivered(
    api: Api, platform: Platform, track_id: str, folder: Path, form: str = "flac"
) -> Path:
    """Make the file that a released track goes out as."""
    with api.service.database.reading() as session:
        track = tracks.find(session, platform.tenant.id, track_id)
    plain = encode(folder / f"delivery.{form}", stereo(3.0), form)
    made_at = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
    facts = provenance.FileFacts(track, GENERATED, form, "take-7", made_at, PAYLOAD)
    return signed_file(api.service, plain, facts)


def publish(api: Api, platform: Platform, track_id: str) -> None:
    """Publish a track as one that carries a mark."""
    key = watermark_keys.rotate(api.service, OPERATOR)
    with api.service.database.transaction() as session:
        row = Watermark(
            id=new_id(),
            tenant_id=platform.tenant.id,
            track_id=track_id,
            take_id="take-7",
            model="songmaker",
            scheme="audiowmark",
            payload_id=PAYLOAD[:24],
            payload=PAYLOAD,
            key_id=key.id,
            state=MarkState.MARKED,
            issued_at=api.service.now(),
        )
        session.add(row)
    caller = Caller(platform.tenant.id, OPERATOR, frozenset())
    publication.publish(api.service, caller, track_id)


def verified(api: Api, path: Path, token: str | None = None) -> dict[str, Any]:
    with path.open("rb") as file:
        answer = api.client(token).post("/v1/provenance/verify", files={"file": (path.name, file)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "m4a"])
def test_anybody_can_verify_a_manifest(
    api: Api, platform: Platform, tmp_path: Path, form: str
) -> None:
    track_id = platform.decided(sound(71, 4))
    path = delivered(api, platform, track_id, tmp_path, form)
    publish(api, platform, track_id)
    told = verified(api, path)
    assert told["state"] == told["manifest"]["state"] == "valid"
    assert told["signed"]["track_id"] == track_id
    assert told["signed"]["model"] == "songmaker"
    assert told["not_known"]
    flipped = verified(api, with_flipped_audio(path, tmp_path / f"delivery-tagged.{form}"))
    assert (flipped["state"], flipped["signed"]) == ("invalid", None)
    stripped = verified(api, remuxed(path))
    assert (stripped["state"], stripped["signed"]) == ("absent", None)
    assert "proves nothing" in stripped["words"]


def test_an_unknown_signer_and_an_unread_format_are_said(api: Api, tmp_path: Path) -> None:
    stranger = Signer("Somebody", datetime.now(UTC))
    plain = encode(tmp_path / "song.wav", stereo(2.0), "wav")
    making = Making(SourceType.CAPTURED, "recorder", "1", datetime.now(UTC))
    signed = stranger.sign(plain, Claim("a", "Elsewhere", "1", making=making))
    assert verified(api, signed)["state"] == "untrusted"
    told = verified(api, encode(tmp_path / "song.ogg", stereo(2.0), "ogg-vorbis"))
    assert (told["state"], told["manifest"]) == ("not_checked", None)


def test_what_can_not_be_verified_is_a_problem(api: Api) -> None:
    http = api.client()
    for files, name in (
        ({"file": ("a.wav", b"")}, "empty-file"),
        ({"file": ("a.wav", b"words, only words " * 50)}, "not-audio"),
        ({"other": ("a.wav", sound(1))}, "bad-fields"),
    ):
        answer = http.post("/v1/provenance/verify", files=files)
        assert answer.status_code == 422
        assert answer.json()["type"] == f"/problems/{name}"
    assert http.post("/v1/provenance/verify", json={}).status_code == 415


def test_a_file_above_the_limit_for_anybody_is_refused(
    make_api: Callable[..., Api], tmp_path: Path
) -> None:
    api = make_api(public_upload_bytes=10_000)
    answer = api.client().post("/v1/provenance/verify", files={"file": ("a.wav", sound(1))})
    assert answer.status_code == 413


def test_the_check_is_rate_limited_by_address(make_api: Callable[..., Api]) -> None:
    http = make_api(public_rate_limit="3/minute").client()
    answers = [http.get(f"/v1/tracks/{new_id()}/badge").status_code for _ in range(4)]
    assert answers == [404, 404, 404, 429]


def test_a_badge_says_what_is_known_and_what_is_not(
    api: Api, platform: Platform, tmp_path: Path
) -> None:
    track_id = platform.decided(sound(72, 4))
    before = api.client().get(f"/v1/tracks/{track_id}/badge").json()
    assert before["heading"] == "Origin not known"
    assert before["known"] == []
    assert any("does not guess" in each for each in before["not_known"])
    assert any("voice" in each for each in before["not_known"])

    delivered(api, platform, track_id, tmp_path)
    publish(api, platform, track_id)
    badge = api.client().get(f"/v1/tracks/{track_id}/badge").json()
    assert badge["heading"] == "AI-generated"
    assert [each["by"] for each in badge["known"]] == ["manifest", "mark"]
    assert badge["not_known"][0] == "What the model was trained on."
    assert badge["manifest"]["soft_binding"]["value"] == PAYLOAD
    assert platform.tenant.id not in str(badge)


@pytest.mark.parametrize(
    ("parts", "heading"),
    [
        ('{"vocals": "generated"}', "Declared: AI-generated: vocals"),
        ('{"vocals": "none"}', "Declared: No part is declared as made by AI"),
    ],
)
def test_a_declaration_is_called_one(
    api: Api, platform: Platform, parts: str, heading: str
) -> None:
    track_id = platform.decided(sound(73, 4), ai_disclosure=parts)
    badge = api.client().get(f"/v1/tracks/{track_id}/badge").json()
    assert badge["heading"] == heading
    assert [each["by"] for each in badge["known"]] == ["declaration"]
    assert any("nobody checked" in each for each in badge["not_known"])


def test_the_badge_is_a_drawing_with_its_text(api: Api, platform: Platform, tmp_path: Path) -> None:
    track_id = platform.decided(sound(74, 4))
    delivered(api, platform, track_id, tmp_path)
    publish(api, platform, track_id)
    answer = api.client().get(f"/v1/tracks/{track_id}/badge.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "max-age" in answer.headers["cache-control"]
    drawing = etree.fromstring(answer.content)
    texts = ["".join(each.itertext()) for each in drawing.iter("{*}text")]
    assert texts[0] == "AI-generated"
    assert texts[2].startswith("Not known")
    described = "".join(drawing.find("{*}desc").itertext())
    assert "songmaker 2.1" in described
    assert "Not known:" in described
    assert drawing.find("{*}script") is None


@pytest.mark.parametrize(
    ("language", "heading", "unknown"),
    [
        ("de", "Herkunft nicht bekannt", "Nicht bekannt"),
        ("fr", "Origine inconnue", "Non connu"),
        ("es", "Origen desconocido", "No se sabe"),
    ],
)
def test_the_drawing_speaks_the_language_asked_for_and_no_row_leaves_its_box(
    api: Api, platform: Platform, language: str, heading: str, unknown: str
) -> None:
    address = f"/v1/tracks/{platform.decided(sound(79, 4))}/badge.svg"
    asked = api.client().get(address, params={"lang": language})
    assert asked.headers["vary"] == "Accept-Language"
    assert asked.headers["content-language"] == language
    by_browser = api.client().get(address, headers={"Accept-Language": f"{language}, en;q=0.5"})
    assert by_browser.content == asked.content
    drawing = etree.fromstring(asked.content)
    texts = ["".join(each.itertext()) for each in drawing.iter("{*}text")]
    assert texts[0] == heading
    assert any(each.startswith(unknown) for each in texts)
    assert "Not known" not in asked.text
    assert max(map(len, texts)) <= 46
    assert int(drawing.get("height")) >= int(list(drawing.iter("{*}text"))[-1].get("y"))
    assert api.client().get(address, params={"lang": "xx"}).status_code == 422


def test_a_sandbox_badge_says_that_it_is_a_test(api: Api, platform: Platform) -> None:
    sandbox = api.platform(sandbox_of=platform)
    track_id = sandbox.decided(sound(75, 4))
    assert api.client().get(f"/v1/tracks/{track_id}/badge").json()["sandbox"] is True
    assert b"Test only" in api.client().get(f"/v1/tracks/{track_id}/badge.svg").content


def test_the_manifest_of_a_published_track_is_anybodys_to_read(
    api: Api, platform: Platform, tmp_path: Path
) -> None:
    track_id = platform.decided(sound(76, 4))
    assert api.client().get(f"/v1/tracks/{track_id}/manifest").status_code == 404
    path = delivered(api, platform, track_id, tmp_path, "wav")
    publish(api, platform, track_id)
    answer = api.client().get(f"/v1/tracks/{track_id}/manifest")
    assert answer.headers["content-type"] == "application/c2pa"
    assert answer.content in path.read_bytes()
    assert read(path, anchors(api.service)).state is ManifestState.VALID


def test_of_an_unpublished_track_only_its_platform_learns_how_it_was_made(
    api: Api, platform: Platform, tmp_path: Path
) -> None:
    track_id = platform.decided(sound(78, 4))
    path = delivered(api, platform, track_id, tmp_path)
    for token in (None, api.platform("stranger").token):
        http = api.client(token)
        badge = http.get(f"/v1/tracks/{track_id}/badge").json()
        assert (badge["heading"], badge["manifest"]) == ("AI-generated", None)
        assert badge["not_known"]
        drawing = http.get(f"/v1/tracks/{track_id}/badge.svg").text
        for secret in ("songmaker", "abab", PAYLOAD, "Clearance"):
            assert secret not in str(badge)
            assert secret not in drawing
        assert http.get(f"/v1/tracks/{track_id}/manifest").status_code == 404
        assert verified(api, path, token)["signed"] is None

    own = platform.http.get(f"/v1/tracks/{track_id}/badge").json()
    assert own["manifest"]["model"] == "songmaker"
    manifest = platform.http.get(f"/v1/tracks/{track_id}/manifest")
    assert (manifest.status_code, manifest.headers["cache-control"]) == (200, "private, no-store")
    assert verified(api, path, platform.token)["signed"]["track_id"] == track_id


def test_a_badge_never_names_who_signed_an_upload(
    api: Api, platform: Platform, tmp_path: Path
) -> None:
    stranger = Signer("Jane Doe", datetime.now(UTC))
    making = Making(SourceType.CAPTURED, "recorder", "1", datetime.now(UTC))
    plain = encode(tmp_path / "song.wav", stereo(8.0), "wav")
    signed = stranger.sign(plain, Claim("a", "Elsewhere", "1", making=making))
    track_id = platform.decided(signed.read_bytes())
    for http in (api.client(), platform.http):
        badge = http.get(f"/v1/tracks/{track_id}/badge")
        assert badge.json()["known"][0]["by"] == "manifest"
        assert "Jane Doe" not in badge.text


def test_nothing_is_told_of_tracks_that_are_not_released(
    api: Api, platform: Platform, tmp_path: Path
) -> None:
    platform.reference(sound(77, 6))
    held_back = platform.decided(sound(77, 6))
    assert platform.http.get(f"/v1/tracks/{held_back}").json()["state"] == "quarantined"
    path = delivered(api, platform, held_back, tmp_path)
    assert verified(api, path)["signed"] is None
    for track_id in (held_back, new_id(), "nonsense"):
        for what in ("badge", "badge.svg", "manifest"):
            answer = api.client().get(f"/v1/tracks/{track_id}/{what}")
            assert answer.status_code == 404
            assert answer.json()["detail"] == "no track of this id"


def anchors(service: Service) -> str:
    settings: Settings = service.settings
    return settings.trust_anchors_file.read_text()
