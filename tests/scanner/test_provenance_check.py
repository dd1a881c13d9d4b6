"""What an analysis makes of the manifests that come with uploads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner import inline, track_facts, track_views, tracks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.manifests import LIMITS
from scanner.service import Service
from scanner.tables import Analysis
from tests.scanner.audio.recordings import encode, stereo
from tests.watermark.provenance.signing import Signer, remuxed, with_flipped_audio
from watermark.provenance import Claim, Making, SourceType


@pytest.fixture(scope="module")
def signers() -> dict[str, Signer]:
    from datetime import UTC, datetime

    return {name: Signer(name, datetime.now(UTC)) for name in ("known", "unknown")}


@pytest.fixture
def trusting(service: Service, signers: dict[str, Signer]) -> Service:
    """A service that knows one of the signers."""
    anchors = service.settings.trust_anchors_file
    anchors.write_text(signers["known"].root)
    return service


@pytest.fixture
def uploads(tmp_path: Path, signers: dict[str, Signer]) -> Callable[..., Path]:
    """An upload in a format, its manifest in a state."""

    def make(format_: str, state: str) -> Path:
        plain = encode(tmp_path / f"plain.{format_}", stereo(8.0), format_)
        signer = signers["unknown" if state == "untrusted" else "known"]
        signed = signer.sign(plain, claim(signer))
        if state == "invalid":
            return with_flipped_audio(signed, plain)
        return remuxed(signed) if state == "absent" else signed

    return make


def claim(signer: Signer) -> Claim:
    making = Making(SourceType.MODEL, "songmaker", "2", signer.identity.leaf.not_valid_before_utc)
    return Claim("a song", "Elsewhere", "1", making=making)


def decided(service: Service, caller: Caller, path: Path, **declared: object) -> dict[str, Any]:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    declaration = Declaration.parse(declared)
    track_id = tracks.submit(service, caller, source, declaration, entrance="cli", key=new_id())
    inline.drive(service, track_id, 60)
    with service.database.reading() as session:
        return track_views.describe(session, [tracks.find(session, caller.tenant_id, track_id)])[0]


@pytest.mark.parametrize(
    ("format_", "state", "decision", "synthetic"),
    [
        ("wav", "valid", "clear", True),
        ("mp3", "untrusted", "clear", True),
        ("flac", "absent", "clear", None),
        ("m4a", "invalid", "review", None),
    ],
)
def test_an_uploads_manifest_is_verified(
    trusting: Service,
    caller: Caller,
    uploads: Callable[..., Path],
    format_: str,
    state: str,
    decision: str,
    synthetic: bool | None,
) -> None:
    track = decided(trusting, caller, uploads(format_, state), ai_disclosure={"vocals": "none"})
    assert track["detectors"]["provenance"] == "ok"
    assert track["provenance"]["state"] == state
    assert track["provenance"]["synthetic"] is synthetic
    assert track["seconds"]["provenance"] >= 0
    assert track["decision"] == decision
    fired = [reason["rule"] for reason in track["reasons"]]
    assert ("provenance-broken" in " ".join(fired)) is (state == "invalid")


def test_evidence_comes_back_from_the_database_as_it_went_in(
    make_service: Callable[..., Service],
    database_url: str,
    tmp_path: Path,
    signers: dict[str, Signer],
) -> None:
    from tests.running import add_tenant

    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    plain = encode(tmp_path / "plain.flac", stereo(8.0), "flac")
    signed = signers["unknown"].sign(plain, claim(signers["unknown"]))
    track = decided(service, caller, signed)
    with service.database.reading() as session:
        row = session.get_one(
            Analysis, tracks.find(session, caller.tenant_id, track["id"]).analysis_id
        )
        facts = track_facts.facts_of(
            session,
            caller.tenant_id,
            {},
            track_facts.evidence_of(row, track["duration"], []),
            service.now(),
        )
    assert facts.provenance is not None
    assert facts.provenance.state == "untrusted"
    assert facts.provenance.ai_generated is True
    assert facts.provenance.issuer == "unknown (for development only)"


def test_a_format_that_carries_none_was_not_looked_at(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    track = decided(service, caller, encode(tmp_path / "song.ogg", stereo(8.0), "ogg-vorbis"))
    assert track["detectors"]["provenance"] == "not_run"
    assert track["provenance"] is None
    assert track["decision"] == "clear"


@pytest.mark.parametrize("why", ["limits", "anchors"])
def test_a_check_that_fails_never_clears(
    service: Service, caller: Caller, tmp_path: Path, why: str
) -> None:
    if why == "limits":
        service.manifests._limits = replace(LIMITS, wall_seconds=0.00001)
    else:
        (service.settings.certificate_folder / "anchors.pem").write_bytes(b"\xff\xfe")
    track = decided(service, caller, encode(tmp_path / "song.wav", stereo(8.0), "wav"))
    assert track["detectors"]["provenance"] == "failed"
    assert track["provenance"] is None
    assert track["decision"] in {"review", "indeterminate"}
    assert track["state"] == "quarantined"
