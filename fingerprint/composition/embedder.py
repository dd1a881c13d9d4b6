"""Tones in, vectors out: what is played in eight seconds, whoever plays it and in whatever key."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, F64Array, I64Array
from fingerprint.composition.geometry import (
    CENTRE_SECONDS,
    DIMENSIONS,
    FIELD_TONES,
    HOP_SECONDS,
    HOP_TONES,
    KEYED,
    PITCH_CLASSES,
)
from fingerprint.composition.tones import Tones
from fingerprint.embedding.embedder import network
from fingerprint.embedding.embedding import I8Array, quantised

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "compositions.onnx"
BLOCK: Final = 512 * HOP_TONES
FAINT: Final = 0.1
"""Where not even so much of a tone sounds on average, nothing is played."""
SUNG: Final = 0.05
"""Share of the time that a pitch class sounds in a melody."""
FEWEST_PITCHES: Final = 3
"""Pitch classes of a melody: a drone is like every drone. 99.5 of 100 passages of tunes have as many."""
FEWEST_NOTES: Final = 6.0
"""Beginnings of notes, added up as they were heard; 99.5 of 100 passages of tunes have 14."""
KEYED_VALUES: Final = PITCH_CLASSES * KEYED


@dataclass(frozen=True, eq=False)
class WorkVectors:
    """Vectors of one piece of audio at one tempo, one byte a value.

    Attributes
    ----------
    looked_up : int8 array, shape (n, DIMENSIONS)
        The same in all keys.
    followed : int8 array, shape (n, KEYED_VALUES)
        By pitch class: another key moves them round the twelve.
    seconds : float64 array, shape (n,)
        Middles of what they see, in the audio as it was.
    """

    looked_up: I8Array
    followed: I8Array
    seconds: F64Array

    def __len__(self) -> int:
        return len(self.seconds)


def work_vectors(tones: Tones, tempo: float = 1.0, *, weights: Path = WEIGHTS) -> WorkVectors:
    """Make vectors of tones.

    Parameters
    ----------
    tones : Tones
    tempo : float
        How much faster than its reference the audio is supposed to be: it is slowed down by that.

    Returns
    -------
    WorkVectors
        All zero where no melody is played; none of audio shorter than eight seconds at that tempo.
    """
    shares = slowed(tones.shares(), tempo)  # (VOICES, PITCH_CLASSES, frames)
    count = (shares.shape[2] - FIELD_TONES) // HOP_TONES + 1
    if count < 1:
        return WorkVectors(
            np.empty((0, DIMENSIONS), np.int8),
            np.empty((0, KEYED_VALUES), np.int8),
            np.empty(0, np.float64),
        )
    looked_up, followed = [], []
    for start in range(0, count * HOP_TONES, BLOCK):
        stop = min(start + BLOCK - HOP_TONES, (count - 1) * HOP_TONES) + FIELD_TONES
        one, other = network(weights).run(None, {"tones": shares[None, :, :, start:stop]})
        looked_up.append(one[0])
        followed.append(other[0].reshape(-1, KEYED_VALUES))
    heard = _melodious(shares, np.arange(count) * HOP_TONES)[:, None]
    seconds = (np.arange(count) * HOP_SECONDS + CENTRE_SECONDS) / tempo
    return WorkVectors(
        quantised(np.concatenate(looked_up) * heard),
        quantised(np.concatenate(followed) * heard),
        seconds,
    )


def _melodious(shares: F32Array, starts: I64Array) -> BoolArray:
    """Whether something like a tune is played in the fields that begin there."""
    fields = starts[:, None] + np.arange(FIELD_TONES)
    sounding = shares[2].max(axis=0)[fields].mean(axis=1)  # the loudest of all notes
    pitches = (shares[0][:, fields].mean(axis=2) > SUNG).sum(axis=0)
    notes = shares[1].sum(axis=0)[fields].sum(axis=1)
    told: BoolArray = (sounding > FAINT) & (pitches >= FEWEST_PITCHES) & (notes > FEWEST_NOTES)
    return told


def slowed(shares: F32Array, tempo: float) -> F32Array:
    """Play tones slower by linear interpolation; shape (..., frames) in, more or fewer out."""
    frames = shares.shape[-1]
    if tempo == 1.0 or frames < 2:
        return shares
    at = np.arange(int((frames - 1) * tempo) + 1) / tempo
    below = np.minimum(at.astype(np.int64), frames - 2)
    share = (at - below).astype(np.float32)
    between: F32Array = shares[..., below] * (1 - share) + shares[..., below + 1] * share
    return np.ascontiguousarray(between, np.float32)
