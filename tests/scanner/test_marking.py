"""A generated track is marked before it is looked at, and leaves only in files that carry its mark."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlmodel import select

from scanner import (
    delivery,
    inline,
    licensees,
    marking,
    references,
    track_views,
    tracks,
    watermark_keys,
)
from scanner.audio import encoding
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.errors import IllegalTransitionError
from scanner.keys import OPERATOR
from scanner.licensees import MarkRightRevokedError
from scanner.service import Service
from scanner.tables import (
    JournalRow,
    PolicyDecision,
    Provenance,
    ReleasedFile,
    StatementOfReasons,
    Watermark,
)
from scanner.tracks import StemSource
from tests.marked import RATE, bass, voice, write
from tests.running import add_tenant

MADE = {"model": "composer", "model_version": "3", "take_id": "take-7", "prompt_sha256": "ab" * 32}


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    service = make_service(delivery_bit_rate=64_000)
    watermark_keys.rotate(service, OPERATOR)
    return service


def submit(
    service: Service,
    caller: Caller,
    path: Path,
    stems: dict[str, Path] | None = None,
    **declared: object,
) -> str:
    def kept(each: Path) -> tuple[str, int]:
        blob = service.store.put_file(caller.tenant_id, each)
        return blob.sha256, blob.size

    sha256, size = kept(path)
    source = tracks.Source(
        sha256=sha256,
        size_bytes=size,
        file_name=path.name,
        stems=tuple(StemSource(name, *kept(each)) for name, each in (stems or {}).items()),
    )
    declaration = Declaration.parse({"generated": MADE} | declared)
    return tracks.submit(service, caller, source, declaration, entrance="cli", key=new_id())


def driven(service: Service, caller: Caller, track_id: str) -> dict:
    inline.drive(service, track_id, 240)
    with service.database.reading() as session:
        return track_views.describe(session, [tracks.find(session, caller.tenant_id, track_id)])[0]


def wav(tmp_path: Path, samples: NDArray[np.float32], name: str = "take.wav") -> Path:
    return write(tmp_path / name, samples)


def happened(service: Service, track_id: str) -> list[str]:
    with service.database.reading() as session:
        rows = session.exec(
            select(JournalRow).where(JournalRow.subject == track_id).order_by(JournalRow.version)
        )
        return [row.type.rpartition(".")[2] for row in rows]


def mark_of(service: Service, track_id: str) -> Watermark:
    with service.database.reading() as session:
        found = marking.mark_of(session, track_id)
    assert found is not None
    return found


def test_a_generated_track_is_marked_read_back_analysed_and_released_in_that_order(
    service, caller, tmp_path
) -> None:
    mix, low = voice(11), bass(2.9)  # too short to carry a mark
    path = wav(tmp_path, 0.6 * mix)
    stems = {
        "voice": wav(tmp_path, 0.6 * mix, "v.wav"),
        "bass": wav(tmp_path, 0.6 * low, "b.wav"),
    }
    track_id = submit(service, caller, path, stems)

    result = driven(service, caller, track_id)

    assert (result["origin"], result["decision"], result["state"]) == (
        "generated",
        "clear",
        "released",
    )
    assert result["detectors"]["watermark"] == "ok"
    assert "watermark" in result["seconds"]
    row = mark_of(service, track_id)
    own = [each for each in result["watermarks"] if each["payload"] == row.payload]
    assert own[0]["verdict"] == "found"
    assert (own[0]["take_id"], own[0]["track_id"], own[0]["owner"]) == ("take-7", track_id, "ours")
    assert (row.state, row.take_id, row.model) == ("marked", "take-7", "composer")
    assert row.payload.startswith(row.payload_id)
    assert happened(service, track_id) == [
        "submitted", "analysing", "marked", "analysed", "decided", "file_made", "released",
    ]  # fmt: skip

    with service.database.reading() as session:
        track = tracks.find(session, caller.tenant_id, track_id)
        states = {stem.name: stem for stem in marking.stems_of(session, track_id)}
        (first,) = session.exec(select(ReleasedFile)).all()
    assert (first.form, first.bit_rate) == ("mp3", 64_000)
    assert first.likeness > 0.8
    assert states["voice"].state == "marked"
    assert states["bass"].state == "unmarkable"
    assert "too short" in states["bass"].measurement["reason"]
    assert states["bass"].fingerprint_sha256 is not None

    master = delivery.deliver(service, track, encoding.FLAC, 0)
    again = delivery.deliver(service, track, encoding.FLAC, 0)
    assert master.id == again.id
    with service.store.path_or_copy(caller.tenant_id, master.sha256) as delivered:
        samples = service.decoder.decode(delivered).samples
    with service.store.path_or_copy(caller.tenant_id, row.master_sha256) as scanned:
        assert np.array_equal(samples, service.decoder.decode(scanned).samples)

    assert delivery.deliver(service, track, encoding.MP3, 64_000, "stem:voice").mark["score"] > 0
    with pytest.raises(delivery.UnmarkableStemError, match="inside its bundle"):
        delivery.deliver(service, track, encoding.FLAC, 0, "stem:bass")
    bundle = delivery.deliver(service, track, delivery.ZIP, 0, delivery.BUNDLE)
    with service.store.open(caller.tenant_id, bundle.sha256) as file:
        archive = zipfile.ZipFile(io.BytesIO(file.read()))
    assert set(archive.namelist()) == {
        "mix.flac",
        "stems/bass.flac",
        "stems/voice.flac",
        "manifest.json",
    }
    about = json.loads(archive.read("manifest.json"))
    assert {each["part"]: each["mark"] for each in about["parts"]} == {
        "mix": "marked",
        "stem:bass": "unmarkable",
        "stem:voice": "marked",
    }
    with service.database.reading() as session:
        out = {file.part: file.sha256 for file in delivery.files_of(session, track_id)}
        signed = {row.file_sha256 for row in session.exec(select(Provenance))}
    digests = {each["part"]: each["sha256"] for each in about["parts"]}
    assert digests["stem:voice"] == out["stem:voice"]  # read back, as it goes out alone
    assert set(digests.values()) <= signed

    with pytest.raises(IllegalTransitionError, match="released"):
        tracks.withdraw(service, caller, track_id)
        with service.database.reading() as session:
            withdrawn = tracks.find(session, caller.tenant_id, track_id)
        delivery.deliver(service, withdrawn, encoding.FLAC, 0)


def test_a_reference_in_a_stem_blocks_the_track_though_the_mix_does_not_have_it(
    service, caller, tmp_path
) -> None:
    known = voice(21, 30)
    references.add(
        service, caller, path=write(tmp_path / "known.wav", known), policy="block", operator=True
    )
    mix = wav(tmp_path, voice(22, 30))
    stems = {"theirs": wav(tmp_path, known, "stem.wav")}

    result = driven(service, caller, submit(service, caller, mix, stems))

    (match,) = result["matches"]
    assert {segment["stem"] for segment in match["segments"]} == {"theirs"}
    assert result["state"] == "blocked"
    assert "recording-block" in {reason["rule"] for reason in result["reasons"]}


def test_a_take_that_can_carry_no_mark_is_never_released_by_itself(
    service, caller, tmp_path
) -> None:
    silence = np.zeros((1, 20 * RATE), np.float32)
    track_id = submit(service, caller, wav(tmp_path, silence))

    result = driven(service, caller, track_id)

    assert (result["decision"], result["state"]) == ("review", "quarantined")
    assert [reason["rule"] for reason in result["reasons"]] == [
        "generated-unmarked",
        "lyrics-not-heard",
    ]
    assert mark_of(service, track_id).state == "unmarkable"


def test_a_mark_that_the_delivery_codec_loses_keeps_the_track_back(make_service, tmp_path) -> None:
    service = make_service(delivery_bit_rate=32_000)
    watermark_keys.rotate(service, OPERATOR)
    caller = add_tenant(service)
    track_id = submit(service, caller, wav(tmp_path, voice(12, 3.2)))

    result = driven(service, caller, track_id)

    assert mark_of(service, track_id).state == "marked"
    assert (result["decision"], result["state"]) == ("indeterminate", "quarantined")
    assert result["problem"]["type"] == "mark-unreadable"
    assert "core.mark-not-read-back" in {reason["rule"] for reason in result["reasons"]}
    with service.database.reading() as session:
        assert session.exec(select(ReleasedFile)).all() == []
        (statement,) = session.exec(select(StatementOfReasons)).all()
        decisions = session.exec(select(PolicyDecision)).all()
    assert statement.decision_id == max(decisions, key=lambda each: each.id).id
    assert [each.decision for each in sorted(decisions, key=lambda each: each.id)] == [
        "clear",
        "indeterminate",
    ]
    assert {each.supersedes for each in decisions} == {None, min(each.id for each in decisions)}


def test_a_key_whose_file_is_gone_keeps_every_track_from_being_cleared(
    service, caller, tmp_path
) -> None:
    (key,) = watermark_keys.ring(service, None).keys
    path = service.settings.watermark_key_folder / f"{key.name}.key"
    content = path.read_text()
    path.unlink()
    upload = submit(service, caller, wav(tmp_path, voice(13, 20)), generated=None)

    result = driven(service, caller, upload)

    assert result["detectors"]["watermark"] == "failed"
    assert (result["decision"], result["state"]) == ("review", "quarantined")
    assert "core.unknown-fact" in {reason["rule"] for reason in result["reasons"]}

    path.write_text(content)
    path.chmod(0o600)
    tracks.rescan(service, caller, upload)
    assert driven(service, caller, upload)["state"] == "released"


def test_a_copy_of_a_generated_track_that_does_not_say_so_is_looked_at_by_a_person(
    service, caller, tmp_path
) -> None:
    other = add_tenant(service, "other")
    original = submit(service, caller, wav(tmp_path, voice(14)))
    assert driven(service, caller, original)["state"] == "released"
    with (
        service.database.reading() as session,
        service.store.path_or_copy(
            caller.tenant_id, session.exec(select(ReleasedFile)).one().sha256
        ) as file,
    ):
        copy = submit(service, other, file, generated=None)

        result = driven(service, other, copy)
        own = submit(service, other, file)  # as if another model had made it
        taken = driven(service, other, own)

    assert (taken["origin"], taken["state"]) == ("generated", "quarantined")
    assert "another-take-inside" in {reason["rule"] for reason in taken["reasons"]}
    assert (result["origin"], result["state"]) == ("upload", "quarantined")
    assert "own-watermark-undeclared" in {reason["rule"] for reason in result["reasons"]}
    assert "take_id" not in result["watermarks"][0]  # it is another platform's


def test_after_a_rotation_old_marks_are_read_and_after_a_revocation_made_anew(
    service, caller, tmp_path
) -> None:
    track_id = submit(service, caller, wav(tmp_path, bass(20) + voice(15, 20)))
    driven(service, caller, track_id)
    before = mark_of(service, track_id)
    second = watermark_keys.rotate(service, OPERATOR)
    watermark_keys.revoke(service, OPERATOR, before.key_id, "leaked")
    with service.database.transaction() as session:
        track = tracks.locked(session, caller.tenant_id, track_id)
        marked_again = track.model_copy()
    with pytest.raises(delivery.UnreadableMarkError, match="revoked"):
        delivery.deliver(service, marked_again, encoding.FORMS["mp3"], 64_000)

    after = marking.mark(service, marked_again)
    anew = delivery.deliver(service, marked_again, encoding.FORMS["mp3"], 64_000)

    assert anew.payload == after.payload

    assert after.key_id == second.id
    assert after.payload_id == before.payload_id
    assert after.payload != before.payload
    assert after.master_sha256 != before.master_sha256


def test_nothing_is_marked_for_a_licensee_whose_right_was_revoked(
    service, caller, tmp_path
) -> None:
    path = wav(tmp_path, voice(16, 20))
    made = {"generated": MADE | {"licensee": "Label"}}
    with pytest.raises(MarkRightRevokedError, match="no licensee"):
        submit(service, caller, path, **made)
    licensee = licensees.add(service, caller, "Label")
    track_id = submit(service, caller, path, **made)
    driven(service, caller, track_id)
    assert mark_of(service, track_id).licensee_id == licensee.id

    licensees.revoke(service, caller, licensee.id, "strips marks")

    with pytest.raises(MarkRightRevokedError, match="revoked"):
        submit(service, caller, path, **made)


@pytest.mark.parametrize(
    "name", ["", "..", "../evil", "a/b", "a\\b", "c:", "x" * 101, "a\nb", " b"]
)
def test_a_stem_is_not_called_what_could_lead_out_of_its_bundle(name: str) -> None:
    assert not tracks.is_stem_name(name)
    assert tracks.is_stem_name("lead voice 2.1")
