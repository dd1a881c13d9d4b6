"""Streams decoded from a pipe, file after file."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from scanner.audio import live
from scanner.audio.live import Feed
from tests.live_audio import encoded, filed, film
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
    assert seconds_heard(made[first] + made[then] * 4) >= 50 - lost


def test_a_format_that_begins_behind_damage_is_heard_from_its_beginning() -> None:
    made = [filed(song(5, 10, 48000), "FLAC"), filed(song(5, 10, 48000), "WAV")]
    made.append(encoded(song(4, 10), "matroska"))
    damage = np.random.default_rng(1).bytes(200_000)
    for then in made:
        assert seconds_heard(encoded(song(3, 10)) + damage + then) >= 19


def test_a_short_file_is_heard_once_where_another_format_follows() -> None:
    """At 32 kbit/s, as here, 64 KiB are 16 s."""
    jingle = filed(song(5, 5, 48000), "VORBIS")
    assert seconds_heard(jingle + encoded(song(3, 60))) <= 5 + 60 - 16


def test_sound_between_large_pictures_is_heard() -> None:
    data = film(song(3, 4))
    assert len(data) > 4 * 5 * live.STARVED
    assert seconds_heard(data) == pytest.approx(4, abs=0.3)


def seconds_heard(data: bytes) -> float:
    read, write_end = os.pipe()
    threading.Thread(target=_written, args=(write_end, data)).start()
    with Path(os.devnull).open("wb") as nowhere:
        report = live.listen(read, nowhere.fileno())
    os.close(read)
    return report["samples"] / live.RATE


def _written(end: int, data: bytes) -> None:
    with os.fdopen(end, "wb") as file:
        file.write(data)
