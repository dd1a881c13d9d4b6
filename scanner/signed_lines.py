"""Files that go from peer to peer: JSON lines under one Ed25519 signature (RFC 8032).

The first line is the head, ``{"format", "key", "from", "count", …}``; ``key`` is the signer's public
key, 64 hexadecimal digits. ``count`` lines follow, one JSON object each. The last line is
``{"signature"}``, 128 hexadecimal digits over the format's name, a newline, and the SHA-256 of every
byte before that line. So a file of one kind can't be passed off as another, and its lines can be
read one by one. Nothing of a file is used before all of it was verified.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scanner.errors import ScannerError
from scanner.strict_json import strict_json

LONGEST_LINE: Final = 64 * 2**20
"""Bytes: twelve hours of fingerprints with room to spare."""
_DIGEST_BYTES: Final = 32


class BadBundleError(ScannerError):
    """The file is not what its signer signed, or not of a signer who is trusted."""


def write(
    path: Path,
    format_: str,
    head: Mapping[str, Any],
    lines: Iterable[Mapping[str, Any]],
    count: int,
    key: Ed25519PrivateKey,
) -> str:
    """Write a signed file; it is there whole or not at all.

    Returns
    -------
    str
        SHA-256 of the file, hexadecimal.
    """
    part = path.with_name(path.name + ".part")
    digest = hashlib.sha256()
    written = 0
    try:
        with part.open("wb") as file:
            first = {"format": format_, "key": public_half(key), "count": count, **head}
            _put(file, digest, first)
            for line in lines:
                _put(file, digest, line)
                written += 1
            if written != count:
                raise BadBundleError(f"{count} lines were announced and {written} came: try again")
            signature = key.sign(_signed(format_, digest.digest())).hex()
            _put(file, digest, {"signature": signature})
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest()


def read(path: Path, format_: str, trusted: str) -> Iterator[dict[str, Any]]:
    """Yield a signed file's head and then its lines, if the trusted key signed all of it.

    Every byte is verified before the head is given. The file is opened once, and each line is given
    only if it still is what was verified: whoever can write to the file can't slip another one in.

    Parameters
    ----------
    trusted : str
        The public key that must have signed it, 64 hexadecimal digits.

    Raises
    ------
    BadBundleError
        Saying what is wrong with the file, or with the key.
    """
    trusted = checked_key(trusted)
    with path.open("rb") as file:
        head, digests = _verified(file, format_, trusted)
        yield head
        file.seek(0)
        for start in range(0, len(digests), _DIGEST_BYTES):
            line = file.readline(LONGEST_LINE + 1)
            if hashlib.sha256(line).digest() != digests[start : start + _DIGEST_BYTES]:
                raise BadBundleError("the file was changed while it was read: get it again")
            if start > 0:
                yield _object(line)


def _verified(file: IO[bytes], format_: str, trusted: str) -> tuple[dict[str, Any], bytearray]:
    """Return the head, and the SHA-256 of each line before the signature, one after the other.

    No more is read, or kept of it, than a head of this format and key says that there is.
    """
    first = _next(file)
    head, count = _checked_head(first, format_, trusted)
    whole = hashlib.sha256(first)
    digests = bytearray(whole.digest())
    for _ in range(count):
        line = _next(file)
        whole.update(line)
        digests += hashlib.sha256(line).digest()
    last = _next(file)
    if file.read(1):
        raise BadBundleError(f"the head says {count} lines, there are more: the file was changed")
    try:
        signature = bytes.fromhex(str(_object(last).get("signature")))
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(trusted)).verify(
            signature, _signed(format_, whole.digest())
        )
    except (InvalidSignature, ValueError):
        raise BadBundleError("the signature does not fit: the file was changed") from None
    return head, digests


def _next(file: IO[bytes]) -> bytes:
    line = file.readline(LONGEST_LINE + 1)
    if not line:
        raise BadBundleError("the file is empty or cut off")
    if len(line) > LONGEST_LINE or not line.endswith(b"\n") or line.isspace():
        raise BadBundleError("the file is cut off, or one of its lines is empty or too long")
    return line


def _checked_head(line: bytes, format_: str, trusted: str) -> tuple[dict[str, Any], int]:
    """Return a head of this format and key, and how many lines it says are to follow."""
    head = _object(line)
    if head.get("format") != format_:
        raise BadBundleError(f"the file is no {format_} but {str(head.get('format'))[:60]!r}")
    if head.get("key") != trusted:
        raise BadBundleError(
            "another key than the trusted one signed the file: compare the key with its owner, "
            "by another way than the one the file came"
        )
    count = head.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise BadBundleError(f"the head says {str(count)[:60]!r} lines: that is no count")
    return head, count


def public_half(key: Ed25519PrivateKey) -> str:
    """Return the public key, 64 hexadecimal digits."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def checked_key(text: str) -> str:
    """Return a public key as 64 lower-case hexadecimal digits, or raise ``BadBundleError``."""
    text = text.strip().lower()
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise BadBundleError("a key is 64 hexadecimal digits, as `clearance bank key` prints them")
    return text


def _put(file: Any, digest: Any, line: Mapping[str, Any]) -> None:
    data = json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
    if len(data) > LONGEST_LINE:
        raise BadBundleError("one of the lines is too long")
    _object(data)  # what could not be read there is not written
    digest.update(data)
    file.write(data)


def _signed(format_: str, digest: bytes) -> bytes:
    return format_.encode() + b"\n" + digest


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = strict_json(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadBundleError("a line of the file is no JSON object")
    return value
