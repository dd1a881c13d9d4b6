"""The folder: merging, crashes, concurrent readers, damage."""

import dataclasses
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fingerprint
from fingerprint import (
    Fingerprint,
    IndexCorruptError,
    IndexLockedError,
    IndexParams,
    SegmentIndex,
    StaleEpochError,
)
from fingerprint.index import manifest as manifests
from fingerprint.index.snapshot import opened

SMALL = IndexParams(max_segment_words=4000, merge_fan=2)
fork = multiprocessing.get_context("fork")


def words_written(folder, before):
    """Bytes of segments that were not there."""
    return sum(p.stat().st_size for p in folder.glob("*.segment") if p.name not in before)


def test_adding_one_by_one_rewrites_each_word_a_few_times_not_once_an_addition(tmp_path, synthetic):
    index = SegmentIndex(tmp_path, IndexParams(merge_fan=4))
    written = 0
    for epoch in range(1, 201):
        before = {path.name for path in tmp_path.glob("*.segment")}
        index.apply([(f"{epoch}", synthetic(epoch, 400))], [], epoch)
        written += words_written(tmp_path, before)
    stats = index.stats()

    assert stats.references == 200
    assert stats.segments <= 3 * 5
    assert written <= 6 * stats.bytes  # one by one without tiers it would be 100 times


def test_a_segment_never_grows_beyond_its_limit(tmp_path, synthetic):
    index = SegmentIndex(tmp_path, SMALL)
    index.apply([(f"{i}", synthetic(i, 300)) for i in range(60)], [], 1)
    index.compact()
    manifest = json.loads((tmp_path / "manifest.json").read_text())

    assert max(entry["words"] for entry in manifest["segments"]) <= SMALL.max_segment_words
    assert sorted(index.reference_ids()) == sorted(str(i) for i in range(60))
    assert all(index.search(synthetic(i, 300))[0].reference_id == str(i) for i in range(60))


@pytest.fixture
def hurried():
    """Threads take turns thousands of times as often as they usually do."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hurried")
def test_an_index_is_opened_anew_while_others_leave_out_ever_other_references(tmp_path, synthetic):
    index = SegmentIndex(tmp_path)
    for epoch in (1, 2, 3):
        index.apply([(f"{epoch}", synthetic(epoch))], [], epoch)
    before = opened(tmp_path, manifests.read(tmp_path))
    done = threading.Event()

    def search(own: int) -> int:
        count = 0
        while not done.is_set():
            count += 1
            (alive, *_) = before.searchable({"1", f"{own}-{count}"})
            assert alive.tolist() == [False]
        return count

    with ThreadPoolExecutor() as threads:
        searches = [threads.submit(search, own) for own in range(4)]
        try:
            for _ in range(5000):
                opened(tmp_path, before.manifest, before)
        finally:
            done.set()
        assert all(each.result() for each in searches)


def test_an_index_takes_over_what_was_built_beside_it(tmp_path, synthetic):
    index, reader = SegmentIndex(tmp_path / "live"), SegmentIndex(tmp_path / "live")
    beside = SegmentIndex(tmp_path / "beside")
    index.apply([("old", synthetic(1, 1000))], [], 1)
    beside.apply([("new", synthetic(2, 1000))], [], 2)
    assert [m.reference_id for m in reader.search(synthetic(1, 1000))] == ["old"]

    index.take_over(beside)
    assert [m.reference_id for m in reader.search(synthetic(2, 1000))] == ["new"]
    assert (reader.search(synthetic(1, 1000)), reader.epoch) == ([], 2)
    assert (list(beside.reference_ids()), beside.epoch) == ([], 0)
    index.verify()

    beside.apply([("older", synthetic(3, 1000))], [], 1)
    with pytest.raises(StaleEpochError):
        index.take_over(beside)
    assert list(index.reference_ids()) == ["new"]
    next((tmp_path / "live").glob("*.seg*")).write_bytes(b"damaged")
    beside.apply([], [], 3)
    index.take_over(beside)
    assert list(reader.reference_ids()) == ["older"]


def test_removing_most_of_a_segment_gives_its_bytes_back(tmp_path, synthetic):
    index = SegmentIndex(tmp_path)
    index.apply([(f"{i}", synthetic(i, 1000)) for i in range(20)], [], 1)
    full = index.stats().bytes
    index.apply([], [f"{i}" for i in range(15)], 2)

    assert index.stats().bytes < 0.4 * full
    assert index.stats().tombstones == 0


def test_a_removed_reference_is_a_tombstone_until_compaction(tmp_path, synthetic):
    index = SegmentIndex(tmp_path)
    index.apply([(f"{i}", synthetic(i, 1000)) for i in range(20)], [], 1)
    index.apply([], ["3"], 2)
    assert (index.stats().tombstones, index.stats().references) == (1, 19)
    assert index.search(synthetic(3, 1000)) == []

    index.compact()
    assert (index.stats().tombstones, index.stats().references) == (0, 19)
    assert index.search(synthetic(3, 1000)) == []


def test_an_older_epoch_is_refused_and_an_equal_one_is_not(tmp_path, synthetic):
    index = SegmentIndex(tmp_path)
    index.apply([("a", synthetic(1))], [], 5)
    index.apply([("a", synthetic(1))], [], 5)
    with pytest.raises(StaleEpochError, match="older"):
        index.apply([], ["a"], 4)

    assert list(index.reference_ids()) == ["a"]


def test_the_version_follows_content_not_the_folder(tmp_path, synthetic):
    one, two = SegmentIndex(tmp_path / "one"), SegmentIndex(tmp_path / "two")
    for index in (one, two):
        index.apply([("a", synthetic(1))], [], 1)
    assert one.version == two.version
    before = one.version
    one.apply([("b", synthetic(2))], [], 2)
    assert one.version != before


def test_the_index_stays_below_two_and_a_half_times_its_words(tmp_path, synthetic):
    index = SegmentIndex(tmp_path)
    index.apply([(f"{i:036d}", synthetic(i, 1938)) for i in range(40)], [], 1)

    assert index.stats().bytes < 2.5 * 4 * 40 * 1938


def test_a_change_larger_than_a_segment_is_written_in_parts_and_its_last_copy_wins(
    tmp_path, synthetic
):
    index = SegmentIndex(tmp_path, SMALL)
    added = [(f"{i}", synthetic(i, 900)) for i in range(12)] + [("0", synthetic(50, 900))]
    index.apply(iter(added), [], 1)

    assert index.stats().references == 12
    assert index.search(synthetic(50, 900))[0].reference_id == "0"
    assert index.search(synthetic(0, 900)) == []


def test_a_second_writer_waits_and_then_says_so(tmp_path, synthetic):
    entered, leave = threading.Event(), threading.Event()

    def slow():
        yield "a", synthetic(1)
        entered.set()
        leave.wait(10)

    writer = threading.Thread(target=SegmentIndex(tmp_path).apply, args=(slow(), [], 1))
    writer.start()
    entered.wait(10)
    try:
        with pytest.raises(IndexLockedError, match="another writer"):
            SegmentIndex(tmp_path, IndexParams(lock_seconds=0.05)).compact()
    finally:
        leave.set()
        writer.join()
    assert list(SegmentIndex(tmp_path).reference_ids()) == ["a"]


def _write_for_ever(folder, batch):
    index = SegmentIndex(folder, SMALL)
    while True:
        epoch = index.epoch + 1
        index.apply(*batch(epoch), epoch)
        if epoch % 7 == 0:
            index.compact()


def test_a_writer_killed_at_any_moment_leaves_all_of_a_change_or_nothing(tmp_path, synthetic):
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 2**32))
    print(f"KILL_SEED={seed}")
    moment = random.Random(seed)

    def batch(epoch):
        """Three references in, those of three changes ago out."""
        added = [(f"{epoch}-{i}", synthetic(10 * epoch + i, 100 + 40 * i)) for i in range(3)]
        return added, [f"{epoch - 3}-{i}" for i in range(3)]

    def expected(epoch):
        return sorted(f"{e}-{i}" for e in range(max(1, epoch - 2), epoch + 1) for i in range(3))

    reader = SegmentIndex(tmp_path, SMALL)
    rubbish, epochs = 0, []
    for _ in range(40):
        writer = fork.Process(target=_write_for_ever, args=(tmp_path, batch))
        writer.start()
        time.sleep(moment.uniform(0.005, 0.12))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        fresh = SegmentIndex(tmp_path, SMALL)
        fresh.verify()
        assert sorted(fresh.reference_ids()) == expected(fresh.epoch)
        assert reader.epoch == fresh.epoch
        if fresh.epoch:
            last = synthetic(10 * fresh.epoch, 100)
            assert [m.reference_id for m in reader.search(last)] == [f"{fresh.epoch}-0"]
        rubbish += len(list(tmp_path.glob("*.segment"))) - fresh.stats().segments
        rubbish += len(list(tmp_path.glob("*.tmp")))
        epochs.append(fresh.epoch)
    print(f"epochs {epochs}, {rubbish} files left behind")
    assert len(set(epochs)) > 10, "the writer hardly ever got to write"
    assert rubbish > 0, "no kill fell into a change"

    reader.apply(*batch(epochs[-1] + 1), epochs[-1] + 1)
    assert len(list(tmp_path.glob("*.segment"))) == reader.stats().segments
    assert not list(tmp_path.glob("*.tmp"))


def _read_until(folder, stop, batch_size, problems):
    index = SegmentIndex(folder, SMALL)
    last = 0
    searches = 0
    try:
        while not stop.is_set():
            epoch = index.epoch
            ids = sorted(index.reference_ids())
            assert len(ids) % batch_size == 0, f"part of a change: {ids}"
            assert epoch >= last, "went back"
            last = epoch
            words = np.random.default_rng(1).integers(0, 2**32, 120, dtype=np.uint32)
            found = [m.reference_id for m in index.search(Fingerprint(words, 17.5))]
            assert found == ["constant"], found
            searches += 1
    except Exception as error:  # noqa: BLE001 - carried to the parent, which fails on it
        problems.put(repr(error))
    problems.put(searches)


def test_several_processes_read_while_one_writes(tmp_path, synthetic):
    index = SegmentIndex(tmp_path, SMALL)
    index.apply([("constant", synthetic(1)), ("1", synthetic(2)), ("2", synthetic(3))], [], 1)
    stop, problems = fork.Event(), fork.Queue()
    readers = [
        fork.Process(target=_read_until, args=(tmp_path, stop, 3, problems)) for _ in range(3)
    ]
    for reader in readers:
        reader.start()
    for epoch in range(2, 60):
        added = [(f"{epoch}-{i}", synthetic(10 * epoch + i, 150)) for i in range(3)]
        index.apply(added, [f"{epoch - 4}-{i}" for i in range(3)], epoch)
        if epoch % 10 == 0:
            index.compact()
    stop.set()
    results = [problems.get(timeout=20) for _ in readers]
    for reader in readers:
        reader.join(20)

    assert all(isinstance(result, int) and result > 0 for result in results), results


def test_a_search_under_way_outlives_the_merge_of_its_segments(tmp_path, synthetic):
    index = SegmentIndex(tmp_path, SMALL)
    index.apply([("a", synthetic(1)), ("b", synthetic(2))], [], 1)
    under_way = SegmentIndex(tmp_path, SMALL).reference_ids()
    assert next(under_way) == "a"
    index.apply([("c", synthetic(3))], ["a", "b"], 2)
    index.compact()

    assert list(under_way) == ["b"]


@pytest.fixture
def written(tmp_path, synthetic):
    SegmentIndex(tmp_path).apply([(f"{i}", synthetic(i, 500)) for i in range(5)], [], 1)
    [segment] = tmp_path.glob("*.segment")
    return tmp_path, segment


@pytest.mark.parametrize("size", [0, 7, 100, 9_000])
def test_a_truncated_segment_is_named(written, synthetic, size):
    folder, segment = written
    os.truncate(segment, size)
    with pytest.raises(IndexCorruptError, match=segment.name):
        SegmentIndex(folder).search(synthetic(1, 500))


def test_a_missing_segment_is_named(written, synthetic):
    folder, segment = written
    segment.unlink()
    with pytest.raises(IndexCorruptError, match=segment.name):
        SegmentIndex(folder).search(synthetic(1, 500))


@pytest.mark.parametrize("place", [0, 9, 30, 200, -1])
def test_a_changed_byte_is_found_by_verifying_and_never_merged(written, synthetic, place):
    folder, segment = written
    data = bytearray(segment.read_bytes())
    data[place] ^= 0x10
    segment.write_bytes(data)
    with pytest.raises(IndexCorruptError, match=segment.name):
        SegmentIndex(folder).verify()
    with pytest.raises(IndexCorruptError, match=segment.name):
        index = SegmentIndex(folder)
        index.apply([], ["0", "1", "2"], 2)


def test_a_search_of_a_damaged_segment_answers_or_names_it(written, synthetic):
    folder, segment = written
    whole = segment.read_bytes()
    named = 0
    for place in range(1200, len(whole) - 64, 311):
        data = bytearray(whole)
        data[place : place + 64] = b"\xff" * 64
        segment.write_bytes(data)
        index = SegmentIndex(folder)
        try:
            for i in range(5):
                index.search(synthetic(i, 500), exclude={"3"})
        except IndexCorruptError as error:
            assert segment.name in str(error)
            named += 1
    assert named > 0


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"epoch": 1, "segments": []}', "\x00"])
def test_a_damaged_manifest_is_named(written, synthetic, text):
    folder, _ = written
    (folder / "manifest.json").write_text(text)
    with pytest.raises(IndexCorruptError, match=r"manifest\.json"):
        SegmentIndex(folder).search(synthetic(1, 500))


def test_a_manifest_changed_by_hand_is_refused(written, synthetic):
    folder, _ = written
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["epoch"] = 7
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IndexCorruptError, match="content"):
        _ = SegmentIndex(folder).epoch


@pytest.mark.parametrize("damage", ["manifest", "segment", "folder"])
def test_what_is_damaged_or_gone_can_be_cleared_and_built_anew(tmp_path, synthetic, damage):
    folder = tmp_path / "index"
    index = SegmentIndex(folder)
    index.apply([("a", synthetic(1))], [], 1)
    assert index.search(synthetic(1))
    if damage == "manifest":
        (folder / "manifest.json").write_text('{"format": 1}')
    elif damage == "segment":
        next(folder.glob("*.segment")).unlink()
    else:
        shutil.rmtree(folder)
    index.clear()
    assert (index.epoch, index.search(synthetic(1))) == (0, [])
    index.apply([("b", synthetic(2))], [], 1)
    assert index.search(synthetic(2))[0].reference_id == "b"
    assert SegmentIndex(folder).search(synthetic(1)) == []


def test_a_writer_sees_that_the_folder_was_emptied(tmp_path, synthetic):
    index = SegmentIndex(tmp_path)
    index.apply([("a", synthetic(1))], [], 1)
    for path in tmp_path.iterdir():
        path.unlink()
    index.apply([("b", synthetic(2))], [], 2)
    assert list(index.reference_ids()) == ["b"]


def test_references_without_vectors_are_named(tmp_path, song, open_index):
    samples = song(3, 8.0)
    words = fingerprint.fingerprint(samples, 11_025)
    whole = fingerprint.completed(words, samples, 11_025)
    index = open_index(tmp_path)
    assert list(index.bare_ids()) == []
    added = {
        "words": words,
        "whole": whole,
        "without tones": dataclasses.replace(whole, tones=None),
        "without vectors": dataclasses.replace(whole, embedding=None),
        "too short for one": Fingerprint(np.empty(0, np.uint32), 1.9),
    }
    index.apply(added.items(), [], 1)
    assert set(index.bare_ids()) == {"words", "without vectors"}
    index.apply([("words", whole)], ["without vectors"], 2)
    assert list(index.bare_ids()) == []
