"""Synchronised lyrics are read whatever their encoding, and what is broken is no lyrics."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.audio import sylt

CODECS = {0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}
WORDS = ["We ", "are ", "the cóp", "per\n", "birds"]


def size7(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def frame(name: bytes, body: bytes, version: int = 4, flags: int = 0) -> bytes:
    size = size7(len(body)) if version == 4 else len(body).to_bytes(4, "big")
    return name + size + bytes([0, flags]) + body


def lyrics(words: list[str], encoding: int = 3, kind: int = 1) -> bytes:
    end = b"\0\0" if encoding in {1, 2} else b"\0"
    body = bytes([encoding]) + b"eng" + bytes([2, kind]) + "about".encode(CODECS[encoding]) + end
    for number, word in enumerate(words):
        body += word.encode(CODECS[encoding]) + end + number.to_bytes(4, "big")
    return body


def tag(*frames: bytes, version: int = 4, flags: int = 0) -> io.BytesIO:
    body = b"".join(frames) + bytes(20)
    return io.BytesIO(b"ID3" + bytes([version, 0, flags]) + size7(len(body)) + body + b"\xff\xfb")


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("version", [3, 4])
def test_words_are_read_in_order_whatever_their_encoding(encoding: int, version: int) -> None:
    file = tag(
        frame(b"TIT2", b"\x03Title", version),
        frame(b"SYLT", lyrics(WORDS, encoding), version),
        version=version,
    )
    assert sylt.read(file) == ["We are the cópper\nbirds"]


def test_an_extended_header_is_passed_over() -> None:
    words = frame(b"SYLT", lyrics(WORDS), 3)
    older = tag((6).to_bytes(4, "big") + bytes(6), words, version=3, flags=0x40)
    newer = tag(size7(6) + b"\x01\x00", frame(b"SYLT", lyrics(WORDS)), flags=0x40)
    assert sylt.read(older) == sylt.read(newer) == ["We are the cópper\nbirds"]


def test_chords_and_other_files_are_no_lyrics() -> None:
    assert sylt.read(tag(frame(b"SYLT", lyrics(WORDS, kind=5)))) == []
    assert sylt.read(io.BytesIO(b"RIFF" + bytes(100))) == []


def test_an_unsynchronised_frame_with_its_length_before_it_is_read() -> None:
    body = lyrics(["ÿ", "es"], encoding=0)
    changed = size7(len(body)) + body.replace(b"\xff", b"\xff\x00")
    assert sylt.read(tag(frame(b"SYLT", changed, flags=0x03))) == ["ÿes"]


@given(st.binary(max_size=200), st.integers(0, 250))
def test_whatever_is_broken_raises_nothing(noise: bytes, cut: int) -> None:
    whole = tag(frame(b"SYLT", lyrics(WORDS))).getvalue()
    sylt.read(io.BytesIO(whole[:cut]))
    sylt.read(tag(frame(b"SYLT", noise)))
    sylt.read(tag(noise))
