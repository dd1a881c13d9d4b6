"""Synchronised lyrics of ID3v2.3 and 2.4 (frame ``SYLT``), which FFmpeg does not read.

Of a frame only the words count: what they are (lyrics, transcription) and when they are sung does not
matter to who looks for words. What is broken ends the reading and is no error: the file plays all the same.
"""

import io
from collections.abc import Iterator
from typing import IO, Final

MOST_BYTES: Final = 16 * 2**20
"""Of a tag; cover pictures come before or after the lyrics and may be large."""
_WORDS: Final = frozenset({0, 1, 2})  # other, lyrics, transcription of the text
_CODECS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_UNSYNCHRONISED: Final = 0x80
_EXTENDED: Final = 0x40
_CHANGED: Final = 0x0F  # of 2.4: grouped, compressed, encrypted, unsynchronised or with a length


def read(file: io.RawIOBase | IO[bytes]) -> list[str]:
    """Return the texts of a file's SYLT frames, in order; the file is read from its beginning."""
    file.seek(0)
    head = file.read(10) or b""
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in {3, 4}:
        return []
    version, flags, size = head[3], head[5], _number(head[6:10], 7)
    body = file.read(min(size, MOST_BYTES)) or b""
    if flags & _UNSYNCHRONISED and version == 3:
        body = _synchronised(body)
    if flags & _EXTENDED:  # its size is of all of it in 2.4, of the rest of it in 2.3
        extra = _number(body[:4], 7) if version == 4 else 4 + _number(body[:4], 8)
        body = body[extra:]
    frames = _frames(body, version)
    return [text for name, frame in frames if name == b"SYLT" and (text := _text(frame))]


def _frames(body: bytes, version: int) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 10 <= len(body) and body[at] != 0:
        size = _number(body[at + 4 : at + 8], 7 if version == 4 else 8)
        frame = body[at + 10 : at + 10 + size]
        if len(frame) < size:
            return
        changed = body[at + 9] & (_CHANGED if version == 4 else 0xE0)
        if version == 4 and changed & ~0x03 == 0 and changed:
            frame, changed = _plain(frame, changed), 0
        if not changed:
            yield body[at : at + 4], frame
        at += 10 + size


def _plain(frame: bytes, changed: int) -> bytes:
    """Undo what version 2.4 may do to a frame: the length before it, unsynchronisation."""
    if changed & 0x01:
        frame = frame[4:]
    return _synchronised(frame) if changed & 0x02 else frame


def _text(frame: bytes) -> str:
    """Return the words of a SYLT frame, as they follow each other; syllables belong together."""
    if len(frame) < 6 or frame[0] >= len(_CODECS) or frame[5] not in _WORDS:
        return ""
    codec, wide = _CODECS[frame[0]], frame[0] in {1, 2}
    pieces, at = [], 6
    descriptor = True
    while at < len(frame):
        end = _end(frame, at, wide)
        if end is None:
            break
        if not descriptor:
            pieces.append(frame[at:end].decode(codec, "replace"))
        at = end + (2 if wide else 1) + (0 if descriptor else 4)
        descriptor = False
    return "".join(pieces).replace("\r", "\n").strip()


def _end(frame: bytes, at: int, wide: bool) -> int | None:
    """Return where the text that begins there ends, at its terminator; None if it has none."""
    if not wide:
        end = frame.find(b"\0", at)
        return None if end < 0 else end
    for place in range(at, len(frame) - 1, 2):
        if frame[place : place + 2] == b"\0\0":
            return place
    return None


def _synchronised(content: bytes) -> bytes:
    return content.replace(b"\xff\x00", b"\xff")


def _number(content: bytes, bits: int) -> int:
    value = 0
    for byte in content:
        value = value << bits | byte
    return value
