"""Files that audiowmark marked, and what it printed of its own stages.

The smaller files lie beside the tests. The rest is found in a ``shared`` folder above the
repository, where there is one; tests that need it are skipped elsewhere.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from watermark import Key, Payload

GOLDEN = Path(__file__).parent / "golden"
_ABOVE = [folder / "shared" / "watermark" for folder in Path(__file__).parents]


def place_of(name: str) -> Path:
    """Where a file is, beside the tests or above; else the test is skipped."""
    places = [GOLDEN, *_ABOVE, *(folder / "golden" for folder in _ABOVE)]
    for place in places:
        if (place / name).exists():
            return place / name
    pytest.skip(f"{name} is not here: a clean clone does not have it")


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
        path = place_of(f"{self.name}-{kind}.flac")
        values, rate = soundfile.read(path, dtype="int16", always_2d=True)
        assert rate == self.rate
        return np.ascontiguousarray(values.T)

    def sound(self, kind: str) -> np.ndarray:
        return (self.samples(kind) / np.float32(32768)).astype(np.float32)
