"""Signed checkpoints of the audit trail, outside the database: what its chains were at a time.

Each is a statement on one chain, signed with Ed25519 (RFC 8032): how many records it has, the hash of the last
seal, the root of the Merkle tree over all of them, and the checkpoint before. A round writes one file with a line a
chain. Whoever alters rows and seals in the database alike, or cuts off the end, does not fit them any more.

Two workers may write the same round twice; both are true. A round is whole or not there.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import fsspec
import rfc8785
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlmodel import func, select

from scanner import audit_blocks
from scanner.audit_blocks import leaves
from scanner.clock import new_id
from scanner.errors import ScannerError
from scanner.journal import GENESIS, seal_hash
from scanner.merkle import Tree
from scanner.metrics import CHECKPOINTS_REFUSED
from scanner.pseudonyms import make_key_file
from scanner.secrets import SecretKeyError, read_key_file
from scanner.signed_lines import public_half
from scanner.strict_json import strict_json
from scanner.tables import JournalSeal

if TYPE_CHECKING:
    from scanner.service import Service

FORMAT: Final = "clearance-checkpoint-2"
FORMATS: Final = frozenset({"clearance-checkpoint-1", FORMAT})
"""The first had ``chains``, how many lines its round has, which told each tenant how many there are."""
KEY_NAME: Final = "checkpoint.key"
SUFFIX: Final = ".jsonl"

_refused: "Final[WeakSet[Service]]" = WeakSet()
"""Who found the last round not whole, and looks again before saying otherwise: others may have written since."""

log = structlog.get_logger()


class BadCheckpointError(ScannerError):
    """A checkpoint is not one, or not what its key signed; the message says which."""


@dataclass(frozen=True)
class Checkpoint:
    """A signed statement on a chain.

    Attributes
    ----------
    statement : dict
        ``format``, ``key``, ``chain``, ``size`` (records), ``head`` (hash of the last seal), ``root``, ``edge``
        (see :class:`scanner.merkle.Tree`), ``at``, ``round`` (see :func:`round_of`), ``previous`` (digest of the
        chain's checkpoint before, or zeros).
    signature : str
        128 hexadecimal digits.
    """

    statement: dict[str, Any]
    signature: str

    @property
    def chain(self) -> str:
        """The chain it is about."""
        return str(self.statement["chain"])

    @property
    def size(self) -> int:
        """How many records the chain had."""
        return int(self.statement["size"])

    @property
    def digest(self) -> str:
        """What the chain's next checkpoint names it by."""
        return hashlib.sha256(_signed(self.statement)).hexdigest()

    def tree(self) -> Tree:
        """Return the tree as it was."""
        return Tree(self.size, [bytes.fromhex(each) for each in self.statement["edge"]])

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"statement": self.statement, "signature": self.signature}


def parsed(value: Any, key: str) -> Checkpoint:
    """Return a checkpoint from JSON, if that key (64 hexadecimal digits) signed it.

    Raises
    ------
    BadCheckpointError
        If it is none, or of another key, or was changed.
    """
    try:
        found = Checkpoint(dict(value["statement"]), str(value["signature"]))
        whole = found.statement["format"] in FORMATS and found.size == found.tree().size
        rooted = found.tree().root().hex() == found.statement["root"]
        owner = str(found.statement["key"])
        signature, public = bytes.fromhex(found.signature), bytes.fromhex(owner)
        signed = _signed(found.statement)
    except (KeyError, TypeError, ValueError, rfc8785.CanonicalizationError):
        raise BadCheckpointError("this is no checkpoint") from None
    if owner != key:
        raise BadCheckpointError("another key than the trusted one signed the checkpoint")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise BadCheckpointError("the checkpoint was changed: its signature does not fit") from None
    if not (whole and rooted):
        raise BadCheckpointError("this is no checkpoint of this program's form")
    return found


def round_of(chains: Iterable[str]) -> str:
    """Return the digest of a round's chains: who has the whole round can tell if a line is gone, others nothing."""
    return hashlib.sha256("\n".join(sorted(chains)).encode()).hexdigest()


def is_whole(statement: Mapping[str, Any], chains: Collection[str]) -> bool:
    """Tell whether a round of these chains is the one that a statement was made with."""
    if "chains" in statement:
        return bool(statement["chains"] == len(chains))
    return bool(statement.get("round") == round_of(chains))


class Folder:
    """Where checkpoints lie: a file a round, named by its time."""

    def __init__(self, url: str, **options: Any) -> None:
        self._fs, root = fsspec.core.url_to_fs(url, **options | {"use_listings_cache": False})
        self._root = str(root).rstrip("/")

    def names(self) -> list[str]:
        """Return the rounds, oldest first."""
        if not self._fs.exists(self._root):
            return []
        found = [str(each).rpartition("/")[2] for each in self._fs.ls(self._root, detail=False)]
        return sorted(name for name in found if name.endswith(SUFFIX))

    def lines(self, name: str) -> list[Any]:
        """Return a round's lines as JSON; None for what is no JSON."""
        return [_json(line) for line in self.content(name).splitlines()]

    def content(self, name: str) -> bytes:
        """Return a round as it lies there."""
        content: bytes = self._fs.cat_file(f"{self._root}/{name}")
        return content

    def write(self, name: str, lines: list[dict[str, Any]]) -> None:
        """Write a round, whole or not at all."""
        self.keep(
            name,
            "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode(),
        )

    def keep(self, name: str, content: bytes) -> None:
        """Write a round's bytes, whole or not at all."""
        place = f"{self._root}/{name}"
        if "file" not in self._fs.protocol:
            self._fs.pipe_file(place, content)
            return
        self._fs.makedirs(self._root, exist_ok=True)
        part = Path(f"{place}.{new_id()}.part")
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)


def folder_of(service: "Service", url: str | None = None) -> Folder:
    """Return where a service's checkpoints lie, or those at an address."""
    wanted = url or service.settings.checkpoint_url
    options = service.settings.store_options if "://" in wanted else {}
    return Folder(wanted, **options)


def own_key(home: Path) -> Ed25519PrivateKey:
    """Return the key that signs, from the home folder; it is made if there is none."""
    make_key_file(home / KEY_NAME, Ed25519PrivateKey.generate().private_bytes_raw())
    return Ed25519PrivateKey.from_private_bytes(read_key_file(home / KEY_NAME))


def public_key(service: "Service") -> str:
    """Return the public half of the key that signs, 64 hexadecimal digits; raises as :func:`signing_key`."""
    return public_half(signing_key(service))


def signing_key(service: "Service") -> Ed25519PrivateKey:
    """Return the key that signs; none is made beside rounds that another one signed.

    Raises
    ------
    SecretKeyError
    """
    home = service.settings.home
    if not (home / KEY_NAME).exists() and folder_of(service).names():
        raise SecretKeyError(
            f"{KEY_NAME} is missing, which signed the rounds that there are: put it back"
        )
    return own_key(home)


def write_due(service: "Service") -> bool:
    """Write this hour's round unless it is there; tell whether one was written.

    Raises
    ------
    BadCheckpointError
        If the last round is not whole; ``clearance_checkpoints_refused`` is 1 until it is.
    """
    names = folder_of(service).names()
    hour = f"{service.now().astimezone(UTC):%Y%m%dT%H}"
    if names and names[-1].startswith(hour) and service not in _refused:
        return False
    try:
        made = write(service)
    except BadCheckpointError:
        CHECKPOINTS_REFUSED.set(1)
        _refused.add(service)
        raise
    CHECKPOINTS_REFUSED.set(0)
    _refused.discard(service)
    return made is not None


def write(service: "Service") -> list[Checkpoint] | None:
    """Write a round now; None if nothing was sealed since the last one.

    Raises
    ------
    BadCheckpointError
        If the last round is not whole.
    """
    folder, key = folder_of(service), signing_key(service)
    last = latest(folder, public_half(key))
    found = {
        chain: _grown(service, chain, last.get(chain))
        for chain in sorted({*last, *_chains(service)})
    }
    if not any(tree for tree, _ in found.values()):
        return None
    at = service.now().astimezone(UTC)
    told = {chain: each for chain, each in found.items() if each[0] is not None or chain in last}
    made = [
        last[chain]
        if tree is None
        else signed(key, chain, tree, head, at.isoformat(), round_of(told), last.get(chain))
        for chain, (tree, head) in told.items()
    ]
    folder.write(_name(at), [each.to_json() for each in made])
    for each in made:
        audit_blocks.fill(service, each.chain, each.size)
    return made


def signed(
    key: Ed25519PrivateKey,
    chain: str,
    tree: Tree,
    head: str,
    at: str,
    round_: str,
    before: Checkpoint | None,
) -> Checkpoint:
    """Return a new checkpoint of a chain."""
    statement = {
        "format": FORMAT,
        "key": public_half(key),
        "chain": chain,
        "size": tree.size,
        "head": head,
        "root": tree.root().hex(),
        "edge": [each.hex() for each in tree.edge],
        "at": at,
        "round": round_,
        "previous": before.digest if before else GENESIS,
    }
    return Checkpoint(statement, key.sign(_signed(statement)).hex())


def latest(folder: Folder, key: str) -> dict[str, Checkpoint]:
    """Return each chain's checkpoint of the last round, on which the next one rests.

    Raises
    ------
    BadCheckpointError
        If that round is not whole: nothing is signed then that would pass over it.
    """
    names = folder.names()
    return _round(folder, names[-1], key) if names else {}


def last_whole(folder: Folder, key: str) -> dict[str, Checkpoint]:
    """Return each chain's checkpoint of the last round that is whole, for a proof."""
    for name in reversed(folder.names()):
        try:
            return _round(folder, name, key)
        except BadCheckpointError as error:
            log.error("checkpoint_unreadable", round=name, detail=str(error))
    return {}


def _round(folder: Folder, name: str, key: str) -> dict[str, Checkpoint]:
    """Return a round's checkpoints; each round says in the lines that are new how many there are."""

    def broken(why: str) -> BadCheckpointError:
        return BadCheckpointError(
            f"the round {name} {why}: put it back from a copy; or, once `clearance audit verify` "
            "has said what it says, take it out of the folder"
        )

    try:
        found = [parsed(line, key) for line in folder.lines(name)]
    except BadCheckpointError as error:
        raise broken(f"can't be read ({error})") from None
    if not found:
        raise broken("is empty")
    last = max(found, key=lambda each: str(each.statement["at"]))
    at = datetime.fromisoformat(str(last.statement["at"])).astimezone(UTC)
    if name != _name(at) or not is_whole(last.statement, [each.chain for each in found]):
        raise broken("is cut off")
    return {each.chain: each for each in found}


def _name(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%S.%f}Z{SUFFIX}"


def _chains(service: "Service") -> list[str]:
    with service.database.reading() as session:
        return list(session.exec(select(JournalSeal.chain).distinct()))


def _grown(service: "Service", chain: str, last: Checkpoint | None) -> tuple[Tree | None, str]:
    """Return a chain's tree and head; no tree if it did not grow, or does not follow its last checkpoint.

    What was tampered with is not signed anew: `audit verify` says then what is wrong with it.
    """
    tree, head = (last.tree(), str(last.statement["head"])) if last else (Tree(), GENESIS)
    with service.database.reading() as session:
        end = session.exec(
            select(JournalSeal.hash).where(
                JournalSeal.chain == chain, JournalSeal.sequence == tree.size
            )
        ).first()
        count = session.exec(
            select(func.count()).select_from(JournalSeal).where(JournalSeal.chain == chain)
        ).one()
        if (tree.size and end != head) or count < tree.size:
            log.error("chain_broken", chain=chain, size=tree.size)
            return None, head
        before = tree.size
        for seal, row, leaf in leaves(session, chain, service.pseudonyms, tree.size):
            follows = seal.sequence == tree.size + 1 and seal.previous_hash == head
            if not follows or seal_hash(head, row) != seal.hash:
                log.error("chain_broken", chain=chain, size=tree.size)
                return None, head
            tree.add(leaf)
            head = seal.hash
    return (tree if tree.size > before else None), head


def _signed(statement: dict[str, Any]) -> bytes:
    return str(statement["format"]).encode() + b"\n" + rfc8785.dumps(statement)


def _json(line: bytes) -> Any:
    try:
        return strict_json(line)
    except ValueError:
        return None
