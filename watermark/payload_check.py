"""Payloads that prove themselves: 96 bits of id and a keyed check of 32.

The check is HMAC-SHA-256 of the id's twelve bytes, cut to its first four. Its key is HKDF-SHA-256
(RFC 5869) of the mark's key, without salt, for :data:`PURPOSE`, so that nothing else made with the
mark's key can serve as a check. A junk payload passes once in ``2^32``.
"""

import hmac
import re
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watermark.errors import BadPayloadError
from watermark.keys import Key
from watermark.payloads import Payload, PayloadMode

ID_DIGITS: Final = 24
CHECK_BITS: Final = 32
PURPOSE: Final = b"clearance watermark payload check v1"
_CHECK_BYTES: Final = CHECK_BITS // 8


def signed_payload(id_digits: str, key: Key) -> Payload:
    """Payload of an id, with its check.

    Parameters
    ----------
    id_digits : str
        24 lower-case hexadecimal digits, 96 bits.
    key : Key
        The key that the mark is made with.

    Raises
    ------
    BadPayloadError
        If these are not 24 such digits.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{ID_DIGITS}}}", id_digits):
        raise BadPayloadError(f"an id is written in {ID_DIGITS} lower-case hexadecimal digits")
    return Payload(id_digits + _check(bytes.fromhex(id_digits), key).hex())


def verified(payload: Payload, key: Key) -> bool:
    """Whether a payload carries the check of its id under this key; short payloads never do."""
    if payload.mode is not PayloadMode.BITS_128:
        return False
    whole = bytes.fromhex(payload.digits)
    return hmac.compare_digest(whole[-_CHECK_BYTES:], _check(whole[:-_CHECK_BYTES], key))


def _check(identity: bytes, key: Key) -> bytes:
    return hmac.digest(_check_key(key.secret), identity, "sha256")[:_CHECK_BYTES]


@lru_cache(maxsize=16)
def _check_key(secret: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(secret)
