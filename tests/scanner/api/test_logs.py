"""What a process logs: one JSON object a line, libraries included."""

import json
import subprocess
import sys

from pydantic import SecretStr

from scanner.settings import Settings

SCRIPT = """
import logging, structlog
from scanner.logs import configure
from scanner.settings import Settings
configure(Settings(log_level="info"))
structlog.contextvars.bind_contextvars(track_id="t-1")
structlog.get_logger().info("request", status=200)
structlog.get_logger().debug("unseen")
logging.getLogger("kafka").info("chatter")
logging.getLogger("kafka").warning("broker %s is away", "b")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("failed")
"""


CONSOLE = """
import logging, structlog
from scanner.logs import configure
from scanner.settings import Settings
configure(Settings(log_level="info", log_format="console"))
def fail(password):
    raise RuntimeError("it went wrong")
for log in (structlog.get_logger(), logging.getLogger("library")):
    try:
        fail("to" + "psecret")
    except RuntimeError:
        log.exception("failed")
"""


def test_no_local_variable_is_shown_on_a_console() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONSOLE], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stderr.count("RuntimeError: it went wrong") == 2
    assert "topsecret" not in done.stderr


def test_settings_show_no_secret() -> None:
    settings = Settings(
        database_url="postgresql+psycopg://me:topsecret@db/clearance",
        store_options={"key": "topsecret"},
        secret_key=SecretStr("topsecret"),
    )

    assert "topsecret" not in f"{settings!r} {settings}"


def test_every_line_is_json_with_the_track_on_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30, check=True
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]

    assert done.stdout == ""
    assert [line["event"] for line in lines] == ["request", "broker b is away", "failed"]
    assert {line["track_id"] for line in lines} == {"t-1"}
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert lines[1]["logger"] == "kafka"
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
