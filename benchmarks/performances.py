"""Performances of works that `benchmarks.compositions` knows and asks: drawn, rendered, kept as prints.

Audio is never kept: of a performance there stay its fingerprint and its chroma, under a name made of
all that they depend on.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

import fingerprint
from benchmarks import qmax
from fingerprint import Fingerprint
from fingerprint.arrays import F32Array
from fingerprint.composition.embedder import WEIGHTS as WORKS
from fingerprint.composition.hearing import WEIGHTS as TONES
from fingerprint.embedding.embedder import WEIGHTS
from fingerprint.training.scores.arrangement import (
    Performance,
    chords_of,
    notes,
    performance,
    seconds_at,
)
from fingerprint.training.scores.harmony import Chord
from fingerprint.training.scores.instruments import Voice
from fingerprint.training.scores.melody import Work
from fingerprint.training.scores.rendering import RATE, render
from fingerprint.training.scores.same_chords import same_chords
from fingerprint.training.scores.works import works
from scripts.music_corpus import ROOT

FOLDER: Final = ROOT / ".bench" / "compositions"
PACKAGE: Final = Path(fingerprint.__file__).parent
SCORES: Final = PACKAGE / "training" / "scores"
EXCERPT_SECONDS: Final = 20.0
STRANGERS: Final = 5
"""Of so many groups of the test split one is no reference: its works are negatives."""
TRANSFORMS: Final = (
    "instruments",
    "transposed",
    "tempo",
    "rearranged",
    "melody",
    "all",
    "all 20 s",
)
STRANGER: Final = "stranger"
SAME_CHORDS: Final = "same chords"


class Piece(NamedTuple):
    """One performance of one work, whole or an excerpt."""

    work: Work
    performance: Performance
    start_seconds: float = 0.0
    seconds: float | None = None

    @property
    def name(self) -> str:
        """Digest of all that makes the samples."""
        own = self.performance
        rest = (own.soundfont, own.reverb, self.start_seconds, self.seconds, RATE)
        return hashlib.sha256(repr((notes(self.work, own), rest)).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Print:
    """What stays of a piece.

    Attributes
    ----------
    fingerprint : Fingerprint
    chroma : float32 array, shape (12, frames)
    cpu_seconds : float
        That its fingerprint took, without rendering.
    """

    fingerprint: Fingerprint
    chroma: F32Array
    cpu_seconds: float


def made(piece: Piece) -> Print:
    """The print of a piece: from the folder, else rendered."""
    path = FOLDER / "prints" / state() / f"{piece.name}.npz"
    if path.exists():
        kept = np.load(path)
        return Print(
            Fingerprint.from_bytes(kept["fingerprint"].tobytes()),
            kept["chroma"].astype(np.float32) / 255,
            float(kept["cpu_seconds"]),
        )
    samples = samples_of(piece)[None]
    started = time.process_time()
    own = fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)
    seconds = time.process_time() - started
    chroma = np.round(qmax.chroma(samples[0], RATE) * 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{time.monotonic_ns()}.tmp")
    with partial.open("wb") as file:
        np.savez(
            file,
            fingerprint=np.frombuffer(own.to_bytes(), np.uint8),
            chroma=chroma,
            cpu_seconds=seconds,
        )
    partial.replace(path)
    return Print(own, chroma.astype(np.float32) / np.float32(255), seconds)


def samples_of(piece: Piece) -> F32Array:
    """Rendered samples of a piece, shape (n,), at ``RATE``."""
    own = piece.performance
    events = notes(piece.work, own)
    first = round(piece.start_seconds * RATE)
    count = None if piece.seconds is None else round(piece.seconds * RATE)
    if piece.seconds is not None:
        end = piece.start_seconds + piece.seconds
        events = [event for event in events if event.start_seconds < end]
    whole = render(events, soundfont=own.soundfont, reverb=own.reverb)
    return whole[first:] if count is None else whole[first : first + count]


def state() -> str:
    """What prints depend on beside the piece: networks and the code that makes them."""
    folders = ("embedding", "constellation")
    files = [path for each in folders for path in (PACKAGE / each).rglob("*.*")]
    files += [WEIGHTS, TONES]
    names = ["altered.py", "extraction.py", "spectrum.py", "sub_fingerprints.py"]
    names += ["composition/hearing.py", "composition/tones.py", "composition/geometry.py"]
    files += [PACKAGE / name for name in names]
    return _digest([*files, SCORES / "rendering.py", Path(qmax.__file__)])


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        if path.suffix in (".py", ".onnx", ".gz"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Job(NamedTuple):
    """One query, by what makes it."""

    transform: str
    number: int


class Asked(NamedTuple):
    """A query and what is right: a group, and the reference's own performance, if there is one."""

    piece: Piece
    group: str | None
    reference: Piece | None


class Collection:
    """Works that are references, works that are not, and the queries. The same for every system.

    Parameters
    ----------
    count : int
        Works of the test split that are asked for.
    distractors : int
        Further references: the rest of the split, then validation, then train.
    """

    def __init__(self, count: int, distractors: int) -> None:
        own = works("test")
        groups = sorted({each.group for each in own})
        unknown = set(groups[::STRANGERS])
        self.strangers = [each for each in own if each.group in unknown]
        known = [each for each in own if each.group not in unknown]
        # by digest, so that a smaller run asks for part of what a larger one asks
        known.sort(key=lambda each: hashlib.sha256(each.id.encode()).digest())
        self.asked = _one_a_group(known)[:count]
        if len(self.asked) < count:
            raise ValueError(f"only {len(self.asked)} works can be asked for: lower --count")
        taken = {each.id for each in self.asked}
        rest = [each for each in known if each.id not in taken]
        others = [*rest, *works("validation"), *works("train")][:distractors]
        self.works = [*self.asked, *others]

    @cached_property
    def groups(self) -> dict[str, str]:
        """The group of each reference, by its work's id."""
        return {each.id: each.group for each in self.works}

    @cached_property
    def state(self) -> str:
        """What an index of the references depends on."""
        ids = hashlib.sha256("".join(self.groups).encode()).hexdigest()[:8]
        index = [*(PACKAGE / "index").glob("*.py"), *(PACKAGE / "composition").glob("*.py"), WORKS]
        return f"{state()}-{_digest([*SCORES.glob('*.*'), Path(__file__), *index])}-{ids}"

    def reference(self, work: Work) -> Piece:
        """How a work is played as a reference."""
        return Piece(work, performance(work, _random("reference", work.id), "test"))

    def query(self, job: Job) -> Asked:
        """Make a query."""
        random = _random(job.transform, str(job.number))
        if job.transform == STRANGER:
            work = self.strangers[job.number % len(self.strangers)]
            piece = Piece(work, performance(work, random, "test"))
            return Asked(_excerpt(piece, random) if job.number % 2 else piece, None, None)
        if job.transform == SAME_CHORDS:
            return self._pair(job.number, random)
        work = self.asked[job.number % len(self.asked)]
        reference = self.reference(work)
        piece = Piece(work, transformed(reference, job.transform, random))
        if job.transform == "all 20 s":
            piece = _excerpt(piece, random)
        return Asked(piece, work.group, reference)

    def _pair(self, number: int, random: np.random.Generator) -> Asked:
        """A work's reference under another melody; of the next work where none fits its bars."""
        for step in range(len(self.asked)):
            reference = self.reference(self.asked[(number + step) % len(self.asked)])
            piece = self._same_chords(reference, random)
            if piece is not None:
                return Asked(piece, None, reference)
        raise ValueError("no stranger's melody fits any work: raise --count")

    def _same_chords(self, reference: Piece, random: np.random.Generator) -> Piece | None:
        """The reference's performance, chords included, under the melody of a stranger."""
        row: tuple[Chord, ...] = chords_of(*reference[:2])
        for n in random.permutation(len(self.strangers)):
            other = self.strangers[n]
            if other.bar_beats != reference.work.bar_beats:
                continue
            try:
                pair = same_chords(reference.work, other, random, chords=row)
            except ValueError:  # came out too alike: the next one
                continue
            return Piece(pair.work, replace(reference.performance, chords=row))
        return None


def transformed(reference: Piece, transform: str, random: np.random.Generator) -> Performance:
    """A performance that differs from the reference's in what the transform says only."""
    work, own = reference[:2]
    fresh = performance(work, random, "test")
    if transform == "instruments":
        programs = {**fresh.programs}
        for voice in ("melody", "chords"):
            while programs[voice] == own.programs[voice]:
                programs[voice] = performance(work, random, "test").programs[voice]
        return replace(own, programs=programs, soundfont=fresh.soundfont)
    semitones = int(random.choice([n for n in range(-6, 7) if n]))
    tempo = float(np.exp(random.uniform(np.log(0.8), np.log(1.25))))
    moved: dict[str, Any] = {"semitones": own.semitones + semitones}
    paced: dict[str, Any] = {"beats_per_minute": own.beats_per_minute * tempo}
    if transform == "transposed":
        return replace(own, **moved)
    if transform == "tempo":
        return replace(own, **paced)
    if transform == "rearranged":
        styles = {**own.styles}
        voices: tuple[Voice, ...] = ("chords", "bass", "counter")
        for voice in voices:
            while styles[voice] == own.styles[voice]:
                styles[voice] = performance(work, random, "test").styles[voice]
        return replace(own, styles=styles, voices=_fewer(own, random), seed=fresh.seed)
    if transform == "melody":
        return replace(own, voices=frozenset({"melody"}))
    return replace(fresh, **paced, semitones=int(np.clip(own.semitones + semitones, -9, 9)))


def _fewer(own: Performance, random: np.random.Generator) -> frozenset[Any]:
    """Without drums and without one other voice, if more than one accompanies."""
    others = sorted(own.voices - {"melody", "drums"})
    dropped = {str(random.choice(others))} if len(others) > 1 else set()
    return frozenset({"melody", *others} - dropped)


def _excerpt(piece: Piece, random: np.random.Generator) -> Piece:
    """20 s from where the melody plays."""
    first = seconds_at(piece.performance, piece.work.melody[0].onset)
    last = seconds_at(piece.performance, piece.work.beats) - EXCERPT_SECONDS
    start = float(random.uniform(first, last)) if last > first else first
    return piece._replace(start_seconds=start, seconds=EXCERPT_SECONDS)


def reference_time(asked: Asked, seconds: float) -> float:
    """Where in the reference's performance that sounds which the query has at a time."""
    assert asked.reference is not None
    query, reference = asked.piece, asked.reference.performance
    own = query.performance
    beat = (seconds + query.start_seconds - own.lead_in_seconds) * own.beats_per_minute / 60
    return seconds_at(reference, beat)


def melody_range(piece: Piece) -> tuple[float, float]:
    """From the melody's first note to its last, in seconds of the piece."""
    first = seconds_at(piece.performance, piece.work.melody[0].onset) - piece.start_seconds
    last = seconds_at(piece.performance, piece.work.beats) - piece.start_seconds
    return max(0.0, first), last if piece.seconds is None else min(piece.seconds, last)


def _one_a_group(those: Sequence[Work]) -> list[Work]:
    firsts: dict[str, Work] = {}
    for each in those:
        firsts.setdefault(each.group, each)
    return list(firsts.values())


def _random(*names: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256("/".join(names).encode()).digest()))
