"""What engines are run with, and that one that hangs holds nobody up."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from scanner import engine_access, generation_engines, takes_child
from scanner.bus.worker import environment
from scanner.errors import TransientError
from scanner.settings import Settings
from tests.servers import wait_until

KEY = "account-key-5512"


def test_a_request_waits_for_an_engine_only_so_long_and_the_next_not_at_all(make_service) -> None:
    own = {"slow": "tests.generator.hanging"}
    service = make_service(generation_engines=own, generation_engine_seconds=0.5)
    began = time.monotonic()
    with pytest.raises(TransientError, match="does not answer in"):
        generation_engines.stopped(service, "slow")
    with pytest.raises(TransientError, match="just now"):
        generation_engines.stopped(service, "slow")
    assert time.monotonic() - began < 30


def test_what_an_engine_started_is_ended_with_it(tmp_path) -> None:
    note = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        engine_access.run("tests.generator.hanging", [], {"note": str(note)}, 3)
    assert time.monotonic() - began < 60
    status = Path("/proc") / note.read_text() / "status"
    wait_until(
        lambda: not status.exists() or "Z (zombie)" in status.read_text(), 10, "the end of it"
    )


def test_each_engine_is_given_its_own_key_and_address(tmp_path) -> None:
    settings = Settings(
        home=tmp_path,
        lyria_key=SecretStr("another"),
        lyria_model="lyria-realtime-exp",
        model_x_key=SecretStr(KEY),
        model_x_url="https://music.example",
        model_x_spend=2.5,
        generation_weights={"musicgen": tmp_path},
    )
    told = {
        name: engine_access.told_of(settings, name)["access"]
        for name in ("lyria", "clearance", "musicgen")
    }
    assert told == {
        "lyria": {"key": "another", "model": "lyria-realtime-exp"},
        "clearance": {},
        "musicgen": {"weights": str(tmp_path)},
    }
    own = takes_child.access_of(engine_access.told_of(settings, "model-x"))
    assert (own.key, own.url, own.spend) == (KEY, "https://music.example", 2.5)
    assert takes_child.access_of({"access": told["musicgen"]}).weights == tmp_path


def test_a_key_is_in_no_environment_of_an_engine_and_in_nothing_that_it_says() -> None:
    assert KEY not in json.dumps(engine_access.environment())
    told = {"access": {"key": KEY}, "engine": "model-x", "module": None, "do": KEY}
    done = engine_access.run("json.tool", [], told, 30)
    assert json.loads(done.stdout)["access"]["key"] == "(key)"
    broken = engine_access.run("scanner.engine_child", [KEY], told, 30)
    assert broken.returncode != 0
    assert b"invalid literal" in broken.stderr and KEY.encode() not in broken.stderr


def test_every_secret_reaches_a_worker_and_none_a_listing(tmp_path) -> None:
    settings = Settings(
        home=tmp_path, lyria_key=SecretStr(KEY), dsa_database_token=SecretStr("token-9")
    )
    variables = environment(settings)
    assert variables["CLEARANCE_LYRIA_KEY"] == KEY
    assert variables["CLEARANCE_DSA_DATABASE_TOKEN"] == "token-9"
    assert KEY not in repr(settings) and KEY not in settings.model_dump_json()
