"""Works in many performances: rendered once, kept as spectra with the notes that were played.

Run: ``python -m fingerprint.training.compositions.performances --split train --each 3``
"""

import argparse
import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final, get_args

import numpy as np
from rich.progress import track

from fingerprint.arrays import F64Array, U8Array
from fingerprint.spectrum import mono_spectrum
from fingerprint.training.scores.arrangement import (
    Event,
    Performance,
    notes,
    performance,
    seconds_at,
)
from fingerprint.training.scores.instruments import CHANNELS, Voice
from fingerprint.training.scores.melody import Split, Work
from fingerprint.training.scores.rendering import RATE, render
from fingerprint.training.scores.same_chords import SameChords, same_chords
from fingerprint.training.scores.works import works
from fingerprint.training.spectra import packed

CACHE: Final = Path(".cache") / "scores" / "performances"
LONGEST_SECONDS: Final = {"train": 26.0, "validation": 40.0, "test": 40.0}
"""Of each performance so much is kept, the same passage of all performances of a work."""
FIRST_ELSEWHERE: Final = 2
"""Performances of training from this number on use :data:`ELSEWHERE`, one before them the first."""
ELSEWHERE: Final = (2, 3)
"""Soundfonts that training hears beside the first."""
BARE: Final = 4
"""One of so many of those performances is the melody alone."""


@dataclass(frozen=True)
class Performed:
    """One performance of a work.

    Attributes
    ----------
    work, group : str
        ``twin`` of a work: another melody over its chords.
    spectra : uint8 array, shape (frames, bins with margins)
    events : float64 array, shape (n, 4)
        Start and end in seconds, MIDI pitch, 1 of the melody and 0 of other voices; without drums.
    first_beat, beat_seconds : float
        Seconds at which beat 0 lies (negative where it was cut), and seconds a beat.
    semitones : int
        By which the performance is raised.
    program : int
        That plays the melody; -1 where that was not kept.
    """

    work: str
    group: str
    spectra: U8Array
    events: F64Array
    first_beat: float
    beat_seconds: float
    semitones: int
    program: int = -1


def performed(split: Split, each: int, *, twins: bool = False) -> list[Performed]:
    """Return what was rendered of a split before; see :func:`make`."""
    return [
        _load(work, number, twins=twins)
        for work in track(chosen(split), f"performances of {split}")
        for number in range(each)
        if _path(work, number, twins=twins).exists()
    ]


def chosen(split: Split) -> list[Work]:
    """The first work of each group."""
    return list({work.group: work for work in reversed(works(split))}.values())[::-1]


def make(split: Split, numbers: Sequence[int], processes: int, *, twins: bool = False) -> None:
    """Render performances that are not there yet."""
    wanted = [
        (work, number, twins)
        for number in numbers
        for work in chosen(split)
        if not _path(work, number, twins=twins).exists()
    ]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        done = pool.map(_make, wanted, chunksize=4)
        for _ in track(done, f"rendering {split}", total=len(wanted)):
            pass


def _make(wanted: tuple[Work, int, bool]) -> None:
    work, number, twin = wanted
    path = _path(work, number, twins=twin)
    seed = int.from_bytes(hashlib.sha256(f"{work.id} {number} {twin}".encode()).digest()[:8])
    random = np.random.default_rng(seed)
    played, chords = _twin(work, random) if twin else (work, None)
    manner = performance(work, random, work.split, chords=chords)
    if work.split == "train" and number >= FIRST_ELSEWHERE:
        manner = _elsewhere(manner, number, random)
    longest = LONGEST_SECONDS[work.split]
    where = int(hashlib.sha256(work.id.encode()).hexdigest()[:4], 16) / 0xFFFF
    events, cut = _cut(notes(played, manner), where, longest)
    samples = render(events, RATE, soundfont=manner.soundfont, reverb=manner.reverb)
    spectra = mono_spectrum(samples[: int(longest * RATE)], RATE)
    rows = [
        (each.start_seconds, each.end_seconds, each.pitch, each.channel == CHANNELS["melody"])
        for each in events
        if each.channel != CHANNELS["drums"]
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npz")
    first = seconds_at(manner, 0.0)
    np.savez(
        temporary,
        spectra=packed(spectra),
        events=np.array(rows, np.float64),
        time=np.array([first - cut, seconds_at(manner, 1.0) - first, manner.semitones]),
        program=manner.programs["melody"],
    )
    temporary.replace(path)


def _elsewhere(manner: Performance, number: int, random: np.random.Generator) -> Performance:
    """By another soundfont, and now and then without accompaniment."""
    voices = manner.voices if number % BARE else frozenset[Voice]({"melody"})
    return replace(manner, soundfont=int(random.choice(ELSEWHERE)), voices=voices)


def _cut(events: list[Event], where: float, longest: float) -> tuple[list[Event], float]:
    """Keep so many seconds of a performance, and say where they begin; ``where`` is 0 to 1."""
    start = where * max(0.0, max(each.end_seconds for each in events) - longest)
    kept = [
        each._replace(
            start_seconds=max(0.0, each.start_seconds - start),
            end_seconds=each.end_seconds - start,
        )
        for each in events
        if each.end_seconds > start + 0.05 and each.start_seconds < start + longest
    ]
    return kept, start


def _twin(work: Work, random: np.random.Generator) -> SameChords:
    others = works(work.split)
    while True:
        try:
            return same_chords(work, others[int(random.integers(len(others)))], random)
        except ValueError:  # bars of another length, or too alike
            continue


def _path(work: Work, number: int, *, twins: bool) -> Path:
    kind = "twins" if twins else "works"
    return CACHE / kind / f"{work.id.replace('/', '-')}.{number}.npz"


def _load(work: Work, number: int, *, twins: bool) -> Performed:
    with np.load(_path(work, number, twins=twins)) as arrays:
        first, beat, semitones = arrays["time"].tolist()
        return Performed(
            f"{work.id} twin" if twins else work.id,
            f"{work.group} twin" if twins else work.group,
            arrays["spectra"],
            arrays["events"],
            first,
            beat,
            int(semitones),
            int(arrays["program"]) if "program" in arrays else -1,
        )


def main() -> None:
    """Render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=get_args(Split), required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first performance")
    parser.add_argument("--each", type=int, default=3, help="number of the one after the last")
    parser.add_argument("--twins", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    make(given.split, range(given.first, given.each), given.processes, twins=given.twins)


if __name__ == "__main__":
    main()
