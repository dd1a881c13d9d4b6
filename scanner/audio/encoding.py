"""Samples in, a file out: the forms in which music is delivered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from scanner.audio.errors import AudioError
from scanner.wording import Told

Samples = NDArray[np.float32]

DEFAULT_BIT_RATE: Final = 192_000
LEAST_BIT_RATE: Final = 32_000
MOST_BIT_RATE: Final = 320_000
_LAYOUTS: Final = {1: "mono", 2: "stereo"}
_CHUNK: Final = 1 << 16
MAX_FLAC_CHANNELS: Final = 8
MAX_FLAC_RATE: Final = 655_350


@dataclass(frozen=True)
class Form:
    """A way to write sound down.

    Attributes
    ----------
    name : str
        As in a file's suffix.
    media_type : str
    lossless : bool
        Whether decoding gives the samples again, to 24 bits.
    """

    name: str
    media_type: str
    lossless: bool


WAV: Final = Form("wav", "audio/wav", lossless=True)
FLAC: Final = Form("flac", "audio/flac", lossless=True)
MP3: Final = Form("mp3", "audio/mpeg", lossless=False)
M4A: Final = Form("m4a", "audio/mp4", lossless=False)
OPUS: Final = Form("webm", "audio/webm", lossless=False)
"""What browsers play of a preview; music is not delivered in it."""
FORMS: Final = {form.name: form for form in (WAV, FLAC, MP3, M4A)}


@dataclass(frozen=True)
class _Codec:
    encoder: str
    container: str
    rates: tuple[int, ...]
    """Sample rates that it knows, ascending; another is resampled to the next one above."""


_CODECS: Final = {
    "webm": _Codec("libopus", "webm", (8000, 12000, 16000, 24000, 48000)),
    "mp3": _Codec(
        "libmp3lame", "mp3", (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
    ),
    "m4a": _Codec(
        "aac",
        "ipod",
        (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
    ),
}


def encode(
    samples: Samples, sample_rate: int, path: Path, form: Form, bit_rate: int = DEFAULT_BIT_RATE
) -> None:
    """Write sound into a file.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        -1 to 1; more is cut off.
    bit_rate : int
        Of a lossy form, bit/s.

    Raises
    ------
    AudioError
        ``too-many-channels`` or ``bad-sample-rate``, if the form has no way to hold the sound.
    """
    channels = samples.shape[0]
    if form.lossless:
        _check_lossless(form, channels, sample_rate)
        _write_lossless(samples, sample_rate, path, form)
        return
    if channels not in _LAYOUTS:
        raise AudioError(
            "too-many-channels",
            Told(
                "%(name)s is written with 1 or 2 channels here, and the sound has "
                "%(channels)s: choose flac or wav",
                name=form.name,
                channels=channels,
            ),
        )
    _write_lossy(samples, sample_rate, path, _CODECS[form.name], bit_rate)


def form_of(path: Path) -> Form:
    """Return the form that a file's suffix names.

    Raises
    ------
    AudioError
        ``unknown-format``, if it names none.
    """
    form = FORMS.get(path.suffix.lower().removeprefix("."))
    if form is None:
        raise AudioError(
            "unknown-format",
            Told("the name of the file must end in one of .%(forms)s", forms=", .".join(FORMS)),
        )
    return form


def holds(form: Form, path: Path) -> bool:
    """Whether a form can hold the sound of a lossless file."""
    with soundfile.SoundFile(path) as file:
        return form.lossless or file.channels in _LAYOUTS


def lossless_form_of(path: Path) -> Form:
    """Return the form of a lossless file by its first bytes, whatever it is called."""
    with path.open("rb") as file:
        return FLAC if file.read(4) == b"fLaC" else WAV


def _check_lossless(form: Form, channels: int, sample_rate: int) -> None:
    if form is not FLAC:
        return
    if channels > MAX_FLAC_CHANNELS:
        raise AudioError(
            "too-many-channels",
            Told(
                "flac holds up to %(max_flac_channels)s channels: choose wav",
                max_flac_channels=MAX_FLAC_CHANNELS,
            ),
        )
    if sample_rate > MAX_FLAC_RATE:
        raise AudioError(
            "bad-sample-rate",
            Told("flac holds up to %(max_flac_rate)s Hz: choose wav", max_flac_rate=MAX_FLAC_RATE),
        )


def _write_lossless(samples: Samples, sample_rate: int, path: Path, form: Form) -> None:
    kind = {"wav": "WAV", "flac": "FLAC"}[form.name]
    with soundfile.SoundFile(
        path, "w", sample_rate, samples.shape[0], subtype="PCM_24", format=kind
    ) as file:
        for chunk in _chunks(samples):
            file.write(np.clip(chunk, -1, 1).T)


def _write_lossy(
    samples: Samples, sample_rate: int, path: Path, codec: _Codec, bit_rate: int
) -> None:
    rate = next((each for each in codec.rates if each >= sample_rate), codec.rates[-1])
    layout = _LAYOUTS[samples.shape[0]]
    with av.open(str(path), "w", format=codec.container) as output:
        stream = output.add_stream(codec.encoder, rate=rate, layout=layout)
        if not isinstance(stream, av.AudioStream):
            raise TypeError(f"{codec.encoder} encodes no audio")
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        resample: Callable[[AudioFrame | None], list[AudioFrame]] = resampler.resample
        for chunk in _chunks(samples):
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(chunk), format="fltp", layout=layout
            )
            frame.sample_rate = sample_rate
            for part in resample(frame):
                output.mux(stream.encode(part))
        for part in resample(None):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))


def _chunks(samples: Samples) -> Iterator[Samples]:
    for start in range(0, samples.shape[1], _CHUNK):
        yield samples[:, start : start + _CHUNK]
