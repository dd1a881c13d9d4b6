"""The sound of previews: read in part, played at another pitch and tempo, written as Opus in WebM."""

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph
from numpy.typing import NDArray

from scanner.audio.encoding import OPUS, encode

if TYPE_CHECKING:
    from scanner.reference_previews import Excerpt

BIT_RATE: Final = 48_000
RATE: Final = 48_000
_LEAST_TEMPO: Final = 0.5
_MOST_TEMPO: Final = 100.0


def warped(samples: NDArray[np.float32], rate: int, excerpt: "Excerpt") -> NDArray[np.float32]:
    """Change sound to another pitch and tempo.

    The sound is played at another rate, which alters both alike, and then stretched to the tempo that is
    wanted (WSOLA, FFmpeg's ``atempo``).

    Parameters
    ----------
    samples : float32 array, shape (1, n)

    Returns
    -------
    float32 array, shape (1, about n / speed)
    """
    factor = 2 ** (excerpt.semitones / 12)
    graph = Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="mono")
    chain = [
        source,
        graph.add("asetrate", str(round(rate * factor))),
        graph.add("aresample", str(rate)),
        graph.add("atempo", f"{min(max(excerpt.speed / factor, _LEAST_TEMPO), _MOST_TEMPO):.5f}"),
        graph.add("aformat", f"sample_fmts=flt:channel_layouts=mono:sample_rates={rate}"),
        graph.add("abuffersink"),
    ]
    for before, after in itertools.pairwise(chain):
        before.link_to(after)
    graph.configure()
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="flt", layout="mono")
    frame.sample_rate, frame.pts = rate, 0
    graph.push(frame)
    graph.push(None)
    parts: list[NDArray[np.float32]] = []
    while True:
        try:
            pulled: Any = graph.pull()
            parts.append(pulled.to_ndarray().reshape(1, -1))
        except (av.error.BlockingIOError, av.error.EOFError):
            break
    return np.concatenate(parts or [np.zeros((1, 0), np.float32)], axis=1)


def read(path: Path, start_s: float, end_s: float) -> NDArray[np.float32]:
    """Decode a part of a preview of our own making. Shape (1, n), at `RATE`."""
    parts = []
    with av.open(str(path)) as container:
        container.seek(int(max(0.0, start_s - 0.5) * 1_000_000))
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in container.decode(audio=0):
            at = frame.time or 0.0
            if at >= end_s:
                break
            for each in resampler.resample(frame):
                samples = each.to_ndarray().reshape(1, -1)
                parts.append(samples[:, max(0, round((start_s - at) * RATE)) :])
    whole = np.concatenate(parts or [np.zeros((1, 0), np.float32)], axis=1)
    return whole[:, : round((end_s - start_s) * RATE)].astype(np.float32, copy=False)


def encoded(folder: Path | None, samples: NDArray[np.float32], rate: int) -> bytes:
    """Encode mono sound, shape (1, n); raises ``av.error.FFmpegError`` and ``ValueError``."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="clearance-", dir=folder) as made:
        path = Path(made) / f"preview.{OPUS.name}"
        encode(np.ascontiguousarray(samples, dtype=np.float32), rate, path, OPUS, BIT_RATE)
        return path.read_bytes()
