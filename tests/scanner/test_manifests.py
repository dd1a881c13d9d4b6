"""Manifests of strangers' files, read and signed in limited children."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from scanner.audio import DecodeLimits, Decoder
from scanner.certificates import (
    ANCHORS,
    CHAIN,
    KEY,
    CertificateError,
    Signatory,
    make_development_chain,
    signatory,
    trust_anchors,
)
from scanner.manifests import LIMITS, Manifests, UnverifiableError
from scanner.settings import Settings
from tests.scanner.audio.recordings import encode, stereo
from watermark.provenance import (
    Claim,
    Edit,
    Ingredient,
    Making,
    ManifestState,
    Origin,
    Relationship,
    SigningError,
    SourceType,
)

NOW = datetime.now(UTC)
FORMATS = ["wav", "mp3", "flac", "m4a"]
CLAIM = Claim(
    title="Take 7",
    generator="Clearance",
    generator_version="0.1.0",
    making=Making(SourceType.RULES, "composer", "1", NOW),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    make_development_chain(settings.certificate_folder, NOW)
    return settings


@pytest.fixture(scope="module")
def signer(home: Settings) -> Signatory:
    return signatory(home)


@pytest.fixture(scope="module")
def manifests(home: Settings) -> Iterator[Manifests]:
    with Decoder() as decoder:
        yield Manifests(decoder.children, home.temporary_folder, lambda: trust_anchors(home))


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("music")
    paths = {name: encode(folder / f"song.{name}", stereo(2.0), name) for name in FORMATS}
    return paths.__getitem__


def container_of(path: Path) -> str:
    return {"m4a": "mp4"}.get(path.suffix[1:], path.suffix[1:])


@pytest.mark.parametrize("name", FORMATS)
def test_a_child_signs_and_a_child_verifies(
    manifests: Manifests, signer: Signatory, music: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    target = tmp_path / f"signed.{name}"
    store = manifests.sign(music(name), target, name, CLAIM, signer)
    manifest = manifests.read(target, container_of(target))
    assert manifest is not None
    assert manifest.state is ManifestState.VALID
    assert manifest.source_types == {"algorithmicMedia"}
    assert store[4:8] == b"jumb"
    assert manifests.read(music(name), container_of(target)).state is ManifestState.ABSENT


def test_a_container_without_manifests_is_not_looked_at(
    manifests: Manifests, tmp_path: Path
) -> None:
    assert manifests.read(tmp_path / "there is none", "ogg") is None


def test_ingredients_of_strangers_are_read_in_the_child(
    manifests: Manifests, signer: Signatory, music: Callable[[str], Path], tmp_path: Path
) -> None:
    stem, mix = tmp_path / "stem.flac", tmp_path / "mix.m4a"
    manifests.sign(music("flac"), stem, "flac", CLAIM, signer)
    made = replace(
        CLAIM,
        ingredients=(
            Ingredient("idea", Relationship.INPUT, "audio/mpeg", sha256="ab" * 32),
            Ingredient("drums", Relationship.COMPONENT, "audio/flac"),
        ),
    )
    manifests.sign(music("m4a"), mix, "m4a", made, signer, [None, stem])
    manifest = manifests.read(mix, "mp4")
    assert manifest is not None
    assert set(manifest.ingredients) == {
        Origin("idea", "inputTo"),
        Origin("drums", "componentOf", has_manifest=True),
    }


@pytest.mark.parametrize("limits", [{"memory_bytes": 1 << 24}, {"wall_seconds": 0.00001}])
def test_a_manifest_that_takes_too_much_is_an_error_and_the_next_one_is_read(
    home: Settings, music: Callable[[str], Path], tmp_path: Path, limits: dict[str, float]
) -> None:
    huge = tmp_path / "huge.wav"
    song = music("wav").read_bytes()
    chunk = b"C2PA" + (64 << 20).to_bytes(4, "little") + bytes(64 << 20)
    huge.write_bytes(
        b"RIFF" + (len(song) - 8 + len(chunk)).to_bytes(4, "little") + song[8:] + chunk
    )
    with Decoder() as decoder:
        strict = replace(LIMITS, **limits)
        tight = Manifests(decoder.children, home.temporary_folder, lambda: "", strict)
        with pytest.raises(UnverifiableError):
            tight.read(huge, "wav")
        usual = Manifests(decoder.children, home.temporary_folder, lambda: "")
        assert usual.read(huge, "wav").state is not ManifestState.VALID
        assert usual.read(music("wav"), "wav").state is ManifestState.ABSENT


@pytest.mark.parametrize("name", FORMATS)
def test_damage_anywhere_in_a_manifest_ends_no_process(
    manifests: Manifests, signer: Signatory, music: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    signed, broken = tmp_path / f"signed.{name}", tmp_path / f"broken.{name}"
    store = manifests.sign(music(name), signed, name, CLAIM, signer)
    whole = signed.read_bytes()
    # An MP3 keeps it as it is; the other containers may cut it up.
    start = whole.find(store[:64])
    states = set()
    for place in range(start, start + len(store), len(store) // 12):
        content = bytearray(whole)
        content[place : place + 4] = b"\xff\xff\xff\xff"
        broken.write_bytes(content)
        manifest = manifests.read(broken, container_of(broken))
        assert manifest is not None
        states.add(manifest.state)
    assert ManifestState.INVALID in states


def test_the_process_that_children_are_forked_from_has_one_thread(
    home: Settings, music: Callable[[str], Path]
) -> None:
    with Decoder() as decoder:
        reader = Manifests(decoder.children, home.temporary_folder, lambda: "")
        reader.read(music("wav"), "wav")
        assert decoder.children.zygote is not None
        assert psutil.Process(decoder.children.zygote.pid).num_threads() == 1


def test_a_file_that_can_not_be_signed_is_said_so(
    manifests: Manifests, signer: Signatory, tmp_path: Path
) -> None:
    nonsense = tmp_path / "nonsense.wav"
    nonsense.write_bytes(b"RIFF of nothing" * 50)
    with pytest.raises(SigningError):
        manifests.sign(nonsense, tmp_path / "out.wav", "wav", CLAIM, signer)
    edit = Claim(
        title="cut",
        generator="Clearance",
        generator_version="1",
        edits=(Edit("c2pa.edited", NOW),),
        ingredients=(Ingredient("parent", Relationship.PARENT, "audio/wav"),),
    )
    with pytest.raises(SigningError):
        manifests.sign(nonsense, tmp_path / "out.wav", "wav", edit, signer, [nonsense])


def test_no_descriptor_is_left_open(
    manifests: Manifests, signer: Signatory, music: Callable[[str], Path], tmp_path: Path
) -> None:
    manifests.read(music("wav"), "wav")
    before = psutil.Process().num_fds()
    for n in range(5):
        manifests.sign(music("wav"), tmp_path / f"{n}.wav", "wav", CLAIM, signer)
        manifests.read(tmp_path / f"{n}.wav", "wav")
    assert psutil.Process().num_fds() <= before


# --- certificates


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    make_development_chain(settings.certificate_folder, NOW)
    key = settings.certificate_folder / KEY
    assert key.stat().st_mode & 0o777 == 0o600
    assert signatory(settings).identity.is_for_development
    key.chmod(0o640)
    with pytest.raises(CertificateError, match="chmod 600"):
        signatory(settings)


def test_a_chain_is_never_written_over(tmp_path: Path) -> None:
    make_development_chain(tmp_path, NOW)
    kept = {name: (tmp_path / name).read_bytes() for name in (CHAIN, KEY, ANCHORS)}
    with pytest.raises(CertificateError):
        make_development_chain(tmp_path, NOW)
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept


def test_without_a_certificate_it_is_said_what_to_do(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(CertificateError, match="watermark certificate"):
        signatory(settings)
    assert trust_anchors(settings) == ""
    named = Settings(home=tmp_path, trust_anchors=tmp_path / "missing.pem")
    with pytest.raises(CertificateError, match=r"missing\.pem"):
        trust_anchors(named)


def test_another_certificate_can_be_set(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    make_development_chain(elsewhere, NOW, "Records Ltd")
    settings = Settings(
        home=tmp_path / "home",
        certificate_chain=elsewhere / CHAIN,
        certificate_key=elsewhere / KEY,
        trust_anchors=elsewhere / ANCHORS,
    )
    assert signatory(settings).identity.issuer == "Records Ltd (for development only)"
    other = tmp_path / "other"
    make_development_chain(other, NOW)
    (other / KEY).replace(elsewhere / KEY)
    with pytest.raises(CertificateError, match="not that of"):
        signatory(settings)


def test_limits_of_a_manifest_are_tighter_than_those_of_a_decode() -> None:
    assert LIMITS.memory_bytes < DecodeLimits().memory_bytes
    assert LIMITS.cpu_seconds < DecodeLimits().cpu_seconds
