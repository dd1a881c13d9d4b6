"""Seconds of a recording taken out, silenced, or filled with other sound, with fades short enough not to be missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

F32Array = NDArray[np.float32]
FADE_SECONDS: Final = 0.01


@dataclass(frozen=True)
class Part:
    """Seconds of a track, and what is done to them.

    Attributes
    ----------
    with_track : str, optional
        Of what is replaced: the id of the track whose sound is put in.
    from_s : float
        From where on, in seconds of that track.
    """

    kind: Literal["cut", "mute", "replace"]
    start: float
    end: float
    with_track: str | None = None
    from_s: float = 0.0


def mended(
    samples: F32Array,
    sample_rate: int,
    parts: Sequence[Part],
    fills: Sequence[F32Array | None] = (),
) -> F32Array:
    """Return a recording without what is cut, silent where it is muted, and with other sound where it is replaced.

    Each border is faded over 10 ms on the side that stays, so that it does not click; nothing of what goes
    is heard.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    sample_rate : int
        Hz.
    parts : sequence of Part
        May overlap; a cut wins over a mute, a mute over a fill.
    fills : sequence of float32 array, shape (channels, length of the part), or None
        What is put in, by part; faded in and out over 10 ms within the part.

    Returns
    -------
    float32 array, shape (channels, m), m <= n.
    """
    count = samples.shape[1]
    gain = np.ones(count, np.float32)
    fill_gain = np.ones(count, np.float32)
    kept = np.ones(count, bool)
    put_in = np.zeros_like(samples)
    fade = max(1, round(FADE_SECONDS * sample_rate))
    ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    for n, part in enumerate(parts):
        start, end = (min(count, round(at * sample_rate)) for at in (part.start, part.end))
        _silence(gain, start, end, ramp)
        fill = fills[n] if n < len(fills) else None
        if fill is not None:
            put_in[:, start:end] = _faded(fill, ramp)
            continue
        _silence(fill_gain, start, end, ramp)
        if part.kind == "cut":
            kept[start:end] = False
    done = samples * gain + put_in * fill_gain
    return np.ascontiguousarray(done[:, kept], dtype=np.float32)


def _silence(gain: F32Array, start: int, end: int, ramp: F32Array) -> None:
    """Bring a gain to nothing between two samples, by a fade on either side."""
    before, after = min(len(ramp), start), min(len(ramp), len(gain) - end)
    gain[start:end] = 0
    if before:
        gain[start - before : start] *= ramp[::-1][len(ramp) - before :]
    gain[end : end + after] *= ramp[:after]


def _faded(fill: F32Array, ramp: F32Array) -> F32Array:
    """Return a fill with a fade at both ends, of half its length at most."""
    faded = fill.copy()
    length = min(len(ramp), fill.shape[1] // 2)
    if length:
        short = ramp[:: max(1, len(ramp) // length)][:length]
        faded[:, :length] *= short
        faded[:, -length:] *= short[::-1]
    return faded
