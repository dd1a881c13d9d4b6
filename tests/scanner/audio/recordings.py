"""Synthesised recordings in each format, and files made by hand that no encoder would write."""

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from tests.songs import song

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Format:
    """How PyAV writes a format, what it is called, and how well it keeps samples.

    ``extra`` is how many samples more (or less) may come out than went in: lossy encoders pad to
    frames, and a container that keeps no count leaves the padding in. ``late`` is by how many
    samples FFmpeg gives the sound too late there, for want of an encoder delay to take off.
    """

    suffix: str
    muxer: str
    encoder: str
    container: str
    codec: str
    snr_db: float
    rate: int = 44100
    extra: int = 0
    late: int = 0
    sample_format: str | None = None
    options: dict[str, str] = field(default_factory=dict)


FORMATS = {
    "wav": Format("wav", "wav", "pcm_s16le", "wav", "pcm_s16le", 70),
    "wav-24": Format("wav", "wav", "pcm_s24le", "wav", "pcm_s24le", 110),
    "wav-u8": Format("wav", "wav", "pcm_u8", "wav", "pcm_u8", 25),
    "wav-float": Format("wav", "wav", "pcm_f32le", "wav", "pcm_f32le", 140),
    "wav-double": Format("wav", "wav", "pcm_f64le", "wav", "pcm_f64le", 140),
    "w64": Format("w64", "w64", "pcm_s16le", "wav", "pcm_s16le", 70),
    "rf64": Format("wav", "wav", "pcm_s16le", "wav", "pcm_s16le", 70, options={"rf64": "always"}),
    "flac": Format("flac", "flac", "flac", "flac", "flac", 70, sample_format="s16"),
    "flac-24": Format("flac", "flac", "flac", "flac", "flac", 110, sample_format="s32"),
    "mp3": Format("mp3", "mp3", "libmp3lame", "mp3", "mp3float", 15),
    "ogg-vorbis": Format("ogg", "libsndfile", "VORBIS", "ogg", "vorbis", 15),
    "ogg-opus": Format("opus", "ogg", "libopus", "ogg", "opus", 12, rate=48000),
    "ogg-flac": Format("oga", "ogg", "flac", "ogg", "flac", 70, sample_format="s16"),
    "aac": Format("aac", "adts", "aac", "aac", "aac", 15, extra=2200, late=1024),
    "m4a": Format("m4a", "ipod", "aac", "mp4", "aac", 15, extra=1100),
    "m4a-alac": Format("m4a", "ipod", "alac", "mp4", "alac", 70),
    "aiff": Format("aiff", "aiff", "pcm_s16be", "aiff", "pcm_s16be", 70),
    "wma": Format("wma", "asf", "wmav2", "asf", "wmav2", 12, extra=5000, late=-2048),
    "caf": Format("caf", "caf", "pcm_s16be", "caf", "pcm_s16be", 70),
    "webm": Format("webm", "webm", "libopus", "matroska", "opus", 12, rate=48000),
    "matroska": Format("mka", "matroska", "flac", "matroska", "flac", 70, sample_format="s16"),
}


def stereo(seconds: float = 2.0, rate: int = 44100, seed: int = 1) -> Samples:
    """Music with two unlike channels, shape (2, n)."""
    left, right = song(seed, seconds, rate), song(seed + 1, seconds, rate)
    return np.stack([left, 0.5 * left + 0.3 * right])


def encode(
    path: Path,
    samples: Samples,
    name: str,
    *,
    rate: int | None = None,
    bit_rate: int = 192_000,
    tags: dict[str, str] | None = None,
) -> Path:
    """Write samples, shape (channels, n), in a format of `FORMATS`."""
    form = FORMATS[name]
    rate = rate or form.rate
    channels = samples.shape[0]
    if form.muxer == "libsndfile":  # PyAV has no encoder for it
        _encode_with_libsndfile(path, samples, form, rate, tags or {})
        return path
    with av.open(path, "w", format=form.muxer, options=form.options) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(
            form.encoder, rate=rate, layout={1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
        )
        stream.bit_rate = bit_rate
        if form.sample_format:
            stream.format = form.sample_format
        for start in range(0, samples.shape[1], 8192):
            block = np.ascontiguousarray(samples[:, start : start + 8192])
            frame = AudioFrame.from_ndarray(block, "fltp", stream.layout)
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _encode_with_libsndfile(
    path: Path, samples: Samples, form: Format, rate: int, tags: dict[str, str]
) -> None:
    with soundfile.SoundFile(
        path, "w", rate, samples.shape[0], subtype=form.encoder, format="OGG"
    ) as file:
        for name, text in tags.items():
            setattr(file, name, text)
        for start in range(0, samples.shape[1], 8192):
            file.write(samples[:, start : start + 8192].T)


def snr_db(source: Samples, decoded: Samples, late: int = 0) -> float:
    """Signal to noise over the common part, where the decoded sound is late by some samples."""
    source, decoded = source[:, max(0, -late) :], decoded[:, max(0, late) :]
    length = min(source.shape[1], decoded.shape[1])
    first, second = (each[:, :length].astype(np.float64) for each in (source, decoded))
    return float(10 * np.log10(np.sum(first**2) / max(1e-30, np.sum((first - second) ** 2))))


def wav(
    data: bytes,
    *,
    channels: int = 1,
    rate: int = 8000,
    bits: int = 16,
    tag: int = 1,
    riff_size: int | None = None,
    data_size: int | None = None,
) -> bytes:
    """A WAV file whose header says what it is told to."""
    block = channels * bits // 8
    form = struct.pack(
        "<HHIIHH", tag, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits
    )
    size = len(data) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    total = len(body) + len(data) if riff_size is None else riff_size
    return b"RIFF" + struct.pack("<I", total) + body + data


def flac_of_silence(seconds: float, rate: int = 44100) -> bytes:
    """Silence as the smallest FLAC that RFC 9639 allows: 65,535 samples in 14 bytes.

    STREAMINFO says that it does not know how many samples there are.
    """
    block = 65535
    info = struct.pack(">HH", block, block) + bytes(6)
    info += (rate << 44 | 0 << 41 | 15 << 36).to_bytes(8, "big") + bytes(16)
    frames = []
    for number in range(int(seconds * rate) // block):
        # sync, 16-bit block size, rate from STREAMINFO, mono, 16 bits, frame number, block size
        header = b"\xff\xf8\x70\x08" + _coded(number) + struct.pack(">H", block - 1)
        header += bytes([_crc(header, 0x07, 8)])
        frame = header + b"\x00\x00\x00"  # one constant subframe: 0
        frames.append(frame + _crc(frame, 0x8005, 16).to_bytes(2, "big"))
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info + b"".join(frames)


def _coded(number: int) -> bytes:
    """UTF-8's scheme, as FLAC codes frame numbers."""
    return chr(number).encode("utf-8", "surrogatepass")


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    crc, top = 0, 1 << (bits - 1)
    for byte in data:
        crc ^= byte << (bits - 8)
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc & top else 0)) & ((1 << bits) - 1)
    return crc


def ogg_crc(page: bytes) -> bytes:
    """Bytes 22 to 26 of an Ogg page (RFC 3533): its CRC, counted with these bytes as zero."""
    return _crc(page[:22] + bytes(4) + page[26:], 0x04C11DB7, 32).to_bytes(4, "little")


def aac_with_damage(path: Path, seconds: float, bad_packets: int, more_seconds: float) -> Path:
    """AAC in Matroska: good audio, packets that are none, and good audio again."""
    with av.open(path, "w", format="matroska") as container:
        stream = container.add_stream("aac", rate=44100, layout="stereo")
        samples = stereo(seconds + more_seconds)
        good = []
        for start in range(0, samples.shape[1], 1024):
            block = np.ascontiguousarray(samples[:, start : start + 1024])
            frame = AudioFrame.from_ndarray(block, "fltp", stream.layout)
            frame.sample_rate, frame.pts = 44100, start
            good += [bytes(packet) for packet in stream.encode(frame)]
        break_at = int(seconds * 44100 / 1024)
        payloads = good[:break_at] + [b"\xff" * 200] * bad_packets + good[break_at:]
        for number, payload in enumerate(payloads):
            packet = av.Packet(payload)
            packet.stream = stream
            packet.time_base = Fraction(1, 44100)
            packet.pts = packet.dts = number * 1024
            container.mux(packet)
    return path


def long_mp3(path: Path, minutes: float) -> Path:
    """Many minutes of MP3: the same ten seconds of frames again and again."""
    once = encode(path, stereo(10)[:1], "mp3", rate=44100, bit_rate=64_000).read_bytes()
    with path.open("wb") as file:
        for _ in range(int(minutes * 6)):
            file.write(once)
    return path
