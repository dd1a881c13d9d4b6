"""Fetching a claim check over real connections: what comes, what is refused, who is ever called."""

import gzip
import hashlib
import socket
import struct
import time

import pytest

from scanner.fetch import FetchLimits
from scanner.url_guard import UrlGuard
from tests.fetching import SONG, allowing
from tests.loopback import reply
from tests.servers import free_port

UNRESOLVED = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


# --- what comes


def test_a_file_is_streamed_into_the_store_with_its_type(fetcher, listen):
    server = listen(reply(SONG, Content_Type="audio/flac"))

    fetched, blob = fetcher(server.url(), allowing(server))

    assert (fetched.content_type, fetched.size) == ("audio/flac", len(SONG))
    assert blob.sha256 == hashlib.sha256(SONG).hexdigest()


def test_the_request_asks_for_the_bytes_as_they_are_and_says_nothing_of_its_sender(fetcher, listen):
    server = listen(reply(SONG))

    fetcher(server.url("/ä/b?x=%2F&y#part"), allowing(server))

    head, *lines = server.requests[0].decode("ascii").rstrip().split("\r\n")
    assert head == "GET /%C3%A4/b?x=%2F&y HTTP/1.1"
    assert dict(line.split(": ", 1) for line in lines) == {
        "Host": server.host,
        "User-Agent": "clearance",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }


@pytest.mark.parametrize("chunk", [1, 1000, 70_000])
def test_a_body_in_chunks_of_unknown_length_is_taken_whole(fetcher, listen, chunk):
    song = SONG[: 500 * chunk]
    pieces = [song[start : start + chunk] for start in range(0, len(song), chunk)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"
    server = listen(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    _, blob = fetcher(server.url(), allowing(server))

    assert blob.sha256 == hashlib.sha256(song).hexdigest()


def test_a_body_that_ends_with_the_connection_is_taken(fetcher, listen):
    server = listen(b"HTTP/1.0 200 OK\r\n\r\n" + SONG)

    assert fetcher(server.url(), allowing(server))[1].size == len(SONG)


def test_an_empty_file_is_a_file(fetcher, listen):
    server = listen(reply(b""))

    assert fetcher(server.url(), allowing(server))[1].size == 0


@pytest.mark.parametrize("encoding", ["identity", "Identity", " identity "])
def test_identity_is_no_encoding(fetcher, listen, encoding):
    server = listen(reply(SONG, Content_Encoding=encoding))

    assert fetcher(server.url(), allowing(server))[1].size == len(SONG)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP", "identity, gzip"])
def test_an_encoded_body_is_refused(fetcher, listen, encoding):
    server = listen(reply(gzip.compress(SONG), Content_Encoding=encoding))

    error = fetcher.fails(server.url(), allowing(server))

    assert (error.problem, error.transient) == ("url-encoded", False)


def test_a_second_content_encoding_header_is_not_overlooked(fetcher, listen):
    server = listen(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\n\r\nxx"
    )

    assert fetcher.fails(server.url(), allowing(server)).problem == "url-encoded"


# --- status


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        (201, False),
        (204, False),
        (206, False),
        (300, False),
        (304, False),
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (410, False),
        (408, True),
        (425, True),
        (429, True),
        (500, True),
        (502, True),
        (503, True),
        (599, True),
    ],
)
def test_any_status_but_200_is_told_with_whether_another_try_may_help(
    fetcher, listen, status, transient
):
    server = listen(reply(b"secret page" * (status not in {204, 304}), f"{status} Reason"))

    error = fetcher.fails(server.url(), allowing(server))

    assert (error.problem, error.transient) == ("url-status", transient)
    assert str(status) in error.detail
    assert "secret" not in error.detail


# --- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(fetcher, listen, status):
    second = listen(reply(SONG))
    first = listen(reply(b"", f"{status} There", Location=second.url("/b.flac")))

    _, blob = fetcher(first.url(), allowing(first, second))

    assert blob.size == len(SONG)
    assert second.requests[0].startswith(b"GET /b.flac ")
    assert f"Host: {second.host}\r\n".encode() in second.requests[0]


def test_a_relative_redirect_stays_at_its_server(fetcher, listen):
    def answer(connection, request):
        moved = b"GET /x/y" in request
        connection.sendall(reply(b"", "302 There", Location="../b") if moved else reply(SONG))

    server = listen(answer)

    fetcher(server.url("/x/y"), allowing(server))

    assert [each.split(b" ")[1] for each in server.requests] == [b"/x/y", b"/b"]


def test_a_redirect_without_a_location_is_a_status(fetcher, listen):
    server = listen(reply(b"", "302 Where"))

    assert fetcher.fails(server.url(), allowing(server)).problem == "url-status"


def test_five_redirects_are_followed_and_no_sixth(fetcher, listen):
    def answer(connection, request):
        left = int(request.split(b" ")[1].lstrip(b"/"))
        there = reply(b"", "302 There", Location=f"/{left - 1}")
        connection.sendall(there if left else reply(SONG))

    server = listen(answer)

    assert fetcher(server.url("/5"), allowing(server))[1].size == len(SONG)
    assert server.accepted == 6
    error = fetcher.fails(server.url("/6"), allowing(server))
    assert (error.problem, error.transient) == ("url-refused", False)
    assert server.accepted == 12


def test_a_redirect_to_itself_ends(fetcher, listen):
    server = listen(reply(b"", "302 Again", Location="#x"))

    assert fetcher.fails(server.url(), allowing(server)).problem == "url-refused"
    assert server.accepted == 6


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "//127.0.0.1:{port}/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://user@example.com/",
        "file:///etc/passwd",
        "s3://masters/key",
        "gopher://127.0.0.1:{port}/",
        "http://[",
        "http://a b/",
        "https://private.example.com/",
        "https://unknown.example.com/",
    ],
)
def test_a_redirect_to_where_nothing_is_fetched_is_refused_in_one_wording(
    fetcher, listen, location
):
    victim = listen(reply(SONG))
    first = listen(reply(b"", "302 There", Location=location.format(port=victim.port)))

    def resolve(host, port):
        if host == "unknown.example.com":
            raise UNRESOLVED
        return ["127.0.0.1"]

    guard = UrlGuard(frozenset({first.host}), frozenset({"masters"}), resolve=resolve)
    error = fetcher.fails(first.url(), guard)

    assert (error.problem, error.transient) == ("url-refused", False)
    assert error.detail == "a redirect leads to an address that is not fetched"
    assert victim.accepted == 0


# --- the guard, with a server that would notice


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "https://127.0.0.1/",
        "http://localhost:{port}/",
        "https://0x7f000001:{port}/",
        "https://2130706433/",
        "https://user@127.0.0.1:{port}/",
    ],
)
def test_a_refused_address_is_never_connected_to(fetcher, listen, url):
    victim = listen(reply(SONG))

    error = fetcher.fails(url.format(port=victim.port), UrlGuard())

    assert (error.problem, error.transient) == ("url-refused", False)
    assert victim.accepted == 0


def test_a_name_that_resolves_privately_is_never_connected_to(fetcher, listen, monkeypatch):
    connected = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: connected.append(a))

    error = fetcher.fails(
        "https://example.com/a.flac", UrlGuard(resolve=lambda host, port: ["127.0.0.1"])
    )

    assert error.problem == "url-refused"
    assert connected == []


def test_a_refused_and_an_unknown_name_read_the_same(fetcher):
    def unknown(host, port):
        raise UNRESOLVED

    url = "https://example.com/a.flac"
    refused = fetcher.fails(url, UrlGuard(resolve=lambda host, port: ["10.0.0.1"]))
    unresolved = fetcher.fails(url, UrlGuard(resolve=unknown))
    empty = fetcher.fails(url, UrlGuard(resolve=lambda host, port: []))

    told = {(each.problem, each.detail, str(each), each.transient) for each in (refused, unresolved, empty)}  # fmt: skip
    assert len(told) == 1


def test_the_address_that_was_checked_is_the_one_connected_to(fetcher, listen):
    """The name answers with a private address from the second time on (DNS rebinding)."""
    server = listen(reply(SONG))
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]])
    host = f"song.example.com:{server.port}"
    guard = UrlGuard(frozenset({host}), resolve=lambda *_: next(answers))

    _, blob = fetcher(f"http://{host}/a.flac", guard)

    assert blob.size == len(SONG)
    assert f"Host: {host}\r\n".encode() in server.requests[0]
    assert next(answers) == ["127.0.0.2"], "the name was looked up again"


def test_a_redirect_looks_its_own_name_up_and_is_refused_when_it_has_turned_private(
    fetcher, listen
):
    first = listen(reply(b"", "302 Again", Location="https://song.example.com/"))
    asked = []

    def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"]

    error = fetcher.fails(first.url(), UrlGuard(frozenset({first.host}), resolve=resolve))

    assert error.problem == "url-refused"
    assert asked == ["127.0.0.1", "song.example.com"]
    assert first.accepted == 1


# --- size


def test_a_declared_length_beyond_the_limit_is_refused_before_the_body(fetcher, listen):
    def answer(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        connection.recv(1)  # until the client leaves; the body is never sent

    server = listen(answer)

    error = fetcher.fails(server.url(), allowing(server), FetchLimits(1000, 5))

    assert (error.problem, error.transient) == ("url-too-large", False)
    assert "1000" in error.detail


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(fetcher, listen):
    given = []

    def answer(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            connection.sendall(bytes(1 << 16))
            given.append(1 << 16)

    server = listen(answer)

    error = fetcher.fails(server.url(), allowing(server), FetchLimits(1 << 20, 5))

    assert error.problem == "url-too-large"
    assert sum(given) < 10_000 * (1 << 16)


@pytest.mark.parametrize("size", [999, 1000, 1001])
@pytest.mark.parametrize("declared", [True, False])
def test_the_limit_is_exact(fetcher, listen, size, declared):
    server = listen(reply(bytes(size)) if declared else b"HTTP/1.1 200 OK\r\n\r\n" + bytes(size))
    limits = FetchLimits(1000, 5)

    if size <= 1000:
        assert fetcher(server.url(), allowing(server), limits)[1].size == size
    else:
        assert fetcher.fails(server.url(), allowing(server), limits).problem == "url-too-large"


def test_what_was_cut_off_leaves_nothing_in_the_store(fetcher, listen, tmp_path):
    server = listen(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(5000))

    fetcher.fails(server.url(), allowing(server), FetchLimits(1000, 5))

    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", "²", "1, 2", "", "0x10"])
def test_a_senseless_length_is_a_broken_server(fetcher, listen, length):
    server = listen(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nabc".encode("latin-1"))

    assert fetcher.fails(server.url(), allowing(server)).problem in {
        "url-unreachable",
        "url-too-large",
    }


# --- time


def drip(start: bytes, drop: bytes):
    def answer(connection, request):
        connection.sendall(start)
        for _ in range(600):
            time.sleep(0.05)
            connection.sendall(drop)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
        drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        drip(b"", b""),
    ],
    ids=["body", "known length", "chunk", "header", "headers", "hints", "silence"],
)
def test_a_server_that_drips_is_cut_off_at_the_deadline(fetcher, listen, answer):
    server = listen(answer)
    started = time.monotonic()

    error = fetcher.fails(server.url(), allowing(server), FetchLimits(1 << 20, 0.4))

    assert (error.problem, error.transient) == ("url-timeout", True)
    assert 0.3 < time.monotonic() - started < 5


def test_the_deadline_is_for_all_redirects_together(fetcher, listen):
    def answer(connection, request):
        time.sleep(0.2)
        connection.sendall(reply(b"", "302 Again", Location="/again"))

    server = listen(answer)

    error = fetcher.fails(server.url(), allowing(server), FetchLimits(1 << 20, 0.5))

    assert error.problem == "url-timeout"
    assert server.accepted <= 4


# --- broken connections


def reset(after: bytes):
    def answer(connection, request):
        connection.sendall(after)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        reset(b""),
        reset(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 18) + b"\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
    ],
)
def test_a_broken_answer_is_told_and_may_be_tried_again(fetcher, listen, answer):
    server = listen(answer)

    error = fetcher.fails(server.url(), allowing(server))

    assert (error.problem, error.transient) == ("url-unreachable", True)


def test_a_closed_port_of_a_listed_host_is_told_and_may_be_tried_again(fetcher):
    host = f"127.0.0.1:{free_port()}"

    error = fetcher.fails(f"http://{host}/", UrlGuard(frozenset({host})))

    assert (error.problem, error.transient) == ("url-unreachable", True)
