"""Keys in files for as long as another program needs them, and no longer."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time
from typing import Final

from watermark.keys import Key, format_key_file

_PREFIX: Final = "watermark-keys-"
_YOUNG_SECONDS: Final = 60.0
"""A folder of this age may be one that its process has not locked yet."""


@contextmanager
def key_files(keys: Sequence[Key]) -> Iterator[list[Path]]:
    """Files of mode 0600 in a private folder, in which each key is known by its number.

    They are gone afterwards, but not if this process is killed: see :func:`sweep`.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, _locked(Path(name)):  # mode 0700
        paths = [Path(name) / f"{number}.key" for number in range(len(keys))]
        for number, (path, key) in enumerate(zip(paths, keys, strict=True)):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(format_key_file(Key(key.secret, str(number))))
        yield paths


def sweep() -> None:
    """Remove the key files that processes of this user left when they were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, or gone by now
            kept = folder.lstat()
            if kept.st_uid == os.getuid() and time() - kept.st_mtime > _YOUNG_SECONDS:
                with _locked(folder):
                    shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which ends with this process; BlockingIOError if another has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
