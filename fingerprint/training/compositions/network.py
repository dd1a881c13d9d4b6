"""Two networks: one hears tones in a spectrogram, the other makes vectors of them."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fingerprint.composition.geometry import DIMENSIONS, KEYED, PITCH_CLASSES, SEMITONES
from fingerprint.composition.tones import VOICES
from fingerprint.embedding.levels import OFFSET, RANGE_DB
from fingerprint.spectrum import BINS

HARMONICS: Final = (-24, 0, 24, 38, 48, 56, 62)
"""Quarter tones from a tone to its sub-octave, itself and its next partials."""
HEARD: Final = 3
"""What is told of each semitone: the melody sounds, a note of the melody begins, any note sounds."""


class ToneNetwork(nn.Module):
    """Levels of shape (batch, 1, BINS, frames) in, probabilities of shape (batch, HEARD, SEMITONES, n) out.

    Tone frame ``k`` sees frames ``4 k`` to ``4 k + 42``. Partials of a tone lie equally far above it
    everywhere on an axis of quarter tones, so spectra that are moved down by them lie over each other
    (Bittner et al., "A lightweight instrument-agnostic model for polyphonic note transcription",
    ICASSP 2022).
    """

    def __init__(self, width: int = 16, depth: int = 32) -> None:
        super().__init__()
        middle = (width + depth) // 2
        self.layers = nn.Sequential(
            _convolution(len(HARMONICS) + 1, width, (5, 3), (1, 2), (2, 0)),
            _convolution(width, middle, (5, 3), (2, 1), (2, 0)),
            _convolution(middle, depth, (5, 3), (1, 2), (2, 0)),
            _convolution(depth, depth, (9, 5), (1, 1), (4, 0)),
            _Residual(depth),
            _Residual(depth),
        )
        self.head = nn.Conv2d(depth, HEARD, (3, 1), padding=(1, 0))
        register = torch.linspace(-0.5, 0.5, BINS).view(1, 1, BINS, 1)
        self.register_buffer("register", register, persistent=False)

    def forward(self, levels: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(levels))

    def logits(self, levels: Tensor) -> Tensor:
        """As :meth:`forward`, before the logistic function."""
        quiet = OFFSET - 1.0  # what lies beyond the spectrum is as quiet as can be
        reach = max(map(abs, HARMONICS))
        padded = functional.pad(levels, (0, 0, reach, reach), value=quiet)
        moved = [padded[:, :, reach + by : reach + by + BINS] for by in HARMONICS]
        given: Tensor = self.register  # type: ignore[assignment]
        stacked = torch.cat([*moved, given + 0 * levels], dim=1)
        heard: Tensor = self.head(self.layers(stacked))
        return heard


class _Residual(nn.Module):
    """What it is given, without the first and the last frame, and what it makes of three frames."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = _convolution(width, width, (5, 3), (1, 1), (2, 0))

    def forward(self, seen: Tensor) -> Tensor:
        made: Tensor = self.convolution(seen)
        return seen[:, :, :, 1:-1] + made


class WorkNetwork(nn.Module):
    """Tones of shape (batch, VOICES, 12, frames) in; two kinds of vectors out.

    Every layer sees all pitch classes of all its inputs, counted from the one it makes: another key
    moves what it makes round the twelve and changes nothing else. Frames are not padded; vector ``k``
    sees tone frames ``6 k`` to ``6 k + 50``.

    Returns
    -------
    looked_up : float32 tensor, shape (batch, n, DIMENSIONS)
        The same in all keys, of length one.
    followed : float32 tensor, shape (batch, n, 12, KEYED)
        Moved round by another key, of length one.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _Circular(VOICES, width, 3, 1),
            _Circular(width, width, 3, 2),
            _Circular(width, 2 * width, 3, 3),
        )
        self.followed = nn.Conv2d(2 * width, KEYED, (PITCH_CLASSES, 8))
        self.gathered = nn.Conv2d(2 * width, 3 * width, (1, 8))
        self.norm = nn.BatchNorm2d(3 * width)
        self.looked_up = nn.Linear(3 * width, DIMENSIONS)

    def forward(self, tones: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.layers(tones)
        followed = self.followed(_round(seen)).permute(0, 3, 2, 1)  # (batch, n, 12, KEYED)
        followed = followed - followed.mean(dim=2, keepdim=True)
        scale = followed.flatten(2).norm(dim=2)[:, :, None, None]
        anywhere = functional.elu(self.norm(self.gathered(seen))).amax(dim=2).transpose(1, 2)
        looked_up = functional.normalize(self.looked_up(anywhere), dim=2)
        return looked_up, followed / (scale + 1e-6)


class _Circular(nn.Module):
    """A convolution round the pitch classes and along time."""

    def __init__(self, given: int, made: int, frames: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(given, made, (PITCH_CLASSES, frames), (1, stride), bias=False)
        self.norm = nn.BatchNorm2d(made)

    def forward(self, tones: Tensor) -> Tensor:
        return functional.elu(self.norm(self.convolution(_round(tones))))


def _round(tones: Tensor) -> Tensor:
    """The twelve pitch classes followed by the first eleven again."""
    return torch.cat([tones, tones[:, :, : PITCH_CLASSES - 1]], dim=2)


def _convolution(
    given: int, made: int, kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, made, kernel, stride, pad, bias=False),
        nn.BatchNorm2d(made),
        nn.ELU(inplace=True),
    )


assert BINS == 2 * SEMITONES and RANGE_DB > 0
