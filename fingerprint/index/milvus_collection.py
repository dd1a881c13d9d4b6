"""Vectors of references in a Milvus collection.

Each vector is a row, by which it is found; every :data:`BLOCK` rows the first one carries all of
them as bytes, by which a reference is read in the order of time without asking for each row. A
reference without vectors has one row, so that one that was lost can be told from it.

The id of a row is a function of the reference and the place in it: what is written again takes the
place of itself, whoever writes it, so a change may be delivered any number of times.
"""

import base64
import hashlib
import importlib.util
import json
import os
import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

import numpy as np

from fingerprint.arrays import F32Array, I64Array
from fingerprint.embedding.embedding import SCALE, I8Array
from fingerprint.errors import IndexCorruptError, IndexUnavailableError, MissingExtraError

BLOCK: Final = 256
LISTS: Final = 1024
PROBED: Final = 32
"""Lists of each of the server's own segments, and how many of them a search reads."""
CALL_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 10.0
ROWS: Final = 4096
"""Rows that are written in one call: about 2 MB."""
QUERIES: Final = 256
"""Vectors that are looked up in one call."""
BLOCKS: Final = 256
"""Blocks that are read in one call: about 8 MB."""
LISTED: Final = 256
"""References that one filter names."""
LONGEST_ID: Final = 512
"""Bytes of a reference's id."""
_LONGEST_BLOCK: Final = 65_535
_MARKER: Final = 0
"""Id of the row that says which collection this is."""
_NONE: Final = 100
"""Milvus' code for a collection that does not exist."""

_Any = TypeVar("_Any")


class MilvusServer:
    """A connection to Milvus, made when it is first needed and anew in each forked process.

    Parameters
    ----------
    uri : str
        ``http://host:port``, ``https://…``, or a path that ends in ``.db``: then ``milvus-lite`` runs
        inside this process, and no other process can open that path.
    token : str
        ``user:password`` or a key; empty where the server asks for none.

    Raises
    ------
    MissingExtraError
        If pymilvus is not installed.
    """

    def __init__(self, uri: str, token: str = "") -> None:
        if importlib.util.find_spec("pymilvus") is None:
            raise MissingExtraError(
                "vectors in Milvus need pymilvus: install Clearance with its extra `milvus`"
            )
        self.uri = uri
        self._token = token
        self._client: Any = None
        self._process = 0
        self._connecting = threading.Lock()

    def call(self, method: str, collection: str, *args: Any, **options: Any) -> Any:
        """Call a method of pymilvus' client on a collection.

        Raises
        ------
        IndexCorruptError
            If there is no such collection.
        IndexUnavailableError
            If the server can't be reached, refuses, or does not answer in time.
        """
        with _named(method, collection):
            found = getattr(self._connected(), method)
            return found(collection, *args, timeout=CALL_SECONDS, **options)

    def answers(self) -> None:
        """Raise :class:`IndexUnavailableError` unless the server answers."""
        self.call("has_collection", "clearance")

    def schema(self, dimensions: int) -> dict[str, Any]:
        """What a collection for vectors of so many dimensions is made of."""
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("reference", DataType.VARCHAR, max_length=LONGEST_ID)
        schema.add_field("position", DataType.INT64)
        schema.add_field("total", DataType.INT64)
        schema.add_field("epoch", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
        schema.add_field("block", DataType.VARCHAR, max_length=_LONGEST_BLOCK)
        indexes = MilvusClient.prepare_index_params()
        indexes.add_index("vector", index_type="IVF_SQ8", metric_type="IP", params={"nlist": LISTS})
        indexes.add_index("reference", index_type="INVERTED")
        return {"schema": schema, "index_params": indexes, "consistency_level": "Strong"}

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None or self._process != os.getpid():
                from pymilvus import MilvusClient

                self._client = MilvusClient(
                    uri=self.uri, token=self._token, timeout=CONNECT_SECONDS
                )
                self._process = os.getpid()
            return self._client


@dataclass(frozen=True)
class Hits:
    """Rows most like each of a query's vectors.

    Attributes
    ----------
    references : list of list of str
        For each query vector; shorter than asked for where there are no more.
    positions : list of list of int
    likeness : list of list of float
        Cosine.
    """

    references: list[list[str]]
    positions: list[list[int]]
    likeness: list[list[float]]


class MilvusCollection:
    """One set of vectors of one tenant's references.

    Searches are strongly consistent: what was written before a search began is seen by it, which
    in a cluster costs up to the interval of its time ticks.

    Parameters
    ----------
    server : MilvusServer
    name : str
        Letters, digits and underscores.
    dimensions : int
        Of a vector.
    beside : int
        Bytes that are kept with each vector and read with it, such as chroma.
    """

    def __init__(self, server: MilvusServer, name: str, dimensions: int, beside: int) -> None:
        if BLOCK * (dimensions + beside) * 4 / 3 > _LONGEST_BLOCK:
            raise ValueError(f"{dimensions} + {beside} bytes a vector do not fit a block")
        self.server = server
        self.name = name
        self.dimensions = dimensions
        self.beside = beside

    def marker(self) -> int | None:
        """The number this collection was made with; None where it was not made to its end.

        Raises
        ------
        IndexCorruptError
            If there is no such collection.
        IndexUnavailableError
        """
        rows = self._call("query", ids=[_MARKER], output_fields=["epoch"])
        return int(rows[0]["epoch"]) if rows else None

    def made(self) -> int:
        """Make the collection unless it is there; return its number.

        Raises
        ------
        IndexCorruptError
            If one of the name is there whose vectors are of other dimensions.
        IndexUnavailableError
        """
        if not self._call("has_collection"):
            self._call("create_collection", **self.server.schema(self.dimensions))
        described = self._call("describe_collection")
        sizes = [each["params"].get("dim") for each in described["fields"]]
        if str(self.dimensions) not in map(str, sizes):
            raise IndexCorruptError(
                f"the collection {self.name} does not hold vectors of {self.dimensions} dimensions: "
                "drop it, and it is filled anew from the references"
            )
        self._call("load_collection")
        found = self.marker()
        if found is None:
            found = secrets.randbits(62)
            empty = np.zeros((1, self.dimensions), np.int8)
            self._upsert([self._row(_MARKER, "", -1, 0, found, empty[0], "")])
        return found

    def write(self, parts: Iterable[tuple[str, I8Array, I8Array]], epoch: int) -> Iterator[str]:
        """Write references, giving each one's id once it was taken; all are written at the end.

        Parameters
        ----------
        parts : iterable of (reference id, vectors, what lies beside them)
            int8 arrays of shape (n, dimensions) and (n, beside). The last of equal ids wins.
        epoch : int
            Rows that an earlier one wrote of the same reference are gone afterwards, and of any epoch
            those past its last.
        """
        rows: list[dict[str, Any]] = []
        counts: dict[str, int] = {}
        for reference, vectors, beside in parts:
            if reference in counts:
                self._upsert(rows)
                rows = []
                self.remove([reference])
            own = self._rows(reference, vectors, beside, epoch)
            counts[reference] = len(own)
            rows += own
            if len(rows) >= ROWS:
                self._upsert(rows)
                rows = []
            yield reference
        self._upsert(rows)
        for named in _parted(sorted(counts), LISTED):
            self._call("delete", filter=f"{_among(named)} and epoch < {epoch}")
            self._cut({name: counts[name] for name in named})

    def remove(self, references: Iterable[str]) -> None:
        """Delete references; unknown ones are ignored."""
        for named in _parted(references, LISTED):
            self._call("delete", filter=_among(named))

    def nearest(self, vectors: F32Array, count: int, without: Collection[str]) -> Hits:
        """The rows most like each vector.

        Parameters
        ----------
        vectors : float32 array, shape (n, dimensions)
        count : int
        without : collection of str
            References that are left out.
        """
        chosen = f"not ({_among(sorted(without))})" if without else ""
        hits = Hits([], [], [])
        for start in range(0, len(vectors), QUERIES):
            found = self._call(
                "search",
                data=list(vectors[start : start + QUERIES]),
                anns_field="vector",
                limit=count,
                filter=chosen,
                output_fields=["reference", "position"],
                search_params={"metric_type": "IP", "params": {"nprobe": PROBED}},
                consistency_level="Strong",
            )
            for own in found:
                hits.references.append([hit["entity"]["reference"] for hit in own])
                hits.positions.append([hit["entity"]["position"] for hit in own])
                hits.likeness.append([hit["distance"] for hit in own])
        return hits

    def read(self, references: Mapping[str, int]) -> dict[str, tuple[I8Array, I8Array]]:
        """Vectors of references in the order of time, and what lies beside them.

        Parameters
        ----------
        references : mapping of str to int
            How many vectors each is thought to have.

        Returns
        -------
        dict of reference id to int8 arrays, shape (n, dimensions) and (n, beside)
            Without references that are not in the collection.

        Raises
        ------
        IndexCorruptError
            If only a part of a reference is there.
        """
        found: dict[str, dict[int, bytes]] = {name: {} for name in references}
        totals: dict[str, int] = {}
        wanted = [
            (name, position)
            for name, thought in references.items()
            for position in range(0, max(1, thought), BLOCK)
        ]
        while wanted:
            self._blocks(wanted, found, totals)
            wanted = [  # of those that have more than was thought
                (name, position)
                for name, total in totals.items()
                for position in range(0, total, BLOCK)
                if position not in found[name] and position >= references[name]
            ]
            references = {**references, **totals}
        return {name: self._joined(name, found[name], total) for name, total in totals.items()}

    def _blocks(
        self,
        wanted: Sequence[tuple[str, int]],
        found: dict[str, dict[int, bytes]],
        totals: dict[str, int],
    ) -> None:
        for part in _parted(wanted, BLOCKS):
            rows = self._call(
                "query",
                ids=[row_id(name, position) for name, position in part],
                output_fields=["reference", "position", "total", "block"],
                consistency_level="Strong",
            )
            for row in rows:
                if row["reference"] in found:
                    totals[row["reference"]] = int(row["total"])
                    content = base64.b64decode(row["block"])
                    found[row["reference"]][int(row["position"])] = content

    def _joined(
        self, reference: str, blocks: Mapping[int, bytes], total: int
    ) -> tuple[I8Array, I8Array]:
        content = b"".join(blocks[position] for position in sorted(blocks))
        width = self.dimensions + self.beside
        if len(content) != total * width:
            raise IndexCorruptError(
                f"the collection {self.name} holds only a part of reference {reference}"
            )
        values = np.frombuffer(content, np.int8).reshape(total, width)
        return values[:, : self.dimensions], values[:, self.dimensions :]

    def verify(self, references: Iterable[str]) -> None:
        """Count the rows of references.

        Raises
        ------
        IndexCorruptError
            Naming one that is not there, or not all of it.
        """
        for named in _parted(references, LISTED):
            totals = dict(self.totals(named))
            rows = {name: max(1, total) for name, total in totals.items() if total is not None}
            if len(rows) == len(totals) and self._count(named) == sum(rows.values()):
                continue
            for name in named:
                if name not in rows or self._count([name]) != rows[name]:
                    raise IndexCorruptError(
                        f"the collection {self.name} lacks vectors of reference {name}"
                    )

    def totals(self, references: Iterable[str]) -> Iterator[tuple[str, int | None]]:
        """How many vectors each reference has; None of one that is not there."""
        for named in _parted(references, LISTED):
            rows = self._call(
                "query",
                ids=[row_id(name, 0) for name in named],
                output_fields=["reference", "total"],
                consistency_level="Strong",
            )
            found = {row["reference"]: int(row["total"]) for row in rows}
            yield from ((name, found.get(name)) for name in named)

    def strays(self, known: Collection[str], epoch: int) -> list[str]:
        """References, written up to an epoch, that are not among those known."""
        rows = self._call(
            "query_iterator",
            batch_size=1000,
            filter=f"position == 0 and epoch <= {epoch}",
            output_fields=["reference"],
        )
        found = []
        with _named("query_iterator", self.name):
            while part := rows.next():
                found += [row["reference"] for row in part if row["reference"] not in known]
            rows.close()
        return found

    def _cut(self, counts: Mapping[str, int]) -> None:
        """Delete what references have beyond so many rows: an epoch may have been written before."""
        if self._count(list(counts)) == sum(counts.values()):
            return
        for name, count in counts.items():
            self._call("delete", filter=f"{_among([name])} and position >= {count}")

    def _count(self, named: Sequence[str]) -> int:
        counted = self._call(
            "query",
            filter=_among(named),
            output_fields=["count(*)"],
            consistency_level="Strong",
        )
        return int(counted[0]["count(*)"])

    def _rows(
        self, reference: str, vectors: I8Array, beside: I8Array, epoch: int
    ) -> list[dict[str, Any]]:
        if len(reference.encode()) > LONGEST_ID:
            raise ValueError(f"the id {reference[:40]}… has more than {LONGEST_ID} bytes")
        total = len(vectors)
        kept = np.concatenate([vectors, beside], axis=1)
        blocks = {
            start: base64.b64encode(kept[start : start + BLOCK].tobytes()).decode()
            for start in range(0, total, BLOCK)
        }
        if not total:
            vectors = np.zeros((1, self.dimensions), np.int8)
        return [
            self._row(
                row_id(reference, place), reference, place, total, epoch, own, blocks.get(place, "")
            )
            for place, own in enumerate(vectors)
        ]

    def _row(
        self,
        id_: int,
        reference: str,
        position: int,
        total: int,
        epoch: int,
        vector: I8Array,
        block: str,
    ) -> dict[str, Any]:
        return {
            "id": id_,
            "reference": reference,
            "position": position,
            "total": total,
            "epoch": epoch,
            "vector": vector.astype(np.float32) / np.float32(SCALE),
            "block": block,
        }

    def _upsert(self, rows: Sequence[dict[str, Any]]) -> None:
        for part in _parted(rows, ROWS):
            self._call("upsert", list(part))

    def _call(self, method: str, *args: Any, **options: Any) -> Any:
        return self.server.call(method, self.name, *args, **options)


def row_id(reference: str, position: int) -> int:
    """64-bit id of a row.

    References lie at random places of 2**64 and take as many ids in a row as they have vectors: of
    a million of them, any two overlap with a probability of 3 in 100,000.
    """
    digest = hashlib.blake2b(reference.encode(), digest_size=8).digest()
    start = np.frombuffer(digest, "<u8")
    moved: I64Array = (start + np.uint64(position)).view(np.int64)
    return int(moved[0])


def _among(named: Sequence[str]) -> str:
    return f"reference in {json.dumps(list(named), ensure_ascii=False)}"


def _parted(items: Iterable[_Any], size: int) -> Iterator[list[_Any]]:
    left = iter(items)
    while part := list(islice(left, size)):
        yield part


@contextmanager
def _named(method: str, collection: str) -> Iterator[None]:
    """Turn what pymilvus and gRPC raise into errors of an index."""
    from grpc import RpcError
    from pymilvus import MilvusException

    try:
        yield
    except MilvusException as error:
        if error.code == _NONE:
            raise IndexCorruptError(
                f"Milvus has no collection {collection}: it is filled anew from the references"
            ) from error
        raise IndexUnavailableError(f"Milvus did not {method}: {error.message}") from error
    except RpcError as error:
        raise IndexUnavailableError(f"Milvus did not {method}: {error}") from error
