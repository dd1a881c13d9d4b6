"""Tags of MPEG-4 files that FFmpeg reads and does not write: iTunes' free-form boxes.

A box is its size in four bytes (of all of it, high byte first), its type in four, and its content
(ISO/IEC 14496-12). Tags lie in ``moov/udta/meta/ilst``; ours in boxes of type ``----`` that hold
who defined the name, the name and the value.
"""

import struct
from collections.abc import Mapping
from typing import IO, Final

from watermark.provenance.errors import TagError

_PATH: Final = (b"udta", b"meta", b"ilst")
_VERSION_BYTES: Final = {b"meta": 4}
"""Of a full box, before the boxes in it."""
_UTF8: Final = 1
_HEADER: Final = 8
_LARGEST: Final = 64 * 2**20


def write_freeform_tags(file: IO[bytes], tags: Mapping[str, str]) -> None:
    """Add tags to a file that ends with its ``moov`` box, so that no offset in it changes.

    Raises
    ------
    TagError
        If it does not, or has no list of tags.
    """
    if not tags:
        return
    start = _last_box(file, b"moov")
    file.seek(start)
    moov = file.read()
    added = b"".join(_freeform(name, value) for name, value in tags.items())
    rebuilt = _box(b"moov", _with_added(moov[_HEADER:], _PATH, added))
    file.seek(start)
    file.write(rebuilt)
    file.truncate()


def _last_box(file: IO[bytes], type_: bytes) -> int:
    """Return where the last box begins, which must be of a type."""
    file.seek(0, 2)
    end = file.tell()
    start = at = 0
    last = b""
    while at < end:
        file.seek(at)
        size, last = struct.unpack(">I4s", file.read(_HEADER).ljust(_HEADER, b"\0"))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
        start, at = at, at + size
        if size < _HEADER:
            raise TagError("a box of the file has no length")
    if last != type_ or at != end or end - start > _LARGEST:
        raise TagError(f"the file does not end with its {type_.decode()} box")
    return start


def _with_added(content: bytes, path: tuple[bytes, ...], added: bytes) -> bytes:
    """Return a box's content with bytes added at the end of a box below it."""
    if not path:
        return content + added
    at = 0
    while at + _HEADER <= len(content):
        size, type_ = struct.unpack_from(">I4s", content, at)
        if size < _HEADER:
            break
        if type_ == path[0]:
            own = _VERSION_BYTES.get(type_, 0)
            body = content[at + _HEADER : at + size]
            inner = body[:own] + _with_added(body[own:], path[1:], added)
            return content[:at] + _box(type_, inner) + content[at + size :]
        at += size
    raise TagError(f"the file has no {path[0].decode()} box")


def _freeform(name: str, value: str) -> bytes:
    mean = _box(b"mean", struct.pack(">I", 0) + b"com.apple.iTunes")
    named = _box(b"name", struct.pack(">I", 0) + name.encode())
    data = _box(b"data", struct.pack(">II", _UTF8, 0) + value.encode())
    return _box(b"----", mean + named + data)


def _box(type_: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + _HEADER, type_) + content
