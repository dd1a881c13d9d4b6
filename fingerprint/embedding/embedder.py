"""Spectra in, vectors out: what a recording sounds like, every half second, however altered."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fingerprint.arrays import BoolArray, F32Array
from fingerprint.embedding.embedding import PITCHES, Embedding, quantised
from fingerprint.embedding.geometry import (
    CONTEXT_FRAMES,
    DIMENSIONS,
    FIELD_FRAMES,
    HOP_FRAMES,
)
from fingerprint.embedding.levels import levelled
from fingerprint.spectrum import (
    BINS,
    BINS_PER_OCTAVE,
    BINS_PER_SEMITONE,
    FLOOR_DB,
    MARGIN,
    spectrum,
)

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "recordings.onnx"
BLOCK: Final = 256 * HOP_FRAMES
SILENT_DB: Final = -75.0


@cache
def network(weights: Path = WEIGHTS) -> "InferenceSession":
    """Load the network once a process.

    It runs in one thread: a machine's cores are shared among processes, not fought over.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def vectors(spectra: F32Array, *, weights: Path = WEIGHTS) -> F32Array:
    """Return the vectors of a track at one pitch.

    Parameters
    ----------
    spectra : float32 array, shape (frames, bins with margins)
        From :func:`fingerprint.spectrum.spectrum`.

    Returns
    -------
    float32 array, shape (n, 64)
        Of length one each. Vector ``k`` sees the two seconds around ``CENTRE_SECONDS + k *
        HOP_SECONDS``. Nothing (n = 0) below two seconds.
    """
    count = (len(spectra) - FIELD_FRAMES) // HOP_FRAMES + 1
    if count < 1:
        return np.empty((0, DIMENSIONS), np.float32)
    padded = np.pad(spectra, ((CONTEXT_FRAMES, CONTEXT_FRAMES), (0, 0)), mode="edge")
    made = []
    for start in range(0, count * HOP_FRAMES, BLOCK):
        stop = min(start + BLOCK - HOP_FRAMES, (count - 1) * HOP_FRAMES) + FIELD_FRAMES
        levels = levelled(padded[start : stop + 2 * CONTEXT_FRAMES])
        (made_here,) = network(weights).run(None, {"levels": levels[None, None]})
        made.append(made_here[0])
    return np.concatenate(made)


def embed(samples: F32Array, sample_rate: int) -> Embedding:
    """Embed decoded audio.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        -1 to 1. Channels are averaged.
    sample_rate : int
        In Hz.

    Returns
    -------
    Embedding
        Without any vector below two seconds.

    Raises
    ------
    UnusableAudioError
        If the shape cannot be used.
    """
    return embed_spectrum(spectrum(samples, sample_rate))


def embed_spectrum(spectra: F32Array, *, weights: Path = WEIGHTS) -> Embedding:
    """As :func:`embed`, from what :func:`fingerprint.spectrum.spectrum` returns."""
    made = [
        vectors(transposed(spectra, round(semitones * BINS_PER_SEMITONE)), weights=weights)
        for semitones in PITCHES
    ]
    heard = audible(spectra, len(made[0]))[:, None]
    return Embedding(
        quantised(np.stack(made) * heard), quantised(chroma(spectra, len(made[0])) * heard)
    )


def audible(spectra: F32Array, count: int) -> BoolArray:
    """Which vectors see frames whose loudest bins are above :data:`SILENT_DB` on average; all silences are alike.

    Returns
    -------
    bool array, shape (count,)
    """
    loudest = spectra.max(axis=1)
    starts = np.arange(count)[:, None] * HOP_FRAMES + np.arange(FIELD_FRAMES)
    heard: BoolArray = loudest[starts].mean(axis=1) > SILENT_DB
    return heard


def transposed(spectra: F32Array, bins: int) -> F32Array:
    """Move spectra up by so many bins; the floor comes in at the edge."""
    if bins == 0:
        return spectra
    moved = np.full_like(spectra, FLOOR_DB)
    if bins > 0:
        moved[:, bins:] = spectra[:, :-bins]
    else:
        moved[:, :bins] = spectra[:, -bins:]
    return moved


def chroma(spectra: F32Array, count: int) -> F32Array:
    """Pitch classes in quarter tones around each vector, to tell by how much a copy was shifted.

    Returns
    -------
    float32 array, shape (count, 24)
        Mean removed, of length one each.
    """
    from scipy.ndimage import uniform_filter1d

    inner = np.maximum(spectra[:, MARGIN : MARGIN + BINS], FLOOR_DB)
    # Peaks over their neighbourhood: an equaliser or a bass drum is not a pitch.
    smooth = uniform_filter1d(inner, 13, axis=1, mode="nearest")
    peaks = np.maximum(inner - smooth, 0)
    folded = peaks.reshape(len(peaks), BINS // BINS_PER_OCTAVE, BINS_PER_OCTAVE).sum(axis=1)
    sums = np.concatenate([np.zeros((1, BINS_PER_OCTAVE)), np.cumsum(folded, axis=0)])
    starts = np.arange(count) * HOP_FRAMES
    windows = sums[starts + FIELD_FRAMES] - sums[starts]
    windows -= windows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(windows, axis=1, keepdims=True)
    directions: F32Array = (windows / np.maximum(norms, 1e-6)).astype(np.float32)
    return directions
