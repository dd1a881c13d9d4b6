"""The network that turns log-frequency spectra into one vector every half second."""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fingerprint.embedding.geometry import CONTEXT_FRAMES, DIMENSIONS, LEVEL_FRAMES
from fingerprint.embedding.levels import OFFSET, RANGE_DB
from fingerprint.spectrum import BINS, MARGIN


class SegmentNetwork(nn.Module):
    """Convolutions without padding in time, so that a whole track costs little more than a part.

    Its input is what :func:`levelled` returns: float32 of shape (batch, 1, BINS, frames); its
    output has shape (batch, vectors, DIMENSIONS), each of length one, vector ``k`` from frames
    ``k * HOP_FRAMES`` to ``k * HOP_FRAMES + FIELD_FRAMES``.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(1, width, (5, 3), (2, 1)),
            _convolution(width, 2 * width, (3, 3), (1, 2)),
            _convolution(2 * width, 2 * width, (3, 3), (2, 1)),
            _convolution(2 * width, 4 * width, (3, 3), (2, 2)),
            _convolution(4 * width, 4 * width, (3, 3), (1, 1)),
            _convolution(4 * width, 6 * width, (3, 3), (2, 1)),
            nn.Conv2d(6 * width, 2 * width, 1),
            nn.ELU(),
        )
        self.head = nn.Conv2d(2 * width, DIMENSIONS, (BINS // 16 + 1, 6), stride=(1, 3))

    def fused(self) -> Self:
        """Fold the normalisations into the convolutions: a quarter less time, never trained again."""
        for number, layer in enumerate(self.layers):
            if isinstance(layer, nn.Sequential):
                convolution, norm, activation = layer
                assert isinstance(convolution, nn.Conv2d)
                assert isinstance(norm, nn.BatchNorm2d)
                fused = fuse_conv_bn_eval(convolution, norm)
                self.layers[number] = nn.Sequential(fused, activation)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def forward(self, levels: Tensor) -> Tensor:
        vectors = self.head(self.layers(levels)).squeeze(2).transpose(1, 2)
        return functional.normalize(vectors, dim=2)


def levelled(spectra: Tensor) -> Tensor:
    """As :func:`fingerprint.embedding.levels.levelled`, of batches.

    Parameters
    ----------
    spectra : float32 tensor, shape (batch, bins with margins, frames)
        In dB.

    Returns
    -------
    float32 tensor, shape (batch, 1, BINS, frames - 2 * CONTEXT_FRAMES)
    """
    inner = spectra[:, MARGIN : MARGIN + BINS]
    loudness = 10 * torch.log10((10 ** (inner / 10)).sum(dim=1, keepdim=True) + 1e-12)
    level = functional.avg_pool1d(loudness, LEVEL_FRAMES, stride=1)
    inner = inner[:, :, CONTEXT_FRAMES : inner.shape[2] - CONTEXT_FRAMES]
    levels = (inner - level).clamp(min=-RANGE_DB) / RANGE_DB + OFFSET
    return levels.unsqueeze(1).contiguous(memory_format=torch.channels_last)


def _convolution(
    given: int, made: int, kernel: tuple[int, int], stride: tuple[int, int]
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, made, kernel, stride, padding=(kernel[0] // 2, 0), bias=False),
        nn.BatchNorm2d(made),
        nn.ELU(inplace=True),
    )
