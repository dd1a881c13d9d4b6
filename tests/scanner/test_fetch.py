"""Claim checks are fetched under the guard and under limits, or named problems come back."""

import contextlib
import gzip
import http.server
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from scanner.fetch import FetchError, FetchLimits, fetch
from scanner.store import BlobStore
from scanner.url_guard import UrlGuard

BODY = b"RIFF" + bytes(range(256)) * 40


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.strip("/").replace("-", "_")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, f"answer_{name}")()

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_file(self) -> None:
        self._send(200, BODY, Content_Length=str(len(BODY)), Content_Type="audio/wav")

    def answer_unsized(self) -> None:
        self._send(200, BODY * 10)

    def answer_lying(self) -> None:
        self._send(200, b"", Content_Length=str(10**12))

    def answer_gone(self) -> None:
        self._send(404, b"no", Content_Length="2")

    def answer_broken(self) -> None:
        self._send(503, b"no", Content_Length="2")

    def answer_zipped(self) -> None:
        body = gzip.compress(bytes(10**7))
        self._send(200, body, Content_Length=str(len(body)), Content_Encoding="gzip")

    def answer_inside(self) -> None:
        self._send(302, Location=f"http://127.0.0.1:{self.server.forbidden_port}/secret")

    def answer_inside_https(self) -> None:
        self._send(302, Location="https://10.0.0.1/secret")

    def answer_loop(self) -> None:
        self._send(302, Location="/loop")

    def answer_moved(self) -> None:
        self._send(301, Location="/file")

    def answer_drip(self) -> None:
        self._send(200, b"", Content_Length="1000")
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.1)

    def answer_cut(self) -> None:
        self._send(200, b"half", Content_Length="1000")
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def store(tmp_path) -> BlobStore:
    return BlobStore(str(tmp_path / "store"))


def get(store, server, name, *, max_bytes=10**6, seconds=5.0, guard=None):
    port = server.server_port
    guard = guard or UrlGuard(frozenset({f"127.0.0.1:{port}"}))
    with store.open_writer("tenant") as writer:
        fetched = fetch(
            f"http://127.0.0.1:{port}/{name}", guard, FetchLimits(max_bytes, seconds), writer
        )
        return fetched, writer.commit()


@pytest.mark.parametrize("name", ["file", "moved"])
def test_a_file_comes_whole(store, server, name) -> None:
    fetched, blob = get(store, server, name)

    assert (fetched.size, fetched.content_type) == (len(BODY), "audio/wav")
    assert b"".join(store.read_range("tenant", blob.sha256, 0, None)) == BODY


@pytest.mark.parametrize(
    ("name", "problem", "transient"),
    [
        ("gone", "url-status", False),
        ("broken", "url-status", True),
        ("unsized", "url-too-large", False),
        ("lying", "url-too-large", False),
        ("zipped", "url-encoded", False),
        ("inside-https", "url-refused", False),
        ("loop", "url-refused", False),
        ("drip", "url-timeout", True),
        ("cut", "url-unreachable", True),
    ],
)
def test_what_goes_wrong_has_a_name_and_leaves_nothing(
    store, server, tmp_path, name, problem, transient
) -> None:
    with pytest.raises(FetchError) as failed:
        get(store, server, name, max_bytes=len(BODY) * 5, seconds=1.0)

    assert (failed.value.problem, failed.value.transient) == (problem, transient)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_a_redirect_inside_is_never_connected_to(store, server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as forbidden:
        forbidden.settimeout(0.3)
        server.forbidden_port = forbidden.getsockname()[1]

        with pytest.raises(FetchError) as failed:
            get(store, server, "inside")

        with pytest.raises(TimeoutError):
            forbidden.accept()
    assert failed.value.problem == "url-refused"


def test_a_name_that_changes_its_answer_gains_nothing(store, server) -> None:
    """The first answer is allowed and connected to; a second look-up would lead elsewhere."""
    answers = iter([["127.0.0.1"], ["10.255.255.1"]])
    port = server.server_port
    guard = UrlGuard(frozenset({f"rebinding.example:{port}"}), resolve=lambda *_: next(answers))
    with store.open_writer("tenant") as writer:
        fetched = fetch(
            f"http://rebinding.example:{port}/file", guard, FetchLimits(10**6, 5), writer
        )

    assert fetched.size == len(BODY)
    assert next(answers) == ["10.255.255.1"]


def test_nobody_listening_may_be_tried_again(store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with store.open_writer("tenant") as writer, pytest.raises(FetchError) as failed:
        fetch(
            f"http://127.0.0.1:{port}/a",
            UrlGuard(frozenset({f"127.0.0.1:{port}"})),
            FetchLimits(10, 2),
            writer,
        )

    assert (failed.value.problem, failed.value.transient) == ("url-unreachable", True)
