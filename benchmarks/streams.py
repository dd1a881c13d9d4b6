"""A radio show of real music, listened to: how soon it is said what is on, and how right the cue sheet is.

``python -m benchmarks.streams [--songs 25] [--offline] [--tuning]``

Songs of the test split come one after the other as stations play them: as they are, 3 % faster, with
a presenter over the first seconds, faded into the next one, compressed. Unknown music and speech lie
between. The show is one MP3 at 128 kbit/s. It is fetched from an address that sends it in real time;
``--offline`` hands it over as fast as it is heard, which says the same but for what one waits while a
window is searched. ``--tuning`` takes the songs of the other splits, and more of what is unknown.
"""

import argparse
import contextlib
import io
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.alterations import RATE, compressed, fitted, mixed, resampled, with_channels
from benchmarks.queries import excerpt
from benchmarks.speech import speech
from scanner import references
from scanner.callers import SCOPES, Caller
from scanner.installation import initialise
from scanner.journal import Actor
from scanner.keys import tenants
from scanner.logs import configure
from scanner.service import Service
from scanner.settings import Settings
from scanner.streams import cue_sheets, records
from scanner.streams.hearing import Hearing
from scanner.streams.keeper import Keeper
from scanner.tables import Stream
from scripts.music_corpus import Recording, corpus
from tests.loopback import Listener

SEED: Final = 20
SONG_SECONDS: Final = (25.0, 45.0)
BETWEEN_SECONDS: Final = 12.0
TUNING_BETWEEN_SECONDS: Final = 30.0
BYTES_A_SECOND: Final = 16_000
TALK_SECONDS: Final = 6.0
FADE_SECONDS: Final = 3.0
FASTER: Final = 1.03
TREATMENTS: Final = ("plain", "3 % faster", "talked over", "faded in", "compressed")
STEM: Final = "benchmark-songs-"

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Aired:
    """A song of the show: what it is, how it is played, from when to when in seconds."""

    title: str
    treatment: str
    start: float
    end: float


def show(
    songs: Sequence[Recording], unknown: Sequence[Recording], between: float = BETWEEN_SECONDS
) -> tuple[Samples, list[Aired]]:
    """Return a show of shape (2, n) at 44.1 kHz, and what is on when.

    Parameters
    ----------
    between : float
        Seconds of unknown music, or of speech, after each third song.
    """
    rng = np.random.default_rng(SEED)
    parts, aired, at = [_between(unknown, rng, 0, between)], [], between
    for number, song in enumerate(songs):
        treatment = TREATMENTS[number % len(TREATMENTS)]
        seconds = min(float(rng.uniform(*SONG_SECONDS)), song.seconds - 1)
        start = float(rng.uniform(0, song.seconds - seconds))
        played = with_channels(excerpt(song, start, seconds), 2)
        played, overlap = _treated(played, treatment, rng)
        if overlap:
            tail = parts.pop()
            parts.append(_faded(tail, played, overlap))
            at -= overlap / RATE
        else:
            parts.append(played)
        aired.append(Aired(song.path, treatment, at, at + played.shape[1] / RATE))
        at = aired[-1].end
        if number % 3 == 2:
            parts.append(_between(unknown, rng, number, between))
            at += between
    return np.concatenate(parts, axis=1), aired


def _between(
    unknown: Sequence[Recording], rng: np.random.Generator, number: int, seconds: float
) -> Samples:
    if number % 2:
        return with_channels(speech(seconds, rng), 2)
    song = unknown[int(rng.integers(len(unknown)))]
    part = excerpt(song, float(rng.uniform(0, song.seconds - seconds)), seconds)
    return fitted(with_channels(part, 2), round(seconds * RATE))


def _treated(samples: Samples, treatment: str, rng: np.random.Generator) -> tuple[Samples, int]:
    if treatment == "3 % faster":
        return resampled(samples, FASTER), 0
    if treatment == "compressed":
        return compressed(samples, RATE), 0
    if treatment == "talked over":
        n = round(TALK_SECONDS * RATE)
        voice = with_channels(speech(TALK_SECONDS, rng), 2)
        talked = mixed(samples[:, :n], voice[:, :n], 6.0)
        return np.concatenate([talked, samples[:, n:]], axis=1), 0
    return samples, round(FADE_SECONDS * RATE) if treatment == "faded in" else 0


def _faded(tail: Samples, head: Samples, overlap: int) -> Samples:
    ramp = np.linspace(0, 1, overlap, dtype=np.float32)
    both = tail[:, -overlap:] * (1 - ramp) + head[:, :overlap] * ramp
    return np.concatenate([tail[:, :-overlap], both, head[:, overlap:]], axis=1)


def mp3(samples: Samples) -> bytes:
    """Return samples of shape (2, n) at 44.1 kHz as MP3 at 128 kbit/s."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="stereo")
        stream.bit_rate = 128_000
        resampler = av.AudioResampler("s16p", "stereo", RATE, stream.frame_size)
        for start in range(0, samples.shape[1], RATE * 10):
            part = np.ascontiguousarray(samples[:, start : start + RATE * 10], np.float32)
            frame = av.AudioFrame.from_ndarray(part, "fltp", "stereo")
            frame.sample_rate, frame.pts = RATE, start
            for each in resampler.resample(frame):
                container.mux(stream.encode(each))
        for each in resampler.resample(None):
            container.mux(stream.encode(each))
        container.mux(stream.encode(None))
    return file.getvalue()


def measure(count: int, *, is_offline: bool = False, is_tuning: bool = False) -> dict[str, Any]:
    """Listen to a show of ``count`` songs among all references of the split."""
    recordings = corpus("train", "validation") if is_tuning else corpus("test")
    recordings = [each for each in recordings if each.seconds > SONG_SECONDS[1]]
    groups = sorted({each.group for each in recordings})
    unknown = [each for each in recordings if each.group in groups[::6]]
    known = [each for each in recordings if each.group not in groups[::6]]
    rng = np.random.default_rng(SEED)
    firsts = {each.group: each for each in known}
    songs = [list(firsts.values())[n] for n in rng.permutation(len(firsts))[:count]]
    between = TUNING_BETWEEN_SECONDS if is_tuning else BETWEEN_SECONDS
    samples, aired = show(songs, unknown, between)
    data, seconds = mp3(samples), samples.shape[1] / RATE
    del samples
    with tempfile.TemporaryDirectory(prefix=STEM) as folder, _station(data) as station:
        settings = Settings(home=Path(folder), log_level="error", allowed_hosts={station.host})
        configure(settings)
        with Service(settings) as service:
            initialise(service, "bench@example.com")
            with service.database.reading() as session:
                tenant = tenants(session)[0].id
            caller = Caller(tenant, Actor("bench", "platform"), frozenset(SCOPES))
            for each in known:
                references.add(service, caller, path=each.file, title=each.path, operator=True)
            before = os.times()
            if is_offline:
                sheet = _sent(service, caller, data)
            else:
                sheet = _fetched(service, caller, station.url("/live.mp3"), seconds)
            after = os.times()
    return _account(aired, sheet, {each.path: each.group for each in known}) | {
        "references": len(known),
        "minutes": round(seconds / 60, 1),
        "cpu_seconds_a_minute": round((sum(after[:4]) - sum(before[:4])) / (seconds / 60), 2),
    }


@contextlib.contextmanager
def _station(data: bytes) -> Iterator[Listener]:
    """Send a show in real time to whoever asks, and hang up behind it."""
    closing = threading.Event()

    def play(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n")
        began = time.monotonic()
        for start in range(0, len(data), BYTES_A_SECOND // 4):
            if closing.wait(max(0.0, began + start / BYTES_A_SECOND - time.monotonic())):
                return
            connection.sendall(data[start : start + BYTES_A_SECOND // 4])

    station = Listener(play)
    try:
        yield station
    finally:
        closing.set()
        station.close()


def _fetched(service: Service, caller: Caller, url: str, seconds: float) -> dict[str, Any]:
    row = records.add(service, caller, "show", url)
    keeper = Keeper(service, threading.Event())
    keeper.run_due()  # once: what breaks off is not fetched again
    keeper.close()
    records.end(service, row.id, "finished")
    sheet = _sheet(service, row.id)
    if sheet["heard_seconds"] < seconds - 1:
        raise RuntimeError(f"only {sheet['heard_seconds']} of {seconds:.1f} s were heard")
    return sheet


def _sent(service: Service, caller: Caller, data: bytes) -> dict[str, Any]:
    row = records.add(service, caller, "show", None)
    hearing = Hearing(service, records.connect(service, row.id), is_live=False)
    for start in range(0, len(data), 4096):
        hearing.feed(data[start : start + 4096])
    hearing.close()
    records.end(service, row.id, "finished")
    return _sheet(service, row.id)


def _sheet(service: Service, stream_id: str) -> dict[str, Any]:
    with service.database.reading() as session:
        return cue_sheets.cue_sheet(session, session.get_one(Stream, stream_id))


def _account(
    aired: Sequence[Aired], sheet: dict[str, Any], groups: dict[str, str]
) -> dict[str, Any]:
    """Compare a cue sheet with what was on; a remaster of the same piece is right, as is an entry for each."""
    left = list(sheet["entries"])
    rows = []
    for song in aired:
        own = [
            each
            for each in left
            if groups.get(each["title"]) == groups[song.title]
            and min(each["end"], song.end) - max(each["start"], song.start) > 0
        ]
        left = [each for each in left if each not in own]
        rows.append(asdict(song) | {"found": bool(own)} | (_errors(song, own) if own else {}))
    return {
        "songs": rows,
        "false": [[each["title"], each["start"], each["end"]] for each in left],
        "unsearched": sheet["unsearched"],
    }


def _errors(song: Aired, own: Sequence[dict[str, Any]]) -> dict[str, float]:
    first = min(own, key=lambda each: each["start"])
    start, end = first["start"], max(each["end"] for each in own)
    return {
        "said_after": round(first["said_after"] + start - song.start, 2),
        "start_off": round(start - song.start, 2),
        "end_off": round(end - song.end, 2),
        "entries": len(own),
        "references": len({each["title"] for each in own}),
    }


def markdown(result: dict[str, Any]) -> str:
    """Return the account as a table."""
    lines = [
        "| played | songs | found | said after, s (median, worst) | start, end off by, s (median) |",
        "|---|---|---|---|---|",
    ]
    kinds: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
        (kind, lambda row, kind=kind: row["treatment"] == kind)  # type: ignore[misc]
        for kind in TREATMENTS
    ]
    for kind, belongs in [*kinds, ("all", lambda _: True)]:
        rows = [row for row in result["songs"] if belongs(row)]
        found = [row for row in rows if row["found"]]
        if not rows:
            continue
        said = [row["said_after"] for row in found] or [float("nan")]
        off = [
            float(np.median([abs(row[name]) for row in found] or [float("nan")]))
            for name in ("start_off", "end_off")
        ]
        lines.append(
            f"| {kind} | {len(rows)} | {len(found)} | {np.median(said):.1f}, {max(said):.1f} | "
            f"{off[0]:.1f}, {off[1]:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--songs", type=int, default=25)
    parser.add_argument("--offline", action="store_true", help="as fast as it is heard")
    parser.add_argument("--tuning", action="store_true", help="songs of train and validation")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    result = measure(asked.songs, is_offline=asked.offline, is_tuning=asked.tuning)
    print(markdown(result))
    print({name: value for name, value in result.items() if name != "songs"})
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
