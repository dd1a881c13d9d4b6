"""The generator over many requests: does a take hold what was asked for, and does it sound like music?

Run: ``make bench-generator`` (200 requests, 40 of them rendered) or ``python -m benchmarks.generator --count 20``.
Prints Markdown. What is measured is kept line by line beside the result, and a run that was stopped goes on.
"""

import argparse
import hashlib
import io
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import mido
import numpy as np
from numpy.typing import NDArray

import generator
from generator import Request, Take, engine
from generator.analysis import weights_of
from generator.arrays import F32Array, F64Array, I32Array
from generator.composer import compose, seeds_of
from generator.keys import SCALES, Key, key_of
from generator.metre import METRES
from generator.midi import score_midi
from generator.mixing import as_float, bus, mixed
from generator.moods import MOODS, STYLES
from generator.notes import Note
from generator.plan import planned
from generator.rendering import render, samples_of_take
from generator.statistics import figures
from generator.training.tunes import tunes
from generator.tune_model import WEIGHTS

CORPUS: Final = json.loads(WEIGHTS.with_name("corpus_figures.json").read_text())
"""Percentiles of the tunes' figures: of whole tunes, and of openings of so many bars."""
_PROFILES: Final = {
    False: (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    True: (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""Krumhansl and Kessler (1982), major and minor."""
_HOP: Final = 256
U64Array = NDArray[np.uint64]
RUNS: Final = range(4, 33)
"""Intervals that follow one another as in a tune: looked for at these lengths."""


def requests(count: int) -> list[Request]:
    """The same requests every time; each names tempo, key, metre and instruments."""
    random = np.random.default_rng(9)
    tonics, modes = ("C", "D", "Eb", "E", "F", "G", "A", "Bb", "F#"), tuple(SCALES)
    melodic = ("flute", "violin", "clarinet", "cello", "piano", "saxophone", "oboe", "trumpet")
    found = []
    for number in range(count):
        genre = str(random.choice(sorted(STYLES)))
        lead = str(random.choice(melodic))
        others = [each for each in STYLES[genre].ensemble if each != lead][:3]
        found.append(
            Request(
                tempo=float(random.integers(60, 161)),
                key=f"{random.choice(tonics)} {random.choice(modes)}",
                metre=str(random.choice(METRES)) if number % 4 == 0 else STYLES[genre].metre,
                moods=(str(random.choice(sorted(MOODS))),),
                genre=genre,
                instruments=(lead, *others),
                bars=int(random.integers(4, 25)),
                seed=number,
            )
        )
    return found


def main() -> None:
    """Make takes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rendered", type=int, default=40, help="so many of them")
    parser.add_argument("--json", type=Path, default=Path(".bench/generator.json"))
    given = parser.parse_args()
    given.json.parent.mkdir(parents=True, exist_ok=True)
    kept = Kept(given.json.with_suffix(".rows.jsonl"))
    known = Runs(tune.notes for tune in tunes())
    every = requests(given.count)
    rows = [kept.row("composed", r.seed, partial(composed, r, known)) for r in every]
    sounding = [kept.row("heard", r.seed, partial(heard, r)) for r in every[: given.rendered]]
    own = {**summary(rows), "rendered": len(sounding), **shares(sounding)}
    own |= {"first audio": spread([row["first_audio_s"] for row in sounding]), "speed": speed()}
    given.json.write_text(json.dumps({"summary": own, "rows": rows}, indent=1))
    print("\n".join(table(own)))


class Kept:
    """Rows that were measured, on disk; those of another state of the generator do not count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        sources = sorted(Path(generator.__file__).parent.rglob("*.py"))
        digest = hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()
        self._state = digest[:16]
        told = path.read_text().splitlines() if path.exists() else []
        lines = [json.loads(line) for line in told]
        self._rows = {(w["kind"], w["seed"]): w["row"] for w in lines if w["state"] == self._state}

    def row(self, kind: str, seed: int, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was measured before, else what is measured now."""
        if (kind, seed) not in self._rows:
            self._rows[kind, seed] = own = measure()
            line = {"state": self._state, "kind": kind, "seed": seed, "row": own}
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        return self._rows[kind, seed]


def composed(request: Request, known: "Runs") -> dict[str, Any]:
    """What the notes of one request say."""
    plan = planned(request)
    score = compose(plan, seeds_of(plan, request.seed))
    lead = tuple(sorted(n for own in score.notes.values() for n in own if n.voice == "melody"))
    pitched = [seat.stem for seat in plan.seats if not seat.instrument.drums]
    read = mido.MidiFile(file=io.BytesIO(score_midi(plan, score.notes)))
    tempos = [m.tempo for m in read.tracks[0] if m.type == "set_tempo"]
    return {
        "tempo_in_midi": tempos == [mido.bpm2tempo(request.tempo)],
        "key": heard_key_fits(plan.key, [note for stem in pitched for note in score.notes[stem]]),
        "instruments": {s.instrument.name for s in plan.seats if score.notes[s.stem]}
        >= set(request.instruments),
        "bars": plan.bars == request.bars
        and max(note.end for own in score.notes.values() for note in own) <= plan.ticks,
        "figures": figures(lead, plan.metre.bar) if len(lead) > 1 else None,
        "bars_asked": plan.bars,
        "notes": len(lead),
        "longest_run": known.longest(lead),
    }


def heard(request: Request) -> dict[str, Any]:
    """What the sound of one request says."""
    take, again = engine().generate(request), engine().generate(request)
    started = time.perf_counter()
    first_bar(request)
    first = time.perf_counter() - started
    return {
        "first_audio_s": first,
        "tempo_by_onsets": abs(heard_tempo_error(take)) <= 0.02,
        "every_stem_sounds": all(stem.samples.any() for stem in take.stems),
        "loudness": bool(abs(take.lufs + 14) <= 0.5 and take.true_peak_db <= -1),
        "same_again": bool(np.array_equal(take.master, again.master)),
    }


def heard_tempo_error(take: Take) -> float:
    """Share by which the tempo heard in the sound differs from the one asked for.

    Onsets are rises of the spectrum; the grid of quavers (or a half or double of it) that they lie on best within
    8 % is the tempo heard.
    """
    onsets = onset_seconds(as_float(take.mix).mean(axis=0), take.rate)
    asked = take.plan.tempo
    ratios = np.linspace(0.92, 1.08, 321)
    quaver = 30 / (asked * ratios)  # (ratios,)
    phases = np.exp(2j * np.pi * onsets[:, None] / quaver)  # (onsets, ratios)
    strength = np.abs(phases.mean(axis=0))
    return float(ratios[strength.argmax()] - 1)


def onset_seconds(samples: F32Array, rate: int) -> np.ndarray[Any, Any]:
    """Times at which the spectrum rises most."""
    from scipy import signal

    _, _, spectra = signal.stft(samples, rate, nperseg=1024, noverlap=1024 - _HOP)
    flux = np.maximum(np.diff(np.log1p(200 * np.abs(spectra)), axis=1), 0).sum(axis=0)
    floor = signal.medfilt(flux, 2 * (rate // (4 * _HOP)) + 1)
    peaks, _ = signal.find_peaks(flux - 1.3 * floor, height=0.1 * flux.max(), distance=6)
    return np.asarray((peaks + 1) * _HOP / rate)


def heard_key_fits(asked: Key, notes: Sequence[Note]) -> bool:
    """Whether the likeliest key of all notes is the one asked for, its relative, or one of its scale."""
    weights = weights_of(notes)
    scores = {
        (tonic, minor): float(np.corrcoef(weights, np.roll(profile, tonic))[0, 1])
        for minor, profile in _PROFILES.items()
        for tonic in range(12)
    }
    tonic, minor = max(scores, key=lambda each: scores[each])
    right = {(asked.pitch_class, asked.dark)}
    right |= {(k.pitch_class, k.dark) for k in (asked.relative(), _second_relative(asked))}
    return (tonic, minor) in right


def _second_relative(key: Key) -> Key:
    """The minor with the same signature."""
    own = key if key.mode == "major" else key.relative()
    return own.relative() if own.mode == "major" else key_of(str(own))


class Runs:
    """Runs of intervals with their durations, of many melodies, by length; the key does not count."""

    def __init__(self, melodies: Iterable[Sequence[Any]]) -> None:
        own = [_steps(notes) for notes in melodies]
        self._hashes = {
            length: np.unique(np.concatenate([_hashes(steps, length) for steps in own]))
            for length in RUNS
        }

    def longest(self, notes: Sequence[Any]) -> int:
        """Intervals of the longest run that stands in one of the melodies, 0 if none has the shortest looked for."""
        steps, found = _steps(notes), 0
        for length, known in self._hashes.items():
            own = _hashes(steps, length)
            places = np.minimum(np.searchsorted(known, own), len(known) - 1)
            if not (known[places] == own).any():
                break
            found = length
        return found


def _steps(notes: Sequence[Any]) -> U64Array:
    pairs = itertools.pairwise(notes)
    return np.array(
        [1000 + 200 * (b.pitch - a.pitch + 64) + a.duration for a, b in pairs], np.uint64
    )


def _hashes(steps: U64Array, length: int) -> U64Array:
    """Of every run of so many steps, shape (runs,)."""
    if len(steps) < length:
        return np.zeros(0, np.uint64)
    powers = np.array([pow(6364136223846793005, n, 2**64) for n in range(length)], np.uint64)
    return np.asarray(
        (np.lib.stride_tricks.sliding_window_view(steps, length) * powers).sum(axis=1)
    )


def first_bar(request: Request) -> I32Array:
    """All that must happen before the first bar can be heard: everything composed, that bar rendered and mixed."""
    plan = planned(request)
    notes = compose(plan, seeds_of(plan, request.seed)).notes
    count = samples_of_take(plan.metre.bar, plan.tempo)
    return mixed(
        [
            bus(
                render(
                    [n for n in notes[s.stem] if n.onset < plan.metre.bar],
                    s.instrument,
                    plan.tempo,
                    count,
                ),
                s,
            )
            for s in plan.seats
        ]
    )


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of takes."""
    found: dict[str, Any] = {"takes": len(rows), **shares(rows)}
    told = [row["figures"] for row in rows if row["figures"]]
    lengths = [key for key in CORPUS if key != "whole"]
    near = [
        min(lengths, key=lambda n: abs(int(n) - row["bars_asked"]))
        for row in rows
        if row["figures"]
    ]
    for name, whole in CORPUS["whole"].items():
        values = np.array([each[name] for each in told])
        low, _, high = np.array([CORPUS[length][name] for length in near]).T
        found[f"{name} within 5–95 % of equal lengths"] = _within(values, low, high)
        found[f"{name} within 5–95 % of whole tunes"] = _within(values, whole[0], whole[2])
        found[f"{name} median"] = float(np.median(values))
    return found | {"longest run as in a tune": spread([row["longest_run"] for row in rows])}


def _within(values: F64Array, low: F64Array | float, high: F64Array | float) -> float:
    return float(((values >= low) & (values <= high)).mean())


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and highest."""
    median, high = np.percentile(values, (50, 95))
    return {"median": float(median), "p95": float(high), "highest": float(max(values))}


def shares(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of each yes or no, how many say yes."""
    names = [name for name, value in rows[0].items() if isinstance(value, (bool, np.bool_))]
    return {name: float(np.mean([row[name] for row in rows])) for name in names}


def speed(rounds: int = 5) -> dict[str, float]:
    """Seconds of 30 s takes of four stems, everything loaded: wall clock, CPU, and the machine's load."""
    own = Request(tempo=96, metre="4/4", bars=12, genre="pop", seed=1)
    engine().generate(own)
    walls, cpus = [], []
    for number in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        engine().generate(own.model_copy(update={"seed": number}))
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "wall_s": float(np.median(walls)),
        "cpu_s": float(np.median(cpus)),
        "load": os.getloadavg()[0],
    }


def table(own: dict[str, Any]) -> list[str]:
    """Rows of Markdown."""
    found = ["| | |", "|---|---|"]
    for name, value in own.items():
        if isinstance(value, dict):
            found += [f"| {name} {part} | {each:.2f} |" for part, each in value.items()]
        elif isinstance(value, int):
            found.append(f"| {name} | {value} |")
        else:
            found.append(f"| {name.replace('_', ' ')} | {value:.3f} |")
    return found


if __name__ == "__main__":
    main()
