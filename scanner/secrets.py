"""Secrets at rest: a key file that only the owner may read, and what is encrypted with it."""

import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from scanner.errors import ScannerError
from scanner.settings import Settings

KEY_NAME: Final = "secret.key"


class SecretKeyError(ScannerError):
    """The key file is missing, readable by others, or not the one that encrypted."""


class SecretBox:
    """Encrypts short texts with the installation's key (Fernet: AES-128-CBC and HMAC-SHA-256)."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        self._key = key

    @classmethod
    def of(cls, settings: Settings) -> "SecretBox":
        """Use the key of the settings, else the key file of the home folder."""
        if settings.secret_key is not None:
            return cls(settings.secret_key.get_secret_value().encode())
        return cls(read_key_file(settings.home / KEY_NAME))

    def seal(self, text: str) -> str:
        """Encrypt."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt, or raise ``SecretKeyError`` if another key encrypted it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SecretKeyError(
                "a stored secret was encrypted with another key; put the old secret.key back"
            ) from None

    def share(self, purpose: str, subject: str) -> float:
        """Return a number from 0 to 1 for a subject: the same each time, and not to be guessed."""
        digest = hmac.digest(self._key, f"{purpose}\n{subject}".encode(), "sha256")
        return int.from_bytes(digest[:8], "big") / 2**64

    def link_token(self, purpose: str, subject: str) -> str:
        """Return the token of a link: the same each time, and not to be guessed (HMAC-SHA-256)."""
        digest = hmac.new(self._key, f"{purpose}\n{subject}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def make_key_file(home: Path) -> None:
    """Make the key file with mode 0600; leave one that is there."""
    path = home / KEY_NAME
    if path.exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())


def read_key_file(path: Path) -> bytes:
    """Return the key, or raise ``SecretKeyError`` if it is missing or others may read it."""
    try:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise SecretKeyError(f"{path.name} can be read by others: chmod 600 it")
        return path.read_bytes()
    except FileNotFoundError:
        raise SecretKeyError(f"{path.name} is missing: run `clearance init`") from None
