"""Streams decoded from a pipe, file after file."""

import os
import threading
from pathlib import Path

import pytest

from scanner.audio import live
from scanner.audio.live import Feed
from tests.live_audio import encoded, filed
from tests.songs import song


def test_an_ogg_stream_that_begins_anew_is_the_next_file() -> None:
    song_bytes = filed(song(3, 2, 48000), "VORBIS")
    read, write_end = os.pipe()
    threading.Thread(target=_written, args=(write_end, song_bytes * 3)).start()
    feed, files = Feed(read), []
    while feed.is_more():
        parts = []
        while part := feed.read(1000):
            parts.append(part)
        files.append(b"".join(parts))
    os.close(read)
    assert files == [song_bytes] * 3


@pytest.mark.parametrize(("first", "then", "lost"), [("mp3", "aac", 10), ("mp3", "VORBIS", 1)])
def test_a_stream_that_changes_its_format_is_heard_on(first, then, lost) -> None:
    """Each demultiplexer looks for its own format for ever; 64 KiB are 4 s at a usual rate, here up to 12."""
    made = {
        "mp3": encoded(song(3, 10)),
        "aac": encoded(song(4, 10), "adts", "aac"),
        "VORBIS": filed(song(5, 10, 48000), "VORBIS"),
    }
    read, write_end = os.pipe()
    threading.Thread(target=_written, args=(write_end, made[first] + made[then] * 4)).start()
    with Path(os.devnull).open("wb") as nowhere:
        report = live.listen(read, nowhere.fileno())
    os.close(read)
    assert report["samples"] / live.RATE >= 50 - lost


def _written(end: int, data: bytes) -> None:
    with os.fdopen(end, "wb") as file:
        file.write(data)
