"""What every command promises: help at once, JSON, exit codes, documented options."""

import gc
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup, TyperOption

import policy
from scanner.cli.main import app, main
from tests.program import PROGRAM, clearance, installed, loaded
from tests.scanner.cli.conftest import Installation

HEAVY = (
    "torch",
    "onnxruntime",
    "librosa",
    "matplotlib",
    "av",
    "faiss",
    "fastapi",
    "sqlalchemy",
    "numpy",
    "kafka",
    "httpx",
)
CONTRACT = {
    "init", "serve", "worker", "scan", "explain", "fingerprint", "doctor", "audit verify",
    "reference add", "reference list", "reference show", "reference remove", "reference stats",
    "policy test", "policy lint", "policy explain", "policy backtest", "policy propose",
    "policy approve", "policy rollback", "key create", "key list", "key revoke",
    "user add", "db upgrade", "dead list", "dead replay",
}  # fmt: skip


def commands() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    pending = [("", typer.main.get_command(app))]
    while pending:
        name, command = pending.pop()
        if isinstance(command, TyperGroup):
            pending += [(f"{name} {each}".strip(), sub) for each, sub in command.commands.items()]
        else:
            yield name, command  # type: ignore[misc]


def test_the_commands_of_the_contract_are_there() -> None:
    assert {name for name, _ in commands()} >= CONTRACT


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "--help")

    assert "scanner.cli.main" in modules
    assert modules.isdisjoint(HEAVY)


def test_what_was_imported_is_not_searched_for_rubbish_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collected, terminated = gc.get_threshold(), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", ["clearance", "--help"])
    gc.set_threshold(700, 10, 10)
    try:
        with pytest.raises(SystemExit):
            main()
        assert gc.get_threshold() == (50_000, 20, 50)
    finally:
        gc.unfreeze()
        gc.set_threshold(*collected)
        signal.signal(signal.SIGTERM, terminated)


@pytest.mark.parametrize(
    "command", ["reference list", "bank list", "key list", "watermark keys list"]
)
def test_a_list_does_not_wait_for_what_hears_judges_draws_and_migrates(
    installation: Installation, command: str
) -> None:
    modules = loaded(installation.home, *command.split())

    assert "scanner.service" in modules
    assert modules.isdisjoint(
        {"scipy", "onnxruntime", "av", "cel", "matplotlib", "fastapi", "alembic", "httpx", "kafka"}
    )


def test_a_pack_is_checked_without_what_keeps_and_hears(tmp_path: Path) -> None:
    pack = Path(policy.__file__).parent / "packs" / "default.yaml"

    modules = loaded(tmp_path, "policy", "test", str(pack))

    assert "cel" in modules
    assert modules.isdisjoint({"sqlalchemy", "numpy", "faiss", "alembic", "fastapi"})


def test_every_command_has_json_and_every_option_says_what_it_does() -> None:
    for name, command in commands():
        options = {flag for each in command.params for flag in each.opts}
        assert "--json" in options, name
        assert command.help, name
        for each in command.params:
            if isinstance(each, TyperOption):
                assert each.help, f"{name} {each.opts}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan"],
        ["scan", "x.wav", "--no-such-option"],
        ["reference", "add", "--policy"],
        ["no-such-command"],
        ["policy", "test", "no-such-pack.yaml"],
        ["serve", "--port", "70000"],
    ],
)
def test_bad_usage_ends_with_2_and_prints_nothing(arguments: list[str], tmp_path: Path) -> None:
    done = installed(tmp_path, *arguments, status=2)
    assert done.stdout == ""
    assert done.stderr


def test_a_home_that_is_not_set_up_says_what_to_run(tmp_path: Path) -> None:
    for command in (["scan", "x.wav"], ["serve"]):
        done = clearance(tmp_path, *command, "--json", status=2)
        assert "clearance init" in done.stderr
        assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_is_named_by_its_variable(tmp_path: Path) -> None:
    done = clearance(tmp_path, "reference", "list", status=2, CLEARANCE_PORT="not-a-port")
    assert "CLEARANCE_PORT" in done.stderr
    assert "not-a-port" not in done.stderr


def test_init_prints_its_secrets_once_and_refuses_to_run_again(tmp_path: Path) -> None:
    made = json.loads(clearance(tmp_path / "new", "init", "--json").stdout)
    assert made["api_key"].startswith("clr_live_")
    assert set(made["admin"]) == {"email", "password"}
    again = clearance(tmp_path / "new", "init", "--json", status=2)
    assert again.stdout == ""
    assert "set up already" in again.stderr
    assert made["api_key"] not in clearance(tmp_path / "new", "key", "list", "--json").stdout


def test_output_that_cannot_be_written_ends_with_3(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [PROGRAM, "--help"], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
