"""Sound that nobody composed: every kind sounds like itself, and none is a copy of another."""

from collections.abc import Callable
from typing import Final

import numpy as np

from benchmarks.alterations import RATE, Samples, pink_noise


def white(seconds: float, random: np.random.Generator) -> Samples:
    """White noise."""
    level = 10 ** random.uniform(-3, -0.7)
    return (level * random.standard_normal((1, int(seconds * RATE)))).astype(np.float32)


def pink(seconds: float, random: np.random.Generator) -> Samples:
    """Noise whose power falls by 3 dB an octave."""
    return np.atleast_2d(0.2 * pink_noise(int(seconds * RATE), random)).astype(np.float32)


def tone(seconds: float, random: np.random.Generator) -> Samples:
    """A steady tone with a few harmonics."""
    times = np.arange(int(seconds * RATE)) / RATE
    hertz = 110 * 2 ** random.uniform(0, 4)
    parts = [np.sin(2 * np.pi * hertz * k * times) / k**2 for k in range(1, 5)]
    return (0.3 * np.sum(parts, axis=0))[None].astype(np.float32)


def drone(seconds: float, random: np.random.Generator) -> Samples:
    """A few steady tones that beat."""
    return np.mean([tone(seconds, random) for _ in range(4)], axis=0).astype(np.float32)


def applause(seconds: float, random: np.random.Generator) -> Samples:
    """Some thousand claps: decaying bursts of noise at random times."""
    length = int(seconds * RATE)
    out = np.zeros(length + RATE)
    clap = np.exp(-np.arange(2000) / 300)
    for start in random.integers(0, length, int(120 * seconds)):
        out[start : start + 2000] += clap * random.standard_normal(2000) * random.uniform(0.2, 1)
    return (0.1 * out / out.std())[None, :length].astype(np.float32)


def clicks(seconds: float, random: np.random.Generator) -> Samples:
    """One and the same click at one and the same distance."""
    out = np.zeros((1, int(seconds * RATE)), np.float32)
    out[:, :: int(random.uniform(0.2, 1.2) * RATE)] = 0.8
    return out


def sequenced(seconds: float, random: np.random.Generator) -> Samples:
    """Random notes of one scale, sound and tempo, with the same drum on every beat.

    Others of the kind share all of that, as pieces made by one program do.
    """
    length = int(seconds * RATE)
    out = np.zeros(length + RATE)
    scale = 110 * 2 ** (np.array([0, 2, 3, 5, 7, 8, 10]) / 12)
    for octave, beats in ((0, 2), (1, 1), (2, 0.5), (3, 0.25)):
        samples = int(0.5 * beats * RATE)
        times = np.arange(int(1.3 * samples)) / RATE
        for start in range(0, length, samples):
            hertz = 2**octave * float(random.choice(scale))
            note = sum(np.sin(2 * np.pi * hertz * k * times) / k for k in range(1, 5))
            out[start : start + len(times)] += random.uniform(0.3, 1) * note * np.exp(-2.5 * times)
    drum = np.random.default_rng(0).standard_normal(4000) * np.exp(-np.arange(4000) / 800)
    for start in range(0, length, RATE // 2):
        out[start : start + 4000] += drum
    return (0.7 * out / np.abs(out).max())[None, :length].astype(np.float32)


KINDS: Final[dict[str, Callable[[float, np.random.Generator], Samples]]] = {
    each.__name__: each for each in (white, pink, tone, drone, applause, clicks, sequenced)
}
