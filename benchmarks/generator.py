"""The generator over many requests: does a take hold what was asked for, and does it sound like music?

Run: ``make bench-generator`` (200 requests) or ``python -m benchmarks.generator --count 20``. Prints Markdown.
"""

import argparse
import io
import itertools
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import mido
import numpy as np

from generator import Request, Take, engine
from generator.analysis import weights_of
from generator.arrays import F32Array
from generator.composer import compose, seeds_of
from generator.keys import SCALES, Key, key_of
from generator.metre import METRES
from generator.midi import score_midi
from generator.mixing import as_float
from generator.moods import MOODS, STYLES
from generator.notes import Note
from generator.plan import planned
from generator.statistics import figures
from generator.training.tunes import tunes
from generator.tune_model import WEIGHTS

CORPUS: Final = json.loads(WEIGHTS.with_name("corpus_figures.json").read_text())
_PROFILES: Final = {
    False: (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    True: (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""Krumhansl and Kessler (1982), major and minor."""
_HOP: Final = 256
_COPIED: Final = 12
"""Notes of a melody that follow one another as in a tune: looked for at this length."""


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
    parser.add_argument("--rendered", type=int, help="so many of them, if not all")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    grams = _tune_grams()
    every = requests(given.count)
    rows = [composed(request, grams) for request in every]
    sounding = [heard(request) for request in every[: given.rendered]]
    own = {**summary(rows), "rendered": len(sounding), **shares(sounding), "speed": speed()}
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps({"summary": own, "rows": rows}, indent=1))
    print("\n".join(table(own)))


def composed(request: Request, grams: frozenset[tuple[int, ...]]) -> dict[str, Any]:
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
        "copied": copied_share(lead, grams),
    }


def heard(request: Request) -> dict[str, Any]:
    """What the sound of one request says."""
    take, again = engine().generate(request), engine().generate(request)
    return {
        "tempo_by_onsets": abs(heard_tempo_error(take)) <= 0.02,
        "every_stem_sounds": all(stem.samples.any() for stem in take.stems),
        "loudness": abs(take.lufs + 14) <= 0.5 and take.true_peak_db <= -1,
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


def _tune_grams() -> frozenset[tuple[int, ...]]:
    """Runs of steps and durations of all tunes that the model was trained on."""
    return frozenset(gram for tune in tunes() for gram in _grams(tune.notes))


def _grams(notes: Sequence[Any]) -> list[tuple[int, ...]]:
    steps = [100 * (b.pitch - a.pitch) + a.duration for a, b in itertools.pairwise(notes)]
    return [tuple(steps[n : n + _COPIED]) for n in range(len(steps) - _COPIED + 1)]


def copied_share(lead: Sequence[Any], grams: frozenset[tuple[int, ...]]) -> float:
    """Share of runs of twelve intervals with their durations that stand so in a tune."""
    own = _grams(lead)
    return sum(gram in grams for gram in own) / max(1, len(own))


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of takes."""
    found: dict[str, Any] = {"takes": len(rows), **shares(rows)}
    told = [row["figures"] for row in rows if row["figures"]]
    for name, (low, _, high) in CORPUS.items():
        values = np.array([each[name] for each in told])
        found[f"{name} within 5–95 %"] = float(((values >= low) & (values <= high)).mean())
        found[f"{name} median"] = float(np.median(values))
    found["copied_runs"] = float(np.mean([row["copied"] for row in rows]))
    return found


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
