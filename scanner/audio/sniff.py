"""Tells a container by the first bytes of a file, before anything is decoded.

A short table of our own: general-purpose detectors name hundreds of types that are refused here
anyway, and none of those looked at checks that an MPEG frame is followed by another one.
"""

from collections.abc import Iterator
from typing import Final

from scanner.audio.errors import EmptyFileError, NotAudioError

SNIFF_BYTES: Final = 65536
"""How many first bytes are enough."""

_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64: Final = b"riff\x2e\x91\xcf\x11"
_OTHERS: Final = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a compressed file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#EXTM3U", "a playlist"),
    (b"<", "a text"),
    (b"{", "a text"),
)
# Bit rates in kbit/s by (MPEG-1?, layer), and sample rates by version: ISO/IEC 11172-3, 13818-3.
_BIT_RATES: Final = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES: Final = {
    3: (44100, 48000, 32000),  # MPEG-1
    2: (22050, 24000, 16000),  # MPEG-2
    0: (11025, 12000, 8000),  # MPEG-2.5
}


def sniff(head: bytes) -> str:
    """Return the container's name.

    Parameters
    ----------
    head : bytes
        The first bytes, up to `SNIFF_BYTES`.

    Returns
    -------
    {"wav", "flac", "mp3", "ogg", "aac", "mp4", "aiff", "asf", "caf", "matroska"}

    Raises
    ------
    EmptyFileError, NotAudioError
    """
    if not head:
        raise EmptyFileError
    if (named := _by_magic(head)) is not None:
        return named
    if head[:3] == b"ID3":
        return _after_id3(head)
    for prefix, what in _OTHERS:
        if head.lstrip()[: len(prefix)] == prefix:
            raise NotAudioError(what)
    if _is_mpeg(head):
        return "mp3"
    if _is_adts(head):
        return "aac"
    raise NotAudioError


def _by_magic(head: bytes) -> str | None:
    form = head[8:12]
    if head[:4] in {b"RIFF", b"RF64", b"BW64"} and form == b"WAVE":
        return "wav"
    if head[:8] == _W64:
        return "wav"
    if head[:4] == b"FORM" and form in {b"AIFF", b"AIFC"}:
        return "aiff"
    if head[4:8] == b"ftyp" or head[4:8] in {b"moov", b"mdat", b"wide", b"free", b"skip"}:
        return "mp4"
    starts = {
        b"fLaC": "flac",
        b"OggS": "ogg",
        b"caff": "caf",
        b"\x1aE\xdf\xa3": "matroska",
        _ASF[:4]: "asf",
    }
    return starts.get(head[:4])


def _after_id3(head: bytes) -> str:
    """Look behind an ID3v2 tag; one with a big picture reaches beyond the first bytes."""
    if len(head) < 10:
        raise NotAudioError
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    rest = head[10 + size :]
    if not rest:
        return "mp3"
    if rest[:4] == b"fLaC":
        return "flac"
    if _is_adts(rest) and not _is_mpeg(rest):
        return "aac"
    return "mp3"


def _is_mpeg(head: bytes) -> bool:
    """Tell whether two MPEG audio frames follow each other within the first bytes."""
    for at in _syncs(head[:8192]):
        size = _frame_size(head[at : at + 4])
        if size is None:
            continue
        following = head[at + size : at + size + 4]
        if _frame_size(following) is not None or (len(head) < at + size + 4 and at == 0):
            return True
    return False


def _syncs(head: bytes) -> Iterator[int]:
    at = head.find(b"\xff")
    while at >= 0:
        yield at
        at = head.find(b"\xff", at + 1)


def _frame_size(header: bytes) -> int | None:
    """Return a frame's size in bytes, or None if the four bytes are no frame header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, frequency_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or rate_index in {0, 15} or frequency_index == 3:
        return None
    bit_rate = _BIT_RATES[version == 3, layer][rate_index - 1] * 1000
    sample_rate = _SAMPLE_RATES[version][frequency_index]
    if layer == 1:
        return (12 * bit_rate // sample_rate + padding) * 4
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples // 8 * bit_rate // sample_rate + padding


def _is_adts(head: bytes) -> bool:
    """Tell whether two ADTS frames (AAC) follow each other at the start."""

    def size(at: int) -> int | None:
        header = head[at : at + 7]
        if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
            return None
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        return length if length > 7 else None

    first = size(0)
    return first is not None and (size(first) is not None or len(head) < first + 7)
