"""Key of a track: which pitch classes stand out, beside what each of 24 keys prefers.

References
----------
Albrecht & Shanahan, "The use of large corpora to train a new type of key-finding algorithm",
Music Perception 31(1), 2013: the profiles.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, F64Array
from fingerprint.spectrum import BINS, BINS_PER_OCTAVE, MARGIN

MAJOR: Final = (
    *(0.238, 0.006, 0.111, 0.006, 0.137, 0.094),
    *(0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
)
MINOR: Final = (
    *(0.220, 0.006, 0.104, 0.123, 0.019, 0.103),
    *(0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
)
MAJOR_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_NAMES: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
AUDIBLE_DB: Final = -65.0
NEIGHBOURHOOD: Final = 13
"""Quarter tones over whose mean a pitch must stand out: an equaliser is not one."""
TONAL: Final = 0.55
"""Best correlation with a profile below which there is no key: noise, drums and single tones reach
0.55, most music 0.6 to 0.9."""
UNEVEN: Final = 0.15
"""Spread of the pitch classes over their mean below which none stands out: white noise has up to
0.08, music from 0.25 on."""
SHARPNESS: Final = 14.0
"""Of the softmax over the 24 correlations that the confidence is."""
MIN_FRAMES: Final = 50


@dataclass(frozen=True)
class Key:
    """The key of a track.

    Attributes
    ----------
    name : str
        Such as ``"D minor"``.
    confidence : float
        How far it stands out from the 23 others, 0 to 1; not the probability of being right.
    other : str
        The next best one: often the relative or the dominant.
    """

    name: str
    confidence: float
    other: str


def key(spectra: F32Array) -> Key | None:
    """Estimate the key of a whole track.

    Parameters
    ----------
    spectra : float32 array, shape (frames, bins with margins)
        In dB, from :func:`fingerprint.spectrum.spectrum`.

    Returns
    -------
    Key, or None where no pitch stands out, or there are fewer than 2 s of sound.
    """
    classes = pitch_classes(spectra)
    if classes is None:
        return None
    fits = np.array([_correlation(classes, profile) for profile in (MAJOR, MINOR)])  # (2, 12)
    best, second = np.argsort(-fits, axis=None)[:2]
    if fits.flat[best] < TONAL:
        return None
    odds = np.exp(SHARPNESS * (fits - fits.flat[best]))
    return Key(_name(int(best)), float(1 / odds.sum()), _name(int(second)))


def pitch_classes(spectra: F32Array) -> F64Array | None:
    """How much each pitch class stands out, C first, shape (12,); None if nothing does."""
    from scipy.ndimage import uniform_filter1d

    inner = spectra[:, MARGIN : MARGIN + BINS]
    inner = inner[inner.max(axis=1, initial=-np.inf) > AUDIBLE_DB]
    if len(inner) < MIN_FRAMES:
        return None
    heard = np.maximum(inner, np.float32(AUDIBLE_DB))
    over = heard - uniform_filter1d(heard, NEIGHBOURHOOD, axis=1, mode="nearest")
    quarters = np.maximum(over, 0).sum(axis=0, dtype=np.float64)
    quarters = quarters.reshape(BINS // BINS_PER_OCTAVE, BINS_PER_OCTAVE).sum(axis=0)
    # A quarter tone between two semitones counts half for either.
    between = quarters[1::2]
    classes: F64Array = quarters[::2] + 0.5 * (between + np.roll(between, 1))
    if classes.std() <= UNEVEN * classes.mean():
        return None
    return classes


def _correlation(classes: F64Array, profile: tuple[float, ...]) -> F64Array:
    """Of the pitch classes with a profile on each tonic, shape (12,)."""
    turned = np.array([np.roll(profile, tonic) for tonic in range(12)])
    own = classes - classes.mean()
    theirs = turned - turned.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(own) * np.linalg.norm(theirs, axis=1)
    fits: F64Array = theirs @ own / np.maximum(norms, 1e-12)
    return fits


def _name(number: int) -> str:
    if number < 12:
        return f"{MAJOR_NAMES[number]} major"
    return f"{MINOR_NAMES[number - 12]} minor"
