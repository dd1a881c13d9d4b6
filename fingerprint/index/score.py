"""How sure a stretch makes us: a first calibration.

A logistic regression on two statistics of a stretch: its share of differing bits, and the logarithm
of its turnover (bits that change from word to word of the query). Long drones agree with other
drones for seconds; turnover tells them from as many seconds of music, and did so better than the
number of different words (weighted log loss a query 0.31 against 0.37) or what the stretch earned
in alignment (1.78). Noise, applause and drones differ little from themselves a moment later
(``self_error`` 0.18 in white noise, above 0.4 in most music), so below 0.35 their errors count
proportionally more: without that, two recordings of white noise reached 0.85 after 2 minutes.

Fitted on 145 references (wesnoth-1.16-music, fretsonfire-songs-sectoid, warzone2100-music,
supertux-data, hedgewars-data) and 4,120 queries of 10, 19, 35, 58 and 222 words and whole tracks.
Positives: 45 of the tracks clean, as 64 kbit/s MP3, over white noise 10 dB below and over another
part of the same song 6 dB below, each offset by a fraction of a hop. Negatives: every stretch on an unrelated track,
stems and remasters of one song left out. A negative weighs 10,000 / 145, so that the score holds
for an index of 10,000 references of which a query holds one as often as none. No negative reached
0.5, the best 0.33. The least score of a clean or MP3 copy that was aligned was 0.78 at 5 s and 0.99
at 10 s; of one clean excerpt of 7 s, a quiet one, 0.57. Fitted and judged on the same tracks:
expect a little less elsewhere.

Altered copies have a logistic of their own, on a path of vectors, and buried ones another, on what
it tells that peaks coincide. ``python -m benchmarks.calibration`` fits both, on real music, on sounds
that nobody composed and on rendered scores; weights are as above, for 10,000 references.

The vectors of one instrument without accompaniment are alike whatever it plays: on real music alone
nothing tells that such a path is false, and bare melodies of one synthesiser reached 0.99. Its peaks
coincide too, wherever two tunes strike one pitch at one moment. What tells is whether chroma agree
better there than a few seconds beside it (``unison``). It is a rank, so noise or music over a copy lowers
it little; 0.7 and more under a voice or music as loud. Of paths it is asked along the path; of peaks
within five seconds around them as well, since a second of them may be anything. There vectors are asked
the same: what is laid over a copy moves them too far to be looked up by, and leaves them more
like their own place than like those beside it. By how much more, than to the reference anywhere, is added up over
all of them (``excess``): a rank does not tell two vectors that are a little liker from twenty. And the strongest
peaks of the reference are asked for in the query (``kept``): what is laid over a copy brings a crowd of peaks, most of
which are not the reference's, and hides few of those that stand out most. Where none of it is kept, peaks
have a logistic of their own (``ALONE``).

The constants come of 497 references (195 recordings of real music, 42 sounds that nobody composed, 260
rendered scores); those of vectors were fitted on 863 queries before, those of peaks on 1,458, of which 752 are of real
music that is buried at its own pitch and tempo. At 0.5 and at 0.9; "same accompaniment" is another melody over a
reference's own, note for note, and weighs as much as a true one:

================================  =========  ==============  ==============
what                              of         vectors         peaks
================================  =========  ==============  ==============
real, found                       1085       60 %, –         72 %, –
of them buried                    752        46 %, –         90 %, –
rendered copies, found            120        95 %, –         40 %, –
real, false                       982        0, 0            0, 0
of no composer, false             56         0, 0            0, 0
bare melodies, false              100        1, 0            0, 0
another work in one manner        100        0, 0            0, 0
rendered copies, false            120        0, 0            0, 0
same accompaniment, false         100        22, 18          12, 5
================================  =========  ==============  ==============

False ones are pairs of query and reference. All of this was fitted and judged on the same data. Peaks
hear copies of the same pitch and tempo only. The weight of what coincides beyond chance is negative: where much does so anyway,
information tells less.

Works that are played anew have a logistic of their own on a likeness of tones, fitted by ``python -m
benchmarks.composition_calibration``: references are 2,073 performances of the validation and the
training split of scores, 195 real recordings and 42 sounds that nobody composed; queries of 10 to
40 s are 319 other performances at 0.8 to 1.25 of the tempo, 248 melodies over the chords of a
reference, excerpts of real music and such sounds. At 0.5 it finds 33, 59, 58 and 46 of 80, 80, 71 and
54 of 10, 20, 30 and 40 s, of which 68, 68, 63 and 48 overlapped with their reference far enough to be
followed, and nothing else: the bias is 0.2 lower than fitted, for the sake of one melody over another's
chords. Real music that is a work of another (a remix, a medley of a game's themes) was taken out of the
negatives. The mean likeness and the number of vectors added little. Since then a work is told by six
vectors and more (`composition.alignment.SHORTEST`), so none of 10 s.
"""

import math
from collections.abc import Sequence
from typing import Final

from fingerprint.composition.alignment import Likeness
from fingerprint.constellation.coincidence import Coincidence
from fingerprint.embedding.following import Path
from fingerprint.index.chroma import Accord
from fingerprint.spectrum import FRAMES_PER_SECOND

BIAS: Final = -2.67
TURNOVER: Final = 2.43
ERROR: Final = -81.1
LIVELY_SELF_ERROR: Final = 0.35

ALTERED_BIAS: Final = -53.04
ALTERED: Final = (16.47, 1.75, 3.24, -23.61, 0.34, 35.11)
UNUSUAL_ENOUGH: Final = 0.2
FITTED_SECONDS: Final = 30.0

EXCESS_ENOUGH: Final = 3.0
A_MOMENT: Final = 0.1  # second
BURIED_BIAS: Final = -14.282
BURIED: Final = (2.119, -4.295, 0.598, 1.35, 4.633, 0.461, 16.424)
ALONE_BIAS: Final = -12.67
ALONE: Final = (1.82,)
"""Of coinciding peaks without chroma."""
UNISON_SLACK: Final = 0.02

COMPOSITION_BIAS: Final = -21.65
COMPOSITION: Final = (23.52, 3.50)


def probability(error: float, self_error: float, turnover: int) -> float:
    """Probability that a stretch is a real match.

    Parameters
    ----------
    error : float
        Share of differing bits on the alignment, 0 to 1.
    self_error : float
        The same of the query against itself at other places.
    turnover : int
        Bits that change from word to word of the query.
    """
    weighed = error * max(1.0, LIVELY_SELF_ERROR / max(self_error, 0.02))
    z = BIAS + TURNOVER * math.log1p(turnover) + ERROR * weighed
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def evidence(path: Path, unison: float) -> tuple[float, float, float, float, float, float]:
    """What of a path speaks for it and against it.

    Returns
    -------
    tuple of float
        Mean likeness; how far that is above what is usual, up to ``UNUSUAL_ENOUGH``; logarithm of
        the number of vectors; how far the tempo is changed, as a logarithm; sum of the likeness
        above what is usual; how seldom chroma agree as well beside the path.
    """
    return (
        path.likeness,
        min(path.distinct / path.vectors, UNUSUAL_ENOUGH),
        math.log(path.vectors),
        abs(math.log(path.line.tempo_ratio)),
        path.distinct,
        unison,
    )


def altered_probability(path: Path, unison: float, query_seconds: float) -> float:
    """Probability that a path of vectors is a real match.

    The constants were fitted on queries of up to half a minute. A longer one has as many more places
    at which chance may make a path, so its odds are divided by that number.
    """
    return logistic(ALTERED_BIAS, ALTERED, evidence(path, unison), query_seconds)


def buried_evidence(found: Coincidence, accord: Accord | None) -> tuple[float, ...]:
    """What of coinciding peaks speaks for them.

    Returns
    -------
    tuple of float
        Square root of the information; where accord is known, what coincides beyond chance over the square
        root of the peaks, the odds of the unison of chroma and of vectors, as
        logarithms, the excess, up to ``EXCESS_ENOUGH``, the logarithm of how long it lasts, and what is
        kept of the reference's strongest peaks.
    """
    information = math.sqrt(found.information)
    if accord is None:
        return (information,)
    return (
        information,
        (found.share - found.by_chance) * math.sqrt(found.peaks),
        _log_odds(accord.chroma),
        _log_odds(accord.vectors),
        min(accord.excess, EXCESS_ENOUGH),
        math.log((found.last - found.first) / FRAMES_PER_SECOND + A_MOMENT),
        found.kept,
    )


def _log_odds(unison: float) -> float:
    return math.log((unison + UNISON_SLACK) / (1 - unison + UNISON_SLACK))


def buried_probability(found: Coincidence, accord: Accord | None, query_seconds: float) -> float:
    """Probability that coinciding peaks are a real match; see :func:`altered_probability`."""
    values = buried_evidence(found, accord)
    if len(values) == len(ALONE):
        return logistic(ALONE_BIAS, ALONE, values, query_seconds)
    return logistic(BURIED_BIAS, BURIED, values, query_seconds)


def composition_evidence(found: Likeness) -> tuple[float, float]:
    """What of a likeness speaks for it: that it is of one key, and how much of it is unusual.

    Returns
    -------
    tuple of float
        Mean likeness along the line above that in the best other key; square root of the sum of
        likeness above what is usual.
    """
    return (found.mean - found.other_keys, math.sqrt(max(0.0, found.distinct)))


def composition_probability(found: Likeness, query_seconds: float) -> float:
    """Probability that a work is played in the query; see :func:`altered_probability`."""
    return logistic(COMPOSITION_BIAS, COMPOSITION, composition_evidence(found), query_seconds)


def logistic(
    bias: float, weights: Sequence[float], values: Sequence[float], query_seconds: float
) -> float:
    """Probability that evidence of a query of so many seconds makes."""
    z = bias + sum(weight * value for weight, value in zip(weights, values, strict=True))
    z -= math.log(max(1.0, query_seconds / FITTED_SECONDS))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))
