"""Manifests in real files of every format: written, read, broken, stripped, passed on."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.watermark.provenance.conftest import PAYLOAD
from tests.watermark.provenance.signing import (
    Signer,
    decoded,
    read,
    remuxed,
    with_flipped_audio,
)
from watermark.provenance import (
    SOFT_BINDING_ALGORITHM,
    BadClaimError,
    Claim,
    Edit,
    Ingredient,
    Manifest,
    ManifestState,
    Origin,
    Relationship,
    SigningError,
    SoftBinding,
    SourceType,
    TrainingUse,
    claim_from_json,
    claim_to_json,
    manifest_from_json,
    manifest_to_json,
)
from watermark.provenance.manifest import LONGEST, MOST, manifest_of_report

Recording = Callable[..., Path]


def test_what_was_claimed_is_read_back(
    format_: str, recording: Recording, claim: Claim, signer: Signer
) -> None:
    plain = recording(format_)
    signed = signer.sign(plain, claim)
    manifest = read(signed, signer.root)
    assert manifest.state is ManifestState.VALID
    assert manifest.issuer == "Test Records (for development only)"
    assert manifest.title == "Take 7"
    assert manifest.generator == "Clearance 0.1.0"
    assert manifest.synthetic is True
    assert manifest.source_types == {"trainedAlgorithmicMedia"}
    created = manifest.actions[0]
    assert (created.name, created.agent, created.when) == (
        "c2pa.created",
        "songmaker 2.1",
        "2026-11-26T04:00:30Z",
    )
    assert dict(created.parameters) == {
        "org.clearance.prompt_sha256": "ab" * 32,
        "org.clearance.take": "take-7",
        "org.clearance.seed": "7",
    }
    assert manifest.soft_bindings == (SoftBinding(SOFT_BINDING_ALGORITHM, PAYLOAD),)
    assert set(dict(manifest.mining).values()) == {"notAllowed"}
    assert np.array_equal(decoded(signed), decoded(plain))


def test_one_flipped_byte_of_audio_is_noticed(
    format_: str, recording: Recording, claim: Claim, signer: Signer
) -> None:
    plain = recording(format_)
    flipped = with_flipped_audio(signer.sign(plain, claim), plain)
    manifest = read(flipped, signer.root)
    assert manifest.state is ManifestState.INVALID
    assert any("Hash.mismatch" in code for code in manifest.failures)
    assert manifest.synthetic is None  # nothing that it says can be believed


def test_a_signer_nobody_knows_is_told_apart(
    format_: str, recording: Recording, claim: Claim, signer: Signer, stranger: Signer
) -> None:
    signed = stranger.sign(recording(format_), claim)
    for anchors in ("", signer.root):
        manifest = read(signed, anchors)
        assert manifest.state is ManifestState.UNTRUSTED
        assert "signingCredential.untrusted" in manifest.failures
    assert read(signed, signer.root + stranger.root).state is ManifestState.VALID


def test_a_remux_strips_the_manifest(
    format_: str, recording: Recording, claim: Claim, signer: Signer
) -> None:
    plain = recording(format_)
    assert read(plain).state is ManifestState.ABSENT
    assert read(remuxed(signer.sign(plain, claim)), signer.root) == Manifest(ManifestState.ABSENT)


def test_a_certificate_that_ran_out_is_no_proof_of_tampering(
    recording: Recording, claim: Claim
) -> None:
    almost_over = datetime.now(UTC) - timedelta(days=365) + timedelta(seconds=2.5)
    signer = Signer("Late Records", almost_over)
    signed = signer.sign(recording("wav"), claim)
    while datetime.now(UTC) <= signer.identity.not_after + timedelta(seconds=1):
        time.sleep(0.1)
    manifest = read(signed, signer.root)
    assert manifest.state is ManifestState.UNTRUSTED
    assert "signingCredential.expired" in manifest.failures


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_file_that_breaks_off_is_no_error(
    format_: str, recording: Recording, claim: Claim, signer: Signer, cut: float
) -> None:
    plain = recording(format_)
    for path in (plain, signer.sign(plain, claim)):
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * cut)])
    assert read(plain, signer.root).state is ManifestState.ABSENT
    # An M4A's manifest lies at its beginning, a WAV's at its end.
    assert read(plain.with_name(f"signed{plain.suffix}"), signer.root).state in {
        ManifestState.INVALID,
        ManifestState.ABSENT,
    }


def test_a_broken_manifest_is_invalid_and_no_error(
    format_: str, recording: Recording, claim: Claim, signer: Signer
) -> None:
    signed = signer.sign(recording(format_), claim)
    content = bytearray(signed.read_bytes())
    place = content.find(b"c2pa.assertions")
    for offset in range(place - 40, place + 200, 7):
        content[offset] ^= 0x55
    signed.write_bytes(content)
    assert read(signed, signer.root).state is ManifestState.INVALID


def test_stems_and_references_are_ingredients(
    recording: Recording, claim: Claim, signer: Signer
) -> None:
    drums = signer.sign(recording("wav", "drums", seed=3), claim, name="signed-drums")
    bass = recording("flac", "bass", seed=5)
    made = replace(
        claim,
        making=replace(claim.making, source_type=SourceType.HUMAN_AND_MODEL),
        ingredients=(
            Ingredient("drums", Relationship.COMPONENT, "audio/wav"),
            Ingredient("bass", Relationship.COMPONENT, "audio/flac", sha256="cd" * 32),
            Ingredient("a hummed idea", Relationship.INPUT, "audio/mpeg", sha256="ef" * 32),
        ),
    )
    hummed = recording("mp3", "hummed", seed=6)
    signed = signer.sign(recording("m4a"), made, drums, bass, hummed)
    manifest = read(signed, signer.root)
    assert manifest.state is ManifestState.VALID
    assert set(manifest.ingredients) == {
        Origin("drums", "componentOf", has_manifest=True),
        Origin("bass", "componentOf"),
        Origin("a hummed idea", "inputTo"),
    }
    assert [each.name for each in manifest.actions] == [
        "c2pa.created",
        "c2pa.placed",
        "c2pa.watermarked.bound",
    ]


def test_what_was_made_from_something_synthetic_is_synthetic(
    recording: Recording, claim: Claim, signer: Signer, stranger: Signer
) -> None:
    """The manifest of others stays inside of ours when their file is edited (AIA-COP, CA-853)."""
    foreign = stranger.sign(recording("wav"), replace(claim, soft_bindings=()), name="foreign")
    edit = Claim(
        title="cut",
        generator="Clearance",
        generator_version="0.1.0",
        edits=(Edit("c2pa.trimmed", datetime.now(UTC), (("from_s", "1.0"),)),),
        ingredients=(Ingredient("foreign.wav", Relationship.PARENT, "audio/wav"),),
    )
    signed = signer.sign(recording("flac"), edit, foreign)
    manifest = read(signed, signer.root)
    assert manifest.state is ManifestState.VALID
    assert manifest.ingredients == (Origin("foreign.wav", "parentOf", has_manifest=True),)
    assert manifest.source_types == frozenset()
    assert manifest.synthetic is True
    assert [each.name for each in manifest.actions] == ["c2pa.opened", "c2pa.trimmed"]


@pytest.mark.parametrize(
    ("source_type", "synthetic"),
    [
        (SourceType.RULES, True),
        (SourceType.MODEL, True),
        (SourceType.HUMAN_AND_MODEL, True),
        (SourceType.HUMAN, False),
        (SourceType.CAPTURED, False),
    ],
)
def test_the_source_type_is_said_as_it_is(
    recording: Recording, claim: Claim, signer: Signer, source_type: SourceType, synthetic: bool
) -> None:
    made = replace(claim, making=replace(claim.making, source_type=source_type))
    manifest = read(signer.sign(recording("wav"), made), signer.root)
    assert manifest.source_types == {source_type.value}
    assert manifest.synthetic is synthetic


def test_a_claim_is_a_making_or_an_edit(claim: Claim) -> None:
    parent = Ingredient("p", Relationship.PARENT, "audio/wav")
    edit = Edit("c2pa.edited", datetime.now(UTC))
    for wrong in (
        {"making": None},
        {"edits": (edit,)},
        {"ingredients": (parent,)},
        {"making": None, "edits": (edit,)},
        {"making": None, "edits": (edit,), "ingredients": (parent, parent)},
    ):
        with pytest.raises(BadClaimError):
            replace(claim, **wrong)


def test_a_file_that_is_no_audio_can_not_be_signed(
    tmp_path: Path, claim: Claim, signer: Signer
) -> None:
    path = tmp_path / "text.wav"
    path.write_bytes(b"this is no sound at all" * 100)
    with pytest.raises(SigningError):
        signer.sign(path, claim)


def test_a_key_that_can_not_sign_leaves_an_error(
    recording: Recording, claim: Claim, signer: Signer, stranger: Signer
) -> None:
    """Such as a key server that does not answer, or answers for another key."""

    class Broken:
        def sign(self, _data: bytes) -> bytes:
            raise ConnectionError("the key server does not answer")

    for key in (Broken(), stranger.key):
        mixed = Signer("Mixed", datetime.now(UTC))
        mixed.key = key  # type: ignore[assignment]
        with pytest.raises(SigningError):
            mixed.sign(recording("wav"), claim)


def test_a_strangers_manifest_is_kept_within_bounds() -> None:
    many = [{"action": "x" * 9000, "parameters": {"a": "b" * 9000}}] * 1000
    assertions = [{"label": "c2pa.actions.v2__1", "data": {"actions": many}}]
    ring = [{"title": "t", "relationship": "parentOf", "active_manifest": "m"}] * 1
    report = {
        "active_manifest": "m",
        "manifests": {"m": {"assertions": assertions, "ingredients": ring}},
    }
    manifest = manifest_of_report(report, ManifestState.UNTRUSTED, ["f"] * 1000)
    assert len(manifest.actions) == len(manifest.failures) == MOST
    assert len(manifest.actions[0].name) == LONGEST
    assert manifest.synthetic is None


def report_of(**manifests: dict[str, Any]) -> dict[str, Any]:
    return {"active_manifest": "a", "manifests": manifests}


def made_by(*sources: str) -> dict[str, Any]:
    actions = [{"action": "c2pa.edited", "digitalSourceType": f"x/{each}"} for each in sources]
    return {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}]}


def made_from(*labels: str | None, **said: Any) -> dict[str, Any]:
    plain = {"title": "t", "relationship": "componentOf", **said}
    return {"ingredients": [{**plain, "active_manifest": each} for each in labels]}


HUMAN, MACHINE = SourceType.HUMAN.value, SourceType.MODEL.value
BROKEN = {"failure": [{"code": "assertion.dataHash.mismatch"}]}
STRANGE = {"failure": [{"code": "signingCredential.untrusted"}]}


@pytest.mark.parametrize(
    ("report", "synthetic"),
    [
        (report_of(a=made_from("b"), b={}), None),
        (report_of(a=made_by(HUMAN) | made_from("b"), b={}), None),
        (report_of(a=made_by(HUMAN) | made_from("c"), b={}), None),
        (report_of(a=made_by(HUMAN) | made_from(None)), None),
        (report_of(a=made_by(HUMAN) | made_from(None, relationship="inputTo")), False),
        (report_of(a=made_from("b"), b=made_by(HUMAN)), False),
        (report_of(a=made_from("b", "a"), b=made_by(HUMAN)), False),
        (report_of(a=made_from("b", "c"), b=made_by(MACHINE), c={}), True),
        (report_of(a=made_by(*[HUMAN] * MOST, MACHINE)), True),
        (report_of(a=made_from(*["b"] * MOST, "c"), b=made_by(HUMAN), c=made_by(MACHINE)), True),
        (
            report_of(
                a=made_from("b", validation_results={"activeManifest": BROKEN}), b=made_by(HUMAN)
            ),
            None,
        ),
        (
            report_of(
                a=made_from("b", validation_results={"activeManifest": STRANGE}), b=made_by(HUMAN)
            ),
            False,
        ),
        (
            report_of(a=made_by(HUMAN))
            | {"validation_results": {"ingredientDeltas": [{"validationDeltas": BROKEN}]}},
            None,
        ),
    ],
)
def test_sound_is_not_called_made_by_people_unless_all_of_it_is_told(
    report: dict[str, Any], synthetic: bool | None
) -> None:
    assert manifest_of_report(report, ManifestState.VALID, []).synthetic is synthetic


def test_a_machine_is_found_however_deep_it_lies_and_on_whichever_way() -> None:
    """Sixty ways from each manifest to the next, thirty deep, and each is read once."""
    chain = {str(i): made_from(*[str(i + 1)] * 60) for i in range(30)}
    report = {"active_manifest": "0", "manifests": chain | {"30": made_by(MACHINE)}}
    assert manifest_of_report(report, ManifestState.VALID, []).synthetic is True


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["manifests", "m", "assertions", "label", "data", "actions", "ingredients"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=50)
@given(manifests=_json)
def test_no_report_is_an_error(manifests: object) -> None:
    report = {"active_manifest": "m", "manifests": manifests}
    told = manifest_of_report(report, ManifestState.UNTRUSTED, [])
    assert manifest_from_json(json.loads(json.dumps(manifest_to_json(told)))) == told


def test_claims_and_manifests_survive_the_way_through_json(
    recording: Recording, claim: Claim, signer: Signer
) -> None:
    assert claim_from_json(json.loads(json.dumps(claim_to_json(claim)))) == claim
    parent = Ingredient("p", Relationship.PARENT, "audio/wav", sha256="ab" * 32)
    edit = Edit("c2pa.edited", datetime.now(UTC), (("from_s", "1"),))
    edited = replace(claim, making=None, edits=(edit,), ingredients=(parent,), mining=None)
    assert claim_from_json(json.loads(json.dumps(claim_to_json(edited)))) == edited
    manifest = read(signer.sign(recording("wav"), claim), signer.root)
    assert manifest_from_json(json.loads(json.dumps(manifest_to_json(manifest)))) == manifest
    allowed = replace(claim, mining=TrainingUse.ALLOWED)
    assert claim_from_json(json.loads(json.dumps(claim_to_json(allowed)))) == allowed
