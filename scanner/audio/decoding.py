"""The decode itself; runs in the limited child process, on file descriptors it was given."""

import hashlib
import io
import os
from collections.abc import Iterator
from typing import IO, Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from scanner.audio import ogg
from scanner.audio.decoded import DecodeLimits, Report
from scanner.audio.errors import UNREADABLE, AudioError
from scanner.audio.sniff import SNIFF_BYTES, sniff

# Only these demuxers, reading only from the file object: no playlist, no other file, no network.
DEMUXERS: Final = (
    "wav,w64,flac,mp3,ogg,aac,mov,mp4,m4a,3gp,3g2,mj2,aiff,asf,asf_o,caf,matroska,webm"
)
OPTIONS: Final = {"format_whitelist": DEMUXERS, "protocol_whitelist": "none", "enable_drefs": "0"}
PLAIN_FORMATS: Final = frozenset({"flt", "fltp", "dbl", "dblp", "s16", "s16p", "s32", "s32p"})
MIN_RATE: Final = 1000
MAX_RATE: Final = 768_000
MAX_BAD_PACKETS: Final = 1000
TAGS: Final = 64
TAG_LENGTH: Final = 500
FLUSH_SAMPLES: Final = 1 << 18


class _Window(io.RawIOBase):
    """A byte range of a file as a file of its own."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._file, self._start, self._end = file, start, end
        self._at = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        left = self._end - self._at
        self._file.seek(self._at)
        block = self._file.read(left if size < 0 else min(size, left))
        self._at += len(block)
        return block

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        self._at = max(self._start, base + offset)
        return self._at - self._start

    def tell(self) -> int:
        return self._at - self._start


class Sink:
    """Takes interleaved float32 samples, checks them and writes them to the output file."""

    def __init__(self, output: int, limits: DecodeLimits) -> None:
        self._output = output
        self._limits = limits
        self._waiting: list[NDArray[Any]] = []
        self._count = 0
        self.rate = 0
        self.channels = 0
        self.samples = 0

    def open(self, rate: int, channels: int) -> None:
        """Fix rate and layout by the first frame."""
        if not MIN_RATE <= rate <= MAX_RATE:
            raise AudioError(UNREADABLE, f"a sample rate of {rate} Hz makes no sense for music")
        if channels < 1:
            raise AudioError(UNREADABLE, "the audio has no channels")
        if channels > self._limits.max_channels:
            raise AudioError(
                "too-many-channels",
                f"{channels} channels; at most {self._limits.max_channels} are taken: mix it down",
            )
        self.rate, self.channels = rate, channels

    def write(self, block: NDArray[Any]) -> None:
        """Add interleaved samples, shape (n * channels,): float, or integers at full scale."""
        if self._waiting and self._waiting[0].dtype != block.dtype:
            self.flush()
        self._waiting.append(block)
        self._count += block.size
        self.samples += block.size // self.channels
        if self.samples > self._limits.max_duration * self.rate:
            raise AudioError(
                "too-long",
                f"the audio is longer than {self._limits.max_duration:.0f} s: send it in parts",
            )
        if self._count >= FLUSH_SAMPLES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        block = _as_float(np.concatenate(self._waiting))
        self._waiting, self._count = [], 0
        if not np.isfinite(block).all():
            raise AudioError(
                "non-finite-samples", "the audio holds NaN or infinite samples: export it again"
            )
        view = memoryview(np.ascontiguousarray(block).tobytes())
        while view:
            view = view[os.write(self._output, view) :]


def _as_float(block: NDArray[Any]) -> NDArray[np.float32]:
    """Scale integers so that full scale is -1 to 1; floats keep what lies beyond."""
    if block.dtype.kind == "i":
        scaled: NDArray[np.float32] = np.multiply(
            block, 2.0 ** (1 - 8 * block.itemsize), dtype=np.float32
        )
        return scaled
    return block.astype(np.float32, copy=False)


def decode(source: IO[bytes], output: int, limits: DecodeLimits) -> Report:
    """Decode a whole file into ``output`` as interleaved float32.

    Raises
    ------
    AudioError
        Whatever is wrong with the input, under its stable name.
    """
    head = source.read(SNIFF_BYTES)
    container = sniff(head)
    size = source.seek(0, os.SEEK_END)
    sink = Sink(output, limits)
    warnings: list[dict[str, str]] = []
    ranges = [(0, size)]
    if container == "ogg":
        ranges, ended = ogg.chains(source, size)
        if not ended:
            _warn(warnings, "truncated", "the last page does not end the stream")
        if len(ranges) > 1:
            _warn(warnings, "chained", f"{len(ranges)} streams one after the other, all decoded")
    if _breaks_off(head, size):
        _warn(warnings, "truncated", "the file is shorter than its header says")
    report: Report = {}
    for start, end in ranges:
        part = _decode_part(_Window(source, start, end), sink, warnings)
        report = report or part
    sink.flush()
    if sink.samples == 0:
        raise AudioError(UNREADABLE, "not one sample could be decoded: the file is damaged")
    return report | {
        "container": container,
        "sample_rate": sink.rate,
        "channels": sink.channels,
        "samples": sink.samples,
        "warnings": warnings,
    }


def _decode_part(
    file: IO[bytes] | io.RawIOBase, sink: Sink, warnings: list[dict[str, str]]
) -> Report:
    try:
        container = av.open(file, mode="r", options=OPTIONS, metadata_errors="replace")
    except (MemoryError, av.error.MemoryError):
        raise
    except (av.error.FFmpegError, ValueError, OSError, UnicodeDecodeError) as error:
        raise AudioError(
            UNREADABLE, "the file's structure can't be read: export it again"
        ) from error
    with container:
        stream = _default_stream(container, warnings)
        codec = stream.codec_context.name
        checks = _FlacChecks(stream) if codec == "flac" else None
        before = sink.samples
        for frame in _frames(container, stream, warnings):
            if checks is not None:
                checks.add(frame)
            _write(frame, sink, warnings)
        _write_rest(sink)
        if checks is not None:
            checks.finish(warnings)
        _check_length(container, stream, sink, sink.samples - before, warnings)
        tags = {**container.metadata, **stream.metadata}
        return {
            "codec": codec,
            "bit_rate": stream.codec_context.bit_rate or container.bit_rate or None,
            "tags": {
                str(key).lower()[:60]: str(value)[:TAG_LENGTH]
                for key, value in list(tags.items())[:TAGS]
            },
        }


def _breaks_off(head: bytes, size: int) -> bool:
    """Tell whether a RIFF or AIFF file is shorter than its first header says."""
    order = {b"RIFF": "little", b"FORM": "big"}.get(head[:4])
    if order is None:
        return False
    said = int.from_bytes(head[4:8], "little" if order == "little" else "big")
    return said not in {0, 0xFFFFFFFF} and said + 8 > size + 1  # a last pad byte may be missing


def _default_stream(container: InputContainer, warnings: list[dict[str, str]]) -> AudioStream:
    streams = list(container.streams.audio)
    if not streams:
        raise AudioError("no-audio-stream", "the file holds no audio")
    if len(streams) > 1:
        _warn(warnings, "several-tracks", f"{len(streams)} audio tracks; the default one was taken")
    default = av.stream.Disposition.default
    return next((each for each in streams if each.disposition & default), streams[0])


def _frames(
    container: InputContainer, stream: AudioStream, warnings: list[dict[str, str]]
) -> Iterator[AudioFrame]:
    """Yield what decodes; damage in between is noted and passed over."""
    bad = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (MemoryError, av.error.MemoryError):
            raise
        except (av.error.FFmpegError, OSError, ValueError):
            _warn(warnings, "truncated", "the file breaks off")
            return
        try:
            yield from packet.decode()
        except (MemoryError, av.error.MemoryError):
            raise
        except (av.error.FFmpegError, ValueError):
            bad += 1
            _warn(warnings, "damaged", "some of the audio could not be decoded")
            if bad > MAX_BAD_PACKETS:
                return


_resampler: AudioResampler | None = None


def _write(frame: AudioFrame, sink: Sink, warnings: list[dict[str, str]]) -> None:
    global _resampler  # noqa: PLW0603 - this process decodes one file and ends
    if sink.rate == 0:
        sink.open(frame.sample_rate, frame.layout.nb_channels)
    if frame.sample_rate != sink.rate:
        _warn(warnings, "rate-changed", f"{sink.rate} Hz, then {frame.sample_rate} Hz: resampled")
    same = frame.sample_rate == sink.rate and frame.layout.nb_channels == sink.channels
    if same and frame.format.name in PLAIN_FORMATS:
        block = frame.to_ndarray()  # (channels, n) planar, (1, n * channels) packed
        sink.write(np.ascontiguousarray(block.T).reshape(-1) if block.shape[0] > 1 else block[0])
        return
    frame.pts = None
    if _resampler is None or not _fits(frame):
        _write_rest(sink)
        _resampler = AudioResampler(format="flt", layout=_layout(frame, sink), rate=sink.rate)
        _fits.last = _shape(frame)  # type: ignore[attr-defined]
    for out in _resampler.resample(frame):
        sink.write(out.to_ndarray()[0])


def _shape(frame: AudioFrame) -> tuple[str, int, str]:
    return (frame.format.name, frame.sample_rate, frame.layout.name)


def _fits(frame: AudioFrame) -> bool:
    return getattr(_fits, "last", None) == _shape(frame)


def _layout(frame: AudioFrame, sink: Sink) -> Any:
    if frame.layout.nb_channels == sink.channels:
        return frame.layout
    return {1: "mono", 2: "stereo"}.get(sink.channels, f"{sink.channels}c")


def _write_rest(sink: Sink) -> None:
    """Take what the resampler still holds."""
    global _resampler  # noqa: PLW0603
    if _resampler is None:
        return
    for out in _resampler.resample(None):
        sink.write(out.to_ndarray()[0])
    _resampler = None


def _check_length(
    container: InputContainer,
    stream: AudioStream,
    sink: Sink,
    samples: int,
    warnings: list[dict[str, str]],
) -> None:
    """Say so when much less decoded than the header promised."""
    if not sink.rate:
        return
    promised = 0.0
    if stream.duration is not None and stream.time_base is not None:
        promised = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        promised = container.duration / av.time_base
    decoded = samples / sink.rate
    if promised - decoded > max(0.5, 0.02 * promised):
        _warn(
            warnings,
            "truncated",
            f"the header says {promised:.1f} s, {decoded:.1f} s could be decoded",
        )


class _FlacChecks:
    """Compares the decoded samples with the MD5 in FLAC's STREAMINFO block."""

    def __init__(self, stream: AudioStream) -> None:
        extradata = stream.codec_context.extradata or b""
        self._expected = extradata[18:34] if len(extradata) >= 34 else b""
        bits = (int.from_bytes(extradata[12:14], "big") >> 4 & 0x1F) + 1 if self._expected else 0
        self._bits = bits
        self._digest = hashlib.md5(usedforsecurity=False)

    def add(self, frame: AudioFrame) -> None:
        if not any(self._expected) or self._bits not in {16, 24}:
            return
        block = frame.to_ndarray()  # (channels, n) planar, (1, n * channels) packed
        flat = np.ascontiguousarray(block.T).reshape(-1)
        if self._bits == 16:
            self._digest.update(flat.astype("<i2", copy=False).tobytes())
        else:
            words = (flat.astype("<i4", copy=False) >> 8).view(np.uint8).reshape(-1, 4)
            self._digest.update(words[:, :3].tobytes())

    def finish(self, warnings: list[dict[str, str]]) -> None:
        if (
            any(self._expected)
            and self._bits in {16, 24}
            and (self._digest.digest() != self._expected)
        ):
            _warn(warnings, "checksum", "the samples are not those the encoder saw")


def _warn(warnings: list[dict[str, str]], kind: str, detail: str) -> None:
    if not any(warning["type"] == kind for warning in warnings):
        warnings.append({"type": kind, "detail": detail})
