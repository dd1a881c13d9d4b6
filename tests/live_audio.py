"""Bytes as stations send them."""

import io

import av
import numpy as np
import soundfile

from tests.songs import RATE


def encoded(samples: np.ndarray, form: str = "mp3", codec: str = "libmp3lame") -> bytes:
    """Samples of shape (n,) at `RATE` as bytes of a container."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), "fltp", "mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(stream.format, "mono", RATE, stream.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


def filed(samples: np.ndarray, form: str) -> bytes:
    """Samples at 48 kHz as bytes of a file."""
    file = io.BytesIO()
    kind = {"format": "OGG", "subtype": form} if form in ("VORBIS", "OPUS") else {"format": form}
    soundfile.write(file, samples, 48000, **kind)
    return file.getvalue()
