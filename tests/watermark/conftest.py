"""Music to mark, files that audiowmark marked, and what it printed of its stages."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.songs import song
from watermark import Key, Payload, parse_key_file

FOLDER = Path(__file__).parent
GOLDEN = FOLDER / "golden"
VECTORS = "audiowmark-vectors.json"


@dataclass(frozen=True)
class Golden:
    """A file that audiowmark marked, and what it read from it itself."""

    name: str
    rate: int
    key: Key
    payload: Payload
    strength: float
    matches: list[dict[str, Any]]

    def samples(self, kind: str) -> np.ndarray:
        """16-bit values of the original or the marked file, shape (channels, n)."""
        path = GOLDEN / f"{self.name}-{kind}.flac"
        values, rate = soundfile.read(path, dtype="int16", always_2d=True)
        assert rate == self.rate
        return np.ascontiguousarray(values.T)

    def sound(self, kind: str) -> np.ndarray:
        return (self.samples(kind) / np.float32(32768)).astype(np.float32)


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Golden]:
    key = parse_key_file((GOLDEN / "golden.key").read_text(), "golden")
    listed = {each["name"]: each for each in json.loads((GOLDEN / "manifest.json").read_text())}

    def named(name: str) -> Golden:
        each = listed[name]
        strength = float(each["options"][1]) if each["options"] else 10.0
        payload = Payload(each["payload"])
        matches = each["reference_get"]["matches"]
        return Golden(name, each["sample_rate"], key, payload, strength, matches)

    return named


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """What audiowmark's own objects printed; beside the tests or in a ``shared`` folder above."""
    above = [folder / "shared" / "watermark" for folder in FOLDER.parents]
    found = [folder / VECTORS for folder in (FOLDER, *above) if (folder / VECTORS).exists()]
    if not found:
        pytest.skip(f"{VECTORS} is not here: a clean clone does not have it")
    vectors: dict[str, Any] = json.loads(found[0].read_text())
    return vectors


@pytest.fixture(scope="session")
def music() -> Callable[..., np.ndarray]:
    """Music-like sound, float32 of shape (channels, n); every channel has its own voice."""
    known: dict[tuple[int, ...], np.ndarray] = {}

    def make(seed: int, seconds: int = 70, rate: int = 44100, channels: int = 1) -> np.ndarray:
        wanted = (seed, seconds, rate, channels)
        if wanted not in known:
            common = song(seed, seconds, rate)
            own = [common + 0.5 * song(seed + 100 * n, seconds, rate) for n in range(1, channels)]
            known[wanted] = np.stack([common, *own])
        return known[wanted].copy()

    return make
