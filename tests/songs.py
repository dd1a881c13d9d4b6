"""Synthesised music for the tests: distinct for each seed, tonal, with onsets."""

import functools
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 22050


def song(seed: int, seconds: float = 20, rate: int = RATE) -> NDArray[np.float32]:
    """Chords of decaying partials at random pitches; float32, shape (n,), the caller's own."""
    return _song(seed, seconds, rate).copy()


@functools.lru_cache(maxsize=48)  # most tests play the same few
def _song(seed: int, seconds: float, rate: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    samples = np.zeros(int(seconds * rate))
    beat, ring = int(rate * random.uniform(0.3, 0.5)), int(rate * 0.7)
    times = np.arange(ring) / rate
    for start in range(0, samples.size, beat):
        for pitch in random.integers(0, 40, size=3):
            hertz = 98 * 2 ** (pitch / 12)
            tone = sum(
                np.sin(2 * np.pi * hertz * k * times + random.uniform(0, 6)) * 0.6**k
                for k in (1, 2, 3)
            ) * np.exp(-times * random.uniform(3, 7))
            room = samples[start : start + ring]
            room += 0.15 * tone[: room.size]
    samples += 0.002 * random.standard_normal(samples.size)
    return samples.astype(np.float32)


def write(path: Path, samples: NDArray[np.float32], rate: int = RATE) -> Path:
    """Write a file in the format of its suffix."""
    soundfile.write(path, samples, rate)
    return path
