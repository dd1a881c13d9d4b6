"""Synthetic tracks are always the same, unlike each other, and found by each of their parts."""

import numpy as np
import pytest

from benchmarks.synthetic_catalogue import Pool, excerpt, only, pool_of, synthetic_tracks
from fingerprint import Constellation, Embedding, Fingerprint, SegmentIndex
from fingerprint.constellation.constellation import ALL_BINS, BLOCK_FRAMES
from fingerprint.embedding.embedding import PITCHES, expected_vectors, quantised
from fingerprint.embedding.geometry import DIMENSIONS
from fingerprint.spectrum import BINS_PER_OCTAVE

SECONDS = 120


def recording(seed: int) -> Fingerprint:
    """What a real recording gives: vectors that turn slowly, twenty peaks a second."""
    random = np.random.default_rng(seed)
    count = expected_vectors(SECONDS)
    vectors = np.cumsum(random.normal(size=(len(PITCHES), count, DIMENSIONS)), axis=1)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    chroma = random.uniform(-0.5, 0.5, (count, BINS_PER_OCTAVE))
    places = [np.sort(random.choice(BLOCK_FRAMES * ALL_BINS, 20, False)) for _ in range(SECONDS)]
    peaks = np.concatenate(
        [
            ((n * BLOCK_FRAMES + own // ALL_BINS) << 8) | own % ALL_BINS
            for n, own in enumerate(places)
        ]
    )
    return Fingerprint(
        np.empty(0, np.uint32),
        float(SECONDS),
        embedding=Embedding(quantised(vectors), quantised(chroma)),
        constellation=Constellation(peaks.astype(np.uint32)),
    )


@pytest.fixture(scope="module")
def pool() -> Pool:
    return pool_of([recording(seed) for seed in range(6)])


def test_a_batch_is_always_the_same_and_its_first_tracks_are_those_of_a_part_of_it(pool):
    whole, part = synthetic_tracks(pool, 3, 5), synthetic_tracks(pool, 3, 2)
    assert whole[:2] == part
    assert whole != synthetic_tracks(pool, 4, 5)


@pytest.mark.parametrize("part", ["words", "vectors", "peaks"])
def test_an_altered_part_is_found_in_its_place_and_nothing_else(pool, tmp_path, part):
    index = SegmentIndex(tmp_path)
    tracks = synthetic_tracks(pool, 1, 20)
    index.apply([(f"{n}", track) for n, track in enumerate(tracks)], [], 1)
    query = excerpt(tracks[7], 48.0, 20.0, np.random.default_rng(1))
    [match] = index.search(only(query, part))
    assert match.reference_id == "7"
    longest = max(match.segments, key=lambda each: each.query_end - each.query_start)
    assert longest.reference_start - longest.query_start == pytest.approx(48, abs=0.5)
    [stranger] = synthetic_tracks(pool, 9, 1)
    assert index.search(only(excerpt(stranger, 24.0, 20.0, np.random.default_rng(2)), part)) == []
