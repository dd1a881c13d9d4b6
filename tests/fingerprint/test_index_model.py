"""Each index against a model that compares everything with everything."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fingerprint import Fingerprint, IndexParams, MilvusIndex, MilvusServer, SegmentIndex
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS
from tests.fingerprint.conftest import collection_of

PIECES = [
    np.random.default_rng(seed).integers(0, 2**32, 30 + 13 * (seed % 5), dtype=np.uint32)
    for seed in range(10)
]
names = st.sampled_from([f"reference-{i}" for i in range(14)] + ["référence ☃"])
pieces = st.integers(0, len(PIECES) - 1)


def of(words):
    return Fingerprint(words, max(0, len(words) - 1) * HOP_SECONDS + SPAN_SECONDS)


def oracle(query, references):
    """References that share 20 words or more with the query at under 10 % errors, by brute force."""
    found = set()
    for name, words in references.items():
        for offset in range(-len(query) + 20, len(words) - 20 + 1):
            pairs = [
                (int(q), int(words[i + offset]))
                for i, q in enumerate(query)
                if 0 <= i + offset < len(words)
            ]
            wrong = sum((a ^ b).bit_count() for a, b in pairs)
            if len(pairs) >= 20 and wrong / (32 * len(pairs)) < 0.1:
                found.add(name)
    return found


class IndexMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.params = IndexParams(max_segment_words=400, merge_fan=2)
        self.index = self.opened()
        self.reader = self.opened()
        self.model = {}
        self.epoch = 0

    def opened(self):
        return SegmentIndex(self.folder, self.params)

    def teardown(self):
        shutil.rmtree(self.folder)

    @rule(
        added=st.lists(st.tuples(names, pieces), max_size=6),
        removed=st.sets(names, max_size=4),
        again=st.booleans(),
    )
    def apply(self, added, removed, again):
        self.epoch += 1
        for _ in range(1 + again):
            self.index.apply([(n, of(PIECES[p])) for n, p in added], removed, self.epoch)
        for name in removed:
            self.model.pop(name, None)
        self.model.update({n: PIECES[p] for n, p in added})

    @rule()
    def compact(self):
        self.index.compact()
        assert self.reader.stats().tombstones == 0

    @rule()
    def reopen(self):
        self.index = self.opened()

    @rule()
    def verify(self):
        self.reader.verify()

    @precondition(lambda self: self.model)
    @rule(first=pieces, second=pieces, cut=st.integers(0, 8), seed=st.integers(0, 99))
    def search(self, first, second, cut, seed):
        """A part of one piece and another piece, three bits in a hundred wrong."""
        query = np.concatenate([PIECES[first][cut:], PIECES[second]])
        wrong = np.random.default_rng(seed).random((len(query), 32)) < 0.03
        query = query ^ (wrong * (np.uint32(1) << np.arange(32, dtype=np.uint32))).sum(
            axis=1, dtype=np.uint32
        )
        expected = oracle(query[: len(PIECES[first]) - cut], self.model)
        expected |= oracle(query[len(PIECES[first]) - cut :], self.model)
        matches = self.reader.search(of(query))
        assert {match.reference_id for match in matches} == expected
        excluded = set(list(self.model)[::2])
        kept = self.reader.search(of(query), exclude=excluded)
        assert {match.reference_id for match in kept} == expected - excluded

    @invariant()
    def holds_what_the_model_holds(self):
        assert sorted(self.reader.reference_ids()) == sorted(self.model)
        stats = self.reader.stats()
        assert stats.references == len(self.model)
        assert np.isclose(stats.seconds, sum(of(w).duration for w in self.model.values()))
        assert (self.reader.epoch, self.reader.version) == (self.index.epoch, self.index.version)
        assert self.reader.epoch == self.epoch

    @invariant()
    def leaves_no_rubbish(self):
        segments = list(self.folder.glob("*.segment"))
        assert len(segments) == self.reader.stats().segments
        assert sum(path.stat().st_size for path in segments) == self.reader.stats().bytes
        assert not list(self.folder.glob("*.tmp"))


@functools.cache
def milvus():
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return MilvusServer(folder + "/milvus.db")


class MilvusMachine(IndexMachine):
    """Counts in every verification that Milvus has each reference, and after compaction no other."""

    def opened(self):
        return MilvusIndex(self.folder, milvus(), collection_of(self.folder), self.params)


def how_often(examples, steps):
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


TestIndexAgainstModel = IndexMachine.TestCase
TestIndexAgainstModel.settings = how_often(60, 20)
TestMilvusIndexAgainstModel = MilvusMachine.TestCase
TestMilvusIndexAgainstModel.settings = how_often(6, 12)
