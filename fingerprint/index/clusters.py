"""Clusters of a segment's vectors: which list of the inverted file each of them lies in.

To compare each vector with each of thousands of centroids is what a merge would spend most of its
time on, and more a vector the larger the segment. So centroids lie in two levels: about the root of
their number of coarse cells, and in each cell centroids of its own. A vector is compared with the
coarse ones, then with those in the few cells nearest to it.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import faiss
import numpy as np

from fingerprint.arrays import F32Array, I64Array
from fingerprint.embedding.embedding import I8Array
from fingerprint.embedding.geometry import DIMENSIONS

A_LIST: Final = 512
"""Vectors a list, about."""
MAX_LISTS: Final = 8192
A_CENTROID: Final = 40
"""Vectors by which a centroid is found, about."""
ROUNDS: Final = 8
FLAT: Final = 256
"""Lists up to which one level does."""
REFINED: Final = 4
CELLS: Final = 6
"""Cells that are looked at for a vector's centroid."""
_SEED: Final = 5


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centroids in one level or two.

    Attributes
    ----------
    centroids : float32 array, shape (lists, DIMENSIONS)
        Cell by cell.
    coarse : float32 array, shape (cells, DIMENSIONS)
    ends : int64 array, shape (cells + 1,)
        Cell ``i`` has ``centroids[ends[i] : ends[i + 1]]``.
    """

    centroids: F32Array
    coarse: F32Array
    ends: I64Array

    def assigned(self, vectors: F32Array) -> I64Array:
        """The list of each vector, shape (n,): that of the likest centroid in the cells nearest to it."""
        looked = min(CELLS, len(self.coarse))
        near = np.argpartition(vectors @ -self.coarse.T, looked - 1, axis=1)[:, :looked]
        best = np.full(len(vectors), -np.inf, np.float32)
        lists = np.zeros(len(vectors), np.int64)
        order = np.argsort(near, axis=None, kind="stable")  # (vectors * looked,), cell by cell
        edges = np.searchsorted(near.ravel()[order], np.arange(len(self.coarse) + 1))
        for cell in range(len(self.coarse)):
            rows = order[edges[cell] : edges[cell + 1]] // looked
            first, last = int(self.ends[cell]), int(self.ends[cell + 1])
            if not len(rows) or first == last:
                continue
            likeness = vectors[rows] @ self.centroids[first:last].T
            own = likeness.argmax(axis=1)
            reached = likeness[np.arange(len(rows)), own]
            better = reached > best[rows]
            best[rows[better]] = reached[better]
            lists[rows[better]] = first + own[better]
        return lists


def clustered(vectors: I8Array) -> Clusters:
    """Find the clusters of vectors, the same ones for the same vectors.

    Parameters
    ----------
    vectors : int8 array, shape (n, DIMENSIONS), n > 0
    """
    count = len(vectors)
    lists = min(MAX_LISTS, max(1, count // A_LIST))
    sample = vectors
    if count > A_CENTROID * lists:
        random = np.random.default_rng(_SEED)
        sample = vectors[np.sort(random.choice(count, A_CENTROID * lists, replace=False))]
    points = sample.astype(np.float32)
    if lists <= FLAT:
        centroids = _means(points, lists)
        return Clusters(centroids, _means(centroids, 1), np.array([0, lists]))
    coarse = _means(points, round(lists**0.5))
    cells = (points @ coarse.T).argmax(axis=1)
    own = [points[cells == cell] for cell in range(len(coarse))]
    shares = [max(1, round(lists * len(each) / len(points))) if len(each) else 0 for each in own]
    means = [_means(each, share) for each, share in zip(own, shares, strict=True) if share]
    found = Clusters(np.concatenate(means), coarse, np.cumsum([0, *shares]))
    for _ in range(REFINED):
        found = _refined(found, points)
    return found


def _refined(clusters: Clusters, points: F32Array) -> Clusters:
    """Move centroids to the middle of what is assigned to them, across the borders of cells."""
    lists = clusters.assigned(points)
    order = np.argsort(lists, kind="stable")
    held, starts = np.unique(lists[order], return_index=True)
    sums = np.add.reduceat(points[order], starts, axis=0)
    centroids = clusters.centroids.copy()
    centroids[held] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return replace(clusters, centroids=centroids)


def _means(points: F32Array, count: int) -> F32Array:
    """Centroids of length one, shape (count, DIMENSIONS)."""
    kmeans = faiss.Kmeans(DIMENSIONS, count, niter=ROUNDS, spherical=True, seed=_SEED)
    kmeans.cp.min_points_per_centroid = 1
    kmeans.train(points)
    found: Any = kmeans.centroids
    return np.array(found, np.float32)
