"""The reference index of each tenant where it is spread over shards."""

import hashlib
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NoReturn, TypeVar

import httpx
from sqlmodel import select

import fingerprint
from scanner.catalogue import ACTIVE, MATCHES, Catalogue, Found, State
from scanner.database import Database
from scanner.errors import BadOptionError, BusyError, TransientError
from scanner.settings import Settings
from scanner.shards.asking import KEPT_SECONDS, AskedShard
from scanner.shards.messages import Epoch, Secret, Size
from scanner.shards.placement import Shard
from scanner.store import BlobStore
from scanner.tables import Reference

THREADS: Final = 64
SIDE_BY_SIDE: Final = 8
"""Searches of one process that ask all shards at once."""
T = TypeVar("T")
E = TypeVar("E", bound=Epoch)


class ShardedCatalogue(Catalogue):
    """Asks every shard and makes one answer of theirs, as one index would give it.

    A shard sees no match that the whole index would not see: references are scored each by itself. It may
    see more, since each shard looks at as many candidates as the whole index would.
    """

    def __init__(self, database: Database, store: BlobStore, settings: Settings) -> None:
        super().__init__(database, store, settings.index_folder)
        addresses = settings.index_shards
        most = min(THREADS, SIDE_BY_SIDE * len(addresses))
        self._client = httpx.Client(
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=most, keepalive_expiry=KEPT_SECONDS),
        )
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="shards")
        secret = Secret(settings.shard_key_file)
        self._shards = [
            AskedShard(
                self._client,
                Shard(number, len(addresses)),
                address,
                secret,
                settings.index_shard_seconds,
            )
            for number, address in enumerate(addresses, start=1)
        ]

    def close(self) -> None:
        """Let connections and threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def search(
        self,
        tenant_id: str,
        query: fingerprint.Fingerprint,
        patience: float = math.inf,
        *,
        min_score: float | None = None,
        without_banks: Collection[str] = (),
    ) -> Found:
        """Search the tenant's references on every shard, newest changes included.

        Raises
        ------
        fingerprint.InvalidFingerprintError
            If the query is of another algorithm: its bytes would not say so.
        BusyError, TransientError
            As :meth:`Catalogue.search`, and if a shard gives no answer that can be relied on.
        """
        if query.algorithm != fingerprint.ALGORITHM:
            raise fingerprint.InvalidFingerprintError(
                f"the shards hold {fingerprint.ALGORITHM}, not {query.algorithm} fingerprints"
            )
        asked = time.monotonic()
        content = query.to_bytes()
        banks = tuple(sorted(without_banks))
        answers = self._of_all(
            tenant_id,
            patience,
            lambda shard: shard.search(tenant_id, content, patience, min_score, banks),
        )
        found = [match for answer in answers for match in answer.matches]
        found.sort(key=lambda match: (-match.score, -match.coverage_query, match.reference_id))
        return Found(
            matches=found[:MATCHES],
            index_version=_version(answers),
            index_epoch=min(answer.epoch for answer in answers),
            age_seconds=round(time.monotonic() - asked, 3),
        )

    def state(self, tenant_id: str, patience: float = math.inf) -> State:
        """Return the size of all shards together; raises as :meth:`search`."""
        sizes = self._sizes(tenant_id, patience)
        stats = [each.stats for each in sizes]
        return State(
            fingerprint.IndexStats(
                references=sum(each.references for each in stats),
                seconds=sum(each.seconds for each in stats),
                segments=sum(each.segments for each in stats),
                bytes=sum(each.bytes for each in stats),
                tombstones=sum(each.tombstones for each in stats),
            ),
            _version(sizes),
            min(each.epoch for each in sizes),
        )

    def check(self) -> None:
        """Raise if a shard does not answer, is another, or is still being filled."""
        self._gathered(self._ready)

    def check_shard(self, number: int) -> None:
        """As :meth:`check`, of one shard."""
        self._ready(self._shards[number - 1])

    def compare(self, tenant_id: str) -> int:
        """Hold the number of references on each shard against the database; return that of all.

        What their files hold is read by ``clearance shards check``, where they lie.

        Raises
        ------
        IndexCorruptError
            If a shard has more references, or fewer.
        """
        active = (Reference.tenant_id == tenant_id, Reference.status == ACTIVE)
        while True:
            epoch = self._newest_epoch(tenant_id)
            with self._database.reading() as session:
                ids = session.exec(select(Reference.id).where(*active)).all()
            sizes = self._sizes(tenant_id, math.inf)
            if {each.epoch for each in sizes} | {self._newest_epoch(tenant_id)} == {epoch}:
                break  # nothing changed in between
        wanted = Counter(
            number
            for reference_id in ids
            for number, each in enumerate(self._shards)
            if each.shard.holds(reference_id)
        )
        for number, (shard, found) in enumerate(zip(self._shards, sizes, strict=True)):
            if found.stats.references != wanted[number]:
                raise fingerprint.IndexCorruptError(
                    f"{shard} holds {found.stats.references} references, not {wanted[number]}: "
                    f"run `clearance shards rebuild --shard {shard.shard}` there"
                )
        return len(ids)

    def bare(self, tenant_id: str) -> int:
        """Count a tenant's references without vectors on all shards."""
        sizes = self._sizes(tenant_id, math.inf, bare=True)
        return sum(each.bare or 0 for each in sizes)

    def caught_up(self, tenant_id: str, patience: float = math.inf) -> NoReturn:
        """Refuse: no index of this machine holds what is searched."""
        raise self._elsewhere("")

    def compact(self, tenant_id: str) -> NoReturn:
        """Refuse."""
        raise self._elsewhere(": run `clearance shards compact` on each of their machines")

    def rebuild(self, tenant_id: str, told: Callable[[int], None] = lambda _: None) -> NoReturn:
        """Refuse."""
        raise self._elsewhere(": run `clearance shards rebuild` on each of their machines")

    def _elsewhere(self, what_to_do: str) -> BadOptionError:
        return BadOptionError(f"the index lies on {len(self._shards)} shards{what_to_do}")

    def _ready(self, shard: AskedShard) -> None:
        if not shard.ready().filled:
            raise TransientError(f"{shard} is being filled from the database")

    def _sizes(self, tenant_id: str, patience: float, *, bare: bool = False) -> Sequence[Size]:
        return self._of_all(
            tenant_id, patience, lambda shard: shard.size(tenant_id, patience, bare=bare)
        )

    def _of_all(
        self, tenant_id: str, patience: float, ask: Callable[[AskedShard], E]
    ) -> Sequence[E]:
        """Ask all shards; every answer holds each change that was there before they were asked."""
        newest = self._newest_epoch(tenant_id)
        try:
            answers = self._gathered(ask)
        except BusyError as error:
            if patience == math.inf:  # who would wait for ever is tried again
                raise TransientError(str(error)) from error
            raise
        for shard, answer in zip(self._shards, answers, strict=True):
            later = answer.epoch > newest and self._gave_out(tenant_id, answer.epoch)
            if answer.epoch != newest and not later:
                raise shard.behind(answer, newest)
        return answers

    def _gathered(self, ask: Callable[[AskedShard], T]) -> list[T]:
        """Ask all shards side by side; where some fail, say so of each."""
        asked = [self._threads.submit(ask, shard) for shard in self._shards]
        failed = [each.exception() for each in asked]
        errors = [error for error in failed if error is not None]
        for error in errors:
            if not isinstance(error, BusyError | TransientError):
                raise error
        if len(errors) == 1:
            raise errors[0]
        if errors:
            busy = all(isinstance(error, BusyError) for error in errors)
            raise (BusyError if busy else TransientError)("; ".join(map(str, errors)))
        return [each.result() for each in asked]


def _version(answers: Sequence[Epoch]) -> str:
    """Return an id that changes whenever one of the shards' does."""
    joined = "\n".join(answer.version for answer in answers)
    return hashlib.blake2b(joined.encode(), digest_size=6).hexdigest()
