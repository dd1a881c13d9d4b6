"""One file, one decision: by the command line, over HTTP, by a message; on both transports."""

import functools
import http.server
import json
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from kafka import KafkaProducer

from scanner.bus.intake import sign_submission
from scanner.events import SUBMISSIONS
from tests.program import answer, clearance, initialised, lines, serving
from tests.servers import wait_until
from tests.songs import RATE, song, write

SAME = (
    "sha256", "duration", "state", "decision", "outcomes", "restrictions", "matches", "reasons",
    "pack", "detectors", "warnings", "watermarks", "problem",
)  # fmt: skip
FINAL = {"released", "conditioned", "quarantined", "blocked", "held"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "files"
    folder.mkdir()
    first, second, third = song(41, 24), song(42, 24), song(43, 12)
    joined = np.concatenate([first[: 12 * RATE], second[10 * RATE : 22 * RATE]])
    cut = write(folder / "cut.flac", third)
    cut.write_bytes(cut.read_bytes()[:200])
    return {
        "first": write(folder / "first.wav", first),
        "second": write(folder / "second.wav", second),
        "excerpt": write(folder / "excerpt.ogg", first[8 * RATE : 18 * RATE]),
        "joined": write(folder / "joined.wav", joined),
        "unknown": write(folder / "unknown.flac", third),
        "cut": cut,
    }


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def shelf(files: dict[str, Path]) -> Iterator[str]:
    """A web server that holds the files, as a platform's own store does; its host:port."""
    handler = functools.partial(_Quiet, directory=str(files["first"].parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def over_http(client: httpx.Client, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        accepted = client.post(
            "/v1/tracks",
            files={"file": (path.name, file)},
            headers={"Idempotency-Key": uuid.uuid4().hex},
        )
    assert accepted.status_code == 202, accepted.text
    return finished(client, accepted.json()["track_id"])


def finished(client: httpx.Client, track_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def done() -> bool:
        found.update(client.get(f"/v1/tracks/{track_id}").json())
        return found["state"] in FINAL

    wait_until(done, 60, f"the end of track {track_id}", pause=0.05)
    return found


def by_message(
    client: httpx.Client, producer: KafkaProducer, signing: dict[str, str], url: str
) -> dict[str, Any]:
    event_id = str(uuid.uuid4())
    event = sign_submission(
        signing["private_key"],
        signing["id"],
        signing["tenant"],
        event_id=event_id,
        data={"url": url, "external_id": event_id},
        now=datetime.now(UTC),
    )
    producer.send(SUBMISSIONS, json.dumps(event).encode(), key=event_id.encode()).get(30)
    mine: list[dict[str, Any]] = []

    def there() -> bool:
        items = client.get("/v1/tracks").json()["items"]
        mine[:] = [each for each in items if each["external_id"] == event_id]
        return bool(mine)

    wait_until(there, 60, "the intake of the message", pause=0.05)
    return finished(client, mine[0]["track_id"])


def judgement(track: dict[str, Any]) -> dict[str, Any]:
    return {name: track[name] for name in SAME}


@pytest.mark.kafka
def test_every_entrance_and_both_transports_give_the_same_decision(
    files: dict[str, Path], shelf: str, broker: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    key = initialised(home)["api_key"]
    often = {"CLEARANCE_RATE_LIMIT": "100000/minute"}  # the test asks twenty times a second
    signing = answer(home, "key", "create", "platform", "--signing")
    clearance(home, "reference", "add", files["first"], files["second"])
    given = [files[name] for name in ("excerpt", "joined", "unknown", "cut")]
    by_cli = lines(clearance(home, "scan", *given, "--json", status=2))
    assert [each.get("decision") for each in by_cli] == ["block", "review", "clear", None]
    headers = {"Authorization": f"Bearer {key}"}

    with (
        serving(home, **often) as served,
        httpx.Client(base_url=served.address, headers=headers, timeout=60) as client,
    ):
        embedded = [over_http(client, path) for path in given]
    more = often | {"CLEARANCE_KAFKA": broker, "CLEARANCE_ALLOWED_HOSTS": shelf}
    with (
        serving(home, **more) as served,
        httpx.Client(base_url=served.address, headers=headers, timeout=60) as client,
    ):
        kafka = [over_http(client, path) for path in given]
        producer = KafkaProducer(bootstrap_servers=broker)
        messages = [
            by_message(client, producer, signing, f"http://{shelf}/{path.name}") for path in given
        ]
        producer.close()

    for mine, *others in zip(by_cli, embedded, kafka, messages, strict=True):
        first = judgement(others[0])
        assert [judgement(other) for other in others] == [first] * 3
        if "error" in mine:
            assert first["state"] == mine["state"] == "held"
            assert first["problem"]["type"] == mine["error"]["type"]
        else:
            assert judgement(mine) == first
    assert answer(home, "audit", "verify")["whole"]
