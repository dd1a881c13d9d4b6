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


def film(samples: np.ndarray) -> bytes:
    """Samples at `RATE`, with five pictures a second of some 200 KB each between them."""
    file, noise = io.BytesIO(), np.random.default_rng(0)
    with av.open(file, "w", format="matroska") as container:
        pictures = container.add_stream("mjpeg", rate=5, width=640, height=480, pix_fmt="yuvj420p")
        pictures.codec_context.qmin = pictures.codec_context.qmax = 1
        sound = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for n, part in enumerate(np.array_split(samples, round(5 * len(samples) / RATE))):
            picture = av.VideoFrame.from_ndarray(noise.integers(0, 255, (480, 640, 3), np.uint8))
            picture.pts = n
            container.mux(pictures.encode(picture))
            frame = av.AudioFrame.from_ndarray((part[None] * 32767).astype(np.int16), "s16", "mono")
            frame.sample_rate = RATE
            container.mux(sound.encode(frame))
    return file.getvalue()
