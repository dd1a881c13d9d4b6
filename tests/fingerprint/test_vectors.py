"""Embeddings as values, the file of vectors, and references found by them."""

import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint import (
    Embedding,
    Fingerprint,
    IndexCorruptError,
    IndexParams,
    InvalidFingerprintError,
    SegmentIndex,
)
from fingerprint.embedding.embedding import PITCHES, expected_vectors, quantised
from fingerprint.embedding.geometry import CENTRE_SECONDS, DIMENSIONS, HOP_SECONDS
from fingerprint.index.vector_file import VectorFile, write_vectors
from fingerprint.spectrum import BINS_PER_OCTAVE
from fingerprint.sub_fingerprints import expected_words

NO_WORDS = np.empty(0, np.uint32)


def seconds_of(count: int) -> float:
    return count * HOP_SECONDS + 2 * CENTRE_SECONDS


def walk(seed: int, count: int) -> np.ndarray:
    """Unit vectors that turn slowly, shape (count, DIMENSIONS)."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(count + 4, DIMENSIONS))
    turned = sum(steps[k : k + count] for k in range(4))
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def tune(seed: int, count: int) -> np.ndarray:
    """Two pitch classes at a time, shape (count, BINS_PER_OCTAVE)."""
    random = np.random.default_rng(seed + 1000)
    chroma = np.full((count, BINS_PER_OCTAVE), -0.1)
    for offset in (0, 8):
        chroma[np.arange(count), (random.integers(0, 12, count) * 2 + offset) % 24] = 0.6
    return chroma


def of(vectors: np.ndarray, chroma: np.ndarray, row: int = 0) -> Fingerprint:
    """A fingerprint without words, whose vectors lie at one pitch, noise at the others."""
    random = np.random.default_rng(10_007)  # not the seed of any walk
    rows = random.normal(size=(len(PITCHES), *vectors.shape))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    rows[row] = vectors
    embedding = Embedding(quantised(rows), quantised(chroma))
    return Fingerprint(NO_WORDS, seconds_of(len(vectors)), embedding=embedding)


def reference(seed: int, count: int = 150) -> Fingerprint:
    return of(walk(seed, count), tune(seed, count))


@pytest.fixture(scope="module")
def index(tmp_path_factory, open_index) -> SegmentIndex:
    index = open_index(tmp_path_factory.mktemp("vectors"), IndexParams(merge_fan=4))
    for seed in range(11):
        index.apply([(f"song-{seed}", reference(seed))], [], seed + 1)
    return index


def test_bytes_and_json_carry_an_embedding():
    duration = 30.0
    count = expected_vectors(duration)
    words = np.arange(expected_words(duration), dtype=np.uint32)
    embedding = of(walk(3, count), tune(3, count)).embedding
    whole = Fingerprint(words, duration, embedding=embedding)
    assert Fingerprint.from_bytes(whole.to_bytes()) == whole
    assert Fingerprint.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    assert Fingerprint.from_bytes(whole.to_bytes()) != Fingerprint(words, duration)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "another"},
        {"count": 3},
        {"count": True},
        {"count": "58"},
        {"vectors": "AAAA"},
        {"vectors": "no base64!"},
        {"vectors": 7},
        {"vectors": "A" * 10**6},
    ],
)
def test_a_strangers_embedding_is_checked(change):
    duration = 30.0
    count = expected_vectors(duration)
    words = np.arange(expected_words(duration), dtype=np.uint32)
    document = Fingerprint(
        words, duration, embedding=of(walk(3, count), tune(3, count)).embedding
    ).to_json()
    document["embedding"] |= change
    with pytest.raises(InvalidFingerprintError, match=r"embedding|vectors"):
        Fingerprint.from_json(document)


def test_a_file_of_vectors_gives_each_back_in_its_place(tmp_path):
    vectors = quantised(walk(1, 5000))
    name, size, places = write_vectors(tmp_path, vectors)
    file = VectorFile(tmp_path / name, size)
    assert np.array_equal(file.codes(places), vectors)
    assert np.allclose(file.at(places[100:110]), vectors[100:110] / 127)
    likeness, which = file.nearest(vectors[:50], 3)
    assert np.array_equal(which[:, 0], np.arange(50))
    assert np.allclose(likeness[:, 0], 1, atol=0.02)
    file.verify()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 700))
def test_nearest_is_brute_force_where_all_lists_are_read(tmp_path_factory, seed, count):
    random = np.random.default_rng(seed)
    vectors = quantised(random.uniform(-1, 1, (count, DIMENSIONS)))
    query = quantised(random.uniform(-1, 1, (4, DIMENSIONS)))
    folder = tmp_path_factory.mktemp("brute")
    name, size, _ = write_vectors(folder, vectors)
    likeness, which = VectorFile(folder / name, size).nearest(query, 5)
    products = query.astype(np.int64) @ vectors.astype(np.int64).T
    best = -np.sort(-products, axis=1)[:, :5] / 127**2
    found = min(5, count)
    assert np.allclose(likeness[:, :found], best, rtol=1e-5)
    assert np.all(which[:, found:] == -1)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10),
    start=st.integers(0, 100),
    row=st.integers(0, len(PITCHES) - 1),
    off=st.integers(-3, 3),
)
def test_an_excerpt_is_found_with_its_place_and_its_pitch(index, seed, start, row, off):
    part = slice(start, start + 40)
    shift = round(-PITCHES[row] * 2) + off
    query = of(walk(seed, 150)[part], np.roll(tune(seed, 150)[part], shift, axis=1), row)
    match, *_ = index.search(query)
    segment = match.segments[0]
    assert match.reference_id == f"song-{seed}"
    assert match.score > 0.9
    assert segment.pitch_semitones == pytest.approx(shift / 2, abs=0.1)
    assert segment.tempo_ratio == pytest.approx(1, abs=0.01)
    assert segment.reference_start - segment.query_start == pytest.approx(
        start * HOP_SECONDS, abs=0.3
    )
    assert 0 <= segment.query_start < segment.query_end <= query.duration + 1e-6


def test_what_is_unknown_excluded_or_removed_is_not_found(index, tmp_path, open_index):
    assert index.search(of(walk(99, 40), tune(99, 40))) == []
    assert index.search(reference(3), exclude={"song-3"}) == []
    own = open_index(tmp_path)
    own.apply([(f"song-{seed}", reference(seed)) for seed in range(4)], [], 1)
    own.apply([], ["song-2"], 2)
    assert own.search(reference(2)) == []
    own.compact()
    assert own.search(reference(2)) == []
    assert own.search(reference(3))[0].reference_id == "song-3"


def test_dead_copies_do_not_stand_in_the_way(tmp_path, open_index):
    """Twenty-nine removed copies lie nearer to the query than the one that is left."""
    index = open_index(tmp_path)
    copies = [(f"copy-{number}", reference(1)) for number in range(30)]
    others = [(f"other-{number}", reference(number)) for number in range(50, 150)]
    index.apply([*copies, *others], [], 1)
    index.apply([], [f"copy-{number}" for number in range(29)], 2)
    assert index.stats().tombstones == 29
    assert [match.reference_id for match in index.search(reference(1))] == ["copy-29"]


def test_every_one_of_many_equal_references_is_found(tmp_path, open_index):
    """More copies than the neighbours that a vector has."""
    index = open_index(tmp_path)
    index.apply([(f"copy-{number}", reference(1, 60)) for number in range(70)], [], 1)
    index.apply([(f"other-{number}", reference(number)) for number in range(50, 100)], [], 2)
    assert {match.reference_id for match in index.search(reference(1, 60), limit=200)} == {
        f"copy-{number}" for number in range(70)
    }


def test_references_with_and_without_vectors_lie_side_by_side(tmp_path, synthetic, open_index):
    index = open_index(tmp_path, IndexParams(merge_fan=2))
    for number in range(6):
        added = reference(number) if number % 2 else synthetic(number, 400)
        index.apply([(f"{number}", added)], [], number + 1)
    index.compact()
    assert index.stats().segments == 1
    for number in range(6):
        query = reference(number) if number % 2 else synthetic(number, 400)
        assert index.search(query)[0].reference_id == f"{number}"
    index.verify()


def test_silence_has_no_vectors_and_matches_nothing(tmp_path, open_index):
    index = open_index(tmp_path)
    silent = of(np.zeros((60, DIMENSIONS)), np.zeros((60, BINS_PER_OCTAVE)))
    index.apply([("silence", silent), ("song", reference(1))], [], 1)
    assert index.search(silent) == []


def test_damage_to_a_file_of_vectors_is_named(tmp_path):
    index = SegmentIndex(tmp_path)
    index.apply([("song", reference(1))], [], 1)
    (file,) = tmp_path.glob("*.vectors")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    with pytest.raises(IndexCorruptError, match=file.name):
        SegmentIndex(tmp_path).verify()
    file.write_bytes(whole[:-1])
    with pytest.raises(IndexCorruptError, match=file.name):
        SegmentIndex(tmp_path).search(reference(1))
    file.unlink()
    with pytest.raises(IndexCorruptError, match="missing"):
        SegmentIndex(tmp_path).search(reference(1))


def test_orphans_are_swept_and_named_files_kept(tmp_path: pathlib.Path):
    index = SegmentIndex(tmp_path)
    (tmp_path / "stray.vectors").write_bytes(b"?")
    index.apply([("song", reference(1))], [], 1)
    index.apply([("song", reference(2))], [], 2)
    assert len(list(tmp_path.glob("*.vectors"))) == 1
    assert not (tmp_path / "stray.vectors").exists()
