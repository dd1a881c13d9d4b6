"""A command that is forked says and does what the installed program does."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.forked_program import forked
from tests.program import PROGRAM, clearance, environment, installed
from tests.songs import song, write


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["policy", "lint", "no-such-pack.yaml"], 2),
        (["scan", b"caf\xe9.wav", "--json"], 2),
        (["fingerprint", "relative.wav", "--json"], 0),
        (["doctor", "--json"], 2),
        (["scan", "relative.wav", "--server", "http://127.0.0.1:1"], 3),
    ],
)
def test_a_forked_command_says_what_the_installed_program_says(
    arguments: list[str | bytes], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "relative.wav", song(1, 5))
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"

    here, there = (
        run(home, *arguments, status=status, CLEARANCE_API_KEY="clr_live_x")
        for run in (clearance, installed)
    )

    assert (here.stdout, here.stderr) == (there.stdout, there.stderr)
    assert here.stdout or here.stderr


def test_a_command_leaves_nothing_behind_for_the_next(tmp_path: Path) -> None:
    wrong = {"CLEARANCE_PORT": "not-a-port"}
    assert "CLEARANCE_PORT" in clearance(tmp_path, "doctor", status=2, **wrong).stderr

    assert "CLEARANCE_PORT" not in clearance(tmp_path, "doctor", status=2).stderr
    assert installed(tmp_path, "init").stdout
    assert "CLEARANCE_PORT" not in clearance(tmp_path, "key", "list").stderr


def test_a_command_that_takes_too_long_is_killed_and_the_next_one_runs(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)  # nobody ever writes into it

    with pytest.raises(subprocess.TimeoutExpired):
        forked().run([PROGRAM, "policy", "lint", pipe], environment(tmp_path), timeout=1)

    assert clearance(tmp_path, "--help").stdout


def test_a_command_that_goes_on_lets_others_run_and_is_ended_from_outside(tmp_path: Path) -> None:
    clearance(tmp_path, "init")
    worker = forked().start([PROGRAM, "worker"], environment(tmp_path))
    clearance(tmp_path, "key", "list")
    assert Path(f"/proc/{worker.pid}/cmdline").read_bytes()
    worker.kill()
    assert worker.wait() == -signal.SIGKILL
    clearance(tmp_path, "key", "list")
    assert not Path(f"/proc/{worker.pid}").exists()
