"""Manifests of files, read and signed in limited children: files come from strangers."""

import base64
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from scanner.audio import AudioError, DecodeLimits
from scanner.audio.children import LimitedChildren
from scanner.audio.manifest_work import UNSIGNABLE
from scanner.certificates import Signatory
from scanner.errors import ScannerError, TransientError
from watermark.provenance import (
    MEDIA_TYPES,
    READABLE,
    Claim,
    Manifest,
    SigningError,
    claim_to_json,
    manifest_from_json,
)

LIMITS: Final = DecodeLimits(
    memory_bytes=512 * 2**20, cpu_seconds=30, wall_seconds=60, output_bytes=2 * 2**30
)


class UnverifiableError(ScannerError):
    """The manifest could not be looked at: reading it broke a limit, or the reader."""


class Manifests:
    """Reads and signs the manifests of files.

    Parameters
    ----------
    children : LimitedChildren
        Where native code meets strangers' bytes.
    folder : Path
        Where files without a name lie while they are used, made when needed.
    trust_anchors : callable
        Gives certificates, PEM, under which a signer is known.
    limits : DecodeLimits, optional
        Of one file; what it says of samples counts for nothing.
    """

    def __init__(
        self,
        children: LimitedChildren,
        folder: Path,
        trust_anchors: Callable[[], str],
        limits: DecodeLimits = LIMITS,
    ) -> None:
        self._children = children
        self._limits = limits
        self._folder = folder
        self._trust_anchors = trust_anchors

    def read(self, path: Path, container: str) -> Manifest | None:
        """Verify the manifest of a file.

        Parameters
        ----------
        container : str
            By the name that `sniff` gives it.

        Returns
        -------
        Manifest or None
            None where the container's manifests are not read here.

        Raises
        ------
        UnverifiableError
            If reading breaks a limit or the reader, which only a file made to do so should.
        TransientError
            If it may work later.
        """
        if container not in READABLE:
            return None
        wanted = {"media_type": READABLE[container], "anchors": self._trust_anchors()}
        with path.open("rb") as source, self._exchange(wanted) as talk:
            try:
                self._children.run("read_manifest", [source.fileno(), talk.fileno()], self._limits)
                return manifest_from_json(_told(talk))
            except AudioError as error:
                raise _unverifiable(error) from error
            except (KeyError, TypeError, ValueError) as error:
                raise UnverifiableError("the manifest's reader broke") from error

    def sign(
        self,
        source: Path,
        target: Path,
        format_: str,
        claim: Claim,
        signatory: Signatory,
        ingredients: Sequence[Path | None] = (),
    ) -> bytes:
        """Copy a file with a manifest that says a claim, and return the manifest store.

        The key stays in this process: the child asks for one signature.

        Parameters
        ----------
        format_ : str
            A name of `MEDIA_TYPES`.
        ingredients : sequence of Path or None, optional
            Files of the claim's ingredients, as far as there are any.

        Raises
        ------
        SigningError
            If the claim can't be signed into this file.
        TransientError
            If it may work later.
        """
        files = ingredients or [None] * len(claim.ingredients)
        wanted = {
            "media_type": MEDIA_TYPES[format_],
            "claim": claim_to_json(claim),
            "identity": asdict(signatory.identity),
            "has_file": [each is not None for each in files],
        }
        with ExitStack() as stack:
            opened: list[IO[bytes]] = [
                stack.enter_context(source.open("rb")),
                stack.enter_context(target.open("w+b")),
                stack.enter_context(self._exchange(wanted)),
                *(stack.enter_context(each.open("rb")) for each in files if each is not None),
            ]
            descriptors = [each.fileno() for each in opened]
            try:
                self._children.run("sign_manifest", descriptors, self._limits, _signing(signatory))
            except AudioError as error:
                if error.problem == UNSIGNABLE:
                    raise SigningError(error.detail) from error
                raise _unverifiable(error) from error
            talk = opened[2]
            talk.seek(0)
            return talk.read()

    @contextmanager
    def _exchange(self, wanted: Mapping[str, Any]) -> Iterator[IO[bytes]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(prefix="manifest-", dir=self._folder) as talk:
            talk.write(json.dumps(wanted).encode())
            talk.seek(0)
            yield talk


def _signing(signatory: Signatory) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Return what answers a child that asks for a signature: once, whatever it has become."""
    left = iter([signatory.key.sign])

    def answer(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        sign = next(left, None)
        if sign is None:
            raise SigningError("a signature was asked for twice")
        data = base64.b64decode(asked["sign"])
        return {"signature": base64.b64encode(sign(data)).decode()}

    return answer


def _told(talk: IO[bytes]) -> dict[str, Any]:
    talk.seek(0)
    told: dict[str, Any] = json.load(talk)
    return told


def _unverifiable(error: AudioError) -> ScannerError:
    if error.transient:
        return TransientError(f"the manifest can't be looked at now: {error.problem}")
    return UnverifiableError(f"the manifest can't be looked at: {error.problem}")
