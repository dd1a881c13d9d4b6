"""What asks about known flaws of the packages never passes where nobody could be asked."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_audit_that_can_ask_nobody_fails_and_says_so(tmp_path: Path) -> None:
    nobody = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        ["make", "-o", "setup", f"BIN={Path(sys.executable).parent}", "audit"],
        cwd=ROOT,
        env=os.environ | nobody | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert "not audited: " in done.stderr
    assert "Unable to connect to proxy" in done.stderr  # it got as far as asking
