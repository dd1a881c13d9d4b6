"""Works in many performances: rendered once, kept as spectra with the notes that were played.

Run: ``python -m fingerprint.training.compositions.performances --split train --each 3``
"""

import argparse
import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, get_args

import numpy as np
from rich.progress import track

from fingerprint.arrays import F64Array, U8Array
from fingerprint.spectrum import mono_spectrum
from fingerprint.training.scores.arrangement import notes, performance, seconds_at
from fingerprint.training.scores.instruments import CHANNELS
from fingerprint.training.scores.melody import Split, Work
from fingerprint.training.scores.rendering import RATE, sound
from fingerprint.training.scores.same_chords import SameChords, same_chords
from fingerprint.training.scores.works import works
from fingerprint.training.spectra import packed

CACHE: Final = Path(".cache") / "scores" / "performances"
LONGEST_SECONDS: Final = 50.0
"""Of each performance so much is kept, from a random beat on."""


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
    """

    work: str
    group: str
    spectra: U8Array
    events: F64Array
    first_beat: float
    beat_seconds: float
    semitones: int


def performed(split: Split, each: int, *, twins: bool = False) -> list[Performed]:
    """Return what was rendered of a split before; see :func:`make`."""
    return [
        _load(work, number, twins=twins)
        for work in track(works(split), f"performances of {split}")
        for number in range(each)
        if _path(work, number, twins=twins).exists()
    ]


def make(split: Split, numbers: Sequence[int], processes: int, *, twins: bool = False) -> None:
    """Render performances that are not there yet."""
    wanted = [
        (work, number, twins)
        for number in numbers
        for work in works(split)
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
    chosen = performance(work, random, work.split, chords=chords)
    samples = sound(played, chosen, RATE)
    longest = int(LONGEST_SECONDS * RATE)
    start = int(random.integers(0, max(1, len(samples) - longest)))
    spectra = mono_spectrum(samples[start : start + longest], RATE)
    cut = start / RATE
    rows = [
        (
            each.start_seconds - cut,
            each.end_seconds - cut,
            each.pitch,
            each.channel == CHANNELS["melody"],
        )
        for each in notes(played, chosen)
        if each.channel != CHANNELS["drums"]
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npz")
    first = seconds_at(chosen, 0.0)
    np.savez(
        temporary,
        spectra=packed(spectra),
        events=np.array(rows, np.float64),
        time=np.array([first - cut, seconds_at(chosen, 1.0) - first, chosen.semitones]),
    )
    temporary.replace(path)


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
        )


def main() -> None:
    """Render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=get_args(Split), required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--each", type=int, default=3)
    parser.add_argument("--twins", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    make(given.split, range(given.first, given.each), given.processes, twins=given.twins)


if __name__ == "__main__":
    main()
