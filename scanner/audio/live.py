"""The decode of a live stream, from one pipe to another; runs in the limited child process."""

import os
import re
from typing import Any, Final

import av
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.stream import Disposition, Stream

from scanner.audio.decoded import Report
from scanner.audio.decoding import OPTIONS
from scanner.audio.errors import UNREADABLE, AudioError

RATE: Final = 44100
CHANNELS: Final = 2
FRAME_BYTES: Final = 4 * CHANNELS
"""Of one interleaved float32 sample of all channels."""
_LOOK: Final = {
    "probesize": "65536",
    "formatprobesize": "65536",  # else 1 MiB is gone with each look that finds nothing
    "analyzeduration": "1000000",
}
_READ: Final = 1 << 14
_NO_STREAM: Final = "what comes is no MP3, AAC, Ogg, FLAC, WAV or Matroska stream"
_PAGE: Final = b"OggS"
_PAGE_HEADER: Final = 27
_BEGINS: Final = 2
_OPENING: Final = re.compile(rb"OggS\x00\x02|fLaC|RIFF.{4}WAVE|\x1aE\xdf\xa3", re.DOTALL)
"""Of files that can be decoded from their beginning only."""
_FRUITLESS: Final = 3
"""Tries in a row that gave no sample, after which what comes is no audio, if none came before."""
STARVED: Final = 1 << 16
"""Bytes, 4 s at 128 kbit/s, in which nothing sounds behind what did: the format may be another one."""
STARVED_OF_FILM: Final = 1 << 22
"""As many where pictures stand between the sound, of which one may be large."""
_BEHIND: Final = STARVED + 8 * _READ


class Feed:
    """What comes through a pipe, as files for FFmpeg; an Ogg stream that begins anew is the next file.

    Parameters
    ----------
    source : int
        Descriptor to read from, blocking.
    """

    def __init__(self, source: int) -> None:
        self._source = source
        self._waiting = b""
        self._is_ogg: bool | None = None
        self._is_in_headers = False
        self._at_next = False
        self._left = 0  # bytes of the page that is being read
        self._sounded: int | None = None
        self._patience = STARVED
        self._is_starved = False
        self._began = 0
        self._behind = b""  # what went out last
        self.taken = 0

    def is_more(self) -> bool:
        """Wait for the next byte and tell whether there is one."""
        if self._is_starved or self._sounded == self._began:
            self._return_to_opening()
        self._began = self.taken
        if self._sounded is not None:
            self._sounded, self._patience = self.taken, STARVED_OF_FILM
        self._at_next = self._is_starved = False
        self._is_ogg, self._left = None, 0
        return self._has(1)

    def note_opened(self, *, is_film: bool) -> None:
        """Take note that a demultiplexer knows what this file is."""
        self._patience = STARVED_OF_FILM if is_film else STARVED

    def note_sound(self) -> None:
        """Take note that what was read up to now sounds."""
        self._sounded = self.taken

    def starts_with(self, text: bytes) -> bool:
        """Tell whether what waits begins so."""
        return self._has(len(text)) and self._waiting.startswith(text)

    def read(self, size: int = -1) -> bytes:
        """Return at least one byte and at most ``size``; none at the end of one file.

        A file ends too where nothing sounds any more: a demultiplexer looks for its own format for ever.
        """
        if self._sounded is not None and self.taken - self._sounded > self._patience:
            self._is_starved = True  # until the next file, whatever still comes out of this one
        if self._is_starved or self._at_next or not self._has(1):
            return b""
        if self._is_ogg is None:
            self._is_ogg = self.starts_with(_PAGE)
        end = self._page(size) if self._is_ogg else min(size, len(self._waiting))
        block, self._waiting = self._waiting[:end], self._waiting[end:]
        self.taken += len(block)
        self._behind = (self._behind + block)[-_BEHIND:]
        return block

    def _return_to_opening(self) -> None:
        """Give out once more what begins a file, if it went to the demultiplexer of another one."""
        count = min(self.taken - self._began, len(self._behind))
        behind = self._behind[len(self._behind) - count :]
        if openings := list(_OPENING.finditer(behind, 1)):  # its own is not looked at twice
            again = behind[openings[-1].start() :]
            self._waiting = again + self._waiting
            self.taken -= len(again)
            self._behind, self._is_in_headers = b"", True

    def _page(self, size: int) -> int:
        """Return how much may go out: to the end of a page, none if another file begins with it."""
        if self._left == 0:
            if not self.starts_with(_PAGE) or not self._has(_PAGE_HEADER):
                self._left = self._damaged()
            else:
                begins = bool(self._waiting[5] & _BEGINS)
                if begins and not self._is_in_headers and self.taken:
                    self._at_next, self._is_in_headers = True, True
                    return 0
                self._is_in_headers = begins
                lacing = _PAGE_HEADER + self._waiting[26]
                self._has(lacing)
                self._left = lacing + sum(self._waiting[_PAGE_HEADER:lacing])
        self._has(min(self._left, size))
        count = min(self._left, size, len(self._waiting))
        self._left -= count
        return count

    def _damaged(self) -> int:
        """Return how much lies before the next page, as far as it is known."""
        found = self._waiting.find(_PAGE, 1)
        return found if found > 0 else max(1, len(self._waiting) - len(_PAGE) + 1)

    def _has(self, count: int) -> bool:
        while len(self._waiting) < count:
            block = os.read(self._source, _READ)
            if not block:
                return False
            self._waiting += block
        return True


def listen(source: int, output: int) -> Report:
    """Decode what comes as interleaved float32 in stereo at 44.1 kHz, until it ends.

    Returns
    -------
    dict
        ``samples``: of each channel.

    Raises
    ------
    AudioError
        ``unreadable-audio``, if nothing in it is audio that is taken.
    """
    feed, samples, fruitless = Feed(source), 0, 0
    while feed.is_more():
        if feed.starts_with(b"#EXTM3U"):
            raise AudioError(
                UNREADABLE, "this is a playlist: give the address of the stream itself"
            )
        taken, found = feed.taken, _decode_next(feed, output)
        samples += found
        fruitless = 0 if found else fruitless + 1
        if feed.taken == taken or (fruitless >= _FRUITLESS and not samples):
            raise AudioError(UNREADABLE, _NO_STREAM)
    if not samples:
        raise AudioError(UNREADABLE, _NO_STREAM)
    return {"samples": samples}


def _decode_next(feed: Feed, output: int) -> int:
    """Decode one file's worth of the feed; return how many samples it gave."""
    try:
        container = av.open(
            feed, mode="r", options=OPTIONS | _LOOK, metadata_errors="replace", buffer_size=_READ
        )
    except (av.error.FFmpegError, ValueError):
        return 0
    with container:
        feed.note_opened(is_film=any(map(_is_moving, container.streams.video)))
        return _decode(container, feed, output)


def _is_moving(stream: Stream) -> bool:
    return not stream.disposition & Disposition.attached_pic


def _decode(container: InputContainer, feed: Feed, output: int) -> int:
    if not container.streams.audio:
        return 0
    resampler = AudioResampler(format="flt", layout="stereo", rate=RATE)
    samples = 0
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError, ValueError):
            return samples
        try:
            frames: list[Any] = [
                out for each in packet.decode() for out in resampler.resample(each)
            ]
        except (av.error.FFmpegError, ValueError):
            continue  # damage on the way: what follows decodes again
        if frames:
            feed.note_sound()
        for frame in frames:
            samples += frame.samples
            _write(output, frame.to_ndarray().tobytes())


def _write(output: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(output, view) :]
