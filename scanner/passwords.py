"""Passwords: which ones are taken, and how they are kept and compared (Argon2id, RFC 9106).

What is refused follows NIST SP 800-63B, 3.1.1.2: too short, or among the first that somebody would try. No
kinds of characters are asked for, and nobody has to change theirs from time to time.
"""

import functools
import re
import secrets
from pathlib import Path
from typing import Final, Literal

from scanner.errors import ScannerError
from scanner.wording import Told

MINIMUM: Final = 12
MAXIMUM: Final = 1000
"""Characters; a longer one is not hashed."""
FEWEST_DIFFERENT: Final = 5
COMMON: Final = Path(__file__).parent / "common_passwords.txt"

Weakness = Literal["short", "long", "common", "address"]


class WeakPasswordError(ScannerError):
    """A password that is not taken; ``weakness`` says why, for the page."""

    def __init__(self, weakness: Weakness, detail: str) -> None:
        super().__init__(detail)
        self.weakness = weakness


def check(password: str, email: str) -> None:
    """Refuse a password that would soon be guessed.

    Raises
    ------
    WeakPasswordError
        If it is too short or too long, a common one with digits or signs around it, of few different characters,
        or the address itself.
    """
    if len(password) < MINIMUM:
        raise WeakPasswordError(
            "short", Told("a password has at least %(minimum)s characters", minimum=MINIMUM)
        )
    if len(password) > MAXIMUM:
        raise WeakPasswordError(
            "long", Told("a password has at most %(maximum)s characters", maximum=MAXIMUM)
        )
    plain = password.casefold()
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    if plain in common() or core in common() or len(set(plain)) < FEWEST_DIFFERENT:
        raise WeakPasswordError("common", "many people have this password, or one much like it")
    if core and core in {email.casefold(), email.casefold().partition("@")[0]}:
        raise WeakPasswordError("address", "a password is not the e-mail address")


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


def holds(kept: str | None, password: str) -> bool:
    """Tell whether a password is the one of which ``kept`` is the hash; None takes as long, and never holds."""
    from argon2 import PasswordHasher
    from argon2.exceptions import VerificationError

    try:
        PasswordHasher().verify(kept or _nobodys_hash(), password)
    except VerificationError:
        return False
    return kept is not None


@functools.cache
def common() -> frozenset[str]:
    """Return passwords that are tried first, and the words that others are made of."""
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@functools.cache
def _nobodys_hash() -> str:
    return hashed(secrets.token_urlsafe(16))
