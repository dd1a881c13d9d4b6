"""A radio show of real music, listened to: how soon it is said what is on, and how right the cue sheet is.

``python -m benchmarks.streams [--songs 24]``

Songs of the test split come one after the other as stations play them: as they are, 3 % faster, with
a presenter over the first seconds, faded into the next one, compressed. Unknown music and speech lie
between. The show is one MP3 at 128 kbit/s, which is handed over as fast as it is heard.
"""

import argparse
import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
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
from scanner.tables import Stream
from scripts.music_corpus import Recording, corpus

SEED: Final = 20
SONG_SECONDS: Final = (25.0, 45.0)
BETWEEN_SECONDS: Final = 12.0
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


def show(songs: Sequence[Recording], unknown: Sequence[Recording]) -> tuple[Samples, list[Aired]]:
    """Return a show of shape (2, n) at 44.1 kHz, and what is on when."""
    rng = np.random.default_rng(SEED)
    parts, aired, at = [_between(unknown, rng, 0)], [], BETWEEN_SECONDS
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
            parts.append(_between(unknown, rng, number))
            at += BETWEEN_SECONDS
    return np.concatenate(parts, axis=1), aired


def _between(unknown: Sequence[Recording], rng: np.random.Generator, number: int) -> Samples:
    if number % 2:
        return with_channels(speech(BETWEEN_SECONDS, rng), 2)
    song = unknown[int(rng.integers(len(unknown)))]
    part = excerpt(song, float(rng.uniform(0, song.seconds - BETWEEN_SECONDS)), BETWEEN_SECONDS)
    return fitted(with_channels(part, 2), round(BETWEEN_SECONDS * RATE))


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


def measure(count: int) -> dict[str, Any]:
    """Listen to a show of ``count`` songs among all references of the split."""
    recordings = [each for each in corpus("test") if each.seconds > SONG_SECONDS[1]]
    groups = sorted({each.group for each in recordings})
    unknown = [each for each in recordings if each.group in groups[::6]]
    known = [each for each in recordings if each.group not in groups[::6]]
    rng = np.random.default_rng(SEED)
    firsts = {each.group: each for each in known}
    songs = [list(firsts.values())[n] for n in rng.permutation(len(firsts))[:count]]
    samples, aired = show(songs, unknown)
    with tempfile.TemporaryDirectory(prefix=STEM) as folder:
        settings = Settings(home=Path(folder), log_level="error")
        configure(settings)
        with Service(settings) as service:
            initialise(service, "bench@example.com")
            with service.database.reading() as session:
                tenant = tenants(session)[0].id
            caller = Caller(tenant, Actor("bench", "platform"), frozenset(SCOPES))
            for each in known:
                references.add(service, caller, path=each.file, title=each.path, operator=True)
            sheet, seconds = _listened(service, caller, mp3(samples))
    return _account(aired, sheet, {each.path: each.group for each in known}) | {
        "references": len(known),
        "minutes": round(samples.shape[1] / RATE / 60, 1),
        "cpu_seconds_a_minute": round(seconds / (samples.shape[1] / RATE / 60), 2),
    }


def _listened(service: Service, caller: Caller, data: bytes) -> tuple[dict[str, Any], float]:
    row = records.add(service, caller, "show", None)
    hearing = Hearing(service, records.connect(service, row.id), is_live=False)
    before = os.times()
    for start in range(0, len(data), 4096):
        hearing.feed(data[start : start + 4096])
    hearing.close()
    after = os.times()
    records.end(service, row.id, "finished")
    with service.database.reading() as session:
        sheet = cue_sheets.cue_sheet(session, session.get_one(Stream, row.id))
    return sheet, after.user + after.system - before.user - before.system


def _account(
    aired: Sequence[Aired], sheet: dict[str, Any], groups: dict[str, str]
) -> dict[str, Any]:
    """Compare a cue sheet with what was on; a remaster of the same piece is right."""
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
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    result = measure(asked.songs)
    print(markdown(result))
    print({name: value for name, value in result.items() if name != "songs"})
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
