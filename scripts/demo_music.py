"""Music for the demo: a folder of one's own, four freely licensed songs, or rendered pieces."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from scanner.audio import AudioError, Decoder
from scripts import debian_music

PACKAGE: Final = "fretsonfire-songs-sectoid"
RATE: Final = 44100
Samples = NDArray[np.float32]  # (n, channels)


@dataclass(frozen=True)
class Piece:
    """A piece of music: its title and samples, float32 of shape (n, channels)."""

    title: str
    samples: Samples
    rate: int


def pieces(folder: str | None, cache: Path) -> list[Piece]:
    """Return at least four pieces, from the folder if one is given."""
    if folder:
        found = _from_folder(Path(folder))
        if len(found) < 4:
            raise SystemExit(f"MUSIC={folder} holds {len(found)} readable pieces; four are needed")
        return found
    try:
        return _from_package(cache)
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            f"The package {PACKAGE} can't be had here ({error}); using rendered pieces instead.",
            file=sys.stderr,
        )
        return [rendered(seed) for seed in range(4)]


def _from_folder(folder: Path) -> list[Piece]:
    found = []
    with Decoder() as decoder:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            try:
                decoded = decoder.decode(path)
            except AudioError:
                continue
            if decoded.duration >= 30:
                samples = np.ascontiguousarray(decoded.samples.T)
                found.append(Piece(path.stem, samples, decoded.sample_rate))
            if len(found) == 12:
                break
    return found


def _from_package(cache: Path) -> list[Piece]:
    """Fetch the Debian package once; mix each song with its guitar track, of equal length."""
    songs = debian_music.fetch(PACKAGE, cache)
    found = []
    for song in sorted(songs.rglob("song.ogg")):
        samples, rate = soundfile.read(song, dtype="float32", always_2d=True)
        guitar, _ = soundfile.read(song.with_name("guitar.ogg"), dtype="float32", always_2d=True)
        length = min(len(samples), len(guitar))
        mix = samples[:length] + guitar[:length]
        mix /= max(1.0, float(np.abs(mix).max()))
        found.append(Piece(song.parent.name, mix, rate))
    if len(found) < 4:
        raise OSError(f"only {len(found)} songs in the package")
    return found


def rendered(seed: int, seconds: float = 60) -> Piece:
    """Render a piece: decaying chords in a key, at a tempo and in a rhythm of its own."""
    random = np.random.default_rng(1000 + seed)
    out = np.zeros(int(seconds * RATE), np.float32)
    beat = int(RATE * 60 / random.uniform(80, 140))
    scale = (np.array([0, 2, 4, 5, 7, 9, 11, 12]) + random.integers(0, 12)).astype(int)
    times = np.arange(beat * 3) / RATE
    for start in range(0, out.size, beat):
        for pitch in random.choice(scale, size=3, replace=False):
            hertz = 110 * 2 ** ((pitch + 12 * random.integers(0, 3)) / 12)
            tone = sum(np.sin(2 * np.pi * hertz * k * times) * 0.5**k for k in range(1, 5))
            tone = tone * np.exp(-times * random.uniform(2, 6))
            room = out[start : start + times.size]
            room += (0.1 * tone[: room.size]).astype(np.float32)
    return Piece(f"Rendered piece {seed + 1}", out[:, None], RATE)


def write_mp3(path: Path, piece: Piece, bit_rate: int) -> None:
    """Encode a piece as MP3 at ``bit_rate`` bit/s."""
    layout = "stereo" if piece.samples.shape[1] > 1 else "mono"
    samples = np.ascontiguousarray(piece.samples[:, :2].T)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout=layout)
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        frame.sample_rate = piece.rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=RATE, frame_size=1152
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts = None
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
