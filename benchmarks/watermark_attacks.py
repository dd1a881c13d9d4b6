"""What is done to marked music before it is listened to.

The attacks of audiowmark's users and of its own tests, and harder ones: codecs, excerpts, levels, noise,
filters, other speeds, tempos and pitches, marks over marks, and mash-ups of two marked tracks.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from typing import Final, Literal, NamedTuple

import numpy as np
import soundfile
import soxr

from benchmarks.alterations import (
    MP3_32K,
    MP3_64K,
    RATE,
    Codec,
    NotAlterableError,
    Samples,
    coded,
    filtered,
    resampled,
    shifted,
    telephoned,
    with_channels,
)
from benchmarks.watermark_tracks import crop, random_of
from watermark import Key, Payload, Watermarker, signed_payload


class Marked(NamedTuple):
    """A track with its mark: samples of shape (1 or 2, n) at 44.1 kHz.

    ``neighbour`` is other music, unmarked, and ``second`` a payload for it.
    """

    name: str
    original: Samples
    samples: Samples
    neighbour: Samples
    key: Key
    payload: Payload
    second: Payload
    engine: Watermarker


@dataclass(frozen=True)
class Attack:
    """One way to alter a marked track, and what should be read in it.

    Parameters
    ----------
    apply : callable
        Copy of a marked track. Raises :class:`NotAlterableError`.
    wanted : "own", "both" or "none"
        The track's payload, the second one too, or neither.
    speed : bool
        Whether audiowmark is told to search other speeds.
    other_key : bool
        Whether it is listened to with another key than the mark's.
    """

    name: str
    apply: Callable[[Marked], Samples]
    wanted: Literal["own", "both", "none"] = "own"
    speed: bool = False
    other_key: bool = False

    def payloads(self, marked: Marked) -> set[Payload]:
        """What should be read."""
        return set(
            {"own": (marked.payload,), "both": (marked.payload, marked.second)}.get(self.wanted, ())
        )


def other_key(key: Key) -> Key:
    """A key that nothing was marked with."""
    return Key(bytes(byte ^ 0xFF for byte in key.secret), "other")


def second_payload(key: Key, name: str) -> Payload:
    """A payload for what is marked besides the track."""
    return signed_payload(random_of(f"{name} second").bytes(12).hex(), key)


def _changed(change: Callable[[Samples], Samples]) -> Callable[[Marked], Samples]:
    return lambda marked: change(marked.samples)


def _codec(name: str, codec: Codec) -> Attack:
    return Attack(name, _changed(lambda x: coded(x, RATE, codec)))


def _crop(
    seconds: float, then: Callable[[Samples], Samples] = lambda x: x
) -> Callable[[Marked], Samples]:
    return lambda marked: then(marked.samples[:, crop(marked.original, seconds, marked.name)])


def _filtered(*filters: tuple[str, str]) -> Callable[[Marked], Samples]:
    def apply(marked: Marked) -> Samples:
        samples = marked.samples
        for name, options in filters:
            samples = filtered(samples, RATE, name, options)
        return samples

    return apply


def _noisy(decibels: float) -> Attack:
    def apply(marked: Marked) -> Samples:
        random = random_of(f"{marked.name} {decibels}")
        level = marked.samples.std() * 10 ** (-decibels / 20)
        noise = random.normal(0, level, marked.samples.shape).astype(np.float32)
        return np.clip(marked.samples + noise, -1, 1)

    return Attack(f"white noise {decibels:g} dB", apply)


def _resampled_to(rate: int) -> Attack:
    def there_and_back(samples: Samples) -> Samples:
        there = soxr.resample(samples.T, RATE, rate)
        return np.ascontiguousarray(soxr.resample(there, rate, RATE).T)

    return Attack(f"resampled to {rate} Hz", _changed(there_and_back))


def _speed(percent: float) -> Attack:
    return Attack(
        f"speed {percent:+g} %", _changed(lambda x: resampled(x, 1 + percent / 100)), speed=True
    )


def _tempo(percent: float) -> Attack:
    change = _changed(lambda x: shifted(x, RATE, 0, 1 + percent / 100))
    return Attack(f"tempo {percent:+g} %", change, speed=True)


def _pitch(percent: float) -> Attack:
    change = _changed(lambda x: shifted(x, RATE, 12 * log2(1 + percent / 100), 1))
    return Attack(f"pitch {percent:+g} %", change, speed=True)


def _sides(samples: Samples) -> Samples:
    if len(samples) == 1:
        raise NotAlterableError("a mono track has no sides to subtract")
    return (samples[:1] - samples[1:]) / np.float32(2)


def _overmarked(marked: Marked, key: Key) -> Samples:
    return marked.engine.embed(marked.samples, RATE, marked.second, key)


def _neighbour(marked: Marked) -> Samples:
    sound = marked.engine.embed(marked.neighbour, RATE, marked.second, marked.key)
    return with_channels(sound, len(marked.samples))


def _joined(marked: Marked) -> Samples:
    """The second half of the track, then the first half of its neighbour."""
    half = marked.samples.shape[1] // 2
    other = _neighbour(marked)
    return np.concatenate([marked.samples[:, half:], other[:, : other.shape[1] // 2]], axis=1)


def _layered(marked: Marked) -> Samples:
    """Both at once, equally loud."""
    other = _neighbour(marked)
    length = min(marked.samples.shape[1], other.shape[1])
    upper, lower = marked.samples[:, :length], other[:, :length]
    mixed = upper / upper.std() + lower / lower.std()
    return (0.9 * mixed / np.abs(mixed).max()).astype(np.float32)


MP3_128K: Final = Codec("libmp3lame", "mp3", 128_000, 2, 44100)
MP3_48K: Final = Codec("libmp3lame", "mp3", 48_000, 2, 44100)
AAC_96K: Final = Codec("aac", "mp4", 96_000, 2, 44100)
AAC_64K: Final = Codec("aac", "mp4", 64_000, 2, 44100)


def _vorbis(samples: Samples) -> Samples:
    """At quality 2, about 96 kbit/s; written block by block, since libsndfile falls over a long one."""
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", RATE, len(samples), "VORBIS", format="OGG", compression_level=0.8
    ) as output:
        for first in range(0, samples.shape[1], RATE):
            output.write(samples[:, first : first + RATE].T)
    file.seek(0)
    return np.ascontiguousarray(soundfile.read(file, dtype="float32", always_2d=True)[0].T)


def _opus(kilobits: int) -> Codec:
    return Codec("libopus", "ogg", 1000 * kilobits, 2, 48000)


def _mp3(samples: Samples, codec: Codec = MP3_64K) -> Samples:
    return coded(samples, RATE, codec)


ATTACKS: Final[tuple[Attack, ...]] = (
    Attack("none", lambda marked: marked.samples),
    Attack("unmarked", lambda marked: marked.original, wanted="none"),
    Attack("other key", lambda marked: marked.samples, wanted="none", other_key=True),
    _codec("mp3 128k", MP3_128K),
    _codec("mp3 64k", MP3_64K),
    _codec("mp3 48k", MP3_48K),
    _codec("mp3 32k mono", MP3_32K),
    Attack("vorbis q2", _changed(_vorbis)),
    _codec("aac 96k", AAC_96K),
    _codec("aac 64k", AAC_64K),
    _codec("opus 64k", _opus(64)),
    _codec("opus 32k", _opus(32)),
    _codec("opus 16k", _opus(16)),
    Attack("mp3 128k, aac 96k", _changed(lambda x: coded(_mp3(x, MP3_128K), RATE, AAC_96K))),
    Attack("mp3 64k, opus 64k", _changed(lambda x: coded(_mp3(x), RATE, _opus(64)))),
    _resampled_to(22050),
    _resampled_to(48000),
    Attack("gain -6 dB", _changed(lambda x: x / np.float32(2))),
    Attack("gain +6 dB, clipped", _changed(lambda x: np.clip(2 * x, -1, 1))),
    *map(_noisy, (20, 10, 5, 0)),
    Attack(
        "eq",
        _filtered(
            ("bass", "g=6:f=150"),
            ("equalizer", "f=1500:t=q:w=1:g=-6"),
            ("treble", "g=6:f=6000"),
        ),
    ),
    Attack(
        "compression",
        _filtered(
            ("acompressor", "threshold=-24dB:ratio=6:attack=5:release=80:makeup=6dB"),
        ),
    ),
    Attack("reverb", _filtered(("aecho", "0.8:0.7:40|90:0.35|0.2"))),
    Attack("low-pass 4 kHz", _filtered(("lowpass", "f=4000"))),
    Attack("high-pass 4.5 kHz", _filtered(*[("highpass", "f=4500")] * 3)),
    Attack("phone", _changed(lambda x: telephoned(x, RATE))),
    Attack("mono", _changed(lambda x: with_channels(x, 1))),
    Attack("polarity", _changed(lambda x: -x)),
    Attack("left minus right", _changed(_sides)),
    Attack("crop 30 s", _crop(30)),
    Attack("crop 15 s", _crop(15)),
    Attack("crop 10 s", _crop(10)),
    Attack("crop 6 s", _crop(6)),
    Attack("crop 5 s", _crop(5)),
    Attack("crop 4 s", _crop(4)),
    Attack("crop 3 s", _crop(3)),
    Attack("crop 30 s, mp3 128k", _crop(30, lambda x: _mp3(x, MP3_128K))),
    Attack("crop 30 s, aac 64k", _crop(30, lambda x: coded(x, RATE, AAC_64K))),
    Attack("crop 15 s, mp3 128k", _crop(15, lambda x: _mp3(x, MP3_128K))),
    Attack("crop 15 s, mp3 64k", _crop(15, _mp3)),
    Attack("crop 15 s, aac 96k", _crop(15, lambda x: coded(x, RATE, AAC_96K))),
    Attack("crop 10 s, mp3 64k", _crop(10, _mp3)),
    Attack("crop 5 s, mp3 64k", _crop(5, _mp3)),
    *map(_speed, (0.1, 0.3, 0.5, 2, -2, 5, -10, 10, -20, 25)),
    Attack("crop 30 s, speed +2 %", _crop(30.6, lambda x: resampled(x, 1.02)), speed=True),
    Attack("crop 15 s, speed +2 %", _crop(15.3, lambda x: resampled(x, 1.02)), speed=True),
    Attack("speed +2 %, mp3 64k", _changed(lambda x: _mp3(resampled(x, 1.02))), speed=True),
    *map(_tempo, (0.1, 0.5, 2, -2, 5, -5)),
    *map(_pitch, (0.5, 2, -2, 5, -5)),
    Attack("overmarked, other key", lambda m: _overmarked(m, other_key(m.key))),
    Attack("overmarked, same key", lambda m: _overmarked(m, m.key), wanted="both"),
    Attack("mash-up, joined", _joined, wanted="both"),
    Attack("mash-up, layered", _layered, wanted="both"),
    Attack("unmarked, mp3 64k", lambda m: _mp3(m.original), wanted="none"),
    Attack("unmarked, 15 s", lambda m: m.original[:, crop(m.original, 15, m.name)], wanted="none"),
    Attack("unmarked, 5 s", lambda m: m.original[:, crop(m.original, 5, m.name)], wanted="none"),
)  # fmt: skip
