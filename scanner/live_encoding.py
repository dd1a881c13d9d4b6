"""Sound as a stream that has no end yet: WAV, or Opus in Ogg in pages of a fifth of a second."""

import io
import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

BIT_RATE: Final = 128_000
_OPUS_RATE: Final = 48_000
_PAGE_MICROSECONDS: Final = 200_000
_UNKNOWN: Final = 0xFFFFFFFF
Samples = NDArray[np.float32]


class Encoder(Protocol):
    """Samples in, the next bytes out."""

    media_type: str

    def feed(self, samples: Samples) -> bytes:
        """Encode the next samples, float32 of shape (2, n)."""

    def finish(self) -> bytes:
        """Return what is left."""


class WavEncoder:
    """16-bit PCM under a header that says the length is unknown."""

    media_type = "audio/wav"

    def __init__(self, rate: int) -> None:
        form = struct.pack("<HHIIHH", 1, 2, rate, 4 * rate, 4, 16)
        chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
        self._header = b"RIFF" + struct.pack("<I", _UNKNOWN) + chunks
        self._header += b"data" + struct.pack("<I", _UNKNOWN)

    def feed(self, samples: Samples) -> bytes:
        """See :class:`Encoder`."""
        head, self._header = self._header, b""
        whole = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")
        return head + np.ascontiguousarray(whole.T).tobytes()

    def finish(self) -> bytes:
        """See :class:`Encoder`."""
        return b""


class OpusEncoder:
    """Opus in Ogg, which browsers play while it comes."""

    media_type = "audio/ogg"

    def __init__(self, rate: int) -> None:
        self._rate, self._sink = rate, io.BytesIO()
        pages = {"page_duration": str(_PAGE_MICROSECONDS)}
        self._output: Any = av.open(_Growing(self._sink), "w", format="ogg", options=pages)
        self._stream: Any = self._output.add_stream("libopus", rate=_OPUS_RATE, layout="stereo")
        self._stream.bit_rate = BIT_RATE
        resampler = av.AudioResampler(
            format=self._stream.codec_context.format,
            layout="stereo",
            rate=_OPUS_RATE,
            frame_size=self._stream.codec_context.frame_size or 960,
        )
        self._resample: Callable[[AudioFrame | None], list[AudioFrame]] = resampler.resample

    def feed(self, samples: Samples) -> bytes:
        """See :class:`Encoder`."""
        if samples.shape[1]:
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(samples), format="fltp", layout="stereo"
            )
            frame.sample_rate = self._rate
            for part in self._resample(frame):
                self._output.mux(self._stream.encode(part))
        return self._taken()

    def finish(self) -> bytes:
        """See :class:`Encoder`."""
        for part in self._resample(None):
            self._output.mux(self._stream.encode(part))
        self._output.mux(self._stream.encode(None))
        self._output.close()
        return self._taken()

    def _taken(self) -> bytes:
        content = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return content


class _Growing:
    """A file that can only be written on."""

    def __init__(self, sink: io.BytesIO) -> None:
        self._sink = sink

    def write(self, content: bytes) -> int:
        return self._sink.write(content)


ENCODERS: Final[dict[str, Callable[[int], Encoder]]] = {"ogg": OpusEncoder, "wav": WavEncoder}
"""By the form's name."""
