"""Files that audiowmark marked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from watermark import Key, Payload

GOLDEN = Path(__file__).parent / "golden"


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
