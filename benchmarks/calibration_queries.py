"""What the scores of altered copies are fitted on: references, queries, and what is true of them.

References are the recordings of the validation and the training split of the corpus and sounds that
nobody composed; queries are altered, joined and layered excerpts of the validation split and more such
sounds. Rendered scores beside them are of :mod:`benchmarks.rendered_pairs`. What is made of each is kept
as a fingerprint, under a name of all that it depends on.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import queries
from benchmarks.alterations import ALTERATIONS, RATE
from benchmarks.performances import state
from benchmarks.queries import Query
from benchmarks.unmusical import KINDS
from fingerprint import Fingerprint
from fingerprint.arrays import F32Array
from fingerprint.constellation.constellation import constellation
from fingerprint.embedding import embedder
from fingerprint.spectrum import FRAMES_PER_SECOND, spectrum
from fingerprint.training.spectra import CORPUS, decibels, load
from scripts.music_corpus import ROOT, corpus

FOLDER: Final = ROOT / ".bench" / "calibration"
NO_WORDS: Final = np.empty(0, np.uint32)
COUNTS: Final = {5.0: 2, 10.0: 5, 30.0: 2}
"""Queries of each alteration by seconds."""
BURIED_COUNTS: Final = {5.0: 20, 10.0: 60, 30.0: 14}
"""Of those that bury a copy at its own pitch and tempo, which peaks are to find."""
BURIED: Final = (
    "pink noise 5 dB",
    "pink noise 0 dB",
    "music under 6 dB",
    "music under 0 dB",
    "voice over",
    "karaoke",
    "layered",
)
SEEDS: Final = range(100, 104)
KNOWN_SEEDS: Final = range(6)
LENGTHS: Final = (10.0, 40.0)
KNOWN_LENGTH: Final = 60.0


@dataclass(frozen=True)
class Held:
    """A stretch of a reference that a query holds: where both begin, in seconds, and how it is altered."""

    name: str
    group: str
    query_start: float
    reference_start: float
    pitch_semitones: float
    tempo_ratio: float


Made = tuple[F32Array, tuple[Held, ...]]


@dataclass(frozen=True)
class Known:
    """A reference, its group, and how its spectra are made."""

    name: str
    group: str
    make: Callable[[], F32Array]


@dataclass(frozen=True)
class Asked:
    """A query and how it is made: spectra, and what they hold.

    Attributes
    ----------
    family : str
        What counts of false matches go by: ``real``, ``unmusical``, and those of rendered scores.
    kind : str
        What counts of true ones go by: the alteration.
    name : str
        Unique among all queries.
    group : str or None
        Of references that it is like in a way that is neither right nor wrong.
    mixed : bool
        Whether music that is a reference may lie under it: what is not held is not wrong then.
    twin : str or None
        A reference that was made to be taken for it: wrong, and one in a catalogue of any size.
    """

    family: str
    kind: str
    name: str
    make: Callable[[], Made]
    group: str | None = None
    mixed: bool = False
    twin: str | None = None


def known(music: Path, cache: Path) -> Iterator[Known]:
    """Real music, and sounds that nobody composed."""
    recordings = [*corpus("validation"), *corpus("train")]
    spectra = [*load("validation", music, cache), *load("train", music, cache)]
    for recording, own in zip(recordings, spectra, strict=True):
        yield Known(recording.sha256, recording.group, partial(decibels, own.middle))
    for kind, seed, seconds in unmusical(KNOWN_SEEDS, (KNOWN_LENGTH,)):
        yield Known(f"{kind} {seed}", kind, partial(_unmusical, kind, seed, seconds))


def asked() -> Iterator[Asked]:
    """Altered, joined and layered excerpts of the validation split, and sounds of no composer."""
    recordings, others = corpus("validation"), queries.Material(corpus("train"))
    for seconds, count in COUNTS.items():
        ways: list[tuple[str, bool, Callable[[int], Query]]] = [
            (
                each.name,
                each.family.startswith("music"),
                partial(queries.one, recordings, others, each, seconds),
            )
            for each in ALTERATIONS
        ]
        ways.append(("joined", False, partial(queries.one_joined, recordings, seconds)))
        ways.append(("layered", False, partial(queries.one_layered, recordings, seconds)))
        for kind, mixed, make in ways:
            for number in range(BURIED_COUNTS[seconds] if kind in BURIED else count):
                name = f"{kind} {seconds:g} {number}"
                yield Asked("real", kind, name, partial(_of_query, make, number), mixed=mixed)
    for kind, seed, seconds in unmusical(SEEDS, LENGTHS):
        name = f"{kind} {seed} {seconds:g}"
        yield Asked("unmusical", kind, name, partial(_nothing, kind, seed, seconds))


def unmusical(seeds: range, lengths: Sequence[float]) -> Iterator[tuple[str, int, float]]:
    """Every kind of sound that nobody composed, with every seed, of every length."""
    return itertools.product(KINDS, seeds, lengths)


def _of_query(make: Callable[[int], Query], number: int) -> Made:
    query = make(number)
    held = tuple(
        Held(
            each.recording.sha256,
            each.recording.group,
            each.query_start,
            each.reference_start,
            each.pitch_semitones,
            each.tempo_ratio,
        )
        for each in query.truths
    )
    return spectrum(query.samples, RATE), held


def _nothing(kind: str, seed: int, seconds: float) -> Made:
    return _unmusical(kind, seed, seconds), ()


def _unmusical(kind: str, seed: int, seconds: float) -> F32Array:
    return spectrum(KINDS[kind](seconds, np.random.default_rng(seed)), RATE)


# --- what is kept


def print_of(reference: Known) -> Fingerprint:
    """A reference's fingerprint: from the folder, else made."""
    return _kept(f"reference {reference.name}", lambda: (reference.make(), ()))[0]


def print_asked(query: Asked) -> tuple[Fingerprint, tuple[Held, ...]]:
    """A query's fingerprint and what it holds: from the folder, else made."""
    return _kept(f"query {query.family} {query.name}", query.make)


def _kept(name: str, make: Callable[[], Made]) -> tuple[Fingerprint, tuple[Held, ...]]:
    path = FOLDER / "prints" / material() / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.npz"
    if path.exists():
        with np.load(path) as kept:
            rows = json.loads(str(kept["held"]))
            own = Fingerprint.from_bytes(kept["fingerprint"].tobytes())
        return own, tuple(Held(**row) for row in rows)
    spectra, held = make()
    empty = Fingerprint(NO_WORDS, len(spectra) / FRAMES_PER_SECOND)
    own = empty.with_altered(embedder.embed_spectrum(spectra), constellation(spectra))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_ = path.with_suffix(".tmp.npz")
    np.savez(
        partial_,
        fingerprint=np.frombuffer(own.to_bytes(), np.uint8),
        held=json.dumps([asdict(each) for each in held]),
    )
    partial_.replace(path)
    return own, held


@cache
def material() -> str:
    """What kept fingerprints depend on beside their names: networks, code, the list of recordings.

    A rendered score's name tells what was drawn of it; how that is played is code.
    """
    digest = hashlib.sha256(state().encode())
    folder = Path(__file__).parent
    names = ("alterations.py", "queries.py", "unmusical.py")
    scores = sorted((CORPUS.parent / "scores").glob("*.*"))
    for path in [*(folder / name for name in names), CORPUS, *scores]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
