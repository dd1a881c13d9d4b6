"""Whole fingerprints of unrelated tracks by the hundred thousand, with the statistics of real music.

Words are those of :mod:`benchmarks.synthetic_fingerprints`. Vectors and peaks come of real recordings
of the corpus, changed so far that no two tracks share music:

- **vectors**: a stretch of a real recording, read up to a sixth faster or slower (between two vectors
  the mean is taken), then turned. The turn is a random rotation where the covariance of all real
  vectors is white, so it keeps their mean, their covariance and how like a track is to itself
  from one vector to the next, and takes away which track it was;
- **chroma**: of the same stretch, turned by a random number of bins;
- **peaks**: up to 60 seconds of a real recording, repeated in any order, each moved by a random number of
  bins and turned in time by a random number of frames, each peak by up to two and four more, one of
  twenty left out. How many peaks a second has, how they lie to each other and how often a
  landmark comes again stays; melodies do not.

:func:`statistics` prints how near this comes to real recordings. Not reproduced: references that
repeat others (covers, loops of one library), which make a crowd around a query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from rich.progress import track as progress

import fingerprint
from benchmarks.synthetic_fingerprints import TRACK_SECONDS, distorted, track_words, tracks
from fingerprint import Constellation, Embedding, Fingerprint
from fingerprint.arrays import F32Array, F64Array
from fingerprint.constellation.constellation import ALL_BINS, BIN_BITS, BLOCK_FRAMES
from fingerprint.embedding.embedding import PITCHES, SCALE, expected_vectors, quantised
from fingerprint.embedding.geometry import DIMENSIONS, HOP_SECONDS
from fingerprint.spectrum import BINS_PER_OCTAVE
from fingerprint.sub_fingerprints import HOP_SECONDS as WORD_SECONDS
from scripts.music_corpus import ROOT, Recording, corpus

CACHE: Final = ROOT / ".bench" / "fingerprints"
SHORTEST: Final = 90.0
LONGEST: Final = 600.0
TRANSPOSED: Final = 6
"""Bins (quarter tones) by which the peaks of a second are moved at most."""
REPEATED: Final = 60
"""Different seconds that the peaks of a track are taken from."""
BATCH: Final = 1000
"""Tracks whose words are drawn together."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Real recordings, and the shape of the cloud of their vectors.

    Attributes
    ----------
    recordings : sequence of Fingerprint
    mean : float64 array, shape (DIMENSIONS,)
    root, inverse : float64 array, shape (DIMENSIONS, DIMENSIONS)
        Of the covariance, the square root and its inverse.
    """

    recordings: Sequence[Fingerprint]
    mean: F64Array
    root: F64Array
    inverse: F64Array


def real_fingerprints(count: int, folder: Path = CACHE) -> list[Fingerprint]:
    """Fingerprints of recordings of the training and validation split, made once and kept."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [each for each in corpus("train", "validation") if SHORTEST < each.seconds < LONGEST]
    chosen = np.random.default_rng(1).permutation(len(wanted))[:count]
    return [_kept(wanted[n], folder) for n in progress(sorted(chosen.tolist()), "fingerprinting")]


def _kept(recording: Recording, folder: Path) -> Fingerprint:
    path = folder / f"{recording.sha256}.fingerprint"
    if path.exists():
        return Fingerprint.from_bytes(path.read_bytes())
    samples, rate = soundfile.read(recording.file, dtype="float32", always_2d=True)
    made = fingerprint.completed(fingerprint.fingerprint(samples.T, rate), samples.T, rate)
    path.write_bytes(made.to_bytes())
    return made


def pool_of(recordings: Sequence[Fingerprint]) -> Pool:
    """Measure the cloud that the vectors of these recordings make."""
    vectors = np.concatenate([_unit(each) for each in recordings]).astype(np.float64)
    mean = vectors.mean(axis=0)
    scales, axes = np.linalg.eigh(np.cov(vectors.T))
    roots = np.sqrt(np.maximum(scales, 1e-6 * scales.max()))
    return Pool(recordings, mean, (axes * roots) @ axes.T, (axes / roots) @ axes.T)


def synthetic_tracks(pool: Pool, batch: int, count: int = BATCH) -> list[Fingerprint]:
    """Return the first tracks of a batch, of :data:`BATCH` at most, always the same ones."""
    words = tracks(BATCH, (7, batch))[:count]
    return [
        Fingerprint(
            own, TRACK_SECONDS, embedding=_embedding(pool, rng), constellation=_peaks(pool, rng)
        )
        for own, rng in ((own, np.random.default_rng((8, batch, n))) for n, own in enumerate(words))
    ]


def excerpt(
    track: Fingerprint, start: float, seconds: float, rng: np.random.Generator
) -> Fingerprint:
    """A copy of a part of a track, as altered as a 64 kbit/s MP3 of the phone of a friend.

    Words have the bit errors of such an MP3, vectors a likeness of about 0.85 to the original's (and
    at the other two pitches none), and a quarter of the peaks is left out.

    Parameters
    ----------
    start : float
        A multiple of 12 s, in which all three hops are whole.
    """
    first, length = round(start / WORD_SECONDS), track_words(seconds)
    words = distorted(track.sub_fingerprints[first : first + length], 0.036, rng)
    assert track.embedding is not None
    assert track.constellation is not None
    begin, vectors = round(start / HOP_SECONDS), expected_vectors(seconds)
    own = track.embedding.vectors[0, begin : begin + vectors].astype(np.float32) / SCALE
    rows = np.stack([_noisy(own, 0.078, rng), *(_noisy(own, 2.0, rng) for _ in PITCHES[1:])])
    chroma = track.embedding.chroma[begin : begin + vectors]
    block = round(start)
    peaks = track.constellation.peaks
    blocks = track.constellation.frames() // BLOCK_FRAMES
    inside = (blocks >= block) & (blocks < block + int(seconds)) & (rng.random(len(peaks)) > 0.25)
    moved = peaks[inside] - np.uint32((block * BLOCK_FRAMES) << BIN_BITS)
    return Fingerprint(
        words,
        seconds,
        embedding=Embedding(quantised(rows), chroma),
        constellation=Constellation(moved),
    )


def only(print_: Fingerprint, part: str) -> Fingerprint:
    """A fingerprint of nothing but ``words``, ``vectors`` or ``peaks``."""
    nothing = np.empty(0, np.uint32)
    return Fingerprint(
        print_.sub_fingerprints if part == "words" else nothing,
        print_.duration,
        embedding=print_.embedding if part == "vectors" else None,
        constellation=print_.constellation if part == "peaks" else None,
    )


def statistics(pool: Pool, prints: Sequence[Fingerprint]) -> dict[str, Any]:
    """What synthetic and real tracks are compared by: medians over some of them."""
    some = [_unit(each) for each in prints[:60]]
    others = np.concatenate(some)
    owner = np.repeat(np.arange(len(some)), [len(own) for own in some])
    nearest = [
        float(np.median((own[::20] @ others[owner != n].T).max(axis=1)))
        for n, own in enumerate(some)
    ]
    lags = {
        f"likeness after {lag * HOP_SECONDS:.1f} s": round(
            float(np.median([np.median((own[lag:] * own[:-lag]).sum(axis=1)) for own in some])), 3
        )
        for lag in (1, 4, 20)
    }
    peaks = [len(each.constellation or ()) / each.duration for each in prints[:60]]
    return {
        **lags,
        f"nearest vector of {len(some) - 1} other tracks": round(float(np.median(nearest)), 3),
        "peaks a second": round(float(np.median(peaks)), 1),
    }


def _unit(print_: Fingerprint) -> F32Array:
    """A recording's own vectors that are of sound, shape (n, DIMENSIONS)."""
    assert print_.embedding is not None
    vectors = print_.embedding.vectors[0].astype(np.float32) / SCALE
    heard: F32Array = vectors[np.abs(vectors).max(axis=1) > 0]
    return heard


def _embedding(pool: Pool, rng: np.random.Generator) -> Embedding:
    source = pool.recordings[int(rng.integers(len(pool.recordings)))]
    own = _unit(source)
    assert source.embedding is not None
    count = expected_vectors(TRACK_SECONDS)
    # Read in a circle: recordings may be shorter than a track.
    at = (rng.uniform(0, len(own)) + rng.uniform(6 / 7, 7 / 6) * np.arange(count)) % (len(own) - 1)
    below, share = at.astype(np.int64), (at % 1)[:, None]
    mixed = (1 - share) * own[below] + share * own[below + 1]
    turn, _ = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))
    turned = (mixed - pool.mean) @ pool.inverse @ turn @ pool.root + pool.mean
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-6)
    vectors = np.zeros((len(PITCHES), count, DIMENSIONS), np.int8)  # a reference has but its own
    vectors[0] = quantised(turned)
    chroma = source.embedding.chroma
    heard = chroma[np.minimum(below, len(chroma) - 1)]
    return Embedding(vectors, np.roll(heard, int(rng.integers(BINS_PER_OCTAVE)), axis=1))


def _peaks(pool: Pool, rng: np.random.Generator) -> Constellation:
    source = pool.recordings[int(rng.integers(len(pool.recordings)))].constellation
    assert source is not None
    frames, bins = source.frames(), source.bins()
    starts = np.searchsorted(frames // BLOCK_FRAMES, np.arange(int(frames[-1]) // BLOCK_FRAMES + 2))
    seconds = int(TRACK_SECONDS)
    known = rng.permutation(len(starts) - 1)[:REPEATED]
    taken = rng.choice(known, seconds)
    counts = starts[taken + 1] - starts[taken]
    block = np.repeat(np.arange(seconds), counts)
    at = np.repeat(starts[taken], counts) + np.arange(counts.sum())
    at -= np.repeat(np.cumsum(counts) - counts, counts)
    # A second sounds alike each time that it is taken, and like no other track's.
    moves = rng.integers(-TRANSPOSED, TRANSPOSED + 1, len(starts) - 1)
    turns = rng.integers(0, BLOCK_FRAMES, len(starts) - 1)
    shaken_bins = bins + rng.integers(-2, 3, len(bins))
    shaken_frames = frames + rng.integers(-4, 5, len(frames))
    bin_ = shaken_bins[at] + moves[taken][block]
    frame = (shaken_frames[at] + turns[taken][block]) % BLOCK_FRAMES
    kept = (bin_ >= 0) & (bin_ < ALL_BINS) & (rng.random(len(frames)) > 0.05)[at]
    packed = ((block * BLOCK_FRAMES + frame)[kept] << BIN_BITS) | bin_[kept]
    return Constellation(packed.astype(np.uint32))


def _noisy(vectors: F32Array, level: float, rng: np.random.Generator) -> F32Array:
    noisy = vectors + rng.normal(0, level, vectors.shape)
    result: F32Array = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    return result
