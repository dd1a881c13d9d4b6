"""Generated tracks for the tests: music with a beat above the bass, stems, and copies of files."""

from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from scanner.audio import encoding
from tests.songs import song

RATE = 44100


def voice(seed: int, seconds: float = 60) -> NDArray[np.float32]:
    """Music that carries a mark well, shape (1, n)."""
    return song(seed, seconds, RATE)[None]


def bass(seconds: float = 60) -> NDArray[np.float32]:
    """A line below all that a mark moves, shape (1, n)."""
    times = np.arange(int(seconds * RATE)) / RATE
    hertz = np.repeat([55.0, 65.4, 49.0, 73.4], -(-times.size // 4))[: times.size]
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return (0.3 * np.sin(phase)).astype(np.float32)[None]


def write(path: Path, samples: NDArray[np.float32]) -> Path:
    soundfile.write(path, samples.T, RATE, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def copied(
    source: Path,
    target: Path,
    *,
    start: float = 0,
    seconds: float | None = None,
    speed: float = 1.0,
    bit_rate: int = 64_000,
) -> Path:
    """Cut a piece out of a file, play it faster and encode it anew, as who passes it on does."""
    samples, rate = decoded(source)
    first = int(start * rate)
    last = samples.shape[1] if seconds is None else first + int(seconds * rate)
    piece = samples[:, first:last]
    if speed != 1:
        piece = soxr.resample(piece.T, rate * speed, rate).T
    encoding.encode(piece, rate, target, encoding.form_of(target), bit_rate)
    return target


def decoded(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples of shape (channels, n), and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        frames = [part for each in container.decode(audio=0) for part in resampler.resample(each)]
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1), stream.rate
