"""Bit-error alignment: which stretch of a diagonal is the same recording.

Along a diagonal each word earns ``NEUTRAL_ERROR`` minus its share of differing bits, so equal
audio climbs and unrelated audio (0.4 to 0.5) falls; the stretch is the interval with the greatest
sum, which puts its ends where the errors change. Words of a static sound (silence, a tone) earn
nothing: they agree with every other static sound. Neither do words that see digital silence beside
sound: whatever begins there looks alike for as long as a word lasts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, I64Array, U32Array
from fingerprint.index.candidates import Diagonals
from fingerprint.index.segment_file import IndexSegment

NEUTRAL_ERROR: Final = 0.30
"""Measured against 0.28 and 0.33: 0.33 let nearly three times as many unrelated stretches
through to the score, 0.28 lost another 1 % of copies that lie over other music."""

MIN_GAIN: Final = 1.0
"""Stretches that earn less are not considered: 1.0 is 4 perfect words, or 10 with 20 % errors."""

STATIC_REACH: Final = 8
"""Words before and after (1 s) within which something must change."""

GAP_WORDS: Final = 24
"""A stretch is cut where 3 s of it do not match."""

COARSE_FROM_WORDS: Final = 256
COARSE_STEP: Final = 4
COARSE_GAIN: Final = 0.4
"""Of a long query every fourth word is compared first. 5 s of a clean copy earn 1.2 there."""

_ROUNDS: Final = 4
_SHIFTS: Final = 24


@dataclass(frozen=True, eq=False)
class Stretch:
    """One stretch of a diagonal, in words; ends exclusive.

    Attributes
    ----------
    segment : IndexSegment
    ordinal : int
        Reference within the segment.
    query_first, query_last : int
    offset : int
        Reference word minus query word, within the reference.
    gain : float
        What it earned.
    error : float
        Share of differing bits among words that are not static.
    self_error : float
        The same of this stretch of the query against other places of the query: 0.4 and more in
        most music, 0.25 in drones and applause, 0.18 in white noise, 0 in a tone.
    turnover : int
        Bits that change from word to word of the query in it, where they see no silence: how much
        sound there is to agree on.
    """

    segment: IndexSegment
    ordinal: int
    query_first: int
    query_last: int
    offset: int
    gain: float
    error: float
    self_error: float
    turnover: int


def moving(words: U32Array) -> BoolArray:
    """Where the sound changes: false inside silence, tones and other static sound.

    Parameters
    ----------
    words : uint32 array, shape (n,)

    Returns
    -------
    bool array, shape (n,)
        True where at least 4 bits differ from the word 1 s before or after, or half of that away.
    """
    n = len(words)
    result = np.zeros(n, np.bool_)
    for reach in (STATIC_REACH, STATIC_REACH // 2):
        if n > reach:
            far = np.bitwise_count(words[reach:] ^ words[:-reach]) >= 4
            result[:-reach] |= far
            result[reach:] |= far
    return result


def stretches(words: U32Array, sounding: BoolArray, diagonals: Diagonals) -> list[Stretch]:
    """Best stretches along the candidate diagonals of one segment.

    Parameters
    ----------
    words : uint32 array, shape (n,)
    sounding : bool array, shape (n,)
        Words that see no silence; the others earn nothing.
    diagonals : Diagonals
    """
    telling = moving(words) & sounding
    if len(words) > COARSE_FROM_WORDS:
        errors, inside = _errors(words, diagonals, COARSE_STEP)
        _, _, gain = _best_interval(_earned(errors, inside, telling[::COARSE_STEP]))
        diagonals = diagonals.take(gain >= COARSE_GAIN)
    rows = np.arange(len(diagonals.offsets))
    errors, inside = _errors(words, diagonals, 1)  # (diagonals, n)
    earned = _earned(errors, inside, telling)
    result: list[Stretch] = []
    for _ in range(_ROUNDS):
        begin, end, gain = _best_interval(earned)
        good = np.flatnonzero(gain >= MIN_GAIN)
        if not len(good):
            break
        for row in good:
            pieces = _pieces(errors[row], inside[row], int(begin[row]), int(end[row]))
            result += [
                _stretch(
                    words,
                    sounding,
                    diagonals,
                    int(rows[row]),
                    errors=errors[row],
                    earned=earned[row],
                    begin=first_word,
                    end=end_word,
                )
                for first_word, end_word in pieces
            ]
            earned[row, begin[row] : end[row]] = -4.0
        earned, errors, inside, rows = earned[good], errors[good], inside[good], rows[good]
    return [stretch for stretch in result if stretch.gain >= MIN_GAIN]


def _errors(words: U32Array, diagonals: Diagonals, step: int) -> tuple[F32Array, BoolArray]:
    """Share of differing bits of every ``step``-th word, and whether it meets the reference.

    Both have shape (diagonals, words / step).
    """
    segment = diagonals.segment
    first = segment.starts[diagonals.ordinals].astype(np.int64)
    last = segment.starts[diagonals.ordinals + 1].astype(np.int64)
    at = diagonals.offsets[:, None] + np.arange(0, len(words), step)
    inside = (at >= first[:, None]) & (at < last[:, None])
    tape = segment.words[np.clip(at, 0, len(segment.words) - 1)]
    differing = np.bitwise_count(tape ^ words[::step])
    return differing.astype(np.float32) / np.float32(32), inside


def _earned(errors: F32Array, inside: BoolArray, telling: BoolArray) -> F32Array:
    earned = np.where(telling, np.float32(NEUTRAL_ERROR) - errors, np.float32(0))
    return np.where(inside, earned, np.float32(-4.0))


def _best_interval(earned: F32Array) -> tuple[I64Array, I64Array, F32Array]:
    """Interval of greatest sum in each row, by prefix sums and their running minimum."""
    rows, n = earned.shape
    sums = np.zeros((rows, n + 1), np.float32)
    np.cumsum(earned, axis=1, out=sums[:, 1:])
    climbed = sums - np.minimum.accumulate(sums, axis=1)
    end = climbed.argmax(axis=1)
    row = np.arange(rows)
    gain = climbed[row, end]
    before = np.where(np.arange(n + 1) <= end[:, None], sums, np.inf)
    # The last of equal minima: static words at the edge are taken later, if they agree.
    begin = n - before[:, ::-1].argmin(axis=1)
    return begin, end, gain


def _pieces(errors: F32Array, inside: BoolArray, begin: int, end: int) -> list[tuple[int, int]]:
    """Widen over agreeing static words, then cut where seconds of it do not match."""
    agreeing = inside & (errors <= 0.1)
    before = np.flatnonzero(~agreeing[:begin])
    begin = int(before[-1]) + 1 if len(before) else 0
    after = np.flatnonzero(~agreeing[end:])
    end = end + int(after[0]) if len(after) else len(errors)
    bad = np.concatenate([[0], np.cumsum(errors[begin:end] > NEUTRAL_ERROR)])
    length = end - begin
    if length <= GAP_WORDS:
        return [(begin, end)]
    share = (bad[GAP_WORDS:] - bad[:-GAP_WORDS]) / GAP_WORDS  # (length - GAP_WORDS + 1,)
    gap = np.zeros(length + 1, np.int64)
    starts = np.flatnonzero(share > 0.8)
    np.add.at(gap, starts, 1)
    np.add.at(gap, starts + GAP_WORDS, -1)
    kept = np.concatenate([[False], np.cumsum(gap[:-1]) == 0, [False]])
    edges = np.flatnonzero(kept[1:] != kept[:-1]).reshape(-1, 2)
    return [(begin + int(low), begin + int(high)) for low, high in edges]


def _stretch(
    words: U32Array,
    sounding: BoolArray,
    diagonals: Diagonals,
    row: int,
    *,
    errors: F32Array,
    earned: F32Array,
    begin: int,
    end: int,
) -> Stretch:
    segment, ordinal = diagonals.segment, int(diagonals.ordinals[row])
    offset = int(diagonals.offsets[row]) - int(segment.starts[ordinal])
    part, heard = words[begin:end], sounding[begin:end]
    telling = moving(part) & heard
    counted = telling if telling.any() else np.ones(len(part), np.bool_)
    changes = np.bitwise_count(part[1:] ^ part[:-1])
    return Stretch(
        segment=segment,
        ordinal=ordinal,
        query_first=begin,
        query_last=end,
        offset=offset,
        gain=float(earned[begin:end].sum()),
        error=float(errors[begin:end][counted].mean()),
        self_error=_self_error(words, begin, end),
        turnover=int(changes[heard[1:] & heard[:-1]].sum()),
    )


def _self_error(words: U32Array, begin: int, end: int) -> float:
    """Median error of a stretch of the query against the query shifted around its end.

    The median over shifts is not misled by a loop, which agrees with itself at few of them.
    """
    n = len(words)
    step = max(1, (end - begin) // 256)
    at = np.arange(begin, end, step)
    nearest = min(STATIC_REACH, n // 2)
    shifts = np.linspace(nearest, n - nearest, _SHIFTS).astype(np.int64)
    errors = np.bitwise_count(words[(at + shifts[:, None]) % n] ^ words[at])  # (shifts, words)
    return float(np.median(errors.mean(axis=1))) / 32
