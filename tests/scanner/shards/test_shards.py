"""An index that is spread over shards answers as a whole one, or not at all."""

import contextlib
import functools
import sqlite3
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from pathlib import Path

import httpx
import pytest
from filelock import FileLock
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import make_url

import fingerprint
from fingerprint import Fingerprint, Match
from scanner import banks, catalogue, references
from scanner.analysis import analyse_audio
from scanner.bus.worker import environment
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import BadOptionError, BusyError, TransientError
from scanner.metrics import SHARD_FAILURES
from scanner.reference_checks import renew
from scanner.secrets import SecretKeyError
from scanner.service import Service
from scanner.settings import Settings
from scanner.shards import asking, server, sharded_catalogue
from scanner.shards.placement import Shard
from scanner.tables import Reference
from tests.running import add_tenant
from tests.sharding import SECRET, SONGS, added, medley, shard_of, sharded, shards_of, whole
from tests.songs import RATE, song, write

COUNTS = (1, 2, 3)
Step = tuple[str, int]


@functools.cache
def faster() -> Fingerprint:
    """A song that is played faster: only its vectors tell."""
    samples = song(1, 20, round(RATE / 1.05))[None]
    return fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)


def test_shards_find_what_one_index_finds(service: Service, make_service) -> None:
    """References that come, go, are put into a bank of their own, and get another fingerprint."""
    with contextlib.ExitStack() as stack:
        spread = [
            sharded(make_service, service, *stack.enter_context(shards_of(service, count)))
            for count in COUNTS
        ]
        what = st.sampled_from(["add", "add", "elsewhere", "remove", "replace"])
        steps = st.lists(st.tuples(what, st.integers(0, SONGS - 1)), min_size=6, max_size=14)

        @settings(max_examples=2, derandomize=True, phases=[Phase.generate], database=None)
        @given(steps, steps, st.sampled_from([None, 0.2, 0.9]))
        def holds(first: list[Step], then: list[Step], least: float | None) -> None:
            caller = add_tenant(service, new_id())
            aside = banks.create(service, caller, "aside").id
            known: dict[int, Reference] = {}
            for some in (first, then):
                for step in some:
                    follow(service, caller, known, *step)
                assert_alike(caller, service, spread, medley(), least)
            assert_alike(caller, service, spread, faster(), least)
            words = replace(medley(), embedding=None, tones=None)
            assert_alike(caller, service, spread, words, least)
            assert_alike(caller, service, spread, words, least, (aside,))
            for each in (service, *spread):
                assert each.catalogue.compare(caller.tenant_id) == len(known)
                size = each.catalogue.state(caller.tenant_id).stats.references
                assert size == len(known)

        holds()


def assert_alike(
    caller: Caller,
    alone: Service,
    spread: list[Service],
    query: Fingerprint,
    least: float | None,
    left_out: tuple[str, ...] = (),
) -> None:
    expected, *others = (
        each.catalogue.search(caller.tenant_id, query, min_score=least, without_banks=left_out)
        for each in (alone, *spread)
    )
    for found in others:
        assert found.index_epoch == expected.index_epoch
        if query.embedding is None:
            assert list(found.matches) == expected.matches
        else:  # of a vector's nearest neighbours only so many are looked at, here on each shard
            assert _exact(found.matches) == _rough(expected.matches)


def _exact(matches: Sequence[Match]) -> list[object]:
    return [
        (match.reference_id, match.kind, match.score, [astuple(each) for each in match.segments])
        for match in sorted(matches, key=lambda match: (match.reference_id, match.kind))
    ]


def _rough(matches: Sequence[Match]) -> list[object]:
    return [
        (
            match.reference_id,
            match.kind,
            pytest.approx(match.score, abs=1e-4),
            [pytest.approx(astuple(segment), abs=1e-3) for segment in match.segments],
        )
        for match in sorted(matches, key=lambda match: (match.reference_id, match.kind))
    ]


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


def test_a_reference_is_on_one_shard_and_stays_there_or_goes_to_one_other() -> None:
    ids = [new_id() for _ in range(600)]
    for count in (1, 2, 3, 8):
        shards = [Shard(number, count) for number in range(1, count + 1)]
        held = Counter(str(shard) for each in ids for shard in shards if shard.holds(each))
        assert sum(held.values()) == len(ids)
        assert len(held) == count
        for each in ids:
            (before,) = (shard.number for shard in shards if shard.holds(each))
            assert Shard(before, 2 * count).holds(each) != Shard(before + count, 2 * count).holds(
                each
            )
    # Of every release and every machine: else references would be looked for where they are not.
    assert [Shard(1, 2).holds(each) for each in ("a", "b", "c", "d")] == [
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "1/1000", "-1/2", "1/2/3", "٣/٤"])
def test_what_names_no_shard_is_refused(text: str) -> None:
    with pytest.raises(BadOptionError, match="no shard"):
        Shard.of(text)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"index_shards": "http://a:1,ftp://b"}, "ftp://b"),
        ({"index_shards": "http://a:1,http://a:1"}, "of its own"),
        ({"index_shards": "http://u:p@a:1"}, "no address"),
        ({"index_shards": "http://a:1/path"}, "no address"),
        ({"index_shards": "http://a:1", "milvus_uri": "http://m:19530"}, "exclude each other"),
    ],
)
def test_shards_that_cannot_be_asked_are_refused(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings(home=tmp_path, **changes)


def test_shards_keep_their_order_on_the_way_to_a_worker(tmp_path: Path) -> None:
    given = Settings(home=tmp_path, index_shards="http://b:1, http://a:1,http://[::1]:9")
    assert given.index_shards == ("http://b:1", "http://a:1", "http://[::1]:9")
    assert environment(given)["CLEARANCE_INDEX_SHARDS"] == ",".join(given.index_shards)


def refused(service: Service, caller: Caller, path: Path, told: str) -> None:
    """Nothing is told clear, and whoever asks is told why."""
    with pytest.raises(TransientError, match=told):
        analyse_audio(service, caller.tenant_id, path, "seed")
    with pytest.raises(TransientError, match=told):
        service.catalogue.state(caller.tenant_id)


def test_a_shard_that_is_not_the_right_one_is_no_empty_one(
    service: Service, caller: Caller, make_service, two: tuple[str, ...], tmp_path: Path
) -> None:
    unknown = write(tmp_path / "unknown.wav", song(9, 12))
    (first, second), ask = two, functools.partial(sharded, make_service, service)
    assert analyse_audio(ask(first, second), caller.tenant_id, unknown, "seed").matches == []

    refused(ask(second, first), caller, unknown, "answers as 2/2")
    refused(ask(first), caller, unknown, "answers as 1/2")
    refused(ask(first, second, "http://127.0.0.1:9"), caller, unknown, "shard 1/3 .*shard 3/3")
    refused(ask(first, "http://127.0.0.1:9"), caller, unknown, "shard 2/2 .* does not answer")
    with pytest.raises(TransientError, match="shard 2/2"):
        ask(first, "http://127.0.0.1:9").catalogue.check()


def test_who_has_another_secret_learns_nothing_and_finds_nothing(
    service: Service, caller: Caller, make_service, two: tuple[str, ...], tmp_path: Path
) -> None:
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_text("f" * 64)
    asking = make_service(index_shards=two, index_shard_key=other)
    failures = SHARD_FAILURES.labels("1/2", "secret")
    before = failures._value.get()
    refused(asking, caller, write(tmp_path / "unknown.wav", song(9, 12)), "none of the shard's")
    assert failures._value.get() == before + 2

    other.write_text(f"{SECRET}\n{'f' * 64}")  # a rotation: no restart
    assert asking.catalogue.state(caller.tenant_id).stats.references == 0

    for path in ("/ready", "/size", "/metrics"):
        assert httpx.get(two[0] + path, headers={"Authorization": "Bearer 0"}).status_code == 401
    assert httpx.post(two[0] + "/search", content=b"no print").status_code == 401
    other.unlink()
    with pytest.raises(SecretKeyError, match="copy it to every machine"):
        asking.catalogue.state(caller.tenant_id)
    other.touch(mode=0o600)
    other.write_text("short")
    with pytest.raises(SecretKeyError, match="openssl rand"):
        asking.catalogue.state(caller.tenant_id)


def test_a_question_that_makes_no_sense_is_refused(
    two: tuple[str, ...], caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_QUERY_BYTES", 100)
    with httpx.Client(base_url=two[0], headers={"Authorization": f"Bearer {SECRET}"}) as client:
        asked = {"tenant": caller.tenant_id, "patience": "1"}
        assert client.get("/size", params=asked).status_code == 200
        for tenant in ("../other", "nobody"):
            assert client.get("/size", params=asked | {"tenant": tenant}).status_code == 404
        for content, status in ((b"no print", 400), (b"x" * 101, 413)):
            assert client.post("/search", params=asked, content=content).status_code == status
        assert "clearance_index_references" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", "307"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "does not answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200, "too much"),
        (b"no HTTP", "does not answer"),
    ],
)
def test_an_answer_of_something_else_is_none(
    service: Service,
    caller: Caller,
    make_service,
    listen,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    told: str,
) -> None:
    monkeypatch.setattr(asking, "MOST_ANSWER_BYTES", 100)
    address = f"http://{listen(answer).host}"
    with pytest.raises(TransientError, match=told):
        sharded(make_service, service, address).catalogue.search(caller.tenant_id, whole(1))


def test_a_shard_of_another_release_is_refused(
    service: Service, caller: Caller, make_service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MODELS", "chromaprint-2 of long ago")
    with shard_of(service, Shard(1, 1)) as address, pytest.raises(TransientError, match="release"):
        sharded(make_service, service, address).catalogue.state(caller.tenant_id)


def test_a_shard_over_another_database_is_refused(
    service: Service, caller: Caller, make_service, tmp_path: Path
) -> None:
    """An older copy lacks changes; one that went on by itself has changes that this one never gave out."""
    added(service, caller, whole(1), "Song 1")
    copy = tmp_path / "copy.db"
    with (
        contextlib.closing(sqlite3.connect(make_url(service.settings.database).database)) as here,
        contextlib.closing(sqlite3.connect(copy)) as there,
    ):
        here.backup(there)
    elsewhere = make_service(database_url=f"sqlite:///{copy}")
    with shard_of(elsewhere, Shard(1, 1)) as address:
        asking = sharded(make_service, service, address)
        assert asking.catalogue.compare(caller.tenant_id) == 1
        newer = added(service, caller, whole(2), "Song 2")
        with pytest.raises(TransientError, match="its database the same"):
            asking.catalogue.search(caller.tenant_id, whole(2))
        added(elsewhere, caller, whole(3), "Song 3")
        with pytest.raises(TransientError, match="its database the same"):
            asking.catalogue.search(caller.tenant_id, whole(2))
    with shard_of(service, Shard(1, 1)) as address:  # filled by another past: built anew
        found = sharded(make_service, service, address).catalogue.search(caller.tenant_id, whole(2))
    assert [match.reference_id for match in found.matches] == [newer.id]


def test_the_surest_matches_of_all_shards_are_kept_where_there_are_too_many(
    service: Service,
    caller: Caller,
    make_service,
    two: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for n in range(SONGS):
        added(service, caller, whole(n), f"Song {n}")
    asking = sharded(make_service, service, *two)
    # peaks vote among those of their own shard: their scores may differ a little
    words = replace(medley(), embedding=None, constellation=None, tones=None)
    for module in (catalogue, sharded_catalogue):
        monkeypatch.setattr(module, "MATCHES", 4)
    expected = service.catalogue.search(caller.tenant_id, words).matches
    assert len(expected) == 4
    assert list(asking.catalogue.search(caller.tenant_id, words).matches) == expected


def test_who_cannot_wait_for_a_shard_to_catch_up_is_told_to_come_back(
    service: Service, caller: Caller, make_service
) -> None:
    with shard_of(service, Shard(1, 1)) as address:
        asking = make_service(index_shards=(address,), index_shard_seconds=1)
        assert asking.catalogue.state(caller.tenant_id).stats.references == 0
        known = added(service, caller, whole(1), "Song 1")
        folder = service.settings.shard_folder / "1-of-1" / caller.tenant_id
        with FileLock(folder / catalogue.CATCH_UP):
            with pytest.raises(BusyError, match="shard 1/1"):
                asking.catalogue.search(caller.tenant_id, whole(1), patience=0.1)
            with pytest.raises(TransientError, match="shard 1/1"):  # a track is tried again
                asking.catalogue.search(caller.tenant_id, whole(1))
        (found,) = asking.catalogue.search(caller.tenant_id, whole(1), patience=0.1).matches
        assert found.reference_id == known.id


def test_a_shard_says_that_it_is_well_while_every_thread_is_busy(
    service: Service, caller: Caller, make_service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "THREADS", 1)
    with shard_of(service, Shard(1, 1)) as address, ThreadPoolExecutor(1) as pool:
        asking = make_service(index_shards=(address,))
        asking.catalogue.state(caller.tenant_id)
        known = added(service, caller, whole(1), "Song 1")
        folder = service.settings.shard_folder / "1-of-1" / caller.tenant_id
        with FileLock(folder / catalogue.CATCH_UP):
            searching = pool.submit(asking.catalogue.search, caller.tenant_id, whole(1), 20)
            for _ in range(20):
                asking.catalogue.check()
            assert not searching.done()
        assert [match.reference_id for match in searching.result().matches] == [known.id]
