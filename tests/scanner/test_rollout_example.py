"""The worked example of docs/policy-rollout.md is what its commands print today."""

import subprocess
import sys

from scripts.rollout_example import BEGIN, PAGE, page

PRINTED = "import sys; from scripts.rollout_example import section; sys.stdout.write(section())"


def test_the_page_shows_what_the_commands_print() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == 1
    done = subprocess.run(  # a process of its own: commands set up the logs of theirs
        [sys.executable, "-c", PRINTED],
        cwd=PAGE.parents[1],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert page(text, done.stdout) == text
