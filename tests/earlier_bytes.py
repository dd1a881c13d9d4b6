"""Fingerprints as the version before stored them."""

import struct
import zlib
from dataclasses import replace
from typing import Final

from fingerprint import Fingerprint

_BEFORE: Final = struct.Struct("<4sBdII" + 3 * "i")
_TODAY: Final = struct.Struct("<4sBdII" + 4 * "i")


def stored_before(print_: Fingerprint) -> bytes:
    """Return bytes of version 4: they hold no waveform, and vectors and tones of other networks."""
    body = replace(print_, waveform=None).to_bytes()[:-4]
    magic, _, *fields = _BEFORE.unpack_from(body)
    old = _BEFORE.pack(magic, 4, *fields) + body[_TODAY.size :]
    return old + struct.pack("<I", zlib.crc32(old))
