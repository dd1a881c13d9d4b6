"""Spectra in, vectors out: what a recording sounds like, every half second, however altered."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from fingerprint.arrays import F32Array
from fingerprint.embedding.geometry import (
    CENTRE_SECONDS,
    CONTEXT_FRAMES,
    DIMENSIONS,
    FIELD_FRAMES,
    HOP_FRAMES,
    HOP_SECONDS,
)
from fingerprint.spectrum import (
    BINS,
    BINS_PER_OCTAVE,
    BINS_PER_SEMITONE,
    FLOOR_DB,
    FRAMES_PER_SECOND,
    MARGIN,
)

if TYPE_CHECKING:
    from fingerprint.embedding.network import SegmentNetwork

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "recordings.safetensors"
SCALE: Final = 127.0
BLOCK: Final = 64 * HOP_FRAMES

I8Array = NDArray[np.int8]
U8Array = NDArray[np.uint8]


@cache
def network(weights: Path = WEIGHTS) -> "SegmentNetwork":
    """Load the network once a process."""
    from safetensors.torch import load_file

    from fingerprint.embedding.network import SegmentNetwork

    made = SegmentNetwork()
    made.load_state_dict(load_file(weights))
    made.eval()
    return made


def vectors(spectra: F32Array, *, weights: Path = WEIGHTS, shift: int = 0) -> F32Array:
    """Embed a track.

    Parameters
    ----------
    spectra : float32 array, shape (frames, bins with margins)
        From :func:`fingerprint.spectrum.spectrum`.
    shift : int
        Frames to leave out at the start.

    Returns
    -------
    float32 array, shape (n, 64)
        Of length one each. Vector ``k`` sees the two seconds around ``CENTRE_SECONDS + shift /
        FRAMES_PER_SECOND + k * HOP_SECONDS``. Nothing (n = 0) below two seconds.
    """
    import torch

    from fingerprint.embedding.network import levelled

    own = spectra[shift:]
    count = (len(own) - FIELD_FRAMES) // HOP_FRAMES + 1
    if count < 1:
        return np.empty((0, DIMENSIONS), np.float32)
    padded = np.pad(own, ((CONTEXT_FRAMES, CONTEXT_FRAMES), (0, 0)), mode="edge")
    made = []
    with torch.inference_mode():
        for start in range(0, count * HOP_FRAMES, BLOCK):
            stop = min(start + BLOCK - HOP_FRAMES, (count - 1) * HOP_FRAMES) + FIELD_FRAMES
            piece = torch.from_numpy(padded[start : stop + 2 * CONTEXT_FRAMES].T.copy())[None]
            made.append(network(weights)(levelled(piece))[0].numpy())
    return np.concatenate(made)


def query_vectors(
    spectra: F32Array, semitones: float = 0.0, *, weights: Path = WEIGHTS
) -> tuple[F32Array, NDArray[np.float64]]:
    """Embed a query twice as densely as a reference, as if it were played at another pitch.

    Parameters
    ----------
    semitones : float
        By how much the pitch is raised before; at most ``MARGIN / 2`` up or down.

    Returns
    -------
    (float32 array, shape (n, 64); float64 array, shape (n,))
        Vectors, and the middles of what they see in seconds, ascending.
    """
    raised = transposed(spectra, round(semitones * BINS_PER_SEMITONE))
    parts = [
        (vectors(raised, weights=weights, shift=shift), shift) for shift in (0, HOP_FRAMES // 2)
    ]
    found = np.concatenate([own for own, _ in parts])
    seconds = np.concatenate(
        [
            np.arange(len(own)) * HOP_SECONDS + shift / FRAMES_PER_SECOND + CENTRE_SECONDS
            for own, shift in parts
        ]
    )
    order = np.argsort(seconds)
    return found[order], seconds[order]


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


def chroma(spectra: F32Array, count: int, *, shift: int = 0) -> F32Array:
    """Pitch classes in quarter tones around each vector, to tell by how much a copy was shifted.

    Returns
    -------
    float32 array, shape (count, 24)
        Mean removed, of length one each.
    """
    inner = np.maximum(spectra[shift:, MARGIN : MARGIN + BINS], FLOOR_DB)
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


def quantised(values: F32Array) -> I8Array:
    """Pack values of -1 to 1 into bytes."""
    packed: I8Array = np.round(values * SCALE).clip(-127, 127).astype(np.int8)
    return packed
