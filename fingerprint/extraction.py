"""Chromaprint and the waveform from decoded samples."""

from typing import Final

import chromaprint
import numpy as np

from fingerprint.arrays import F32Array, U32Array
from fingerprint.channels import gain, polarity
from fingerprint.errors import TooShortError, UnusableAudioError
from fingerprint.sub_fingerprints import (
    CHROMAPRINT_RATE,
    MAX_DURATION_SECONDS,
    SPAN_SECONDS,
    Fingerprint,
)
from fingerprint.waveform import Waveform, WaveformMeter

MIN_SAMPLE_RATE: Final = 2000
MAX_SAMPLE_RATE: Final = 768_000
MAX_CHANNELS: Final = 64
_CHUNK: Final = 1 << 17
"""Samples per channel that are converted to 16 bits at a time: of stereo that copy takes half a megabyte."""


def fingerprint(samples: F32Array, sample_rate: int) -> Fingerprint:
    """Chromaprint sub-fingerprints of decoded audio, and its waveform.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        -1 to 1; what lies outside is clipped, what is very quiet raised, and channels that cancel each other
        turned over (`fingerprint/channels.py`). Chromaprint averages them.
    sample_rate : int
        In Hz, 2,000 to 768,000.

    Returns
    -------
    Fingerprint

    Raises
    ------
    UnusableAudioError
        If the shape, the rate or a sample (NaN, infinite) cannot be used.
    TooShortError
        If there is not one whole word in it (2.8 s).

    References
    ----------
    Jang, Yoo, Lee, Kim & Kalker, "Pairwise boosted audio fingerprint", IEEE TIFS 2009, in the
    variant of https://oxygene.sk/2011/01/how-does-chromaprint-work/
    """
    if samples.ndim != 2 or not 1 <= samples.shape[0] <= MAX_CHANNELS:
        raise UnusableAudioError(
            f"need samples of shape (1..{MAX_CHANNELS} channels, n), got {samples.shape}"
        )
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise UnusableAudioError(
            f"sample rate {sample_rate} Hz is not in {MIN_SAMPLE_RATE}..{MAX_SAMPLE_RATE}"
        )
    duration = samples.shape[1] / sample_rate
    if duration > MAX_DURATION_SECONDS:
        raise UnusableAudioError(f"{duration:.0f} s is longer than {MAX_DURATION_SECONDS:.0f} s")
    if sample_rate < CHROMAPRINT_RATE:
        samples, sample_rate = _raised(samples, sample_rate)
    words, waveform = _measured(samples, sample_rate)
    if not len(words):
        raise TooShortError(f"{duration:.2f} s of audio, need {SPAN_SECONDS + 0.1:.1f} s")
    return Fingerprint(words, duration, waveform=waveform)


def _raised(samples: F32Array, sample_rate: int) -> tuple[F32Array, int]:
    """Bring a low rate above Chromaprint's own.

    Chromaprint 1.5 drops what does not fit its resampling buffer when it has to raise the rate:
    10 s at 8,000 Hz lost 8 of 59 words.
    """
    from scipy.signal import resample_poly  # half a second to import, and low rates are rare

    factor = -(-CHROMAPRINT_RATE // sample_rate)
    return resample_poly(samples, factor, 1, axis=1).astype(np.float32), sample_rate * factor


def _measured(samples: F32Array, sample_rate: int) -> tuple[U32Array, Waveform]:
    """Sub-fingerprints, none of too little audio, and waveform in one pass."""
    channels, n = samples.shape
    printer = chromaprint.Fingerprinter()
    printer.start(sample_rate, channels)
    meter = WaveformMeter(n, sample_rate)
    factors = (gain(samples) * polarity(samples))[:, None]
    for start in range(0, n, _CHUNK):
        chunk = samples[:, start : start + _CHUNK]  # (channels, chunk)
        if not np.isfinite(chunk).all():
            raise UnusableAudioError("the samples hold NaN or infinite values")
        clipped = np.clip(chunk * factors, -1, 1)
        whole = np.rint(clipped * np.float32(32767)).astype(np.int16)
        printer.feed(np.ascontiguousarray(whole.T).tobytes())  # interleaved
        meter.add(clipped)
    try:
        words, _ = chromaprint.decode_fingerprint(printer.finish())
    except chromaprint.FingerprintError:  # nothing to decode: not one word
        words = []
    return np.array(words, dtype=np.uint32), meter.waveform()
