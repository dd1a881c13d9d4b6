"""What people do to other people's music, done to spectra: fast enough to train with.

Powers add where sounds are mixed, a pitch shift is a move along the bins, a tempo change a stretch
of time. Everything works on float32 tensors of shape (batch, bins with margins, frames) in dB.
"""

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from fingerprint.spectrum import (
    BINS,
    BINS_PER_SEMITONE,
    FLOOR_DB,
    FRAMES_PER_SECOND,
    MARGIN,
    centre_hertz,
)

TEMPO: Final = (0.77, 1.30)
SEMITONES: Final = 2.2
"""A query is looked up at three pitches, three semitones apart; the rest is the network's."""
JITTER_FRAMES: Final = 6.5
WIDTH: Final = BINS + 2 * MARGIN


def warped(source: Tensor, frames: int, random: torch.Generator) -> Tensor:
    """Cut the middle of longer excerpts at other tempos and pitches.

    Parameters
    ----------
    source : float32 tensor, shape (batch, WIDTH, long)
        Excerpts around what the anchor sees, long enough for the fastest tempo.
    frames : int
        Frames of the result.
    """
    count = source.shape[0]
    tempo = _between(count, math.log(TEMPO[0]), math.log(TEMPO[1]), random).exp()
    semitones = _between(count, -SEMITONES, SEMITONES, random)
    plain, steady = torch.rand(2, count, generator=random)
    semitones = torch.where(plain < 0.3, torch.zeros(count), semitones)
    tempo = torch.where(steady < 0.35, torch.ones(count), tempo)
    jitter = _between(count, -JITTER_FRAMES, JITTER_FRAMES, random)
    steps = torch.arange(frames) - (frames - 1) / 2
    # A faster copy shows more of the source in as many frames.
    at = (source.shape[2] - 1) / 2 + jitter[:, None] + tempo[:, None] * steps
    up = semitones[:, None] * BINS_PER_SEMITONE
    return _sampled(_sampled(source, at, 2), torch.arange(WIDTH) - up, 1)


def manipulated(
    spectra: Tensor,
    others: Tensor,
    speech: Tensor,
    sides: Tensor,
    has_side: Tensor,
    random: torch.Generator,
) -> Tensor:
    """Bury, filter, flatten and blur.

    Parameters
    ----------
    spectra, others, speech : float32 tensor, shape (batch, WIDTH, frames)
        What is manipulated, and other music and speech to lay over it.
    sides, has_side : float32 tensor of the same shape, bool tensor of shape (batch,)
        Left minus right, where there is one.
    """
    out = torch.where((_chance(spectra, 0.25, random) & has_side[:, None, None]), sides, spectra)
    level = _level(out)
    out = torch.where(_chance(out, 0.2, random), _reverberant(out, random), out)
    out = torch.where(
        _chance(out, 0.5, random), _mixed(out, others, level, (-4.0, 12.0), random), out
    )
    talk = _chance(out, 0.3, random)
    out = torch.where(talk, _mixed(out, speech, level, (-5.0, 6.0), random), out)
    noise = _noise(out, random)
    out = torch.where(
        _chance(out, 0.4, random), _mixed(out, noise, level, (-4.0, 20.0), random), out
    )
    out = torch.where(_chance(out, 0.5, random), out + _curve(out, 10.0, random), out)
    out = torch.where(_chance(out, 0.3, random), _compressed(out, random), out)
    out = torch.where(_chance(out, 0.25, random), out + _band(out, random), out)
    out = torch.where(_chance(out, 0.3, random), _coded(out, random), out)
    return out.clamp(min=FLOOR_DB)


def worn(spectra: Tensor, random: torch.Generator) -> Tensor:
    """Wear music out as rooms, microphones and codecs do, without anything laid over it but noise.

    Parameters
    ----------
    spectra : float32 tensor, shape (batch, WIDTH, frames)
    """
    out = torch.where(_chance(spectra, 0.3, random), _reverberant(spectra, random), spectra)
    noise = _noise(out, random)
    level = _level(out)
    out = torch.where(
        _chance(out, 0.3, random), _mixed(out, noise, level, (3.0, 30.0), random), out
    )
    out = torch.where(_chance(out, 0.5, random), out + _curve(out, 8.0, random), out)
    out = torch.where(_chance(out, 0.2, random), _compressed(out, random), out)
    out = torch.where(_chance(out, 0.15, random), out + _band(out, random), out)
    out = torch.where(_chance(out, 0.15, random), _coded(out, random), out)
    return out.clamp(min=FLOOR_DB)


def _between(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=random)


def _chance(like: Tensor, share: float, random: torch.Generator) -> Tensor:
    return (torch.rand(like.shape[0], generator=random) < share)[:, None, None]


def _sampled(values: Tensor, at: Tensor, dim: int) -> Tensor:
    """Interpolate along a dimension at positions of shape (batch, n); the floor lies beyond."""
    length = values.shape[dim]
    below = at.floor()
    share = (at - below).unsqueeze(1 if dim == 2 else 2)
    inside = ((at > -0.5) & (at < length - 0.5)).unsqueeze(1 if dim == 2 else 2)
    low = _taken(values, below.long().clamp(0, length - 1), dim)
    high = _taken(values, (below.long() + 1).clamp(0, length - 1), dim)
    return torch.where(inside, low + share * (high - low), torch.full_like(low, FLOOR_DB))


def _taken(values: Tensor, index: Tensor, dim: int) -> Tensor:
    if dim == 2:
        return values.gather(2, index.unsqueeze(1).expand(-1, values.shape[1], -1))
    return values.gather(1, index.unsqueeze(2).expand(-1, -1, values.shape[2]))


def _power(decibels: Tensor) -> Tensor:
    return 10 ** (decibels / 10)


def _decibels(power: Tensor) -> Tensor:
    return 10 * torch.log10(power + 1e-12)


def _level(spectra: Tensor) -> Tensor:
    return _decibels(_power(spectra).mean(dim=(1, 2), keepdim=True))


def _mixed(
    spectra: Tensor,
    other: Tensor,
    level: Tensor,
    ratio: tuple[float, float],
    random: torch.Generator,
) -> Tensor:
    """Add other sound at a signal-to-noise ratio between the two given, in dB."""
    wanted = level - _between(len(spectra), *ratio, random)[:, None, None]
    return _decibels(_power(spectra) + _power(other - _level(other) + wanted))


def _noise(spectra: Tensor, random: torch.Generator) -> Tensor:
    """Coloured noise: exponential powers around a slope between -6 and +3 dB an octave."""
    power = -torch.log(torch.rand(spectra.shape, generator=random).clamp(min=1e-9))
    octaves = (torch.arange(WIDTH) / 24.0)[None, :, None]
    slope = _between(len(spectra), -6.0, 3.0, random)[:, None, None]
    return _decibels(power) + slope * octaves


def _curve(spectra: Tensor, size: float, random: torch.Generator) -> Tensor:
    """A smooth equaliser: random gains (standard deviation ``size`` / 2) at seven points."""
    points = size / 2 * torch.randn(len(spectra), 1, 7, generator=random)
    curve = functional.interpolate(points, WIDTH, mode="linear", align_corners=True)
    return curve.transpose(1, 2)


def _band(spectra: Tensor, random: torch.Generator) -> Tensor:
    """Steep edges: telephones, radios, low sample rates."""
    hertz = torch.tensor(centre_hertz(), dtype=torch.float32).log2()[None, :, None]
    low = _between(len(spectra), math.log2(90), math.log2(450), random)[:, None, None]
    high = _between(len(spectra), math.log2(2500), math.log2(6000), random)[:, None, None]
    slope = 60.0  # dB an octave
    return -slope * ((low - hertz).clamp(min=0) + (hertz - high).clamp(min=0))


def _compressed(spectra: Tensor, random: torch.Generator) -> Tensor:
    """Take out part of the loudness' movement, as a fast compressor does."""
    loudness = _decibels(_power(spectra).mean(dim=1, keepdim=True))
    share = _between(len(spectra), 0.2, 0.9, random)[:, None, None]
    return spectra - share * (loudness - loudness.mean(dim=2, keepdim=True))


def _coded(spectra: Tensor, random: torch.Generator) -> Tensor:
    """Lose what lies far below each frame's loudest bin, as low bit rates do."""
    loudest = spectra.amax(dim=1, keepdim=True)
    kept = _between(len(spectra), 18.0, 50.0, random)[:, None, None]
    quiet = spectra < loudest - kept
    return torch.where(quiet, spectra - 25.0 * torch.rand(spectra.shape, generator=random), spectra)


def _reverberant(spectra: Tensor, random: torch.Generator) -> Tensor:
    """Let powers ring on: an exponential tail of 0.4 to 2 s (to -60 dB) beside the direct sound."""
    frames = int(0.8 * FRAMES_PER_SECOND)
    tail = _between(len(spectra), 0.4, 2.0, random)[:, None]
    times = torch.arange(frames)[None, :] / FRAMES_PER_SECOND
    decay = 10 ** (-6 * times / tail)
    decay = decay / decay.sum(dim=1, keepdim=True)
    wet = _between(len(spectra), 0.3, 1.0, random)[:, None]
    kernel = wet * decay
    kernel[:, 0] += (1 - wet)[:, 0]
    batch, bins, length = spectra.shape
    padded = functional.pad(_power(spectra), (frames - 1, 0))
    flipped = kernel.flip(1)[:, None, None, :].expand(batch, 1, 1, frames)
    blurred = functional.conv2d(
        padded.reshape(1, batch, bins, length + frames - 1), flipped, groups=batch
    )
    return _decibels(blurred.reshape(batch, bins, length))
