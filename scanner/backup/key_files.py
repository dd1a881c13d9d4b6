"""The secret keys of an installation: known by their digests, and on demand sealed with a passphrase.

The sealed file is one JSON object: scrypt (RFC 7914) makes a key of the passphrase, AES-256-GCM encrypts the
files under it, bound to the parameters. Persons' keys are never among them.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from scanner.backup.manifest import BackupError, KeyFile
from scanner.settings import Settings

SEALED: Final = "secrets.sealed"
FORMAT: Final = "clearance-sealed-1"
SHORTEST: Final = 12
COST: Final = {"n": 1 << 17, "r": 8, "p": 1}
"""128 MiB and a third of a second for each guess."""
WATERMARK: Final = "watermark-keys"
CERTIFICATE: Final = "certificate/key.pem"


def places(settings: Settings) -> dict[str, Path]:
    """Return the files of secret keys that there are, by the names that a backup calls them by."""
    found = {path.name: path for path in settings.home.glob("*.key")}
    found[CERTIFICATE] = settings.certificate_key_file
    found |= {f"{WATERMARK}/{each.name}": each for each in settings.watermark_key_folder.glob("*")}
    return {name: path for name, path in sorted(found.items()) if path.is_file()}


def place_of(settings: Settings, name: str) -> Path:
    """Return where a key belongs, or raise ``BackupError`` for a name that none has."""
    head, _, tail = name.rpartition("/")
    if name == CERTIFICATE:
        return settings.certificate_key_file
    if head == WATERMARK and tail not in {"", ".", ".."}:
        return settings.watermark_key_folder / tail
    if head == "" and tail.endswith(".key"):
        return settings.home.resolve() / tail
    raise BackupError(f"{name!r} is no key of an installation")


def listed(settings: Settings) -> tuple[KeyFile, ...]:
    """Return the keys that there are, without their bytes."""
    return tuple(
        KeyFile(name=name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in places(settings).items()
    )


def seal(settings: Settings, passphrase: str, target: Path) -> None:
    """Write the keys into an encrypted file.

    Raises
    ------
    BackupError
        If the passphrase is too short to keep guesses out.
    """
    if len(passphrase) < SHORTEST:
        raise BackupError(f"the passphrase needs {SHORTEST} characters or more")
    files = {
        name: base64.b64encode(path.read_bytes()).decode()
        for name, path in places(settings).items()
    }
    header: dict[str, Any] = {"format": FORMAT, "salt": os.urandom(16).hex(), **COST}
    nonce = os.urandom(12)
    sealed = AESGCM(_key(passphrase, header)).encrypt(
        nonce, json.dumps(files).encode(), _bound(header)
    )
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(
            header | {"nonce": nonce.hex(), "sealed": base64.b64encode(sealed).decode()}, file
        )


def unsealed(path: Path, passphrase: str) -> Mapping[str, bytes]:
    """Return the bytes of the keys in an encrypted file.

    Raises
    ------
    BackupError
        If the passphrase is another, or the file was changed.
    """
    try:
        told = json.loads(path.read_text(encoding="ascii"))
        header = {name: told[name] for name in ("format", "salt", *COST)}
        if header != {"format": FORMAT, "salt": header["salt"], **COST}:
            raise ValueError("another format")
        content = AESGCM(_key(passphrase, header)).decrypt(
            bytes.fromhex(told["nonce"]), base64.b64decode(told["sealed"]), _bound(header)
        )
    except InvalidTag:
        raise BackupError("the keys can't be opened: the passphrase is another") from None
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path.name} can't be read: {error}") from None
    return {name: base64.b64decode(each) for name, each in json.loads(content).items()}


def put_back(settings: Settings, keys: Mapping[str, bytes]) -> None:
    """Write the keys where they belong, mode 0600; one that is there already must be the same."""
    wanted = {place_of(settings, name): content for name, content in keys.items()}
    for path, content in wanted.items():
        if path.exists() and path.read_bytes() != content:
            raise BackupError(f"{path} is another key than the backup's: move it away first")
    for path, content in wanted.items():
        if path.exists():
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _key(passphrase: str, header: Mapping[str, Any]) -> bytes:
    return Scrypt(salt=bytes.fromhex(header["salt"]), length=32, **COST).derive(passphrase.encode())


def _bound(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True).encode()
