"""A catalogue whose vectors a Milvus serves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fingerprint
from fingerprint import Fingerprint
from scanner import references
from scanner.analysis import analyse_audio
from scanner.callers import Caller
from scanner.errors import TransientError
from scanner.milvus import collection_name
from scanner.service import Service
from tests.running import add_tenant
from tests.songs import RATE, song, write


@pytest.fixture
def service(make_service: Callable[..., Service], database_url: str, tmp_path: Path) -> Service:
    return make_service(database_url=database_url, milvus_uri=str(tmp_path / "milvus.db"))


@pytest.fixture
def caller(service: Service) -> Caller:
    return add_tenant(service)


def vectors(seed: int) -> Fingerprint:
    """A query that can be found by its vectors only."""
    samples = song(seed, 20)[None]
    whole = fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)
    return replace(whole, sub_fingerprints=np.empty(0, np.uint32), constellation=None)


def found(service: Service, caller: Caller, seed: int) -> list[str]:
    matches = service.catalogue.search(caller.tenant_id, vectors(seed)).matches
    return [match.reference_id for match in matches]


def test_references_come_go_and_come_back_after_milvus_lost_them(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    added = [
        references.add(service, caller, path=write(tmp_path / f"{n}.wav", song(n, 20))).id
        for n in range(3)
    ]
    assert [found(service, caller, n) for n in range(3)] == [[each] for each in added]
    assert service.catalogue.compare(caller.tenant_id) == 3

    references.remove(service, caller, added[1])
    assert [found(service, caller, n) for n in range(3)] == [[added[0]], [], [added[2]]]

    index = service.catalogue.caught_up(caller.tenant_id)
    assert isinstance(index, fingerprint.MilvusIndex)
    server = fingerprint.MilvusServer(service.settings.milvus_uri or "")
    server.call("drop_collection", index.collection)
    assert [found(service, caller, n) for n in range(3)] == [[added[0]], [], [added[2]]]
    assert service.catalogue.compare(caller.tenant_id) == 2


def test_a_track_is_not_analysed_while_milvus_is_away(
    make_service: Callable[..., Service], service: Service, caller: Caller, tmp_path: Path
) -> None:
    references.add(service, caller, path=write(tmp_path / "1.wav", song(1, 20)))
    service.catalogue.caught_up(caller.tenant_id)
    away = make_service(database_url=service.settings.database_url, milvus_uri="http://127.0.0.1:9")
    unknown = write(tmp_path / "2.wav", song(2, 20))
    with pytest.raises(TransientError, match="Milvus"):
        analyse_audio(away, caller.tenant_id, unknown, "seed")
    with pytest.raises(TransientError, match="Milvus"):
        away.catalogue.check()
    assert analyse_audio(service, caller.tenant_id, unknown, "seed").matches == []


def test_an_index_without_vectors_is_never_taken_for_a_whole_one(
    make_service: Callable[..., Service], service: Service, caller: Caller, tmp_path: Path
) -> None:
    """Milvus was set, and is set no more."""
    added = references.add(service, caller, path=write(tmp_path / "1.wav", song(1, 20)))
    assert found(service, caller, 1) == [added.id]
    alone = make_service(database_url=service.settings.database_url)
    assert found(alone, caller, 1) == [added.id]


def test_each_tenant_has_a_collection_of_its_own() -> None:
    names = {collection_name(tenant) for tenant in ("a-b", "a_b", "ä", "a" * 300, "a" * 301)}
    assert len(names) == 5
    assert all(len(name) < 255 and name.replace("_", "a").isalnum() for name in names)
    assert all(name.isascii() for name in names)
