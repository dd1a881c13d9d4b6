"""What an index with its vectors in Milvus must not get wrong: crashes, losses, other machines."""

import importlib.util
import shutil

import numpy as np
import pytest

from fingerprint import (
    Fingerprint,
    IndexCorruptError,
    IndexUnavailableError,
    MilvusIndex,
    MilvusServer,
    MissingExtraError,
    SegmentIndex,
)
from fingerprint.embedding.embedding import NO_EMBEDDING, I8Array, quantised
from fingerprint.index.milvus_collection import BLOCK, MilvusCollection, row_id
from tests.fingerprint.conftest import collection_of
from tests.fingerprint.test_vectors import of, reference, tune, walk


@pytest.fixture
def index(tmp_path, milvus) -> MilvusIndex:
    return MilvusIndex(tmp_path / "own", milvus, collection_of(tmp_path))


@pytest.fixture
def rows(index, milvus) -> MilvusCollection:
    """The collection of ``index``, to look at it and to damage it."""
    return MilvusCollection(milvus, index.collection, 64, 24)


def excerpt(seed: int) -> Fingerprint:
    part = slice(30, 70)
    return of(walk(seed, 150)[part], tune(seed, 150)[part])


def found(index: SegmentIndex, seed: int) -> list[str]:
    return [match.reference_id for match in index.search(excerpt(seed))]


def numbers(random: np.random.Generator, count: int, width: int) -> I8Array:
    return quantised(random.uniform(-1, 1, (count, width)))


def test_both_indexes_give_one_answer(tmp_path, index):
    local = SegmentIndex(tmp_path / "local")
    for each in (index, local):
        each.apply([(f"song-{seed}", reference(seed)) for seed in range(6)], [], 1)
        each.apply([("song-2", reference(20))], ["song-4"], 2)
    for seed in (1, 2, 4, 20):
        mine, theirs = (each.search(excerpt(seed)) for each in (index, local))
        assert [match.reference_id for match in mine] == [match.reference_id for match in theirs]
        for one, other in zip(mine, theirs, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-5)
            assert one.segments[0].reference_start == pytest.approx(
                other.segments[0].reference_start, abs=0.01
            )


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_a_reference_is_read_as_it_was_written_whatever_was_expected(index, rows, count):
    rows.made()
    random = np.random.default_rng(count)
    vectors, beside = numbers(random, count, 64), numbers(random, count, 24)
    assert list(rows.write([("a", vectors, beside)], 1)) == ["a"]
    for expected in (0, count, count + 1, 4 * BLOCK):
        [(name, own)] = rows.read({"a": expected}).items()
        assert name == "a"
        assert np.array_equal(own[0], vectors)
        assert np.array_equal(own[1], beside)
    assert rows.read({"unknown": 5}) == {}


def test_a_collection_of_other_dimensions_lies_beside(milvus, tmp_path):
    wide = MilvusCollection(milvus, collection_of(tmp_path) + "_wide", 96, 0)
    wide.made()
    vectors = numbers(np.random.default_rng(1), 300, 96)
    nothing = np.empty((300, 0), np.int8)
    assert list(wide.write([("a", vectors, nothing)], 1)) == ["a"]
    assert np.array_equal(wide.read({"a": 300})["a"][0], vectors)
    hits = wide.nearest(vectors[:3].astype(np.float32) / 127, 1, [])
    assert (hits.references, hits.positions) == ([["a"]] * 3, [[0], [1], [2]])
    with pytest.raises(IndexCorruptError, match="64 dimensions"):
        MilvusCollection(milvus, collection_of(tmp_path) + "_wide", 64, 24).made()


def test_a_shorter_replacement_leaves_nothing_of_the_longer_one(index, rows):
    index.apply([("a", reference(1, 700))], [], 1)
    index.apply([("a", reference(1, 150))], [], 2)
    assert rows._count(["a"]) == 150
    index.verify()
    assert found(index, 1) == ["a"]


def test_what_is_bare_after_it_was_cleared_leaves_no_rows_at_the_same_epoch(index, rows, synthetic):
    index.apply([("a", reference(1)), ("b", reference(2))], [], 1)
    index.clear()
    index.apply([("a", synthetic(1)), ("b", reference(2))], [], 1)
    assert rows._count(["a"]) == 1
    index.verify()
    assert (found(index, 1), found(index, 2)) == ([], ["b"])


def test_rows_of_a_reference_that_another_machine_emptied_are_like_nothing(index, rows, synthetic):
    """It wrote the first row, and died before it took the others away."""
    index.apply([("a", reference(1)), ("b", reference(2))], [], 1)
    [first] = rows._rows("a", NO_EMBEDDING.vectors[0], NO_EMBEDDING.chroma, 2)
    rows._upsert([first])
    assert (found(index, 1), found(index, 2)) == ([], ["b"])


def test_of_equal_ids_in_one_change_the_last_is_kept(index, rows):
    index.apply([("a", reference(1, 400)), ("b", reference(2)), ("a", reference(3))], [], 1)
    index.verify()
    assert (found(index, 1), found(index, 2), found(index, 3)) == ([], ["b"], ["a"])


def test_a_change_cut_off_is_not_there_and_comes_when_it_is_sent_again(index, rows):
    index.apply([("a", reference(1))], [], 1)

    def cut_off():
        yield "b", reference(2)
        yield "a", reference(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.apply(cut_off(), [], 2)
    assert index.epoch == 1
    assert found(index, 2) == []
    index.apply([("b", reference(2)), ("a", reference(3))], [], 3)
    index.verify()
    assert (found(index, 1), found(index, 2), found(index, 3)) == ([], ["b"], ["a"])


def test_two_machines_share_a_collection_and_one_may_be_behind(tmp_path, milvus, index):
    other = MilvusIndex(tmp_path / "other", milvus, collection_of(tmp_path))
    for each in (index, other):
        each.apply([("a", reference(1)), ("b", reference(2))], [], 1)
    index.apply([("c", reference(3))], ["a"], 2)
    assert found(other, 3) == []  # what it does not know it does not find, nor takes for damage
    assert found(other, 2) == ["b"]
    other.compact()
    assert found(index, 3) == ["c"]
    other.apply([("c", reference(3))], ["a"], 2)
    for each in (index, other):
        each.verify()
        assert (found(each, 1), found(each, 2), found(each, 3)) == ([], ["b"], ["c"])


def test_a_collection_that_was_dropped_or_made_anew_is_damage_not_silence(index, rows, milvus):
    index.apply([("a", reference(1))], [], 1)
    milvus.call("drop_collection", rows.name)
    for _ in range(2):
        with pytest.raises(IndexCorruptError, match=rows.name):
            index.search(excerpt(1))
        with pytest.raises(IndexCorruptError, match=rows.name):
            index.verify()
        rows.made()
    with pytest.raises(IndexCorruptError, match=rows.name):
        index.apply([("b", reference(2))], [], 2)
    index.clear()
    index.apply([("a", reference(1))], [], 2)
    index.verify()
    assert found(index, 1) == ["a"]


@pytest.mark.parametrize("position", [0, 149])
def test_lost_rows_are_named(index, rows, milvus, position):
    index.apply([(f"song-{seed}", reference(seed)) for seed in range(3)], [], 1)
    milvus.call("delete", rows.name, ids=[row_id("song-1", position)])
    with pytest.raises(IndexCorruptError, match="song-1"):
        index.verify()


def test_half_a_reference_is_damage(index, rows, milvus):
    index.apply([("a", reference(1, BLOCK + 50))], [], 1)
    milvus.call("delete", rows.name, ids=[row_id("a", BLOCK)])
    with pytest.raises(IndexCorruptError, match="part of reference a"):
        index.search(of(walk(1, BLOCK + 50)[30:70], tune(1, BLOCK + 50)[30:70]))


def test_compaction_takes_away_what_is_no_reference_any_more(index, rows):
    index.apply([("a", reference(1)), ("b", reference(2))], [], 1)
    index.clear()
    index.apply([("b", reference(2))], [], 5)
    assert rows._count(["a"]) == 150
    index.compact()
    assert rows._count(["a"]) == 0
    index.verify()


def test_vectors_of_another_network_are_neither_found_nor_touched(tmp_path, index, milvus):
    """Of the version before, whose collections were not called after a network; others still use it."""
    before = MilvusCollection(milvus, collection_of(tmp_path), 64, 24)
    before.made()
    for name, seed in (("a", 1), ("gone", 2)):
        own = reference(seed).embedding
        assert list(before.write([(name, own.vectors[0], own.chroma)], 1)) == [name]
    index.apply([("a", reference(3))], [], 1)
    index.compact()
    assert (found(index, 1), found(index, 2), found(index, 3)) == ([], [], ["a"])
    before.verify(["a", "gone"])
    assert np.array_equal(before.read({"a": 150})["a"][0], reference(1).embedding.vectors[0])


def test_an_index_takes_over_what_was_built_beside_it(tmp_path, index, milvus):
    beside = MilvusIndex(tmp_path / "beside", milvus, collection_of(tmp_path))
    index.apply([("a", reference(1))], [], 1)
    beside.apply([("a", reference(1)), ("b", reference(2))], [], 2)
    index.take_over(beside)
    index.verify()
    assert (found(index, 1), found(index, 2), index.epoch) == (["a"], ["b"], 2)


def test_a_reference_that_is_gone_is_missed_where_another_lacks_a_row(index, rows):
    index.apply([("a", reference(1)), ("b", reference(2))], [], 1)
    rows.remove(["a"])
    rows._call("delete", ids=[row_id("b", 7)])
    with pytest.raises(IndexCorruptError, match="lacks vectors of reference a"):
        index.verify()


def test_words_are_found_without_asking_milvus(tmp_path, milvus, synthetic):
    MilvusIndex(tmp_path, milvus, collection_of(tmp_path)).apply([("a", synthetic(1))], [], 1)
    away = MilvusIndex(tmp_path, MilvusServer("http://127.0.0.1:9"), collection_of(tmp_path))
    assert away.search(synthetic(1))[0].reference_id == "a"


def test_a_server_that_is_away_is_no_empty_index(tmp_path, milvus):
    MilvusIndex(tmp_path, milvus, collection_of(tmp_path)).apply([("a", reference(1))], [], 1)
    away = MilvusIndex(tmp_path, MilvusServer("http://127.0.0.1:9"), collection_of(tmp_path))
    for ask in (
        lambda: away.search(excerpt(1)),
        lambda: away.apply([("b", reference(2))], [], 2),
        lambda: away.apply([], ["a"], 2),
        away.verify,
        away.compact,
        MilvusServer("http://127.0.0.1:9").answers,
    ):
        with pytest.raises(IndexUnavailableError, match="Milvus"):
            ask()
    assert away.epoch == 1


def test_a_folder_that_was_lost_is_filled_anew(tmp_path, milvus, index):
    index.apply([("a", reference(1))], [], 1)
    shutil.rmtree(tmp_path / "own")
    assert found(index, 1) == []
    index.apply([("a", reference(1))], [], 1)
    index.verify()
    assert found(index, 1) == ["a"]


def test_an_id_that_is_too_long_is_refused_by_name(index):
    with pytest.raises(ValueError, match="512 bytes"):
        index.apply([("x" * 513, reference(1))], [], 1)


def test_without_pymilvus_it_says_what_to_install(monkeypatch):
    """As it is where the extra was not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "pymilvus" else real(name, *a)
    )
    with pytest.raises(MissingExtraError, match="extra `milvus`"):
        MilvusServer("http://127.0.0.1:9")
