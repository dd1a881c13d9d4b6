"""Fit the score of works that are played anew: from what a likeness looks like to a probability.

``python -m benchmarks.composition_calibration``

References are one performance of each work of the validation and the training split and the
recordings of these splits of the corpus of real music. Queries are excerpts of other performances
of the validation split, other melodies over the chords of its works, and excerpts of its real
music. A negative weighs ``CATALOGUE`` / references. Prints the constants of
:mod:`fingerprint.index.score` and what the fit does to its own data.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.alterations import RATE
from benchmarks.calibration import fit
from benchmarks.calibration_queries import (
    KNOWN_LENGTH,
    KNOWN_SEEDS,
    LENGTHS,
    NO_WORDS,
    SEEDS,
    unmusical,
)
from benchmarks.reliability import CATALOGUE
from benchmarks.unmusical import KINDS as UNMUSICAL
from fingerprint import Fingerprint, SegmentIndex
from fingerprint.composition.geometry import TONE_SECONDS
from fingerprint.composition.hearing import heard
from fingerprint.composition.tones import Tones
from fingerprint.index.score import composition_evidence
from fingerprint.spectrum import FRAMES_PER_SECOND, spectrum
from fingerprint.training.compositions.performances import Performed, performed
from fingerprint.training.spectra import CORPUS, Spectra, decibels, load

SECONDS: Final = (10.0, 20.0, 30.0, 40.0)
SLOWEST: Final = 0.8
SAME_WORKS: Final = (
    ("antarctic/airship_2.ogg", "antarctic/airship_remix.ogg"),
    ("misc/credits.ogg", "forest/beneath_the_rabbit_hole.ogg"),
)
"""A remix and a medley of what they are found to be like: no negatives."""
REMARKABLE: Final = 3.5
"""Where so much is alike, it is worth hearing why."""
KINDS: Final = ("played", "twin", "real", "unmusical")


@dataclass(frozen=True)
class Asked:
    """A query and the group of works that it plays; none where it plays none."""

    tones: Tones
    seconds: float
    group: str | None
    work: str
    kind: str


def excerpts(music: list[Performed], kind: str, random: np.random.Generator) -> Iterator[Asked]:
    """One excerpt of each performance, of all lengths in turn."""
    for n, each in enumerate(music):
        length = int(SECONDS[n % len(SECONDS)] * FRAMES_PER_SECOND)
        start = int(random.integers(0, max(1, len(each.spectra) - length)))
        part = each.spectra[start : start + length]
        tones = heard(decibels(part))
        group = None if kind == "twin" else each.group
        yield Asked(tones, len(part) / FRAMES_PER_SECOND, group, each.work, kind)


def alike(performance: Performed, reference: Performed) -> bool:
    """Whether it is another one, at a tempo at which it is to be found."""
    ratio = reference.beat_seconds / performance.beat_seconds
    return performance is not reference and SLOWEST <= ratio <= 1 / SLOWEST


def references(
    index: SegmentIndex, scores: Iterable[Performed], real: Sequence[Spectra]
) -> dict[str, str]:
    """Fill an index; return the group of each reference."""
    prints = []
    groups: dict[str, str] = {}
    pieces = real_groups()
    for each in track(list(scores), "references"):
        groups[each.work] = each.group
        prints.append((each.work, _print(heard(decibels(each.spectra)))))
    for recording in track(real, "real references"):
        groups[recording.name] = pieces[recording.name]
        prints.append((recording.name, _print(heard(decibels(recording.middle)))))
    index.apply(prints, [], 1)
    return groups


def real_groups() -> dict[str, str]:
    """Pieces by the names of their recordings: stems, remasters and loops are one."""
    rows = json.loads(CORPUS.read_text())
    return {f"{row['package']}/{row['path']}": row["group"] for row in rows}


def real_excerpts(real: Sequence[Spectra], random: np.random.Generator) -> Iterator[Asked]:
    """Three excerpts of each recording: but for its own versions nothing else is a performance of it."""
    pieces = real_groups()
    for n, each in enumerate(real):
        for _ in range(3):
            length = int(SECONDS[n % len(SECONDS)] * FRAMES_PER_SECOND)
            start = int(random.integers(0, max(1, len(each.middle) - length)))
            part = each.middle[start : start + length]
            tones = heard(decibels(part))
            yield Asked(tones, len(part) / FRAMES_PER_SECOND, pieces[each.name], each.name, "real")


def unmusical_prints() -> Iterator[tuple[str, Fingerprint]]:
    """References that nobody composed."""
    for kind, seed, seconds in unmusical(KNOWN_SEEDS, (KNOWN_LENGTH,)):
        sound = UNMUSICAL[kind](seconds, np.random.default_rng(seed))
        yield f"{kind} {seed}", _print(heard(spectrum(sound, RATE)))


def unmusical_queries() -> Iterator[Asked]:
    """Other sounds of their kinds."""
    for kind, seed, seconds in unmusical(SEEDS, LENGTHS):
        sound = UNMUSICAL[kind](seconds, np.random.default_rng(seed))
        yield Asked(heard(spectrum(sound, RATE)), seconds, None, kind, "unmusical")


def same_work(one: str, other: str) -> bool:
    """Whether one of two recordings holds the other's work."""
    return any(one.endswith(a) and other.endswith(b) for a, b in SAME_WORKS)


def answered(
    index: SegmentIndex, query: Asked, groups: dict[str, str]
) -> Iterator[tuple[float, ...]]:
    """The best likeness to each reference: true or not, kind of query, length, what it tells."""
    best: dict[str, tuple[float, ...]] = {}
    for each in index.performances(query.tones):
        name = each.segment.id_of(each.ordinal)
        like = each.likeness
        seen = (like.mean, like.other_keys, like.distinct, like.vectors, like.weight)
        row: tuple[float, ...] = (*seen, *composition_evidence(like))
        if name not in best or best[name][4] < like.weight:
            best[name] = row
    for name, row in best.items():
        # The same recording is found as such; it is no performance of another kind.
        if query.kind == "real" and (groups[name] == query.group or same_work(query.work, name)):
            continue
        kind = KINDS.index(query.kind)
        own_twin = query.kind == "twin" and query.work == f"{name} twin"
        positive = groups[name] == query.group
        if not positive and row[2] > REMARKABLE:
            print(f"{query.kind} {query.work} is like {name}: {np.round(row, 2).tolist()}")
        yield (positive, kind, own_twin, query.seconds, *row)


def main() -> None:
    """Ask, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, default=Path(".cache/corpus"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/spectra"))
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(".bench/compositions-evidence.npz"))
    given = parser.parse_args()
    random = np.random.default_rng(5)
    own = performed("validation", given.each)
    firsts = {each.work: each for each in reversed(own)}
    others = {each.work: each for each in performed("train", 1)}
    validation = load("validation", given.music, given.cache)
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(Path(folder))
        groups = references(
            index,
            [*firsts.values(), *others.values()],
            [*validation, *load("train", given.music, given.cache)],
        )
        index.apply(unmusical_prints(), [], 1)
        groups |= {name: name.split()[0] for name in index.reference_ids() if name not in groups}
        asked = [
            *excerpts([each for each in own if alike(each, firsts[each.work])], "played", random),
            *excerpts(performed("validation", given.each, twins=True), "twin", random),
            *real_excerpts(validation, random),
            *unmusical_queries(),
        ]
        rows = [row for each in track(asked, "queries") for row in answered(index, each, groups)]
    table = np.array(rows, float)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(given.out, table=table, references=len(groups), kinds=[each.kind for each in asked])
    report(table, len(groups), [each.kind for each in asked])


def report(table: NDArray[np.float64], count: int, kinds: Sequence[str]) -> None:
    """Fit and print."""
    positive = table[:, 0] > 0
    features = np.column_stack([np.ones(len(table)), table[:, -2:]])
    constants = fit(features, positive, np.where(positive, 1.0, CATALOGUE / count))
    scores = 1 / (1 + np.exp(-(features @ constants)))
    print("bias and weights:", constants.round(3).tolist())
    for threshold in (0.5, 0.9):
        found = int(np.sum(scores[positive] >= threshold))
        print(f"at {threshold}: {found} found of {kinds.count('played')}")
        for n, kind in enumerate(KINDS):
            false = ~positive & (table[:, 1] == n) & (scores >= threshold)
            print(f"  {int(false.sum())} false in {kinds.count(kind)} queries of {kind}")


def _print(tones: Tones) -> Fingerprint:
    return Fingerprint(NO_WORDS, len(tones) * TONE_SECONDS, tones=tones)


if __name__ == "__main__":
    main()
