"""What a shard and those who ask it say to each other, and the secret that lets one ask.

A question is a fingerprint in the form in which fingerprints are kept; an answer is JSON, which carries
every float exactly. An answer names who gives it, so that whoever asked can tell a wrong one.
"""

import hmac
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

import fingerprint
from scanner.secrets import SecretKeyError, read_key_file

MODELS: Final = " ".join(
    (
        fingerprint.ALGORITHM,
        fingerprint.EMBEDDING_MODEL,
        fingerprint.CONSTELLATION_MODEL,
        fingerprint.COMPOSITION_MODEL,
    )
)
"""Of the fingerprints that are compared: a shard of another release would silently leave some out."""
MOST_QUERY_BYTES: Final = 64 << 20
"""A whole day of sound: at most 2.74 MB an hour."""
SHORTEST_SECRET: Final = 32


class Answer(BaseModel):
    """Who answers."""

    model_config = ConfigDict(frozen=True, strict=True)

    shard: str
    models: str


class Ready(Answer):
    """Whether what there was to fill at the start has been filled in."""

    filled: bool


class Epoch(Answer):
    """An answer about one tenant: in which state of the index, which held all changes up to ``epoch``."""

    version: str
    epoch: int


class Matches(Epoch):
    """What a search found, best first."""

    matches: tuple[fingerprint.Match, ...]


class Size(Epoch):
    """How large a tenant's index is; ``bare`` counts references without vectors, where that was asked."""

    stats: fingerprint.IndexStats
    bare: int | None


class Trouble(BaseModel):
    """Why there is no answer."""

    detail: str
    busy: bool = False


class Secret:
    """The secret in a key file, one a line: the first is shown, each is accepted.

    It is read at each use, so that a rotation needs no restart: add the new one below on every machine,
    then put it first on every machine, then take the old one away.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def header(self) -> str:
        """Return the value of `Authorization` that shows it, or raise ``SecretKeyError`` if there is none."""
        return f"Bearer {self._lines()[0].decode('ascii')}"

    def is_in(self, header: str | None) -> bool:
        """Whether a value of `Authorization` shows it, in a time that tells nothing of it."""
        given = (header or "").encode("latin-1", "replace")
        return any(hmac.compare_digest(given, b"Bearer " + line) for line in self._lines())

    def _lines(self) -> list[bytes]:
        if not self._path.exists():
            raise SecretKeyError(
                f"{self._path.name} is missing: make it once, `openssl rand -hex 32`, and copy it to every "
                "machine, readable by its owner alone"
            )
        lines = read_key_file(self._path).split()
        if not lines or any(len(line) < SHORTEST_SECRET or not line.isalnum() for line in lines):
            raise SecretKeyError(
                f"{self._path.name} must hold {SHORTEST_SECRET} letters and digits or more a line, as "
                "`openssl rand -hex 32` makes"
            )
        return lines
