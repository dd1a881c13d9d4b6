"""A large upload costs the server no more memory than a small one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from scanner import keys
from scanner.bus.worker import environment
from scanner.service import Service
from tests.servers import free_port, wait_until

MEGABYTE = 1 << 20
UPLOAD = 100 * MEGABYTE
SERVER = """
import sys, uvicorn
from scanner.api import create_app
from scanner.settings import Settings
uvicorn.run(create_app(Settings()), port=int(sys.argv[1]), log_config=None, access_log=False, ws="none")
"""


def peak(pid: int) -> int:
    """The most memory a process ever held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def body(size: int, mode: bytes | None) -> Iterator[bytes]:
    """A multipart form with a WAV file of noise, made as it is sent."""
    if mode is not None:
        yield b'--b\r\nContent-Disposition: form-data; name="mode"\r\n\r\n' + mode + b"\r\n"
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    yield b"RIFF\xff\xff\xff\x7fWAVE"
    noise = np.random.default_rng(len(mode or b"")).bytes(MEGABYTE)
    for _ in range(size // MEGABYTE):
        yield noise
    yield b"\r\n--b--\r\n"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize("mode", [b"release", None], ids=["to the store", "by a temporary file"])
def test_an_upload_of_100_megabytes_takes_less_than_a_tenth_of_it_in_memory(
    service: Service, mode: bytes | None
) -> None:
    tenant = keys.create_tenant(service, "one")
    _, token = keys.create_key(service, tenant.id, "key")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)], env=os.environ | environment(service.settings)
    )
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
        trust_env=False,
    )

    def post(size: int, key: str) -> httpx.Response:
        return client.post(
            "/v1/tracks",
            headers={"Idempotency-Key": key, "Content-Type": "multipart/form-data; boundary=b"},
            content=body(size, mode),
        )

    def listens() -> bool:
        try:
            return client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(listens, 30, "the server's start")
        assert post(4 * MEGABYTE, "small").status_code == 202
        before = peak(server.pid)
        large = post(UPLOAD, "large")
        grown = peak(server.pid) - before
    finally:
        server.terminate()
        server.wait(20)
        client.close()

    assert large.status_code == 202
    stored = [path for path in (service.settings.home / "store").rglob("*") if path.is_file()]
    assert sorted(path.stat().st_size // MEGABYTE for path in stored) == [4, 100]
    assert not list((service.settings.home / "tmp").glob("*"))
    assert grown < UPLOAD / 10
