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
_PICTURE_BRANDS: Final = frozenset(
    (
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"mif1",
        b"msf1",
        b"avif",
        b"avis",
        b"crx ",
    )
)
_MAX_FIRST_BOX: Final = 1 << 28  # a text's first four letters are more
_ENOUGH: Final = 4096
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


def id3_size(tag: bytes) -> int:
    """Return the size of an ID3v2 tag behind its ten bytes of header."""
    size = 0
    for byte in tag[6:10]:
        size = size << 7 | byte & 0x7F
    return size


def _by_magic(head: bytes) -> str | None:
    form = head[8:12]
    if head[:4] in {b"RIFF", b"RF64", b"BW64"} and form == b"WAVE":
        return "wav"
    if head[:8] == _W64:
        return "wav"
    if head[:4] == b"FORM" and form in {b"AIFF", b"AIFC"}:
        return "aiff"
    if _is_mp4(head):
        return "mp4"
    if head[:16] == _ASF:
        return "asf"
    starts = {b"fLaC": "flac", b"OggS": "ogg", b"caff": "caf", b"\x1aE\xdf\xa3": "matroska"}
    return starts.get(head[:4])


def _is_mp4(head: bytes) -> bool:
    """Tell whether a box of ISO/IEC 14496-12 or QuickTime comes first, and not a picture's."""
    size, kind = int.from_bytes(head[:4], "big"), head[4:8]
    if kind == b"ftyp":
        return head[8:12] not in _PICTURE_BRANDS
    if kind == b"mdat":
        return size == 1 or size >= 8
    return kind in {b"moov", b"wide", b"free", b"skip"} and 8 <= size < _MAX_FIRST_BOX


def _after_id3(head: bytes) -> str:
    """Look behind ID3v2 tags; one with a big picture reaches beyond the first bytes."""
    if len(head) < 10:
        raise NotAudioError
    rest = head[10 + id3_size(head) :].lstrip(b"\0")  # some writers pad
    if rest[:3] == b"ID3":
        return _after_id3(rest)
    if (named := _by_magic(rest)) is not None:
        return named
    if _is_adts(rest):
        return "aac"
    if len(rest) < _ENOUGH or _is_mpeg(rest):  # what can't be seen yet, the decoder sees
        return "mp3"
    raise NotAudioError


def _is_mpeg(head: bytes) -> bool:
    """Tell whether MPEG audio frames follow each other within the first bytes.

    Two at the very start, three behind junk: a frame header has few fixed bits. A file that ends
    within its first frame is given the benefit, except of layer 1, whose header UTF-16 text has.
    """
    for at in _syncs(head[:8192]):
        size = _frame_size(head[at : at + 4])
        if size is None:
            continue
        found = 1
        end = at + size
        while found < 3 and (next_size := _frame_size(head[end : end + 4])) is not None:
            found += 1
            end += next_size
        is_layer_1 = head[at + 1] & 6 == 6
        if found == 3 or (at == 0 and end + 4 > len(head) and not is_layer_1):
            return True
        if at == 0 and found == 2:
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
