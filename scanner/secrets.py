"""Secrets at rest: a key file that only the owner may read, and what is encrypted with it."""

import base64
import hmac
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from scanner.errors import ScannerError
from scanner.settings import Settings

KEY_NAME: Final = "secret.key"


class SecretKeyError(ScannerError):
    """The key file is missing, readable by others, or not the one that encrypted."""


class SecretBox:
    """Encrypts short texts with the installation's newest key (Fernet: AES-128-CBC and HMAC-SHA-256).

    Earlier keys open what they sealed. The keys are asked for at each use, since a key file may change
    while the service runs.

    Parameters
    ----------
    keys : callable
        Returns them, newest first.
    """

    def __init__(self, keys: Callable[[], Sequence[bytes]]) -> None:
        self._keys = keys

    @classmethod
    def of(cls, settings: Settings) -> "SecretBox":
        """Use the keys of the settings, else the key file of the home folder."""
        if settings.secret_key is not None:
            given = _valid(settings.secret_key.get_secret_value().encode(), "CLEARANCE_SECRET_KEY")
            return cls(lambda: given)
        return cls(KeyFile(settings.home / KEY_NAME))

    def seal(self, text: str) -> str:
        """Encrypt."""
        return self._fernet().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt, or raise ``SecretKeyError`` if a key that is not here encrypted it."""
        try:
            return self._fernet().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SecretKeyError(
                "a stored secret was encrypted with another key; put the old secret.key back"
            ) from None

    def share(self, purpose: str, subject: str) -> float:
        """Return a number from 0 to 1 for a subject: the same each time, and not to be guessed."""
        digest = hmac.digest(self._keys()[0], f"{purpose}\n{subject}".encode(), "sha256")
        return int.from_bytes(digest[:8], "big") / 2**64

    def link_token(self, purpose: str, subject: str) -> str:
        """Return the token of a link: the same as long as no key comes, and not to be guessed (HMAC-SHA-256)."""
        return self.link_tokens(purpose, subject)[0]

    def link_tokens(self, purpose: str, subject: str) -> list[str]:
        """Return the token of each key, newest first: what a link of before a rotation carries is among them."""
        said = f"{purpose}\n{subject}".encode()
        digests = [hmac.digest(key, said, "sha256") for key in self._keys()]
        return [base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in digests]

    def _fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self._keys()])


class KeyFile:
    """The keys in a file that only the owner may read, one a line, newest first; read when it changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[tuple[int, int], list[bytes]] | None = None
        self()

    def __call__(self) -> list[bytes]:
        """Return the keys, or raise ``SecretKeyError`` if there are none, or others may read the file."""
        stat = _checked(self.path)
        seen, read = (stat.st_ino, stat.st_mtime_ns), self._read
        if read is None or read[0] != seen:
            read = self._read = seen, _valid(read_key_file(self.path), self.path.name)
        return read[1]

    def replace(self, keys: Sequence[bytes]) -> None:
        """Put other keys into the file, durably; it stays its owner's, whoever runs this."""
        owner = self.path.stat()
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(b"\n".join(keys))
            file.flush()
            os.fsync(descriptor)
        part.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # before anything is kept that only these keys open
        finally:
            os.close(folder)


def _valid(text: bytes, name: str) -> list[bytes]:
    keys = text.split()
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        raise SecretKeyError(
            f"{name} holds something else than keys of 32 bytes in URL-safe base64, as `clearance init` makes"
        ) from None
    if not keys:
        raise SecretKeyError(f"{name} holds no key")
    return keys


def make_key_file(home: Path) -> None:
    """Make the key file with mode 0600; leave one that is there."""
    path = home / KEY_NAME
    if path.exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(new_key())


def new_key() -> bytes:
    """Return a fresh key."""
    return Fernet.generate_key()


def read_key_file(path: Path) -> bytes:
    """Return the key, or raise ``SecretKeyError`` if it is missing or others may read it."""
    _checked(path)
    try:
        return path.read_bytes()
    except PermissionError:
        raise SecretKeyError(f"{path.name} belongs to another user: chown it") from None


def _checked(path: Path) -> os.stat_result:
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise SecretKeyError(
            f"{path.name} is missing: put it back (only `clearance init` makes one, on a new installation)"
        ) from None
    if stat.st_mode & 0o077:
        raise SecretKeyError(f"{path.name} can be read by others: chmod 600 it")
    return stat
