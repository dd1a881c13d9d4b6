"""Tags that players show, in every format, and not a sample changed."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scanner.audio.recordings import encode, stereo
from tests.watermark.provenance.signing import Signer, decoded, read
from watermark.provenance import (
    Claim,
    ManifestState,
    TagError,
    Tags,
    read_tags,
    write_tags,
)

Recording = Callable[..., Path]
TAGS = Tags(
    title="Nachtstück (Take 7)",
    artist="Ann Ölçer",
    album="Sketches",
    copyright="2026 Test Records",
    isrc="USRC17607839",
    disclosure="AI-generated: instruments, composition",
)


def tagged(path: Path, tags: Tags) -> Path:
    target = path.with_name(f"tagged{path.suffix}")
    with path.open("rb") as source, target.open("w+b") as written:
        write_tags(source, written, path.suffix[1:], tags)
    return target


def tags_of(path: Path) -> Tags:
    with path.open("rb") as file:
        return read_tags(file)


def test_tags_are_read_back_and_no_sample_changes(format_: str, recording: Recording) -> None:
    plain = recording(format_)
    written = tagged(plain, TAGS)
    assert tags_of(written) == TAGS
    assert np.array_equal(decoded(written), decoded(plain))


ORDINARY = ["夜\u3000空", "a\u00a0b", "می\u200cخواهم", "👩\u200d🎤", "co\u00adop"]


@pytest.mark.parametrize("title", ORDINARY, ids=ascii)
def test_spaces_and_joiners_of_other_scripts_are_kept(
    title: str, format_: str, recording: Recording
) -> None:
    assert tags_of(tagged(recording(format_), Tags(title=title))).title == title


def test_another_program_reads_the_same(format_: str, recording: Recording) -> None:
    with av.open(str(tagged(recording(format_), TAGS)), "r") as container:
        found = {name.lower(): value for name, value in container.metadata.items()}
    assert found["title"] == TAGS.title
    assert found["comment"] == TAGS.disclosure
    assert found.get("tsrc") or found.get("isrc") == TAGS.isrc


def test_tags_that_others_wrote_stay(format_: str, tmp_path: Path) -> None:
    theirs = {"title": "Theirs", "artist": "Ben", "copyright": "Ben 2020", "genre": "Folk"}
    plain = encode(tmp_path / f"t.{format_}", stereo(2.0), format_, tags=theirs)
    written = tagged(plain, Tags(title="Ours"))
    assert tags_of(written) == Tags(title="Ours", artist="Ben", copyright="Ben 2020")
    with av.open(str(written), "r") as container:
        found = {name.lower(): value for name, value in container.metadata.items()}
    assert found["genre"] == "Folk"


def test_tags_of_others_in_another_encoding_are_no_error(recording: Recording) -> None:
    """Many programs wrote Latin-1 into WAV files."""
    path = recording("wav")
    text = b"Bj\xf6rk\0"
    info = b"INFOIART" + struct.pack("<I", len(text)) + text
    content = path.read_bytes() + b"LIST" + struct.pack("<I", len(info)) + info
    path.write_bytes(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])
    assert tags_of(path).artist == "Bj\ufffdrk"
    assert tags_of(tagged(path, Tags(title="Ours"))) == Tags(title="Ours", artist="Bj\ufffdrk")


def test_tags_can_be_written_over(format_: str, recording: Recording) -> None:
    once = tagged(recording(format_), TAGS)
    other = replace(TAGS, isrc="DEA621600011", disclosure="AI-generated: vocals")
    again = once.with_name(f"again{once.suffix}")
    with once.open("rb") as source, again.open("w+b") as written:
        write_tags(source, written, format_, other)
    assert tags_of(again) == other


def test_tags_come_before_the_manifest(
    format_: str, recording: Recording, claim: Claim, signer: Signer
) -> None:
    signed = signer.sign(tagged(recording(format_), TAGS), claim)
    assert read(signed, signer.root).state is ManifestState.VALID
    assert tags_of(signed) == TAGS
    assert read(tagged(signed, TAGS), signer.root).state is ManifestState.ABSENT


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a"])
def test_a_picture_stays(suffix: str, recording: Recording) -> None:
    plain = recording(suffix)
    pictured = _with_picture(plain)
    with av.open(str(tagged(pictured, TAGS)), "r") as container:
        assert len(container.streams.video) == 1
    assert np.array_equal(decoded(tagged(pictured, TAGS)), decoded(plain))


@pytest.mark.parametrize(
    "wrong",
    [
        {"isrc": "US-RC1-76-07839"},
        {"title": "a\nb"},
        {"title": "a\u2028b"},
        {"title": "\ud800"},
        {"artist": "x" * 3000},
    ],
)
def test_what_is_no_tag_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(TagError):
        Tags(**wrong)


@pytest.mark.parametrize("content", [b"", b"no audio" * 100])
def test_what_is_no_file_is_refused(format_: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"broken.{format_}"
    path.write_bytes(content)
    with pytest.raises(TagError):
        tagged(path, TAGS)


_text = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)


@settings(max_examples=15)
@given(title=_text, disclosure=_text)
def test_any_text_goes_into_an_m4a(
    tmp_path_factory: pytest.TempPathFactory, title: str, disclosure: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    plain = folder / "any.m4a"
    if not plain.exists():
        encode(plain, stereo(1.0), "m4a")
    tags = Tags(title=title, disclosure=disclosure, isrc="USRC17607839")
    assert tags_of(tagged(plain, tags)) == tags


def _with_picture(path: Path) -> Path:
    """Return a copy of a file with a cover."""
    target = path.with_name(f"pictured{path.suffix}")
    muxer = {"m4a": "mp4"}.get(path.suffix[1:], path.suffix[1:])
    with av.open(str(path), "r") as read_, av.open(str(target), "w", format=muxer) as written:
        sound = written.add_stream_from_template(read_.streams.audio[0])
        cover = written.add_stream("mjpeg")
        cover.width = cover.height = 16
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        for packet in cover.encode(frame.reformat(format="yuvj420p")):
            written.mux(packet)
        for packet in read_.demux(read_.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                written.mux(packet)
    return target
