"""An engine that never answers, and a program that leaves another one behind which holds its pipes open."""

import json
import subprocess
import sys
import time
from pathlib import Path


def engine(_access: object) -> object:
    """Never give it."""
    time.sleep(600)
    raise AssertionError


if __name__ == "__main__":
    left = subprocess.Popen(["sleep", "600"])
    Path(json.loads(sys.stdin.read())["note"]).write_text(str(left.pid))
    print("begun", flush=True)
