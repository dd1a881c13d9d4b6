"""What summing stems does to reading their marks, on real music.

``python -m benchmarks.watermark_stems [--seconds 70]``

Four songs whose guitar and accompaniment are recorded apart, and two that are split into harmonic,
percussive and bass parts. Every stem is marked by itself, as the service does, and what is read is
compared with the marked mix: stems with one payload summed, stems with payloads of their own summed,
one stem summed with unmarked others, each of these plain and as MP3 at 64 kbit/s.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import librosa
import numpy as np
import soundfile
import soxr
from rich.progress import track

from benchmarks.alterations import MP3_64K, RATE, Samples, coded
from scripts.music_corpus import FOLDER, corpus
from watermark import BuiltinWatermarker, Key, Payload, Verdict, signed_payload

RESULTS: Final = Path(".bench/watermark-stems.json")
START_SECONDS: Final = 30
BASS_HZ: Final = 200
SPLIT: Final = ("wesnoth-1.16-music", "widelands-data")
"""Packages of which one track each is split."""


def stems_of_music(seconds: float) -> Iterator[tuple[str, dict[str, Samples]]]:
    """Songs and their stems, each float32 of shape (1, n) at 44.1 kHz; summed they are the mix."""
    for folder in sorted({path.parent for path in FOLDER.rglob("guitar.ogg")}):
        parts = {name: _part(folder / f"{name}.ogg", seconds) for name in ("song", "guitar")}
        least = min(each.shape[1] for each in parts.values())
        yield folder.name, {name: each[:, :least] for name, each in parts.items()}
    for package in SPLIT:
        recording = next(each for each in corpus("test") if each.package == package)
        yield recording.file.stem, _split(_part(recording.file, seconds))


def measured(stems: dict[str, Samples], number: int) -> list[dict[str, Any]]:
    """How clearly marks are read in each way to put marked stems together."""
    engine = BuiltinWatermarker()
    random = np.random.default_rng(number)
    key = Key(random.bytes(16), "bench")
    ids = [random.bytes(12).hex() for _ in stems]
    payloads = [signed_payload(each, key) for each in ids]
    mix: Samples = np.add.reduce([*stems.values()])
    own = {name: engine.embed(each, RATE, payloads[0], key) for name, each in stems.items()}
    several = [
        engine.embed(each, RATE, payload, key)
        for each, payload in zip(stems.values(), payloads, strict=True)
    ]
    first = next(iter(stems))
    others: Samples = np.add.reduce([each for name, each in stems.items() if name != first])
    ways: dict[str, Samples] = {
        "mix marked": engine.embed(mix, RATE, payloads[0], key),
        "stems with one payload summed": np.add.reduce([*own.values()]),
        "stems with payloads of their own summed": np.add.reduce(several),
        f"stem {first} with unmarked others": own[first] + others,
    } | {f"stem {name}": each for name, each in own.items()}
    rows = []
    for way, samples in ways.items():
        for copy, heard in (("plain", samples), ("mp3 64k", coded(samples, RATE, MP3_64K))):
            rows.append({"way": way, "copy": copy} | _read(engine, heard, key, payloads))
    return rows


def _read(
    engine: BuiltinWatermarker, samples: Samples, key: Key, payloads: list[Payload]
) -> dict[str, Any]:
    within = np.clip(samples, -1, 1).astype(np.float32)
    found = [mark for mark in engine.detect(within, RATE, [key]) if mark.verdict is Verdict.FOUND]
    best = [
        max((mark.quality for mark in found if mark.payload == payload), default=None)
        for payload in payloads
    ]
    return {"quality": best}


def _part(path: Path, seconds: float) -> Samples:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    start = min(START_SECONDS, max(0, len(samples) / rate - seconds))
    piece = samples[int(start * rate) : int((start + seconds) * rate)].mean(axis=1)
    return 0.7 * soxr.resample(piece, rate, RATE)[None].astype(np.float32)


def _split(mix: Samples) -> dict[str, Samples]:
    spectrum = librosa.stft(mix[0], n_fft=4096)
    bins = librosa.fft_frequencies(sr=RATE, n_fft=4096)
    low = spectrum * (bins < BASS_HZ)[:, None]
    harmonic, percussive = librosa.decompose.hpss(spectrum - low)
    return {
        name: librosa.istft(each, n_fft=4096, length=mix.shape[1])[None].astype(np.float32)
        for name, each in (("harmonic", harmonic), ("percussive", percussive), ("bass", low))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=70)
    seconds = parser.parse_args().seconds
    results = {
        name: measured(stems, number)
        for number, (name, stems) in enumerate(track(list(stems_of_music(seconds))))
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1))
    for name, rows in results.items():
        for row in rows:
            told = ", ".join("lost" if each is None else f"{each:.2f}" for each in row["quality"])
            print(f"{name} | {row['way']} | {row['copy']} | {told}")


if __name__ == "__main__":
    main()
