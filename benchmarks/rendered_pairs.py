"""Rendered scores that are hard to tell apart, as references and as queries of the calibration.

References are works of the training split, queries of the validation split, so that no query's tune is a
reference: bare melodies of one synthesiser's instrument, other works in the manner of a reference, and
other melodies over a reference's own chords, accompaniment and sounds. Beside them some performances of
the validation split are references, whose altered excerpts are to be found.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Final

import numpy as np

from benchmarks import queries
from benchmarks.alterations import ALTERATIONS, RATE, Alteration, NotAlterableError, resampled
from benchmarks.calibration_queries import Asked, Held, Known, Made
from benchmarks.performances import Piece, samples_of
from fingerprint.arrays import F32Array
from fingerprint.spectrum import mono_spectrum, spectrum
from fingerprint.training.compositions.performances import chosen
from fingerprint.training.scores import rendering
from fingerprint.training.scores.arrangement import Performance, chords_of, performance
from fingerprint.training.scores.melody import Split, Work
from fingerprint.training.scores.same_chords import same_chords
from scripts.music_corpus import corpus

EACH: Final = 100
"""Bare melodies, and performances in full, among the references; as many queries of each kind."""
COPIED: Final = 60
"""Performances of the validation split that are references."""
COPIES: Final = 120
PROGRAMS: Final = (0, 16, 24, 40, 73, 80)
"""Piano, organ, guitar, violin, flute, synthesiser: as many bare melodies of each."""
REFERENCE_SECONDS: Final = 40.0
LENGTHS: Final = (10.0, 20.0, 30.0)
COPY_LENGTHS: Final = (10.0, 20.0)
LATEST_START: Final = 12.0


def known() -> Iterator[Known]:
    """Bare melodies and performances in full of the training split, and some of the validation split."""
    rows = (("melody", _melodies), ("full", _performances), ("copied", _copied))
    for kind, row in rows:
        for piece in row():
            yield Known(_named(kind, piece), piece.work.group, partial(_spectra, piece))


def asked() -> Iterator[Asked]:
    """Three kinds of negatives, and altered copies."""
    strangers = _shuffled("validation")
    for n in range(EACH):
        work = strangers[n % len(strangers)]
        bare = Piece(work, _bare("asked", work, n))
        manner = Piece(work, replace(_performances()[n].performance, seed=n))
        for kind, whole in (("melodies", bare), ("manners", manner), ("chords", _over(n))):
            piece = _excerpt(whole, n)
            name, make = _named(kind, piece), partial(_negative, piece)
            twin = _named("full", _performances()[n]) if kind == "chords" else None
            yield Asked(kind, kind, name, make, piece.work.group, twin=twin)
    for n in range(COPIES):
        piece, alteration = _copied()[n % COPIED], ALTERATIONS[7 * n % len(ALTERATIONS)]
        seconds = COPY_LENGTHS[n % len(COPY_LENGTHS)]
        name = f"{alteration.name} {n} {seconds:g} {LATEST_START:g} {_named('copied', piece)}"
        make = partial(_copy, piece, alteration, seconds, name)
        mixed = alteration.family.startswith("music")
        yield Asked("copies", alteration.name, name, make, piece.work.group, mixed)


@cache
def _melodies() -> list[Piece]:
    those = _shuffled("train")[:EACH]
    return [
        Piece(work, _bare("known", work, n), 0.0, REFERENCE_SECONDS) for n, work in enumerate(those)
    ]


@cache
def _performances() -> list[Piece]:
    those = _shuffled("train")[EACH : 2 * EACH]
    return [Piece(work, _drawn("full", work, "train"), 0.0, REFERENCE_SECONDS) for work in those]


@cache
def _copied() -> list[Piece]:
    """A third of them bare melodies, half of the others with the instruments of training."""
    played = []
    for n, work in enumerate(_shuffled("validation")[-COPIED:]):
        own = _bare("copied", work, n // 3)
        if n % 3:
            own = _drawn("copied", work, "train" if n % 3 == 1 else "validation")
        played.append(Piece(work, own, 0.0, REFERENCE_SECONDS))
    return played


def _bare(name: str, work: Work, number: int) -> Performance:
    """A work's melody by one of the programs in turn."""
    own = _drawn(name, work, "train")
    programs = {**own.programs, "melody": PROGRAMS[number % len(PROGRAMS)]}
    return replace(own, voices=frozenset({"melody"}), programs=programs)


def _over(number: int) -> Piece:
    """A stranger's melody over the chords of a reference, played as that is."""
    reference = _performances()[number]
    random = _random("chords", str(number))
    row = chords_of(*reference[:2])
    strangers = _shuffled("validation")
    for n in random.permutation(len(strangers)):
        try:
            pair = same_chords(reference.work, strangers[n], random, chords=row)
        except ValueError:  # bars of another length, or too alike
            continue
        return Piece(pair.work, replace(reference.performance, chords=row))
    raise ValueError(f"no melody fits the bars of {reference.work.id}")


def _excerpt(piece: Piece, number: int) -> Piece:
    """Of each length in turn, from the first third of what a reference would hold."""
    seconds = LENGTHS[number % len(LENGTHS)]
    whole = piece.work.beats * 60 / piece.performance.beats_per_minute
    start = 0.3 * max(0.0, min(whole, REFERENCE_SECONDS) - seconds)
    return piece._replace(start_seconds=start, seconds=seconds)


def _negative(piece: Piece) -> Made:
    return _spectra(piece), ()


def _copy(piece: Piece, alteration: Alteration, seconds: float, name: str) -> Made:
    """An altered excerpt; what can't be altered so is left clean."""
    random = _random(name)
    whole, wanted = samples_of(piece), seconds * alteration.tempo_ratio
    latest = min(LATEST_START, max(0.0, len(whole) / rendering.RATE - wanted))
    start = float(random.uniform(0, latest))
    first = round(start * rendering.RATE)
    part = whole[first : first + round(wanted * rendering.RATE)]
    samples = np.repeat(resampled(part[None], rendering.RATE / RATE), 2, axis=0)
    pitch, tempo = alteration.pitch_semitones, alteration.tempo_ratio
    try:
        samples = alteration.apply(samples, RATE, random, queries.Material(corpus("train")))
    except NotAlterableError:
        pitch, tempo = 0.0, 1.0
    held = Held(_named("copied", piece), piece.work.group, 0.0, start, pitch, tempo)
    return spectrum(samples, RATE), (held,)


def _spectra(piece: Piece) -> F32Array:
    return mono_spectrum(samples_of(piece), rendering.RATE)


def _named(kind: str, piece: Piece) -> str:
    """A name that tells the work and all that was drawn of its performance."""
    own = vars(piece.performance) | {"voices": sorted(piece.performance.voices)}
    text = repr((sorted(own.items()), piece.start_seconds, piece.seconds))
    return f"{kind} {piece.work.id} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _drawn(name: str, work: Work, split: Split) -> Performance:
    return performance(work, _random(name, work.id), split, lead_in_seconds=0.0)


@cache
def _shuffled(split: Split) -> list[Work]:
    """The first work of each group, the same order in every run."""
    return sorted(chosen(split), key=lambda each: hashlib.sha256(each.id.encode()).digest())


def _random(*names: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256("/".join(names).encode()).digest()))
