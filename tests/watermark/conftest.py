"""Music to mark, files that audiowmark marked, and what it printed of its stages."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import soxr

from tests.songs import RATE as SONG_RATE
from tests.songs import song
from tests.watermark.golden_audio import GOLDEN, Golden, place_of
from watermark import NO_KEY, Payload, parse_key_file


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Golden]:
    key = parse_key_file((GOLDEN / "golden.key").read_text(), "golden")
    listed = {each["name"]: each for each in json.loads((GOLDEN / "manifest.json").read_text())}

    def named(name: str) -> Golden:
        each = listed[name]
        return Golden(
            name=name,
            rate=each["sample_rate"],
            key=key if each["key_file"] else NO_KEY,
            payload=Payload(each["payload"]),
            strength=float(each["options"][1]) if each["options"] else 10.0,
            matches=each["reference_get"]["matches"],
        )

    return named


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """What audiowmark's own objects printed."""
    vectors: dict[str, Any] = json.loads(place_of("audiowmark-vectors.json").read_text())
    return vectors


@pytest.fixture(scope="session")
def music() -> Callable[..., np.ndarray]:
    """Music-like sound, float32 of shape (channels, n); every channel has its own voice."""
    voice = cache(song)

    def make(seed: int, seconds: int = 70, rate: int = 44100, channels: int = 1) -> np.ndarray:
        common = voice(seed, seconds)
        own = [common + 0.5 * voice(seed + 100 * n, seconds) for n in range(1, channels)]
        whole = [soxr.resample(each, SONG_RATE, rate) for each in (common, *own)]
        return np.stack(whole).astype(np.float32)

    return make
