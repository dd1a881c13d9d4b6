"""What goes out carries tags and a manifest; what others claimed stays; what was stripped is found."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from scanner import disclosures, provenance, stored_manifests, tracks
from scanner.callers import Caller
from scanner.certificates import CertificateError
from scanner.clock import new_id, utc_now
from scanner.declarations import Declaration
from scanner.provenance import FileFacts
from scanner.service import Service
from scanner.tables import Track
from scanner.track_states import State
from tests.running import add_tenant
from tests.scanner.audio.recordings import encode, stereo
from tests.signed_files import signed_file
from tests.watermark.golden_audio import place_of
from tests.watermark.provenance.signing import Signer, decoded, read, remuxed
from watermark import BuiltinWatermarker, Key, Payload, Verdict, parse_key_file
from watermark.provenance import (
    Claim,
    Edit,
    Making,
    ManifestState,
    Origin,
    SoftBinding,
    SourceType,
    TagError,
    Tags,
    read_tags,
    write_tags,
)

FORMATS = ["wav", "mp3", "flac", "m4a"]
PAYLOAD = "0123456789abcdef0011223344556677"
DECLARED: dict[str, Any] = {
    "generated": {
        "model": "songmaker",
        "model_version": "2.1",
        "method": "trained",
        "take_id": "take-7",
        "prompt_sha256": "ab" * 32,
        "seed": 7,
        "parents": ["take-3"],
    },
    "ai_disclosure": {"vocals": "none", "instruments": "generated", "composition": "generated"},
    "isrc": "USRC17607839",
    "ern": {"title": "Nachtstück", "artists": ["Ann", "Ben"], "p_line": "2026 Test Records"},
    "sources": [{"title": "Rain", "artist": "Field Tapes", "isrc": None}],
}


def submitted(service: Service, caller: Caller, path: Path) -> Track:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    track_id = tracks.submit(
        service, caller, source, Declaration.parse({}), entrance="cli", key=new_id()
    )
    with service.database.reading() as session:
        return tracks.find(session, caller.tenant_id, track_id)


def facts(track: Track, form: str, **changes: Any) -> FileFacts:
    given = {
        "declared": DECLARED,
        "form": form,
        "take_id": "take-7",
        "made_at": datetime(2026, 11, 26, 4, 0, tzinfo=UTC),
        "payload": PAYLOAD,
        "stems": [("drums", "cd" * 32), ("bass", "ef" * 32)],
    }
    return FileFacts(track=track, **given | changes)


def set_state(service: Service, track: Track, state: State) -> None:
    with service.database.transaction() as session:
        session.get_one(Track, track.id).state = state


def anchors(service: Service) -> str:
    return service.settings.trust_anchors_file.read_text()


@pytest.mark.parametrize("form", FORMATS)
def test_tags_come_first_and_the_manifest_last(
    service: Service, caller: Caller, tmp_path: Path, form: str
) -> None:
    plain = encode(tmp_path / f"delivery.{form}", stereo(3.0), form)
    track = submitted(service, caller, plain)
    path = signed_file(service, plain, facts(track, form))

    manifest = read(path, anchors(service))
    assert manifest.state is ManifestState.VALID
    assert manifest.synthetic is True
    assert manifest.source_types == {"trainedAlgorithmicMedia"}
    assert manifest.soft_bindings == (SoftBinding("org.clearance.audiowmark.128", PAYLOAD),)
    assert set(manifest.ingredients) == {
        Origin("take take-3", "inputTo"),
        Origin("Rain – Field Tapes", "inputTo"),
        Origin("drums", "componentOf"),
        Origin("bass", "componentOf"),
    }
    assert set(dict(manifest.mining).values()) == {"notAllowed"}
    assert manifest.failures == ()
    with path.open("rb") as file:
        tags = read_tags(file)
    assert (tags.title, tags.artist, tags.isrc) == ("Nachtstück", "Ann; Ben", "USRC17607839")
    assert tags.disclosure == "AI-generated: instruments, composition"
    assert np.array_equal(decoded(path), decoded(plain))


def test_the_manifest_that_was_stripped_is_found_by_the_mark(
    make_service: Callable[..., Service], database_url: str, tmp_path: Path
) -> None:
    """Row 37: render, mark, deliver; ``ffmpeg -c copy``; the mark brings the manifest back."""
    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    key, payload = Key(bytes(range(16)), "ours"), Payload(PAYLOAD)
    engine = BuiltinWatermarker()
    marked = engine.embed(stereo(60.0), 44100, payload, key)
    plain = encode(tmp_path / "delivery.mp3", marked, "mp3")
    track = submitted(service, caller, plain)
    path = signed_file(service, plain, facts(track, "mp3"))

    stripped = remuxed(path)
    assert read(stripped, anchors(service)).state is ManifestState.ABSENT
    heard = service.decoder.decode(stripped)
    marks = engine.detect(heard.samples, heard.sample_rate, [key])
    found = [each.payload.digits for each in marks if each.verdict is Verdict.FOUND]
    assert found
    with service.database.reading() as session:
        own = caller.tenant_id
        assert stored_manifests.recovered(session, found, own) == []  # it is not released
    set_state(service, track, State.RELEASED)
    with service.database.reading() as session:
        assert stored_manifests.recovered(session, found) == []  # nor published
        (row,) = stored_manifests.recovered(session, found, own)
        assert stored_manifests.recovered(session, ["ff" * 16], own) == []
        assert stored_manifests.of_track(session, track.id) == row
        assert stored_manifests.of_file(session, row.file_sha256) == row
    told = stored_manifests.describe(row)
    assert (told["model"], told["seed"], told["source_type"]) == (
        "songmaker",
        "7",
        "trainedAlgorithmicMedia",
    )
    # It is the very manifest: with it beside the file as it was signed, that file is whole.
    store = stored_manifests.manifest_bytes(service, row)
    assert store in path.read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_a_cut_keeps_what_came_with_the_file(service: Service, tmp_path: Path, form: str) -> None:
    """AIA-COP, CA-853, DMCA-I2: the manifest as parent, the tags, and the mark in the sound."""
    stranger = Signer("Somebody Else", utc_now())
    theirs = {"title": "Theirs", "artist": "Ben", "copyright": "Ben 2020", "genre": "Folk"}
    plain = encode(tmp_path / f"original.{form}", stereo(4.0), form, tags=theirs)
    making = Making(SourceType.CAPTURED, "recorder", "1", utc_now())
    original = stranger.sign(plain, Claim("Theirs", "Elsewhere", "1", making=making))
    heard = service.decoder.decode(original)
    cut = encode(tmp_path / f"cut.{form}", heard.samples[:, 44100:], form)
    edits = [Edit("c2pa.trimmed", utc_now(), (("from_seconds", "0"), ("to_seconds", "1")))]

    path = provenance.passed_on(service, original, cut, form, edits, heard.tags, "Theirs")

    manifest = read(path, anchors(service) + stranger.root)
    assert manifest.state is ManifestState.VALID
    assert manifest.ingredients == (Origin("Theirs", "parentOf", has_manifest=True),)
    assert [each.name for each in manifest.actions] == ["c2pa.opened", "c2pa.trimmed"]
    assert manifest.synthetic is False  # as the parent's manifest says, and only that
    assert manifest.mining == ()
    kept = service.decoder.decode(path)
    assert {name: kept.tags.get(name) for name in theirs} == theirs
    assert np.array_equal(decoded(path), decoded(cut))


def test_a_cut_keeps_the_mark_of_others(service: Service, tmp_path: Path) -> None:
    values, rate = soundfile.read(place_of("mono48-marked.flac"), dtype="float32", always_2d=True)
    cut = tmp_path / "cut.flac"
    soundfile.write(cut, values[5 * rate :], rate)
    original = place_of("mono48-marked.flac")
    edits = [Edit("c2pa.trimmed", utc_now())]
    path = provenance.passed_on(service, original, cut, "flac", edits, {"title": "t"}, "t")
    heard = service.decoder.decode(path)
    key = parse_key_file(place_of("golden.key").read_text(), "golden")
    marks = BuiltinWatermarker().detect(heard.samples, heard.sample_rate, [key])
    assert any(each.verdict is Verdict.FOUND for each in marks)
    assert read(path).state is ManifestState.ABSENT  # nobody claimed anything of it


def test_a_cut_of_what_is_claimed_does_not_go_out_unsigned(
    service: Service, tmp_path: Path
) -> None:
    shutil.rmtree(service.settings.certificate_folder)
    stranger = Signer("Somebody Else", utc_now())
    plain = encode(tmp_path / "original.wav", stereo(3.0), "wav")
    making = Making(SourceType.CAPTURED, "recorder", "1", utc_now())
    original = stranger.sign(plain, Claim("Theirs", "Elsewhere", "1", making=making))
    with pytest.raises(CertificateError):
        provenance.passed_on(
            service, original, plain, "wav", [Edit("c2pa.edited", utc_now())], {}, "Theirs"
        )


def test_a_manifest_that_was_submitted_stays_inside_the_one_that_is_delivered(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    platform = Signer("The Model's Makers", utc_now())
    plain = encode(tmp_path / "submitted.wav", stereo(3.0), "wav")
    making = Making(SourceType.MODEL, "songmaker", "2.1", utc_now())
    signed = platform.sign(plain, Claim("take", "Songmaker", "2", making=making))
    track = submitted(service, caller, signed)
    delivery = encode(tmp_path / "delivery.mp3", stereo(3.0), "mp3")
    path = signed_file(service, delivery, facts(track, "mp3", stems=()))
    manifest = read(path, anchors(service))
    assert manifest.state is ManifestState.VALID
    assert Origin("as submitted", "parentOf", has_manifest=True) in manifest.ingredients
    assert [each.name for each in manifest.actions] == [
        "c2pa.opened",
        "c2pa.edited",
        "c2pa.watermarked.bound",
    ]
    assert manifest.source_types == {"trainedAlgorithmicMedia"}


def test_a_manifest_that_a_stem_was_submitted_with_stays(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    platform = Signer("The Model's Makers", utc_now())
    plain = encode(tmp_path / "drums.wav", stereo(3.0), "wav")
    making = Making(SourceType.MODEL, "songmaker", "2.1", utc_now())
    signed = platform.sign(plain, Claim("drums", "Songmaker", "2", making=making))
    track = submitted(service, caller, encode(tmp_path / "mix.wav", stereo(4.0), "wav"))
    stem = service.store.put_file(caller.tenant_id, signed).sha256

    path = signed_file(
        service, plain, facts(track, "wav", part="stem:drums", stem_sha256=stem, stems=())
    )

    manifest = read(path, anchors(service))
    assert manifest.state is ManifestState.VALID
    assert Origin("as submitted", "parentOf", has_manifest=True) in manifest.ingredients


@pytest.mark.parametrize("form", ["mp3", "flac", "m4a"])
def test_tags_that_were_submitted_stay_where_nothing_else_is_declared(
    service: Service, caller: Caller, tmp_path: Path, form: str
) -> None:
    plain = encode(tmp_path / "take.flac", stereo(3.0), "flac")
    tagged = tmp_path / "tagged.flac"
    with plain.open("rb") as source, tagged.open("w+b") as target:
        given = Tags(title="Dawn", artist="Cleo", album="Mornings")
        write_tags(source, target, "flac", given, {"genre": "Ambient"})
    track = submitted(service, caller, tagged)
    delivery = encode(tmp_path / f"delivery.{form}", stereo(3.0), form)

    path = signed_file(
        service, delivery, facts(track, form, declared={"generated": DECLARED["generated"]})
    )

    with path.open("rb") as file:
        tags = read_tags(file)
    assert (tags.title, tags.artist, tags.album) == ("Dawn", "Cleo", "Mornings")
    assert tags.disclosure == "AI-generated"
    assert service.decoder.decode(path).tags["genre"] == "Ambient"


def test_nothing_goes_out_without_a_certificate(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    shutil.rmtree(service.settings.certificate_folder)
    plain = encode(tmp_path / "delivery.wav", stereo(3.0), "wav")
    track = submitted(service, caller, plain)
    with pytest.raises(CertificateError):
        signed_file(service, plain, facts(track, "wav"))
    with service.database.reading() as session:
        assert stored_manifests.of_track(session, track.id) is None


def test_what_is_no_audio_does_not_go_out(service: Service, caller: Caller, tmp_path: Path) -> None:
    broken = tmp_path / "delivery.flac"
    broken.write_bytes(b"nothing to hear" * 100)
    track = submitted(service, caller, encode(tmp_path / "take.wav", stereo(3.0), "wav"))
    with pytest.raises(TagError):
        signed_file(service, broken, facts(track, "flac"))


@pytest.mark.parametrize(
    ("method", "parts", "source_type", "words"),
    [
        ("trained", None, SourceType.MODEL, "AI-generated"),
        ("trained", {"vocals": "generated"}, SourceType.MODEL, "AI-generated: vocals"),
        (
            "trained",
            {"vocals": "generated", "lyrics": "assisted"},
            SourceType.HUMAN_AND_MODEL,
            "AI-generated: vocals; AI-assisted: lyrics",
        ),
        (
            "rule_based",
            None,
            SourceType.RULES,
            "Generated by rules, without a trained model",
        ),
        (
            "rule_based",
            {"composition": "assisted"},
            SourceType.SYNTHETIC_PARTS,
            "AI-assisted: composition",
        ),
    ],
)
def test_where_sound_comes_from_is_said_as_declared(
    method: str, parts: dict[str, str] | None, source_type: SourceType, words: str
) -> None:
    declared = {"generated": {"model": "m", "method": method}, "ai_disclosure": parts}
    assert disclosures.source_type_of(declared) is source_type
    assert disclosures.disclosure_of(declared) == words


def test_a_declared_title_is_tagged_as_it_was_written() -> None:
    title = "夜\u3000空 می\u200cخواهم"
    assert disclosures.tags_of({"ern": {"title": title}}, "Take 1").title == title
    assert disclosures.tags_of({"ern": {"title": "a\nb"}}, "Take 1").title == "a b"


def test_what_nobody_said_is_not_said() -> None:
    assert disclosures.disclosure_of({}) is None
    none = {"ai_disclosure": {"vocals": "none"}}
    assert disclosures.disclosure_of(none) == "No part is declared as made by AI"
    assert disclosures.tags_of({}, "Take 1").disclosure is None
