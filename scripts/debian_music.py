"""Fetch Debian packages and take the audio out of them, with the copyright file beside it."""

import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Final

AUDIO: Final = frozenset({".ogg", ".oga", ".opus", ".mp3", ".flac", ".wav"})
ARCHIVES: Final = frozenset({".pk3", ".wz"})  # zip files under the names of games


def fetch(package: str, folder: Path) -> Path:
    """Return ``folder/package`` with the audio files of a Debian package; fetched once.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        If apt-get or dpkg-deb is not at hand, or the package can't be had.
    """
    place = folder / package
    if place.is_dir():
        return place
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        _run("apt-get", "download", "-qq", package, cwd=work)
        (archive,) = Path(work).glob("*.deb")
        unpacked = Path(work) / "unpacked"
        _run("dpkg-deb", "-x", str(archive), str(unpacked))
        _keep_audio(unpacked)
        unpacked.rename(place)
    return place


def audio_files(place: Path) -> list[Path]:
    """Return a package's audio files, in the order of their paths."""
    return sorted(each for each in place.rglob("*") if each.suffix.lower() in AUDIO)


def _keep_audio(folder: Path) -> None:
    """Take the audio out of archives and drop every other file but the copyright's."""
    for path in list(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix.lower() in ARCHIVES:
            with zipfile.ZipFile(path) as archive:
                names = [n for n in archive.namelist() if Path(n).suffix.lower() in AUDIO]
                archive.extractall(path.with_suffix(""), names)
        if path.suffix.lower() not in AUDIO and path.name != "copyright":
            path.unlink()


def _run(*command: str, cwd: str | None = None) -> None:
    subprocess.run(
        command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
