"""Decoded frames in, one run of interleaved float32 samples at one rate out, checked as it grows."""

import os
from typing import Any, Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from scanner.audio.decoded import DecodeLimits
from scanner.audio.errors import UNREADABLE, AudioError
from scanner.wording import Told

# Formats whose NumPy type says it all; the others (unsigned, 64-bit) go through the resampler.
_PLAIN_FORMATS: Final = frozenset({"flt", "fltp", "dbl", "dblp", "s16", "s16p", "s32", "s32p"})
_MIN_RATE: Final = 1000
_MAX_RATE: Final = 768_000
_BLOCK: Final = 1 << 18
_FLOAT: Final = 4


class SampleWriter:
    """Writes frames to a file as interleaved float32 samples.

    The first frame fixes rate and channels; what differs later is resampled to it. So the samples
    are one array whatever the file does in the middle.

    Parameters
    ----------
    output : int
        Descriptor of an empty file.
    """

    def __init__(self, output: int, limits: DecodeLimits) -> None:
        self._output = output
        self._limits = limits
        self._blocks: list[NDArray[Any]] = []
        self._waiting = 0
        self._resampler: AudioResampler | None = None
        self._resamples: tuple[str, int, str] | None = None
        self.rate = 0
        self.channels = 0
        self.samples = 0
        """Samples of each channel so far."""

    def write(self, frame: AudioFrame) -> bool:
        """Add a frame; return whether it was at another sample rate than the first.

        Raises
        ------
        AudioError
            unreadable-audio, too-many-channels, too-long or non-finite-samples.
        """
        if self.rate == 0:
            self._open(frame.sample_rate, frame.layout.nb_channels)
        other_rate = frame.sample_rate != self.rate
        same = not other_rate and frame.layout.nb_channels == self.channels
        if same and frame.format.name in _PLAIN_FORMATS:
            self.end_stream()
            block = frame.to_ndarray()  # (channels, n) planar, (1, n * channels) packed
            self._add(np.ascontiguousarray(block.T).reshape(-1) if block.shape[0] > 1 else block[0])
        else:
            self._resample(frame)
        return other_rate

    def end_stream(self) -> None:
        """Take what the resampler still holds."""
        if self._resampler is not None:
            for out in self._resampler.resample(None):
                self._add(out.to_ndarray()[0])
        self._resampler = self._resamples = None

    def flush(self) -> None:
        """Write what waits."""
        if not self._blocks:
            return
        block = _as_float(np.concatenate(self._blocks))
        self._blocks, self._waiting = [], 0
        if not np.isfinite(block).all():
            raise AudioError(
                "non-finite-samples", "the audio holds NaN or infinite samples: export it again"
            )
        view = block.data.cast("B")
        while view:
            view = view[os.write(self._output, view) :]

    def _open(self, rate: int, channels: int) -> None:
        if not _MIN_RATE <= rate <= _MAX_RATE:
            raise AudioError(
                UNREADABLE,
                Told(
                    "%(rate)s Hz is no sample rate of music: export it at 44100 or 48000 Hz",
                    rate=rate,
                ),
            )
        if channels < 1:
            raise AudioError(UNREADABLE, "the audio has no channels: export it again")
        if channels > self._limits.max_channels:
            raise AudioError(
                "too-many-channels",
                Told(
                    "%(channels)s channels; at most %(max_channels)s are taken: mix it down",
                    channels=channels,
                    max_channels=self._limits.max_channels,
                ),
            )
        self.rate, self.channels = rate, channels

    def _add(self, block: NDArray[Any]) -> None:
        if self._blocks and self._blocks[0].dtype != block.dtype:
            self.flush()
        self._blocks.append(block)
        self._waiting += block.size
        self.samples += block.size // self.channels
        if self.samples > self._limits.max_duration * self.rate:
            raise AudioError(
                "too-long",
                Told(
                    "the audio is longer than %(max_duration)s s: send it in parts",
                    max_duration=f"{self._limits.max_duration:g}",
                ),
            )
        if self.samples * self.channels * _FLOAT > self._limits.output_bytes:
            raise AudioError(
                "too-long",
                Told(
                    "the decoded audio takes more than %(output_bytes)s MiB: send it in "
                    "parts, with fewer channels or at a lower sample rate",
                    output_bytes=self._limits.output_bytes >> 20,
                ),
            )
        if self._waiting >= _BLOCK:
            self.flush()

    def _resample(self, frame: AudioFrame) -> None:
        shape = (frame.format.name, frame.sample_rate, frame.layout.name)
        if self._resamples != shape:
            self.end_stream()
            self._resampler = AudioResampler("flt", self._layout(frame), self.rate)
            self._resamples = shape
        assert self._resampler is not None
        frame.pts = None  # one stream's times mean nothing to the next
        for out in self._resampler.resample(frame):
            self._add(out.to_ndarray()[0])

    def _layout(self, frame: AudioFrame) -> AudioLayout | str:
        if frame.layout.nb_channels == self.channels:
            return frame.layout
        return {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels}c")


def _as_float(block: NDArray[Any]) -> NDArray[np.float32]:
    """Scale integers so that full scale is -1 to 1; floats keep what lies beyond."""
    if block.dtype.kind == "i":
        scaled: NDArray[np.float32] = np.multiply(
            block, 2.0 ** (1 - 8 * block.itemsize), dtype=np.float32
        )
        return scaled
    with np.errstate(over="ignore"):  # a double beyond float32 is caught as infinite
        return block.astype(np.float32, copy=False)
