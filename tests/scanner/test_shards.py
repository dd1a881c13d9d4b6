"""An index that is spread over shards answers as a whole one, or not at all."""

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlmodel import select

import fingerprint
from fingerprint import Fingerprint
from scanner import banks, references
from scanner.analysis import analyse_audio
from scanner.backup.taking import take
from scanner.callers import Caller
from scanner.catalogue import Catalogue
from scanner.clock import new_id, utc_now
from scanner.errors import BadOptionError, TransientError
from scanner.health import Health
from scanner.installation import examine
from scanner.reference_checks import New, renew, take_in
from scanner.service import Service
from scanner.settings import Settings
from scanner.shards.placement import Shard
from scanner.tables import Reference, Tenant
from tests.running import add_tenant
from tests.sharding import SECRET, give_secret, shard_of, shards_of
from tests.songs import RATE, song, write

COUNTS = (1, 2, 3)
SONGS = 6


@functools.cache
def whole(seed: int) -> Fingerprint:
    samples = song(seed, 20)[None]
    return fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)


@functools.cache
def queries() -> tuple[Fingerprint, ...]:
    """Songs one after another, a song at another speed, one of which only vectors are known, an unknown one."""
    medley = np.concatenate([song(n, 20)[5 * RATE : 14 * RATE] for n in range(SONGS)])[None]
    faster = song(1, 20, round(RATE / 1.05))[None]
    altered = replace(whole(2), sub_fingerprints=np.empty(0, np.uint32), constellation=None)
    whole_ones = (
        fingerprint.completed(fingerprint.fingerprint(each, RATE), each, RATE)
        for each in (medley, faster)
    )
    return (*whole_ones, altered, whole(SONGS))


def added(
    service: Service, caller: Caller, print_: Fingerprint, title: str, bank: str | None = None
) -> Reference:
    blob = service.store.put_bytes(caller.tenant_id, print_.to_bytes())
    new = New(title, print_.duration, blob.sha256, holder=title, bank=bank)
    return take_in(service, caller, new, print_, despite_conflicts=True)


def sharded(make_service: Callable[..., Service], service: Service, *shards: str) -> Service:
    """Another process of the same installation, which asks shards."""
    return make_service(database_url=service.settings.database, index_shards=shards)


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    service = make_service()
    give_secret(service)
    return service


@pytest.fixture
def caller(service: Service) -> Caller:
    return add_tenant(service)


@pytest.fixture
def two(service: Service) -> Iterator[tuple[str, ...]]:
    with shards_of(service, 2) as addresses:
        yield addresses


def test_shards_find_what_one_index_finds(
    make_service: Callable[..., Service], database_url: str
) -> None:
    """References that come, go, are put into a bank of their own, and get another fingerprint."""
    alone = make_service(database_url=database_url)
    give_secret(alone)
    with contextlib.ExitStack() as stack:
        spread = [
            sharded(make_service, alone, *stack.enter_context(shards_of(alone, count)))
            for count in COUNTS
        ]
        step = st.tuples(
            st.sampled_from(["add", "elsewhere", "remove", "replace"]), st.integers(0, SONGS - 1)
        )

        @settings(max_examples=4, derandomize=True)
        @given(st.lists(step, min_size=6, max_size=12), st.sampled_from([None, 0.2, 0.9]))
        def holds(steps: list[tuple[str, int]], least: float | None) -> None:
            caller = add_tenant(alone, new_id())
            aside = banks.create(alone, caller, name="aside").id
            known: dict[int, Reference] = {}
            for n, (what, seed) in enumerate(steps):
                follow(alone, caller, known, what, seed)
                if n % 5 and n < len(steps) - 1:
                    continue
                for query in queries():
                    for left_out in ((), (aside,)):
                        expected, *others = (
                            each.catalogue.search(
                                caller.tenant_id, query, min_score=least, without_banks=left_out
                            )
                            for each in (alone, *spread)
                        )
                        for found in others:
                            assert list(found.matches) == expected.matches
                            assert found.index_epoch == expected.index_epoch
            counted = [each.catalogue.compare(caller.tenant_id) for each in (alone, *spread)]
            assert set(counted) == {len(known)}
            size = alone.catalogue.state(caller.tenant_id).stats
            for each in spread:
                assert each.catalogue.state(caller.tenant_id).stats.references == size.references
                assert each.catalogue.bare(caller.tenant_id) == alone.catalogue.bare(
                    caller.tenant_id
                )

        holds()


def follow(
    service: Service, caller: Caller, known: dict[int, Reference], what: str, seed: int
) -> None:
    if what == "remove" and seed in known:
        references.remove(service, caller, known.pop(seed).id)
    elif what == "replace" and seed in known:
        bare = replace(whole(seed), embedding=None, tones=None)
        blob = service.store.put_bytes(caller.tenant_id, bare.to_bytes())
        known[seed] = renew(service, caller, known[seed], blob.sha256)
    elif what in {"add", "elsewhere"} and seed not in known:
        bank = "aside" if what == "elsewhere" else None
        known[seed] = added(service, caller, whole(seed), f"Song {seed}", bank)
