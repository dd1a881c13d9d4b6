"""Decoding: times real time per format, in the limited child and, as the floor, in this process.

``python -m benchmarks.decode``
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from scanner.audio import Decoder

SECONDS: Final = 240
RATE: Final = 44100
REPEATS: Final = 3
SOUNDFILE: Final = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "aiff": "PCM_16"}
ENCODERS: Final = {
    "mp3": ("libmp3lame", "mp3", RATE),
    "m4a": ("aac", "mp4", RATE),
    "opus": ("libopus", "ogg", 48000),
    "wma": ("wmav2", "asf", RATE),
}


def measure() -> list[dict[str, Any]]:
    """Decode a 4-minute stereo track of each format; the best of three runs."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, Decoder() as decoder:
        samples = _music()
        for kind in (*SOUNDFILE, *ENCODERS):
            path = _encode(Path(folder) / f"track.{kind}", kind, samples)
            decoder.decode(path)  # warm
            runs = [_run(decoder, path) for _ in range(REPEATS)]
            wall, cpu = min(each[0] for each in runs), min(each[1] for each in runs)
            floor = min(_floor(path) for _ in range(REPEATS))
            rows.append(
                {
                    "format": kind,
                    "times_real_time": round(SECONDS / wall),
                    "wall_seconds": round(wall, 3),
                    "cpu_seconds": round(cpu, 3),
                    "floor_seconds": round(floor, 3),
                    "over_floor": round(wall / floor, 2),
                }
            )
        rows.append(_overhead(Path(folder), decoder))
    return rows


def _music() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Tones and noise with an envelope, float32 of shape (n, 2)."""
    random = np.random.default_rng(0)
    times = np.arange(SECONDS * RATE, dtype=np.float32) / RATE
    envelope = 0.5 + 0.5 * np.sin(2 * np.pi * times / 3)
    left = 0.2 * envelope * np.sin(2 * np.pi * 220 * times)
    right = 0.2 * envelope * np.sin(2 * np.pi * 331 * times)
    noise = 0.03 * random.standard_normal((times.size, 2))
    return (np.stack([left, right], axis=1) + noise).astype(np.float32)


def _encode(path: Path, kind: str, samples: np.ndarray[Any, np.dtype[np.float32]]) -> Path:
    if kind in SOUNDFILE:
        with soundfile.SoundFile(path, "w", RATE, 2, subtype=SOUNDFILE[kind]) as file:
            for start in range(
                0, len(samples), RATE
            ):  # libsndfile crashes on one long Vorbis write
                file.write(samples[start : start + RATE])
        return path
    codec, container, rate = ENCODERS[kind]
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 192_000
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout="stereo"
        )
        frame.sample_rate = RATE
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout="stereo",
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts = None
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return path


def _run(decoder: Decoder, path: Path) -> tuple[float, float]:
    """Return wall seconds and CPU seconds of one decode, those of the child included."""
    before = _zygote_cpu(decoder) + time.process_time()
    started = time.perf_counter()
    decoder.decode(path)
    wall = time.perf_counter() - started
    time.sleep(0.05)  # until the child is reaped and its CPU time counted
    return wall, _zygote_cpu(decoder) + time.process_time() - before


def _zygote_cpu(decoder: Decoder) -> float:
    """Return the CPU seconds of the pre-warmed process and of its ended children."""
    zygote = decoder.children.zygote
    assert zygote is not None
    fields = Path(f"/proc/{zygote.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[n]) for n in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def _floor(path: Path) -> float:
    """Return the seconds that FFmpeg alone takes, in this process, its frames thrown away."""
    started = time.perf_counter()
    with av.open(str(path)) as container:
        for _ in container.decode(audio=0):
            pass
    return time.perf_counter() - started


def _overhead(folder: Path, decoder: Decoder) -> dict[str, Any]:
    """Measure what a decode costs beside decoding: a tenth of a second of sound, many times."""
    path = folder / "short.wav"
    soundfile.write(path, np.zeros(RATE // 10, np.float32), RATE)
    count = 50
    before = _zygote_cpu(decoder) + time.process_time()
    started = time.perf_counter()
    for _ in range(count):
        decoder.decode(path)
    wall = (time.perf_counter() - started) / count
    time.sleep(0.05)
    cpu = (_zygote_cpu(decoder) + time.process_time() - before) / count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return {
        "overhead": "of one child",
        "wall_milliseconds": round(1000 * wall, 1),
        "cpu_milliseconds": round(1000 * cpu, 1),
        "service_peak_mib": peak,
    }


def main() -> int:
    """Print the table."""
    rows = measure()
    for shape in dict.fromkeys(tuple(row) for row in rows):
        table = Table(*shape)
        for row in rows:
            if tuple(row) == shape:
                table.add_row(*map(str, row.values()))
        Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
