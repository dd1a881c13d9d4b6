"""Manipulated copies of music, as people upload them, to measure how well fingerprints hold.

An :class:`Alteration` takes an excerpt of any music and returns the copy, together with what is
true of it: by how many semitones and by what tempo it differs. Excerpts go in and come out at
44.1 kHz as float32 of shape ``(channels, n)``; an alteration may turn stereo into mono or back.
All keep the music in time: what lay at ``t`` seconds lies at ``t / tempo_ratio``, within 3 ms, or
30 ms where *atempo* stretches.
All but *clean* return a peak of at most 1; a louder sum is turned down as a whole.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Protocol

import av
import numpy as np
import soxr
from av.filter import Graph
from numpy.typing import NDArray
from scipy import fft, signal
from scipy.interpolate import PchipInterpolator

Samples = NDArray[np.float32]

RATE: Final = 44100
LAYOUTS: Final = {1: "mono", 2: "stereo"}

EQ_DECIBELS: Final = 9.0
EQ_CENTRES_HZ: Final = 31.25 * 2.0 ** np.arange(10)  # one an octave, 31 Hz to 16 kHz
PHONE_RATE: Final = 8000
PHONE_BAND_HZ: Final = (300, 3400)
COMPRESSOR: Final = "threshold=0.02:ratio=20:attack=2:release=60:knee=2"
COMPRESSOR_LEVEL: Final = 0.1  # RMS that the compressor is fed: 14 dB over its threshold
CREST: Final = 2.0  # clipping level over RMS, 6 dB: 5 to 8 % of dense music is clipped
REVERB_RT60_SECONDS: Final = 1.2
REVERB_DIRECT_DECIBELS: Final = -6.0
ATEMPO_LEAD_SECONDS: Final = 0.012  # measured on music with onsets, at ratios of 0.7 to 0.99
SILENT: Final = 1e-5  # RMS, -100 dBFS
KARAOKE_FLOOR_DECIBELS: Final = -40.0


class AlterationError(Exception):
    """What makes an altered copy impossible."""


class NotAlterableError(AlterationError):
    """An excerpt that cannot be altered this way; another one may be."""


class Others(Protocol):
    """Where an alteration gets the material that it mixes with the music."""

    def music(self, seconds: float, rng: np.random.Generator) -> Samples:
        """Return other music, float32 of shape (1 or 2, n), at 44.1 kHz."""

    def speech(self, seconds: float, rng: np.random.Generator) -> Samples:
        """Return speech, float32 of shape (1 or 2, n), at 44.1 kHz; see :func:`benchmarks.speech.speech`."""


@dataclass(frozen=True)
class Alteration:
    """One way to manipulate a copy, and what is known of the result.

    Parameters
    ----------
    name : str
        Unique, such as "pitch +1".
    family : str
        What a table groups by, such as "pitch".
    apply : callable (samples, rate, rng, others) -> samples
        Takes float32 of shape (1 or 2, n) at ``rate`` (44100) and leaves it as it is. The same
        generator state gives the same copy. Raises :class:`NotAlterableError`.
    pitch_semitones : float
        Pitch of the copy minus that of the original.
    tempo_ratio : float
        Tempo of the copy over that of the original: the copy is ``1 / tempo_ratio`` as long.
    """

    name: str
    family: str
    apply: Callable[[Samples, int, np.random.Generator, Others], Samples]
    pitch_semitones: float = 0.0
    tempo_ratio: float = 1.0


@dataclass(frozen=True)
class Codec:
    """A lossy codec as FFmpeg names it, with its container, which carries the encoder's delay."""

    encoder: str
    container: str
    bits_per_second: int
    channels: int
    rate: int


MP3_64K: Final = Codec("libmp3lame", "mp3", 64_000, 2, 44100)
MP3_32K: Final = Codec("libmp3lame", "mp3", 32_000, 1, 22050)  # the rate that LAME itself picks
OPUS_48K: Final = Codec("libopus", "ogg", 48_000, 2, 48000)
AAC_64K: Final = Codec("aac", "mp4", 64_000, 2, 44100)


def coded(samples: Samples, rate: int, codec: Codec) -> Samples:
    """Encode and decode in memory.

    MP3's LAME tag, Ogg's pre-skip and MP4's edit list tell the decoder how many samples the
    encoder put in front, so it drops them; what was padded at the end is cut here.

    Parameters
    ----------
    samples : float32 array, shape (1 or 2, n)
    rate : int
        Hz.
    codec : Codec

    Returns
    -------
    float32 array, shape (codec.channels, n)
    """
    file = io.BytesIO()
    with av.open(file, "w", format=codec.container) as output:
        stream = output.add_stream(codec.encoder, rate=codec.rate, layout=LAYOUTS[codec.channels])
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = codec.bits_per_second
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=LAYOUTS[codec.channels],
            rate=codec.rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        whole = _frame(with_channels(samples, codec.channels), rate)
        for part in [*resampler.resample(whole), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        resampler = av.AudioResampler(format="flt", layout=LAYOUTS[codec.channels], rate=rate)
        frames = [part for each in container.decode(audio=0) for part in resampler.resample(each)]
        frames += resampler.resample(None)
    return _within_full_scale(fitted(_joined(frames, codec.channels), samples.shape[1]))


def filtered(samples: Samples, rate: int, name: str, options: str) -> Samples:
    """Run one of FFmpeg's audio filters.

    Parameters
    ----------
    samples : float32 array, shape (1 or 2, n)
    rate : int
        Hz.
    name, options : str
        As on FFmpeg's command line: ``name=options``.

    Returns
    -------
    float32 array, shape (channels, m); m is up to the filter.
    """
    channels = len(samples)
    graph = Graph()
    graph.link_nodes(
        graph.add_abuffer(
            sample_rate=rate, format="flt", layout=LAYOUTS[channels], time_base=Fraction(1, rate)
        ),
        graph.add(name, options),
        graph.add("aformat", f"sample_fmts=flt:channel_layouts={LAYOUTS[channels]}"),
        graph.add("abuffersink"),
    ).configure()
    graph.push(_frame(samples, rate))
    graph.push(None)
    frames = []
    while True:
        try:
            frames.append(graph.pull())
        except (av.error.EOFError, av.error.BlockingIOError):
            return _joined(frames, channels)


def resampled(samples: Samples, speed: float) -> Samples:
    """Play faster: pitch and tempo rise together, as on a turntable.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    speed : float
        1 leaves the samples as they are.

    Returns
    -------
    float32 array, shape (channels, n / speed)
    """
    return np.ascontiguousarray(soxr.resample(samples.T, RATE * speed, RATE, quality="HQ").T)


def shifted(samples: Samples, rate: int, pitch_semitones: float, tempo_ratio: float) -> Samples:
    """Change pitch and tempo independently.

    Resampling by ``r = 2 ** (pitch_semitones / 12)`` gives the pitch and a tempo of ``r``; FFmpeg's
    *atempo* (overlapped, correlation-aligned fragments of about 40 ms) gives the rest, ``tempo / r``.
    Where it slows down, everything comes 12 ms early on average; as much silence goes in front.

    Parameters
    ----------
    samples : float32 array, shape (1 or 2, n)
    rate : int
        Hz.
    pitch_semitones : float
    tempo_ratio : float
        With the pitch's ratio taken out, 0.5 to 2.

    Returns
    -------
    float32 array, shape (channels, about n / tempo_ratio)
    """
    speed = 2 ** (pitch_semitones / 12)
    stretch = tempo_ratio / speed
    if not math.isclose(speed, 1):
        samples = resampled(samples, speed)
    if math.isclose(stretch, 1):
        return _within_full_scale(samples)
    samples = filtered(samples, rate, "atempo", f"{stretch:.9f}")
    if stretch < 1:
        samples = np.pad(samples, ((0, 0), (round(ATEMPO_LEAD_SECONDS * rate), 0)))
    return _within_full_scale(samples)


def equalised(samples: Samples, rate: int, rng: np.random.Generator) -> Samples:
    """Draw a gain of -9 to 9 dB for each octave, join them smoothly, apply without phase.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    rate : int
        Hz.
    rng : numpy Generator
        Where the curve comes from.

    Returns
    -------
    float32 array, shape (channels, n)
    """
    decibels = rng.uniform(-EQ_DECIBELS, EQ_DECIBELS, EQ_CENTRES_HZ.size)
    curve = PchipInterpolator(np.log2(EQ_CENTRES_HZ), decibels)  # never beyond its points
    n = samples.shape[1]
    padded = fft.next_fast_len(n + rate // 2, real=True)  # room for the filter's tails
    hertz = np.clip(fft.rfftfreq(padded, 1 / rate), EQ_CENTRES_HZ[0], EQ_CENTRES_HZ[-1])
    gains = (10 ** (curve(np.log2(hertz)) / 20)).astype(np.float32)  # (bins,)
    shaped: Samples = fft.irfft(fft.rfft(samples, padded) * gains, padded)[:, :n]  # (channels, n)
    return _within_full_scale(shaped)


def telephoned(samples: Samples, rate: int) -> Samples:
    """Pass mono through 300 to 3400 Hz at 8 kHz, with no delay.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    rate : int
        Hz.

    Returns
    -------
    float32 array, shape (1, n)
    """
    narrow = soxr.resample(with_channels(samples, 1)[0], rate, PHONE_RATE)
    band = signal.butter(4, PHONE_BAND_HZ, "bandpass", fs=PHONE_RATE, output="sos")
    narrow = signal.sosfiltfilt(band, narrow).astype(np.float32)
    wide = soxr.resample(narrow, PHONE_RATE, rate)[None]
    return _within_full_scale(fitted(wide, samples.shape[1]))


def compressed(samples: Samples, rate: int) -> Samples:
    """Compress 20:1 well into the music, then clip at 6 dB over what is left of its level.

    Parameters
    ----------
    samples : float32 array, shape (1 or 2, n)
    rate : int
        Hz.

    Returns
    -------
    float32 array, shape (channels, n), peaks at 1.

    Raises
    ------
    NotAlterableError
        If the excerpt is silent.
    """
    driven = samples * np.float32(COMPRESSOR_LEVEL / _audible_level(samples))
    flat = fitted(filtered(driven, rate, "acompressor", COMPRESSOR), samples.shape[1])
    clipped: Samples = np.clip(flat / np.float32(CREST * level(flat)), -1, 1)
    return clipped


def reverberated(samples: Samples, rate: int, rng: np.random.Generator) -> Samples:
    """Put the music into a hall: noise that decays by 60 dB in 1.2 s, 6 dB over the direct sound.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    rate : int
        Hz.
    rng : numpy Generator
        Where the hall comes from; each channel has its own noise.

    Returns
    -------
    float32 array, shape (channels, n); the tail beyond n is cut.
    """
    times = np.arange(int(REVERB_RT60_SECONDS * rate)) / rate
    decay = 10 ** (-3 * times / REVERB_RT60_SECONDS)
    response = rng.standard_normal((len(samples), times.size)) * decay  # (channels, taps)
    response /= np.sqrt(np.sum(response**2, axis=1, keepdims=True))
    response[:, 0] += 10 ** (REVERB_DIRECT_DECIBELS / 20)
    wet = signal.oaconvolve(samples, response.astype(np.float32), axes=1)
    return _within_full_scale(wet[:, : samples.shape[1]])


def pink_noise(n: int, rng: np.random.Generator) -> Samples:
    """Return noise whose power falls by 3 dB an octave.

    Parameters
    ----------
    n : int
        Samples.
    rng : numpy Generator

    Returns
    -------
    float32 array, shape (1, n), RMS about 1.
    """
    padded = fft.next_fast_len(n, real=True)
    bins = np.arange(padded // 2 + 1)
    spectrum = fft.rfft(rng.standard_normal(padded)) / np.sqrt(np.maximum(bins, 1))
    spectrum[bins < 20 * padded / RATE] = 0  # inaudible, yet the strongest
    raw = fft.irfft(spectrum, padded)[None, :n]
    noise: Samples = (raw / raw.std()).astype(np.float32)
    return noise


def mixed(music: Samples, other: Samples, decibels: float) -> Samples:
    """Add other material, the same in length and channels or made so.

    Parameters
    ----------
    music : float32 array, shape (channels, n)
    other : float32 array, shape (1 or 2, m)
    decibels : float
        How far the music lies above the other. Both levels are of the mean of the channels,
        since that is what a fingerprint hears.

    Returns
    -------
    float32 array, shape (channels, n)

    Raises
    ------
    NotAlterableError
        If either is silent.
    """
    other = with_channels(fitted(other, music.shape[1]), len(music))
    gain = _audible_level(music) / _audible_level(other) * 10 ** (-decibels / 20)
    return _within_full_scale(music + np.float32(gain) * other)


def karaoke(samples: Samples) -> Samples:
    """Subtract right from left, which removes the voice in the middle; keep the level.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)

    Returns
    -------
    float32 array, shape (1, n)

    Raises
    ------
    NotAlterableError
        If the music is mono, or so nearly that its side lies more than 40 dB below its middle.
    """
    if len(samples) == 1:
        raise NotAlterableError("a mono excerpt has no sides to subtract; take a stereo one")
    middle = _audible_level(samples)
    side = (samples[:1] - samples[1:]) / 2
    floor = middle * 10 ** (KARAOKE_FLOOR_DECIBELS / 20)
    if level(side) < floor:
        raise NotAlterableError("this stereo excerpt is all but mono; take a wider one")
    return _within_full_scale(side * np.float32(middle / level(side)))


def level(samples: NDArray[np.floating]) -> float:
    """Return the RMS of the mean of the channels of samples of shape (channels, n)."""
    return float(np.sqrt(np.mean(np.square(samples.mean(axis=0, dtype=np.float64)))))


def with_channels(samples: Samples, channels: int) -> Samples:
    """Return shape (channels, n) of shape (1 or 2, n): mono is doubled, stereo averaged."""
    if len(samples) == channels:
        return samples
    return np.repeat(samples.mean(axis=0, keepdims=True), channels, axis=0)


def fitted(samples: Samples, n: int) -> Samples:
    """Return shape (channels, n), cut or continued with silence at the end."""
    missing = n - samples.shape[1]
    return np.pad(samples, ((0, 0), (0, missing))) if missing > 0 else samples[:, :n]


def _audible_level(samples: Samples) -> float:
    measured = level(samples)
    if measured < SILENT:
        raise NotAlterableError("an excerpt is silent, so nothing can be levelled to it")
    return measured


def _within_full_scale(samples: NDArray[Any]) -> Samples:
    peak = float(np.abs(samples).max(initial=0))
    return (samples / np.float32(max(peak, 1))).astype(np.float32, copy=False)


def _frame(samples: Samples, rate: int) -> av.AudioFrame:
    packed = np.ascontiguousarray(samples.T, dtype=np.float32).reshape(1, -1)  # (1, n * channels)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=LAYOUTS[len(samples)])
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    return frame


def _joined(frames: list[Any], channels: int) -> Samples:
    packed = np.concatenate([frame.to_ndarray()[0] for frame in frames])  # (n * channels,)
    return np.ascontiguousarray(packed.reshape(-1, channels).T)


def _codec(name: str, codec: Codec) -> Alteration:
    return Alteration(name, "codec", lambda x, rate, rng, others: coded(x, rate, codec))


def _pink(decibels: float) -> Alteration:
    return Alteration(
        f"pink noise {decibels:g} dB",
        "noise",
        lambda x, rate, rng, others: mixed(x, pink_noise(x.shape[1], rng), decibels),
    )


def _music_under(decibels: float) -> Alteration:
    return Alteration(
        f"music under {decibels:g} dB",
        "music under",
        lambda x, rate, rng, others: mixed(x, others.music(x.shape[1] / rate, rng), decibels),
    )


def _voice_over(decibels: float) -> Alteration:
    return Alteration(
        "voice over",
        "voice over",
        lambda x, rate, rng, others: mixed(x, others.speech(x.shape[1] / rate, rng), -decibels),
    )


def _shift(family: str, name: str, pitch: float, tempo: float) -> Alteration:
    return Alteration(
        name, family, lambda x, rate, rng, others: shifted(x, rate, pitch, tempo), pitch, tempo
    )


ALTERATIONS: Final[tuple[Alteration, ...]] = (
    Alteration("clean", "clean", lambda x, rate, rng, others: x),
    _codec("mp3 64k stereo", MP3_64K),
    _codec("mp3 32k mono", MP3_32K),
    _codec("opus 48k", OPUS_48K),
    _codec("aac 64k", AAC_64K),
    Alteration("eq", "eq", lambda x, rate, rng, others: equalised(x, rate, rng)),
    Alteration("phone", "phone", lambda x, rate, rng, others: telephoned(x, rate)),
    Alteration("compression", "compression", lambda x, rate, rng, others: compressed(x, rate)),
    Alteration("reverb", "reverb", lambda x, rate, rng, others: reverberated(x, rate, rng)),
    *map(_pink, (10, 5, 0)),
    *map(_music_under, (6, 0)),
    _voice_over(3),
    *(_shift("pitch", f"pitch {p:+g}", p, 1) for p in (-4, -2, -1, -0.5, 0.5, 1, 2, 4)),
    *(_shift("tempo", f"tempo {t:g}", 0, t) for t in (0.8, 0.9, 0.95, 1.05, 1.1, 1.25)),
    *(
        _shift("speed", f"speed {r:g}", 12 * math.log2(r), r)
        for r in (0.8, 0.9, 0.95, 0.98, 1.02, 1.05, 1.1, 1.2, 1.25)
    ),
    _shift("pitch and tempo", "pitch +1 tempo 1.1", 1, 1.1),
    _shift("pitch and tempo", "pitch -2 tempo 0.9", -2, 0.9),
    Alteration("karaoke", "karaoke", lambda x, rate, rng, others: karaoke(x)),
)
