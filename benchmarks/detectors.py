"""CPU seconds of every detector for a 4-minute track of real music, and what runs only on doubt.

``python -m benchmarks.detectors [--recordings N] [--json FILE]``

Recordings are of the test split, one a group and two minutes or longer, as MP3 at 192 kbit/s; what a recording takes
is scaled to 240 seconds. Each goes through a whole service in one process. Every second one is a
reference that blocks, so half of the tracks are clean copies and the others are in no catalogue. CPU seconds are this
process' and its decoders', of all threads: others on the machine hardly count.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import soundfile

import fingerprint
from benchmarks.__main__ import machine
from benchmarks.pipeline import BIT_RATE, SECONDS, _decoders, _installed, _submit
from fingerprint.composition.hearing import heard
from fingerprint.constellation.constellation import constellation
from fingerprint.embedding.embedder import embed_spectrum
from scanner import analysis, inline
from scanner.analysis import Evidence
from scanner.callers import Caller
from scanner.service import Service
from scanner.tables import Analysis, Track
from scripts.demo_music import Piece, write_mp3
from scripts.music_corpus import Recording, corpus

SHORTEST: Final = 120.0
RECORDINGS: Final = 36
PARTS: Final[dict[str, Callable[[Any], object]]] = {
    "of embedding: vectors": embed_spectrum,
    "of embedding: constellation": constellation,
    "of embedding: tones": heard,
}


def measure(count: int = RECORDINGS) -> list[dict[str, Any]]:
    """One row a step: median and 90th percentile by whether the track is in the catalogue."""
    with tempfile.TemporaryDirectory() as folder:
        files = list(_written(Path(folder), _chosen(count)))
        with _installed("embedded", [path for path, _ in files]) as (service, caller):
            inline.drive(
                service, _submit(service, caller, files[0][0])
            )  # loads what is loaded once
            tracks = [
                {"known": n % 2 == 0} | _one(service, caller, path, seconds)
                for n, (path, seconds) in enumerate(files)
            ]
    return _rows(tracks)


def _chosen(count: int) -> list[Recording]:
    """Return the longest recording of each group, by path, so that no two share music."""
    longest: dict[str, Recording] = {}
    for each in corpus("test"):
        best = longest.get(each.group)
        if each.seconds >= SHORTEST and (best is None or each.seconds > best.seconds):
            longest[each.group] = each
    return sorted(longest.values(), key=lambda each: each.sha256)[:count]


def _written(folder: Path, recordings: Sequence[Recording]) -> Iterator[tuple[Path, float]]:
    for n, each in enumerate(recordings):
        samples, rate = soundfile.read(each.file, dtype="float32", always_2d=True)
        path = folder / f"{n}.mp3"
        write_mp3(path, Piece(each.path, samples[: SECONDS * rate], rate), BIT_RATE)
        yield path, min(SECONDS, len(samples) / rate)


def _one(service: Service, caller: Caller, path: Path, seconds: float) -> dict[str, Any]:
    """CPU seconds of one track by step, scaled to four minutes."""
    started, before = time.process_time(), _decoders()
    with _cpu_by_step() as steps:
        track_id = _submit(service, caller, path)
        inline.drive(service, track_id)
    steps["whole"] = time.process_time() - started + _decoders() - before
    steps["store, journal, rules, letters"] = steps["whole"] - steps.pop("total")
    with service.database.reading() as session:
        row = session.get_one(Analysis, session.get_one(Track, track_id).analysis_id)
    on_doubt = row.detectors["embedding"] != analysis.NOT_RUN
    if on_doubt:
        steps |= _parts(service, path)
    scaled = {step: spent * SECONDS / seconds for step, spent in steps.items()}
    print(f"{path.name}: {scaled['whole']:.2f} CPU s", file=sys.stderr, flush=True)
    return {"on_doubt": on_doubt, "steps": scaled}


def _parts(service: Service, path: Path) -> dict[str, float]:
    """CPU seconds of what the costly look is made of."""
    decoded = service.decoder.decode(path)
    started = time.process_time()
    spectra = fingerprint.facts.spectrum(decoded.samples, decoded.sample_rate)
    parts = {"of embedding: spectrogram": time.process_time() - started}
    for name, made in PARTS.items():
        started = time.process_time()
        made(spectra)
        parts[name] = time.process_time() - started
    return parts


@contextmanager
def _cpu_by_step() -> Iterator[dict[str, float]]:
    """Have the analysis' steps timed in CPU seconds."""
    steps: dict[str, float] = defaultdict(float)

    @contextmanager
    def timed(evidence: Evidence, step: str) -> Iterator[None]:
        started, before = time.process_time(), _decoders()
        try:
            yield
        finally:
            steps[step] += time.process_time() - started + _decoders() - before
            evidence.seconds.setdefault(step, 0.0)

    usual, analysis._timed = analysis._timed, timed
    try:
        yield steps
    finally:
        analysis._timed = usual


def _rows(tracks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for known in (False, True):
        own = [each for each in tracks if each["known"] is known]
        doubtful = sum(each["on_doubt"] for each in own)
        for step in dict.fromkeys(step for each in own for step in each["steps"]):
            spent = [each["steps"][step] for each in own if step in each["steps"]]
            rows.append(
                {
                    "what": "cpu of 4 minutes of real music",
                    "tracks": "a clean copy of a reference" if known else "in no catalogue",
                    "step": step,
                    "n": len(spent),
                    "cpu_seconds": round(median(spent), 3),
                    "p90": round(quantiles(spent, n=10, method="inclusive")[-1], 3)
                    if len(spent) > 1
                    else None,
                }
            )
        rows.append(
            {
                "what": "looked at on doubt",
                "tracks": "a clean copy of a reference" if known else "in no catalogue",
                "n": len(own),
                "on_doubt": doubtful,
            }
        )
    return rows


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=RECORDINGS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = measure(given.recordings)
    for row in rows:
        print(json.dumps(row))
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
