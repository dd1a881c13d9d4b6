"""Fingerprints of sound, made once a run: both indexes are asked about the same."""

import hashlib

import numpy as np

import fingerprint
from fingerprint import Fingerprint

_known: dict[tuple[bytes, tuple[int, ...], int], Fingerprint] = {}


def heard(samples: np.ndarray, rate: int) -> Fingerprint:
    """Return all that is kept of a sound."""
    sound = np.ascontiguousarray(samples)
    key = (hashlib.sha256(sound.data).digest(), sound.shape, rate)
    if key not in _known:
        _known[key] = fingerprint.completed(fingerprint.fingerprint(samples, rate), samples, rate)
    return _known[key]
