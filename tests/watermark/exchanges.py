"""What audiowmark answered once, and an executable that answers the same.

``python -m tests.watermark.exchanges`` asks the installed program again and writes the file anew.
"""

import base64
import hashlib
import json
import stat
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from watermark import NO_KEY, Audiowmark, Key, Payload, parse_key_file
from watermark.streams import Stream, random_words

HERE = Path(__file__).parent
FILE = HERE / "golden" / "audiowmark-exchanges.json"
RATE = 11025
KEYS = [
    parse_key_file((HERE / "golden" / "golden.key").read_text(), "golden"),
    Key(bytes(range(1, 17)), 'any "name"'),
]
PAYLOADS = [Payload("0123456789abcdef0011223344556677"), Payload("beef")]


def noise() -> np.ndarray:
    """3 s, silent but for 0.6, that are the same everywhere: shape (1, n), loud enough to limit."""
    sound = np.zeros((1, 3 * RATE), np.float32)
    words = random_words(NO_KEY, Stream.DATA_BANDS, 0, 3 * RATE // 5)
    sound[0, : words.size] = words / 2**64 * 2 - 1
    return sound


def clip() -> np.ndarray:
    """30 s that audiowmark marked with the first key, shape (1, n) at 44.1 kHz."""
    path = HERE / "golden" / "clip30-strength15-marked.flac"
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 44100
    return np.ascontiguousarray(samples.T)


def executable(folder: Path, body: str) -> str:
    """A program of this body, in Python."""
    path = folder / "audiowmark"
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o700)
    return str(path)


def replaying(folder: Path) -> str:
    """A program that answers what was recorded, and to anything else with status 99."""
    root = str(HERE.parent.parent)
    return executable(
        folder,
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from tests.watermark import exchanges; exchanges.replay()",
    )


def replay() -> None:
    asked = _asked()
    for each in json.loads(FILE.read_text()):
        if each["asked"] == asked:
            sys.stdout.buffer.write(zlib.decompress(base64.b64decode(each["stdout"])))
            sys.stderr.write(each["stderr"])
            sys.exit(each["status"])
    sys.stderr.write(f"nothing like this was recorded: {asked}")
    sys.exit(99)


def record() -> None:
    """Ask the program, answer what it answers and keep that."""
    stream = sys.stdin.buffer.read()
    done = subprocess.run(
        ["audiowmark", *sys.argv[1:]], input=stream, capture_output=True, check=False
    )
    exchange = {
        "asked": _asked(stream),
        "status": done.returncode,
        "stdout": base64.b64encode(zlib.compress(done.stdout, 9)).decode(),
        "stderr": done.stderr.decode(),
    }
    known = json.loads(FILE.read_text()) if FILE.exists() else []
    FILE.write_text(json.dumps([*known, exchange], indent=1) + "\n")
    sys.stdout.buffer.write(done.stdout)
    sys.stderr.write(done.stderr.decode())
    sys.exit(done.returncode)


def _asked(stream: bytes | None = None) -> dict[str, Any]:
    """Arguments with key files' text in place of their names, and the digest of the stream.

    A key file that others may read, or in a folder that others may enter, ends the program.
    """
    stream = sys.stdin.buffer.read() if stream is None else stream
    arguments = list(sys.argv[1:])
    for place, argument in enumerate(arguments[:-1]):
        if argument == "--key":
            path = Path(arguments[place + 1])
            modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)]
            if modes != [0o600, 0o700]:
                sys.exit("a key file is open to others")
            arguments[place + 1] = path.read_text()
    return {"arguments": arguments, "stream": hashlib.sha256(stream).hexdigest()}


def main() -> None:
    FILE.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        body = f"import sys; sys.path.insert(0, {str(HERE.parent.parent)!r})\n"
        body += "from tests.watermark import exchanges; exchanges.record()"
        engine = Audiowmark.installed(executable(Path(folder), body))
        for payload in PAYLOADS:
            engine.embed(noise(), RATE, payload, KEYS[1], 12.5)
        engine.detect(clip(), 44100, KEYS)


if __name__ == "__main__":
    main()
