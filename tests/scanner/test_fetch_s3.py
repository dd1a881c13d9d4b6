"""Fetching a claim check from a bucket: which keys are reached, what is refused, what may be tried again."""

import hashlib
import time
from collections.abc import Iterator

import pytest

from scanner.fetch import FetchLimits
from scanner.url_guard import UrlGuard
from tests.loopback import reply, running_s3
from tests.servers import free_port


@pytest.fixture(scope="module")
def s3() -> Iterator[dict]:
    with running_s3("masters", "private") as options:
        yield options


@pytest.fixture
def bucket(s3):
    import fsspec

    return fsspec.filesystem("s3", **s3)


MASTERS = UrlGuard(s3_buckets=frozenset({"masters"}))


@pytest.mark.parametrize(
    "key", ["a.flac", "deep/er/ä b.flac".replace(" ", "%20"), "a?b#c", "x::file:", "st*r[1]"]
)
def test_a_key_of_a_listed_bucket_is_fetched_by_its_literal_name(fetcher, s3, bucket, key):
    bucket.pipe_file(f"masters/{key}", key.encode())

    fetched, blob = fetcher(f"s3://masters/{key}", MASTERS, s3_options=s3)

    assert (fetched.content_type, fetched.size) == (None, len(key.encode()))
    assert blob.sha256 == hashlib.sha256(key.encode()).hexdigest()


@pytest.mark.parametrize(
    "url",
    [
        "s3://private/a.flac",
        "s3://masters/../private/a.flac",
        "s3://masters/x::s3://private/a.flac",
        "s3://masters/x::file:///etc/passwd",
        "s3://masters/*",
    ],
)
def test_no_other_bucket_is_reached_however_the_key_is_written(fetcher, s3, bucket, url):
    bucket.pipe_file("private/a.flac", b"not yours")
    bucket.pipe_file("masters/a.flac", b"ours")

    error = fetcher.fails(url, MASTERS, s3_options=s3)

    assert error.problem in {"url-refused", "url-status"}
    assert not error.transient


def test_a_missing_key_is_a_status_and_a_missing_server_may_be_tried_again(fetcher, s3):
    missing = fetcher.fails("s3://masters/none", MASTERS, s3_options=s3)
    gone = fetcher.fails(
        "s3://masters/none",
        MASTERS,
        s3_options=s3
        | {
            "endpoint_url": f"http://127.0.0.1:{free_port()}",
            "config_kwargs": {"retries": {"max_attempts": 0}},
        },
    )

    assert (missing.problem, missing.transient) == ("url-status", False)
    assert (gone.problem, gone.transient) == ("url-unreachable", True)


def test_a_key_that_is_too_large_is_refused(fetcher, s3, bucket):
    bucket.pipe_file("masters/big", bytes(1001))

    error = fetcher.fails("s3://masters/big", MASTERS, FetchLimits(1000, 5), s3)

    assert error.problem == "url-too-large"


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"],
    ids=["never answers", "stops amid the file"],
)
def test_a_bucket_that_stalls_is_cut_off_at_the_deadline(fetcher, listen, start):
    def answer(connection, request):
        connection.sendall(start)
        connection.recv(1)

    server = listen(answer)
    options = {"endpoint_url": f"http://{server.host}", "key": "a", "secret": "b"}
    started = time.monotonic()

    error = fetcher.fails("s3://masters/a", MASTERS, FetchLimits(1000, 1), options)

    assert (error.problem, error.transient) == ("url-timeout", True)
    assert time.monotonic() - started < 5


def test_a_bucket_that_breaks_off_may_be_tried_again(fetcher, listen):
    server = listen(reply(b"half", Content_Length="1000"))
    options = {"endpoint_url": f"http://{server.host}", "key": "a", "secret": "b"}

    error = fetcher.fails("s3://masters/a", MASTERS, s3_options=options)

    assert (error.problem, error.transient) == ("url-unreachable", True)


def test_a_key_written_after_a_failed_look_is_found(fetcher, s3, bucket):
    fetcher.fails("s3://masters/late/r", MASTERS, s3_options=s3)
    bucket.pipe_file("masters/late/r", b"now")

    assert fetcher("s3://masters/late/r", MASTERS, s3_options=s3)[1].size == 3
