"""The decode itself; runs in the limited child process, on file descriptors it was given."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from scanner.audio import sylt
from scanner.audio.decoded import DecodeLimits, Report
from scanner.audio.errors import UNREADABLE, AudioError
from scanner.audio.flac import StreamInfo
from scanner.audio.ogg import read_pages
from scanner.audio.samples import SampleWriter
from scanner.audio.sniff import SNIFF_BYTES, id3_size, sniff
from scanner.wording import Told

# FFmpeg's demuxers that may read, and what `sniff` calls their containers.
CONTAINERS: Final = {
    "wav": "wav",
    "w64": "wav",
    "flac": "flac",
    "mp3": "mp3",
    "ogg": "ogg",
    "aac": "aac",
    "mov,mp4,m4a,3gp,3g2,mj2": "mp4",
    "aiff": "aiff",
    "asf": "asf",
    "asf_o": "asf",
    "caf": "caf",
    "matroska,webm": "matroska",
}
CODECS: Final = (
    "aac,aac_fixed,aac_latm,ac3,eac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,flac,gsm,gsm_ms,"
    "libgsm,libgsm_ms,libopus,libspeex,libvorbis,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,"
    "pcm_alaw,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,"
    "pcm_s24le,pcm_s32be,pcm_s32le,pcm_s64be,pcm_s64le,pcm_s8,pcm_u16be,pcm_u16le,pcm_u24be,"
    "pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,speex,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,"
    "wmavoice"
)
# No playlist, no second file, no network, no decoder of pictures: FFmpeg reads what it is handed,
# through the file object, with these demuxers and decoders.
OPTIONS: Final = {
    "format_whitelist": ",".join(CONTAINERS),
    "codec_whitelist": CODECS,
    "protocol_whitelist": "none",
    "enable_drefs": "0",
}
MAX_BAD_PACKETS: Final = 1000
# A header may round to frames and count the encoder's delay; more than this is missing audio.
TOLERANCE_SECONDS: Final = 0.3
TOLERANCE_SHARE: Final = 0.002
MAX_TAGS: Final = 64
MAX_TAG_NAME: Final = 60
MAX_TAG: Final = 500
MAX_TAGS_TOTAL: Final = 6000
MAX_LYRICS_BYTES: Final = 40_000
# ID3 `USLT`, MP4 `©lyr` and Vorbis comments by FFmpeg's names; a language may follow.
LYRICS_TAGS: Final = ("lyrics", "unsyncedlyrics", "unsynced lyrics", "syncedlyrics", "uslt")


class Warnings:
    """What is odd about the file, once a type."""

    def __init__(self) -> None:
        self._details: dict[str, str] = {}

    def add(self, kind: str, detail: str) -> None:
        self._details.setdefault(kind, detail)

    def as_json(self) -> list[dict[str, str]]:
        return [{"type": kind, "detail": detail} for kind, detail in self._details.items()]


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
        # PyAV copies what comes into a buffer of `size` bytes unchecked: never return more.
        left = max(0, self._end - self._at)
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

    @property
    def is_used_up(self) -> bool:
        """Whether all bytes were read, or more were asked for than there are."""
        return self._at >= self._end


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
    writer, warnings = SampleWriter(output, limits), Warnings()
    parts: tuple[tuple[int, int], ...] = ((0, size),)
    if container == "ogg":
        pages = read_pages(source, size)
        parts = pages.chains
        if not pages.ended:
            warnings.add("truncated", "the last page does not end its stream")
        if pages.damaged:
            warnings.add("damaged", f"{pages.damaged} places hold no whole page")
        if len(parts) > 1:
            warnings.add("chained", f"{len(parts)} streams one after the other, all decoded")
    if _breaks_off(head, size):
        warnings.add("truncated", "the file is shorter than its header says")
    report = _decode_part(_Window(source, *parts[0]), writer, warnings)
    for number, part in enumerate(parts[1:], start=2):
        try:
            _decode_part(_Window(source, *part), writer, warnings)
        except AudioError as error:
            if error.problem not in {UNREADABLE, "no-audio-stream"}:
                raise
            warnings.add(
                "not-examined", f"stream {number} of {len(parts)} chained ones could not be decoded"
            )
    writer.flush()
    if writer.samples == 0:
        raise AudioError(UNREADABLE, "not one sample could be decoded: export it again")
    return report | {
        "sample_rate": writer.rate,
        "channels": writer.channels,
        "samples": writer.samples,
        "warnings": warnings.as_json(),
    }


def _decode_part(file: _Window, writer: SampleWriter, warnings: Warnings) -> Report:
    try:
        container = av.open(file, mode="r", options=OPTIONS, metadata_errors="replace")
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise AudioError(
            UNREADABLE, "the file's structure can't be read: export it again"
        ) from error
    with container:
        stream = _default_stream(container, warnings)
        codec = stream.codec_context
        before = writer.samples
        info = StreamInfo(codec.extradata or b"") if codec.name == "flac" else None
        for frame in _frames(container, stream, file, warnings):
            if info is not None:
                info.add(frame)
            if writer.write(frame):
                warnings.add(
                    "rate-changed", f"{writer.rate} Hz, then {frame.sample_rate} Hz: resampled"
                )
        writer.end_stream()
        if info is not None:
            _check_samples(info, warnings)
        elif writer.rate:
            decoded = (writer.samples - before) / writer.rate
            _check_length(_promised_seconds(container, stream, file), decoded, warnings)
        return {
            "container": CONTAINERS[container.format.name],
            "codec": codec.name,
            "bit_rate": codec.bit_rate or container.bit_rate or None,
            "tags": _tags({**container.metadata, **stream.metadata}),
            **_lyrics({**container.metadata, **stream.metadata}, sylt.read(file)),
        }


def _default_stream(container: InputContainer, warnings: Warnings) -> AudioStream:
    streams = list(container.streams.audio)
    if not streams:
        raise AudioError("no-audio-stream", "the file holds no audio: send the audio track itself")
    default = av.stream.Disposition.default
    stream = next((each for each in streams if each.disposition & default), streams[0])
    if len(streams) > 1:
        warnings.add("several-tracks", f"{len(streams)} audio tracks: the default one was taken")
    if stream.codec_context is None or stream.codec_context.name not in CODECS.split(","):
        raise AudioError(UNREADABLE, "its codec is not one that is taken: export it as FLAC or MP3")
    return stream


def _frames(
    container: InputContainer, stream: AudioStream, file: _Window, warnings: Warnings
) -> Iterator[AudioFrame]:
    """Yield what decodes; damage in between is noted and passed over, up to a limit.

    Players play on where this gives up, so it says when there was more.
    """
    bad = 0
    reached: float | None = None  # seconds
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):
            warnings.add("truncated", "the file breaks off")
            if not file.is_used_up:
                warnings.add("not-examined", _left_out(container, reached))
            with suppress(av.error.FFmpegError):
                yield from stream.decode(None)
            return
        if bad > MAX_BAD_PACKETS:
            warnings.add("not-examined", _left_out(container, reached))
            return
        if packet.is_corrupt:
            warnings.add("damaged", "parts of the file are damaged")
        try:
            yield from packet.decode()
        except MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):
            bad += 1
            warnings.add("damaged", "some of the audio could not be decoded")
        else:
            if packet.pts is not None and packet.time_base is not None:
                reached = float(packet.pts * packet.time_base)


def _left_out(container: InputContainer, reached: float | None) -> str:
    """Say how much was not decoded because decoding gave up, as far as the file tells."""
    if container.duration is None or reached is None:
        return "decoding gave up at damage that the file goes on after"
    total = container.duration / av.time_base
    return Told(
        "decoding gave up at damage after %(reached)s s; about %(value)s s more were not examined",
        reached=f"{reached:.1f}",
        value=f"{max(0.0, total - reached):.1f}",
    )


def _check_samples(info: StreamInfo, warnings: Warnings) -> None:
    if info.is_short:
        warnings.add(
            "truncated",
            f"the header promises {info.promised} samples, {info.decoded} could be decoded",
        )
    elif info.differs:
        warnings.add("checksum", "the samples are not those that the encoder saw")


def _check_length(promised: float, decoded: float, warnings: Warnings) -> None:
    """Say so when less decoded than the header promised."""
    if promised - decoded > max(TOLERANCE_SECONDS, TOLERANCE_SHARE * promised):
        warnings.add(
            "truncated", f"the header promises {promised:.1f} s, {decoded:.1f} s could be decoded"
        )


def _promised_seconds(container: InputContainer, stream: AudioStream, file: _Window) -> float:
    """Return the length that the header states; 0 where FFmpeg's figure is only an estimate."""
    if container.format.name == "aac":
        return 0
    if container.format.name == "mp3" and not _counts_frames(file):
        return 0
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return 0


def _counts_frames(mp3: _Window) -> bool:
    """Tell whether an MP3 begins with a Xing, Info or VBRI frame, which counts the others."""
    mp3.seek(0)
    start = mp3.read(10)
    if start[:3] == b"ID3":
        mp3.seek(10 + id3_size(start))
    first = mp3.read(2048)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))


def _breaks_off(head: bytes, size: int) -> bool:
    """Tell whether a RIFF or AIFF file is shorter than its first header says."""
    if head[:4] == b"RIFF":
        promised = int.from_bytes(head[4:8], "little")
    elif head[:4] == b"FORM":
        promised = int.from_bytes(head[4:8], "big")
    else:
        return False
    unknown = promised in {0, 0xFFFFFFFF}  # written to a pipe
    return not unknown and promised + 8 > size + 1  # a last pad byte may be missing


def _tags(metadata: dict[str, Any]) -> dict[str, str]:
    """Keep tags within bounds, so that the report is one message; lyrics are not among them."""
    tags: dict[str, str] = {}
    left = MAX_TAGS_TOTAL
    others = [each for each in metadata.items() if not str(each[0]).lower().startswith(LYRICS_TAGS)]
    for key, text in others[:MAX_TAGS]:
        name, value = str(key).lower()[:MAX_TAG_NAME], str(text)[:MAX_TAG]
        left -= len(name) + len(value)
        if left < 0:
            break
        tags[name] = value
    return tags


def _lyrics(metadata: dict[str, Any], synchronised: list[str]) -> dict[str, Any]:
    """Gather lyrics, as long as the report stays one message."""
    found = [
        str(text) for key, text in metadata.items() if str(key).lower().startswith(LYRICS_TAGS)
    ]
    text = "\n".join(dict.fromkeys([*found, *synchronised]))
    is_cut = len(json.dumps(text)) > MAX_LYRICS_BYTES
    return {"lyrics": "" if is_cut else text, "lyrics_cut": is_cut}
