"""Marks: speed, faintness and what is read after crops and MP3, on real music.

``make bench-watermark``, or ``python -m benchmarks.watermark [--tracks 16] [--seconds 180]``

Tracks of the test split, each with a key and a payload of its own, at the default strength. A mark
counts as *read* if what is returned first has its payload, as *found* if that is believed without a
check of the payload. Anything else that is believed is a false alarm: in marked sound, in the same
sound before it was marked, and in marked sound under another key.
Times are CPU seconds of one core, from samples in memory to the answer; keys are new to every
track, so their tables are derived each time.
"""

import argparse
import json
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from rich.progress import track

from benchmarks.alterations import MP3_64K, RATE, Samples, coded
from benchmarks.queries import excerpt
from scripts.music_corpus import Recording, corpus
from watermark import BuiltinWatermarker, Key, Payload, Verdict, Watermarker

FOLDER: Final = Path(".bench/watermark")
CROP_SECONDS: Final = (5, 10, 15, 30)
SEGMENT_SECONDS: Final = 2
QUIET: Final = 3e-3
"""RMS below which a crop is no music: nothing is marked in a pause."""

T = TypeVar("T")


class Heard(NamedTuple):
    """One copy, and what was read in it."""

    attack: str
    seconds: float
    cpu_seconds: float
    read: bool
    found: bool
    false_alarms: int
    quality: float
    error: float


class Marked(NamedTuple):
    """A track with its mark: samples of shape (1 or 2, n) at 44.1 kHz."""

    name: str
    original: Samples
    samples: Samples
    key: Key
    payload: Payload
    cpu_seconds: float


def main() -> None:
    """Measure; print the tables and write results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=180)
    given = parser.parse_args()
    engine = BuiltinWatermarker()
    rows: list[dict[str, Any]] = []
    for recording in track(_chosen(given.tracks), "marking and listening"):
        marked = _marked(engine, recording, given.seconds)
        heard = [each._asdict() for each in _listened(engine, marked)]
        rows.append({**_account(marked), "heard": heard})
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "results.json").write_text(json.dumps(rows, indent=1))
    print(markdown(rows))


def _chosen(count: int) -> list[Recording]:
    """Long enough recordings, one from each package in turn."""
    long = [each for each in corpus("test") if each.seconds >= 70]
    random = np.random.default_rng(0)
    shuffled = [long[int(n)] for n in random.permutation(len(long))]
    seen: dict[str, int] = {}
    turns = []
    for each in shuffled:
        turns.append(seen.get(each.package, 0))
        seen[each.package] = turns[-1] + 1
    order = np.argsort(turns, kind="stable")
    return [shuffled[int(n)] for n in order[:count]]


def _marked(engine: Watermarker, recording: Recording, seconds: float) -> Marked:
    original = excerpt(recording, 0, seconds)
    random = _random(recording.sha256)
    key, payload = Key(random.bytes(16), "bench"), Payload(random.bytes(16).hex())
    samples, cpu_seconds = _timed(lambda: engine.embed(original, RATE, payload, key))
    return Marked(Path(recording.path).stem, original, samples, key, payload, cpu_seconds)


def _listened(engine: Watermarker, marked: Marked) -> Iterator[Heard]:
    other = Key(bytes(byte ^ 0xFF for byte in marked.key.secret), "other")
    yield _heard(engine, "none", marked.samples, marked.key, marked.payload)
    yield _heard(engine, "unmarked", marked.original, marked.key, None)
    yield _heard(engine, "other key", marked.samples, other, None)
    yield _heard(engine, "mp3 64k", _mp3(marked.samples), marked.key, marked.payload)
    for seconds in CROP_SECONDS:
        crop = _crop(marked, seconds)
        yield _heard(
            engine, f"crop {seconds} s", marked.samples[:, crop], marked.key, marked.payload
        )
        copy = _mp3(marked.samples[:, crop])
        yield _heard(engine, f"crop {seconds} s, mp3 64k", copy, marked.key, marked.payload)
        yield _heard(engine, f"unmarked {seconds} s", marked.original[:, crop], marked.key, None)


def _heard(
    engine: Watermarker, attack: str, samples: Samples, key: Key, payload: Payload | None
) -> Heard:
    marks, cpu_seconds = _timed(lambda: engine.detect(samples, RATE, [key]))
    believed = [mark for mark in marks if mark.verdict is Verdict.FOUND]
    right = [mark for mark in marks if mark.payload == payload]
    best = max(right, key=lambda mark: mark.quality, default=None)
    return Heard(
        attack=attack,
        seconds=samples.shape[1] / RATE,
        cpu_seconds=cpu_seconds,
        read=bool(marks) and marks[0].payload == payload,
        found=bool(believed) and believed[0].payload == payload,
        false_alarms=len({mark.payload for mark in believed} - {payload}),
        quality=best.quality if best else 0.0,
        error=min((mark.error for mark in right), default=1.0),
    )


def _crop(marked: Marked, seconds: int) -> slice:
    """A stretch that is loud enough, drawn by the track and the length."""
    random = _random(f"{marked.name} {seconds}")
    length = seconds * RATE
    while True:
        first = int(random.integers(0, marked.samples.shape[1] - length))
        if marked.original[:, first : first + length].std() > QUIET:
            return slice(first, first + length)


def _account(marked: Marked) -> dict[str, Any]:
    """Speed of embedding, and how far the mark and all of the change lie below the sound."""
    change = marked.samples - marked.original
    size = SEGMENT_SECONDS * RATE
    starts = range(0, marked.original.shape[1] - size + 1, size)
    parts = [
        _ratio_db(marked.original[:, start : start + size], change[:, start : start + size])
        for start in starts
        if marked.original[:, start : start + size].std() > QUIET
    ]
    seconds = marked.original.shape[1] / RATE
    return {
        "track": marked.name,
        "seconds": seconds,
        "channels": len(marked.original),
        "embed_times_real_time": seconds / marked.cpu_seconds,
        "snr_db": _ratio_db(marked.original, change),
        "segmental_snr_db": float(np.median(parts)),
        "peak": float(np.abs(marked.samples).max()),
    }


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Both tables."""
    lines = [
        "| track | s | channels | embed × real time | SNR dB | median of 2 s | detect × real time |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        clean = next(each for each in row["heard"] if each["attack"] == "none")
        lines.append(
            f"| {row['track']} | {row['seconds']:.0f} | {row['channels']} "
            f"| {row['embed_times_real_time']:.0f} | {row['snr_db']:.1f} "
            f"| {row['segmental_snr_db']:.1f} | {clean['seconds'] / clean['cpu_seconds']:.0f} |"
        )
    lines += [
        "",
        "| copy | n | read | found | false alarms | quality | worst error | × real time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for attack in dict.fromkeys(each["attack"] for row in rows for each in row["heard"]):
        lines.append(_line(attack, [e for r in rows for e in r["heard"] if e["attack"] == attack]))
    return "\n".join(lines) + "\n"


def _line(attack: str, heard: Sequence[dict[str, Any]]) -> str:
    speed = sum(each["seconds"] for each in heard) / sum(each["cpu_seconds"] for each in heard)
    alarms = sum(each["false_alarms"] for each in heard)
    right = [each for each in heard if each["quality"]]
    cells = ["–", "–", str(alarms), "–", "–"]
    if right:
        qualities = [each["quality"] for each in right]
        cells = [
            str(sum(each["read"] for each in heard)),
            str(sum(each["found"] for each in heard)),
            str(alarms),
            f"{min(qualities):.2f}–{max(qualities):.2f}",
            f"{max(each['error'] for each in right):.2f}",
        ]
    return f"| {attack} | {len(heard)} | {' | '.join(cells)} | {speed:.0f} |"


def _mp3(samples: Samples) -> Samples:
    return coded(samples, RATE, MP3_64K)


def _ratio_db(sound: Samples, change: Samples) -> float:
    power = float((change.astype(np.float64) ** 2).sum())
    return 10 * float(np.log10((sound.astype(np.float64) ** 2).sum() / max(power, 1e-20)))


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def _random(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


if __name__ == "__main__":
    main()
