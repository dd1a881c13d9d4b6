"""Landmarks: pairs of peaks. Two frequencies and the time between them are a rare sight."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import I64Array, U32Array
from fingerprint.constellation.constellation import ALL_BINS, bins_of, frames_of, strongest

REFERENCE_PEAKS: Final = 15
REFERENCE_FAN: Final = 3
QUERY_PEAKS: Final = 30
QUERY_FAN: Final = 6
"""Peaks a second, and partners of each: what is kept is less than what is asked, so that an index
stays small and a peak that noise pushed from its rank is found all the same."""
BIN_SPAN: Final = 24
LEAST_FRAMES: Final = 2
MOST_FRAMES: Final = 40
HASHES: Final = ALL_BINS * (2 * BIN_SPAN + 1) * (MOST_FRAMES + 1)


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Pairs of peaks.

    Attributes
    ----------
    hashes : int64 array, shape (n,)
        Below ``HASHES``.
    frames : int64 array, shape (n,)
        Of the first peak of each.
    """

    hashes: I64Array
    frames: I64Array


def reference_landmarks(peaks: U32Array) -> Landmarks:
    """What is kept of a reference; peaks in the order of a constellation."""
    return _pairs(strongest(peaks, REFERENCE_PEAKS), REFERENCE_FAN)


def query_landmarks(peaks: U32Array) -> Landmarks:
    """What a query is asked by; peaks in the order of a constellation."""
    return _pairs(strongest(peaks, QUERY_PEAKS), QUERY_FAN)


def _pairs(peaks: U32Array, fan: int) -> Landmarks:
    """Each peak with the next ones in time, up to ``fan`` of them, near enough in frequency."""
    ordered = np.sort(peaks)  # by frame, then by bin
    frames, bins = frames_of(ordered), bins_of(ordered)
    partners = np.zeros(len(ordered), np.int64)
    hashes, anchors = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for ahead in range(1, len(ordered)):
        later = frames[ahead:] - frames[:-ahead]
        if later.min() > MOST_FRAMES:
            break
        higher = bins[ahead:] - bins[:-ahead]
        near = (later >= LEAST_FRAMES) & (later <= MOST_FRAMES) & (np.abs(higher) <= BIN_SPAN)
        own = np.flatnonzero(near & (partners[:-ahead] < fan))
        partners[own] += 1
        apart = (bins[own] * (2 * BIN_SPAN + 1) + higher[own] + BIN_SPAN) * (MOST_FRAMES + 1)
        hashes.append(apart + later[own])
        anchors.append(frames[own])
    return Landmarks(np.concatenate(hashes), np.concatenate(anchors))
