"""Synthesised music, synthetic words, and both indexes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

import fingerprint
from fingerprint import Fingerprint, IndexParams, MilvusIndex, MilvusServer, SegmentIndex
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS

RATE = 11025


def _song(seed: int, seconds: float = 60.0, rate: int = RATE) -> np.ndarray:
    """Three voices of random notes with harmonics and a decay, shape (1, n)."""
    random = np.random.default_rng(seed)
    total = int(seconds * rate)
    out = np.zeros(total + rate)
    for octave, length in ((3, 0.8), (4, 0.43), (5, 0.29)):
        for start in np.arange(0, seconds, length):
            hertz = 32.7 * 2 ** (octave + random.integers(0, 12) / 12)
            t = np.arange(int(length * rate * 1.3)) / rate
            tone = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 5))
            at = int(start * rate)
            part = out[at : at + len(t)]
            part += (tone * np.exp(-2.5 * t) * random.uniform(0.3, 1))[: len(part)]
    samples = out[:total]
    return (0.7 * samples / np.abs(samples).max())[None].astype(np.float32)


@pytest.fixture(scope="session")
def song() -> Callable[..., np.ndarray]:
    known: dict[tuple, np.ndarray] = {}

    def make(seed: int, seconds: float = 60.0, rate: int = RATE) -> np.ndarray:
        key = (seed, seconds, rate)
        if key not in known:
            known[key] = _song(*key)
        return known[key]

    return make


class OpenIndex(Protocol):
    """Opens the index of a folder; opened again it is the same index."""

    def __call__(self, folder: Path, params: IndexParams | None = None) -> SegmentIndex: ...


@pytest.fixture(scope="session")
def milvus(tmp_path_factory) -> MilvusServer:
    """A Milvus inside this process: pymilvus speaks to it as to any other."""
    return MilvusServer(str(tmp_path_factory.mktemp("milvus") / "milvus.db"))


@pytest.fixture(scope="session", params=["segments", "milvus"])
def open_index(request) -> OpenIndex:
    """Each of both indexes: what one does the other does."""
    if request.param == "segments":
        return SegmentIndex
    server = request.getfixturevalue("milvus")
    return lambda folder, params=None: MilvusIndex(folder, server, collection_of(folder), params)


def collection_of(folder: Path) -> str:
    return "of_" + hashlib.sha256(bytes(folder)).hexdigest()[:16]


@pytest.fixture(scope="session")
def library(tmp_path_factory, song, open_index) -> SegmentIndex:
    """Twelve songs of a minute; read only."""
    folder: Path = tmp_path_factory.mktemp("library")
    index = open_index(folder)
    prints = [(f"song-{seed}", fingerprint.fingerprint(song(seed), RATE)) for seed in range(12)]
    index.apply(prints[:7], [], 1)
    index.apply(prints[7:], [], 2)
    return index


@pytest.fixture(scope="session")
def synthetic() -> Callable[..., Fingerprint]:
    """Unrelated words, or a stretch of them: ``synthetic(seed, words, start, stop)``."""

    def make(seed: int, words: int = 120, start: int = 0, stop: int | None = None) -> Fingerprint:
        drawn = np.random.default_rng(seed).integers(0, 2**32, words, dtype=np.uint32)[start:stop]
        return Fingerprint(drawn, (len(drawn) - 1) * HOP_SECONDS + SPAN_SECONDS)

    return make
