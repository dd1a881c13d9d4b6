"""The classical way to find other performances of a work: chroma, and Qmax of their recurrence.

Serrà, Serra and Andrzejak, "Cross recurrence quantification for cover song identification", New
Journal of Physics 11 (2009): both pieces' chroma in the key that fits best (optimal transposition
index, Serrà et al. 2008), states of some seconds, which of one are among the nearest of the other,
and the longest path through those, gaps and changes of tempo allowed. The parameters are the
paper's.
"""

from typing import Any, Final

import numba
import numpy as np
from scipy.ndimage import uniform_filter1d

from fingerprint.arrays import BoolArray, F32Array
from fingerprint.spectrum import BINS_PER_SEMITONE, FRAMES_PER_SECOND, MARGIN, mono_spectrum

FRAMES_A_SECOND: Final = 2.15
STATE_FRAMES: Final = 10
"""Embedding dimension m, at a delay of one frame: states of 4.7 s."""
NEAREST: Final = 0.095
"""Share of the other piece's states that count as recurrent, kappa."""
GAP_ONSET: Final = 5.0
GAP_EXTENSION: Final = 0.5


def chroma(samples: F32Array, rate: int) -> F32Array:
    """Share of each pitch class in time.

    Parameters
    ----------
    samples : float32 array, shape (n,)
    rate : int
        In Hz.

    Returns
    -------
    float32 array, shape (12, frames)
        :data:`FRAMES_A_SECOND` frames a second, the greatest class of each at 1.
    """
    amplitude = 10 ** (mono_spectrum(samples, rate) / 20)  # (frames, quarter tones)
    tones = amplitude[:, MARGIN - 1 : -MARGIN]  # half a semitone below the lowest and so on
    semitones = len(tones[0]) // int(BINS_PER_SEMITONE)
    folded = np.zeros((12, len(tones)), np.float32)
    for n in range(semitones):
        pair = tones[:, int(BINS_PER_SEMITONE) * n : int(BINS_PER_SEMITONE) * (n + 1)]
        folded[n % 12] += pair.sum(axis=1)
    step = FRAMES_PER_SECOND / FRAMES_A_SECOND
    at = np.arange(0, folded.shape[1], step).astype(int)
    smooth = uniform_filter1d(folded, round(step), axis=1)[:, at]
    return np.asarray(smooth / np.maximum(smooth.max(axis=0), 1e-6), np.float32)


def likeness(query: F32Array, reference: F32Array) -> float:
    """Qmax over the root of the reference's length, 0 and up.

    Parameters
    ----------
    query, reference : float32 array, shape (12, frames)
        As :func:`chroma` gives them.
    """
    if min(query.shape[1], reference.shape[1]) < STATE_FRAMES + 1:
        return 0.0
    moved = np.roll(reference, transposition(query, reference), axis=0)
    recurrent = _recurrent(_states(query), _states(moved))
    return float(_longest(recurrent) / np.sqrt(recurrent.shape[1]))


def transposition(query: F32Array, reference: F32Array) -> int:
    """Semitones up by which the reference's classes fit the query's best."""
    own, other = query.sum(axis=1), reference.sum(axis=1)
    return int(np.argmax([own @ np.roll(other, n) for n in range(12)]))


def _states(piece: F32Array) -> F32Array:
    """States of some frames each, shape (states, 12 * STATE_FRAMES)."""
    windows = np.lib.stride_tricks.sliding_window_view(piece, STATE_FRAMES, axis=1)
    return np.ascontiguousarray(windows.transpose(1, 0, 2).reshape(windows.shape[1], -1))


def _recurrent(query: F32Array, reference: F32Array) -> BoolArray:
    """Which states are among each other's nearest, shape (query states, reference states)."""
    away = (query**2).sum(axis=1)[:, None] + (reference**2).sum(axis=1) - 2 * query @ reference.T
    rows = max(1, int(NEAREST * away.shape[1]))
    columns = max(1, int(NEAREST * away.shape[0]))
    by_row = np.partition(away, rows - 1, axis=1)[:, rows - 1 : rows]
    by_column = np.partition(away, columns - 1, axis=0)[columns - 1 : columns]
    return np.asarray((away <= by_row) & (away <= by_column), np.bool_)


@numba.njit(cache=True)
def _longest(recurrent: Any) -> float:
    """Qmax: the greatest value of the paper's recursion."""
    rows, columns = recurrent.shape
    score = np.zeros((rows, columns), np.float32)
    best = np.float32(0)
    for i in range(2, rows):
        for j in range(2, columns):
            one, two, three = (i - 1, j - 1), (i - 2, j - 1), (i - 1, j - 2)
            if recurrent[i, j]:
                score[i, j] = max(score[one], score[two], score[three]) + 1
            else:
                least = 0.0
                for at in (one, two, three):
                    loss = GAP_EXTENSION if not recurrent[at] else GAP_ONSET
                    least = max(least, score[at] - loss)
                score[i, j] = least
            best = max(best, score[i, j])
    return float(best)
