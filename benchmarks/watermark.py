"""Marks in real music: robustness, faintness and speed, the builtin engine beside audiowmark.

``make bench-watermark``, or
``python -m benchmarks.watermark [--tracks 12] [--seconds 180] [--systems builtin,audiowmark] [--core 0]``

Tracks of the test split, each with a key and a signed payload of its own; each system marks them
as it does by default and listens to what the attacks leave of its own marks. A mark counts as *read*
if its payload is among those returned, which a list of issued payloads would show; as *found* if it
is believed without one. Anything else that is believed is a false alarm. Times are CPU seconds,
from samples in memory to the answer; keys are new to every track.

Every line of ``benchmarks/records/watermark_robustness.jsonl``, which the repository keeps, says which
version of which engine gave it: of the builtin one, the digest of its sources. A later run, on
whichever machine, measures what these versions have no line for.
``--table`` prints what is there of the newest version of each.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from rich.progress import track

import watermark
from benchmarks.alterations import RATE, NotAlterableError, Samples
from benchmarks.noise_to_mask import noise_to_mask
from benchmarks.queries import excerpt
from benchmarks.watermark_attacks import ATTACKS, Attack, Marked, other_key, second_payload
from benchmarks.watermark_table import markdown
from benchmarks.watermark_tracks import chosen, random_of
from scripts.music_corpus import Recording
from watermark import Audiowmark, Key, Mark, Verdict, Watermarker, engine, signed_payload
from watermark.strength import QUIET

FILE: Final = Path(__file__).parent / "records" / "watermark_robustness.jsonl"
MASKED_SECONDS: Final = 30
SEGMENT_SECONDS: Final = 2
MARKING: Final = "marking"
"""Stands in the place of an attack in lines about marking itself."""

T = TypeVar("T")


def main() -> None:
    """Measure what was not measured yet and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=180)
    both = "builtin,audiowmark" if shutil.which("audiowmark") else "builtin"
    parser.add_argument("--systems", default=both)
    parser.add_argument("--attacks", help="only those whose names contain this")
    parser.add_argument("--core", type=int, help="the one core that all runs on")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    attacks = [each for each in ATTACKS if (given.attacks or "") in each.name]
    if not given.table:
        recordings = chosen(given.tracks + 1)
        FILE.parent.mkdir(parents=True, exist_ok=True)
        for recording, neighbour in track([*pairwise(recordings)], "marking and listening"):
            for system in given.systems.split(","):
                _measure(system, recording, neighbour, given.seconds, attacks)
    print(markdown(lines(), [each.name for each in ATTACKS]))


def lines() -> list[dict[str, Any]]:
    """All that was measured so far."""
    return [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []


def _measure(
    system: str,
    recording: Recording,
    neighbour: Recording,
    seconds: float,
    attacks: Sequence[Attack],
) -> None:
    known: dict[str, Any] = {
        "system": system,
        "version": version(system),
        "track": recording.file.stem,
    }
    known["length"] = seconds
    done = {line["attack"] for line in lines() if all(line.get(k) == known[k] for k in known)}
    missing = [each for each in attacks if each.name not in done]
    if not missing:
        return
    marked, cpu_seconds = _marked(system, recording, neighbour, seconds)
    with FILE.open("a") as file:
        if MARKING not in done:
            file.write(json.dumps(known | _account(marked, cpu_seconds)) + "\n")
        for attack in missing:
            for heard in _heard(system, marked, attack):
                file.write(json.dumps(known | heard) + "\n")
                file.flush()


@cache
def version(system: str) -> str:
    """Version of an engine; of the builtin one, the digest of its sources."""
    if system == "audiowmark":
        return ".".join(map(str, Audiowmark.installed().version()))
    sources = sorted(Path(watermark.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:10]


def _marked(
    system: str, recording: Recording, neighbour: Recording, seconds: float
) -> tuple[Marked, float]:
    own = engine(system)
    original = excerpt(recording, 0, seconds)
    random = random_of(recording.sha256)
    key = Key(random.bytes(16), "bench")
    payload = signed_payload(random.bytes(12).hex(), key)
    samples, cpu_seconds = _timed(lambda: own.embed(original, RATE, payload, key))
    marked = Marked(
        name=recording.file.stem,
        original=original,
        samples=samples,
        neighbour=excerpt(neighbour, 0, seconds),
        key=key,
        payload=payload,
        second=second_payload(key, recording.sha256),
        engine=own,
    )
    return marked, cpu_seconds


def _heard(system: str, marked: Marked, attack: Attack) -> Iterator[dict[str, Any]]:
    """What is read in a copy; nothing where a track can't be attacked so."""
    listener = engine(system)
    if isinstance(listener, Audiowmark):
        listener = Audiowmark(detect_speed=attack.speed)
    try:
        copy = attack.apply(marked)
    except NotAlterableError:
        return
    key = other_key(marked.key) if attack.other_key else marked.key
    marks, cpu_seconds = _listened(listener, copy, key)
    wanted = attack.payloads(marked)
    believed = {mark.payload for mark in marks if mark.verdict is Verdict.FOUND}
    right = [mark for mark in marks if mark.payload in wanted]
    yield {
        "attack": attack.name,
        "seconds": copy.shape[1] / RATE,
        "cpu_seconds": cpu_seconds,
        "wanted": len(wanted),
        "read": len(wanted & {mark.payload for mark in marks}),
        "first": bool(marks) and marks[0].payload in wanted,
        "found": len(wanted & believed),
        "false_alarms": len(believed - wanted - {marked.payload, marked.second}),
        "quality": max((mark.quality for mark in right), default=0.0),
        "error": min((mark.error for mark in right), default=1.0),
        "margin": max((mark.margin for mark in right), default=-1.0),
        "wrong_margin": max((m.margin for m in marks if m.payload not in wanted), default=-1.0),
    }


def _listened(listener: Watermarker, copy: Samples, key: Key) -> tuple[list[Mark], float]:
    copy = np.ascontiguousarray(copy, np.float32)
    return _timed(lambda: listener.detect(copy, RATE, [key]))


def _account(marked: Marked, cpu_seconds: float) -> dict[str, Any]:
    """Speed of marking, and how far all that changed lies below the sound and what it masks."""
    change = marked.samples - marked.original
    size = SEGMENT_SECONDS * RATE
    parts = [
        _ratio_db(marked.original[:, start : start + size], change[:, start : start + size])
        for start in range(0, marked.original.shape[1] - size + 1, size)
        if marked.original[:, start : start + size].std() > QUIET
    ]
    middle = marked.original.shape[1] // 2
    heard = np.s_[:, middle : middle + MASKED_SECONDS * RATE]
    ratio = noise_to_mask(marked.original[heard], marked.samples[heard])
    return {
        "attack": MARKING,
        "seconds": marked.original.shape[1] / RATE,
        "channels": len(marked.original),
        "cpu_seconds": cpu_seconds,
        "snr_db": _ratio_db(marked.original, change),
        "segmental_snr_db": float(np.median(parts)),
        "noise_to_mask_db": float(np.quantile(ratio.mean, 0.99)),
        "worst_band_db": float(np.quantile(ratio.worst, 0.99)),
        "masked_share": ratio.inaudible_share,
        "peak": float(np.abs(marked.samples).max()),
    }


def _ratio_db(sound: Samples, change: Samples) -> float:
    power = float((change.astype(np.float64) ** 2).sum())
    return 10 * float(np.log10((sound.astype(np.float64) ** 2).sum() / max(power, 1e-20)))


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and the CPU seconds that it and its processes took."""
    start = _cpu_seconds()
    return work(), _cpu_seconds() - start


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
