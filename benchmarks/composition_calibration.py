"""Fit the score of works that are played anew: from what a likeness looks like to a probability.

``python -m benchmarks.composition_calibration``

References are one performance of each work of the validation and the training split and the
recordings of these splits of the corpus of real music. Queries are excerpts of other performances
of the validation split, other melodies over the chords of its works, and excerpts of its real
music. A negative weighs ``CATALOGUE`` / references. Prints the constants of
:mod:`fingerprint.index.score` and what the fit does to its own data.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from benchmarks.calibration import CATALOGUE, NO_WORDS, fit
from fingerprint import Fingerprint, SegmentIndex
from fingerprint.composition.hearing import heard
from fingerprint.composition.tones import Tones
from fingerprint.index.score import composition_evidence
from fingerprint.spectrum import FRAMES_PER_SECOND
from fingerprint.training.compositions.performances import Performed, performed
from fingerprint.training.spectra import decibels, load

SECONDS: Final = (10.0, 20.0, 30.0, 50.0)


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


def main() -> None:
    """Ask, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, default=Path(".cache/corpus"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/spectra"))
    parser.add_argument("--each", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path(".bench/compositions-evidence.npz"))
    given = parser.parse_args()
    random = np.random.default_rng(5)
    own = performed("validation", given.each)
    firsts = {each.work: each for each in reversed(own)}
    others = {each.work: each for each in performed("train", 1)}
    real = [*load("validation", given.music, given.cache), *load("train", given.music, given.cache)]
    groups: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(Path(folder))
        prints = []
        for each in track([*firsts.values(), *others.values()], "references"):
            groups[each.work] = each.group
            prints.append((each.work, _print(heard(decibels(each.spectra)))))
        for recording in track(real, "real references"):
            groups[recording.name] = recording.name
            prints.append((recording.name, _print(heard(decibels(recording.middle)))))
        index.apply(prints, [], 1)
        asked = [
            *excerpts([each for each in own if each is not firsts[each.work]], "played", random),
            *excerpts(performed("validation", given.each, twins=True), "twin", random),
        ]
        for number, recording in enumerate(load("validation", given.music, given.cache)):
            for _ in range(3):
                length = int(SECONDS[number % len(SECONDS)] * FRAMES_PER_SECOND)
                start = int(random.integers(0, max(1, len(recording.middle) - length)))
                part = recording.middle[start : start + length]
                seconds = len(part) / FRAMES_PER_SECOND
                tones = heard(decibels(part))
                asked.append(Asked(tones, seconds, recording.name, recording.name, "real"))
        rows = []
        found = 0
        for query in track(asked, "queries"):
            best: dict[str, tuple[float, ...]] = {}
            for each in index.performances(query.tones):
                name = each.segment.id_of(each.ordinal)
                _, *rest = astuple(each.likeness)
                row = (*rest, *composition_evidence(each.likeness))
                if name not in best or best[name][3] < row[3]:
                    best[name] = row
            hit = False
            for name, row in best.items():
                # The same recording is found as such; it is no performance of another kind.
                if query.kind == "real" and groups[name] == query.group:
                    continue
                positive = groups[name] == query.group
                hit |= positive
                kind = ("played", "twin", "real").index(query.kind)
                own_twin = query.kind == "twin" and query.work == f"{name} twin"
                rows.append((positive, kind, own_twin, query.seconds, *row))
            found += hit
        print(f"{len(asked)} queries, {len(groups)} references, {found} true ones followed")
    table = np.array(rows, float)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(given.out, table=table, references=len(groups), asked=len(asked))
    positive = table[:, 0] > 0
    features = np.column_stack([np.ones(len(table)), table[:, -3:]])
    weights = np.where(positive, 1.0, CATALOGUE / len(groups))
    constants = fit(features, positive, weights)
    scores = 1 / (1 + np.exp(-(features @ constants)))
    print("bias and weights:", constants.round(3).tolist())
    played = sum(each.kind == "played" for each in asked)
    for threshold in (0.5, 0.9):
        print(
            f"at {threshold}: {np.sum(scores[positive] >= threshold)} of {played}, "
            f"{np.sum(scores[~positive] >= threshold)} false of {len(asked)} queries"
        )


def _print(tones: Tones) -> Fingerprint:
    return Fingerprint(NO_WORDS, len(tones) * 0.16, tones=tones)


if __name__ == "__main__":
    main()
