"""Takes: what an engine gives back, and the tree that they form."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from generator.arrays import F32Array, I32Array
from generator.chords import Chord
from generator.composer import Seeds
from generator.errors import InvalidRequestError
from generator.notes import Note
from generator.plan import Plan, Reason, Seat
from generator.prompts import Understood
from generator.request import Request

Origin = Literal["generated", "mixed", "kept", "given"]


@dataclass(frozen=True, eq=False)
class Stem:
    """One stem of a take.

    Parameters
    ----------
    seat : Seat
        Who plays it, and what.
    notes : tuple of Note
    midi : bytes
        A file of its own.
    samples : int32 array, shape (2, n)
        Its bus: 24-bit whole numbers, as it stands in the mix.
    origin : str
        ``kept`` where it is the parent's to the sample, ``mixed`` where some bars are, ``given`` where
        somebody brought it.
    """

    seat: Seat
    notes: tuple[Note, ...]
    midi: bytes
    samples: I32Array
    origin: Origin = "generated"

    @property
    def name(self) -> str:
        """Unique in its take."""
        return self.seat.stem


@dataclass(frozen=True, eq=False)
class Take:
    """A take.

    Parameters
    ----------
    id : str
        SHA-256 of engine, version, request and parent: the same asked again has the same id and bytes.
    engine, version : str
    request : Request
    understood : Understood
        What was read in the prompt, and what was not.
    plan : Plan
        All decisions with their reasons.
    chords : tuple of Chord
    stems : tuple of Stem
    mix : int32 array, shape (2, n)
        The sum of the stems' samples, exactly.
    master : int32 array, shape (2, n)
        The mix times the gain, rounded; 24-bit whole numbers.
    gain : float32 array, shape (n,)
    rate : int
        Samples a second.
    lufs, true_peak_db : float
        Of the master.
    seeds : mapping
        Of every stem and phrase: what a variation changes in part.
    ignored_controls : tuple of str
        Fields of the request that the engine can't honour.
    """

    id: str
    engine: str
    version: str
    request: Request
    understood: Understood
    plan: Plan
    chords: tuple[Chord, ...]
    stems: tuple[Stem, ...]
    mix: I32Array
    master: I32Array
    gain: F32Array
    rate: int
    lufs: float
    true_peak_db: float
    seeds: Seeds = field(repr=False)
    ignored_controls: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why each choice was made."""
        return self.plan.reasons

    def stem(self, name: str) -> Stem:
        """The stem of a name.

        Raises
        ------
        InvalidRequestError
            If there is none.
        """
        for each in self.stems:
            if each.name == name:
                return each
        raise InvalidRequestError(
            f"take {self.id[:12]} has no stem {name!r}: it has {', '.join(s.name for s in self.stems)}"
        )


def take_id(engine: str, version: str, request: Request) -> str:
    """Digest of all that a take's bytes depend on; the request names the parent."""
    told = request.model_dump(mode="json") | {"melody_midi": (request.melody_midi or b"").hex()}
    text = json.dumps([engine, version, told], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Node:
    """A take's place in the tree.

    Parameters
    ----------
    take : str
        Its id.
    parent : str or None
    locked : tuple of str
        Stems that are the parent's to the sample, before mastering.
    locked_bars : tuple of int
    amount : float
        How much of the rest was made anew.
    seed : int
    by : str or None
        Whoever asked for it, where several contribute; a fork of somebody else's take credits that node's.
    """

    take: str
    parent: str | None = None
    locked: tuple[str, ...] = ()
    locked_bars: tuple[int, ...] = ()
    amount: float = 1.0
    seed: int = 0
    by: str | None = None


def node_of(take: Take, by: str | None = None) -> Node:
    """The place of a take."""
    own = take.request
    return Node(take.id, own.parent, own.locked, own.locked_bars, own.amount, own.seed, by)


@dataclass(frozen=True)
class Tree:
    """Nodes, parents before children. Every change gives a new tree; nothing is ever removed."""

    nodes: tuple[Node, ...] = ()

    def with_node(self, node: Node) -> Self:
        """The tree with one more node; one that it holds already changes nothing.

        Raises
        ------
        InvalidRequestError
            If the parent is not in the tree.
        """
        if any(each.take == node.take for each in self.nodes):
            return self
        if node.parent is not None:
            self.node(node.parent)
        return type(self)((*self.nodes, node))

    def node(self, take: str) -> Node:
        """The node of a take."""
        for each in self.nodes:
            if each.take == take:
                return each
        raise InvalidRequestError(f"take {take[:12]} is not in this tree: add its parents first")

    def children(self, take: str) -> tuple[Node, ...]:
        """Takes varied from one, in the order they were made."""
        return tuple(each for each in self.nodes if each.parent == take)

    def line(self, take: str) -> tuple[Node, ...]:
        """From the root to a take: to roll back is to go on from an earlier one."""
        found = [self.node(take)]
        while found[-1].parent is not None:
            found.append(self.node(found[-1].parent))
        return tuple(reversed(found))

    def credited(self, take: str) -> tuple[str, ...]:
        """Everybody who contributed to a take, the first one first."""
        return tuple(dict.fromkeys(each.by for each in self.line(take) if each.by))

    def rows(self) -> list[dict[str, Any]]:
        """As plain data."""
        return [asdict(each) for each in self.nodes]

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]]) -> Self:
        """From plain data."""
        tree = cls()
        for row in rows:
            own = {**row, "locked": tuple(row["locked"]), "locked_bars": tuple(row["locked_bars"])}
            tree = tree.with_node(Node(**own))
        return tree

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)
