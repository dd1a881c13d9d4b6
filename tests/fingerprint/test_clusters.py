"""Clusters of vectors: no vector is lost, and each lies with its like."""

import numpy as np
import pytest

from fingerprint.embedding.embedding import I8Array, quantised
from fingerprint.embedding.geometry import DIMENSIONS
from fingerprint.index.clusters import A_LIST, FLAT, clustered
from fingerprint.index.vector_file import VectorFile, write_vectors

MANY = (FLAT + 10) * A_LIST


@pytest.fixture(scope="module")
def many() -> I8Array:
    """So many that their centroids lie in two levels; around two hundred places."""
    random = np.random.default_rng(3)
    places = random.normal(size=(200, DIMENSIONS))
    vectors = places[random.integers(0, 200, MANY)] + 0.7 * random.normal(size=(MANY, DIMENSIONS))
    return quantised(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_two_levels_put_vectors_nearly_where_a_look_at_every_centroid_would(many):
    clusters = clustered(many)
    assert len(clusters.coarse) > 1
    assert len(clusters.centroids) == pytest.approx(MANY / A_LIST, rel=0.1)
    some = many[::50].astype(np.float32)
    likeness = some @ clusters.centroids.T
    reached = likeness[np.arange(len(some)), clusters.assigned(some)]
    assert (reached == likeness.max(axis=1)).mean() > 0.9
    assert (reached / likeness.max(axis=1)).mean() > 0.99


def test_the_same_vectors_have_the_same_clusters(many):
    first, second = clustered(many), clustered(many)
    assert np.array_equal(first.centroids, second.centroids)


def test_every_vector_of_a_large_file_comes_back_and_finds_itself(many, tmp_path):
    name, size, places = write_vectors(tmp_path, many)
    file = VectorFile(tmp_path / name, size)
    assert len(file) == MANY
    assert np.array_equal(file.codes(places), many)
    likeness, which = file.nearest(many[::1000], 1)
    assert (which[:, 0] == np.arange(0, MANY, 1000)).mean() > 0.99
    assert np.allclose(likeness[:, 0], 1, atol=0.03)


def test_equal_vectors_are_no_trouble(tmp_path):
    """Silence is many of them."""
    nothing = np.zeros((FLAT * A_LIST + 1, DIMENSIONS), np.int8)
    _, _, places = write_vectors(tmp_path, nothing)
    assert len(set(places.tolist())) == len(nothing)
