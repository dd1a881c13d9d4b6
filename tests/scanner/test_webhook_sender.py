"""One webhook message over real connections: signed, bounded, guarded, and never redirected."""

import base64
import contextlib
import json
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from scanner.url_guard import Target, UrlGuard
from scanner.webhook_sender import EXCERPT, RETRY_SCHEDULE, Delivery, new_secret, send
from tests.loopback import Listener, reply
from tests.servers import free_port

PAYLOAD = {"type": "track.released", "sequence": 7, "data": {"title": "Ü «x» 😀", "n": [1, 2.5]}}


@pytest.fixture
def listen() -> Iterator:
    with contextlib.ExitStack() as stack:

        def start(answer=b"") -> Listener:
            listener = Listener(answer)
            stack.callback(listener.close)
            return listener

        yield start


class TakenForPublic(UrlGuard):
    """Takes listeners on loopback for public servers."""

    def __init__(self, *listeners: Listener) -> None:
        super().__init__(frozenset(each.host for each in listeners))

    def target(self, url: str) -> Target:
        return replace(super().target(url), by_setting=False)


def deliver(url, *listeners, secret=None, guard=None, timeout=5.0, payload=None, at=None):
    return send(
        url,
        [secret or new_secret()],
        message_id="0190-abc",
        timestamp=at or datetime.now(UTC),
        payload=PAYLOAD if payload is None else payload,
        guard=guard or UrlGuard(frozenset(each.host for each in listeners)),
        timeout=timeout,
    )


def parsed(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    return first, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body


# --- the message


def test_a_receiver_with_the_secret_can_verify_the_message(listen):
    server, secret = listen(reply()), new_secret()

    delivery = deliver(server.url("/hook?x=1"), server, secret=secret)

    first, headers, body = parsed(server.requests[0])
    assert delivery.ok
    assert (delivery.status, delivery.error) == (200, None)
    assert first == "POST /hook?x=1 HTTP/1.1"
    assert headers["host"] == server.host
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "0190-abc"
    assert Webhook(secret).verify(body, headers) == PAYLOAD


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp", "secret"])
def test_no_part_of_a_message_can_be_changed_unnoticed(listen, change):
    server, secret = listen(reply()), new_secret()
    deliver(server.url(), server, secret=secret)
    _, headers, body = parsed(server.requests[0])
    Webhook(secret).verify(body, headers)

    if change == "secret":
        secret = new_secret()
    elif change == "body":
        body = body.replace(b"7", b"8")
    elif change == "webhook-timestamp":
        headers[change] = str(int(headers[change]) - 1)
    else:
        headers[change] += "x"

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("hours", [-8, 0, 2, 5.5])
def test_the_signature_holds_whatever_zone_the_time_is_told_in(listen, hours):
    server, secret = listen(reply()), new_secret()
    now = datetime.now(timezone(timedelta(hours=hours)))

    deliver(server.url(), server, secret=secret, at=now)

    _, headers, body = parsed(server.requests[0])
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    assert Webhook(secret).verify(body, headers) == PAYLOAD


def test_secrets_are_fresh_and_of_32_bytes():
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab😀"), inner, max_size=3),
    max_leaves=5,
)


def test_any_payload_arrives_as_it_was_given(listen):
    server, secret = listen(reply()), new_secret()

    @settings(max_examples=40)
    @given(st.dictionaries(st.text("ab"), JSON, max_size=3))
    def arrives(payload):
        assert deliver(server.url(), server, secret=secret, payload=payload).ok
        _, headers, body = parsed(server.requests[-1])
        assert Webhook(secret).verify(body, headers) == payload

    arrives()


def test_a_large_message_arrives_whole(listen):
    server = listen(reply())
    payload = {"text": "é" * 500_000}

    assert deliver(server.url(), server, payload=payload).ok
    assert json.loads(parsed(server.requests[0])[2]) == payload


def test_four_repeats_are_spread_over_seven_hours():
    assert RETRY_SCHEDULE == (60, 600, 3600, 6 * 3600)


# --- what the receiver says


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_taken(listen, status):
    server = listen(reply(b"", f"{status} Fine"))

    delivery = deliver(server.url(), server)

    assert delivery.ok
    assert (delivery.status, delivery.error) == (status, None)


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 410, 429, 500, 503])
def test_any_other_status_is_a_failure_that_is_told(listen, status):
    server = listen(reply(b"" if status == 304 else b"no thanks", f"{status} No"))

    delivery = deliver(server.url(), guard=TakenForPublic(server))

    assert not delivery.ok
    assert (delivery.status, delivery.error) == (status, f"answered {status}")
    assert delivery.body_excerpt == ("" if status == 304 else "no thanks")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(listen, status):
    second = listen(reply())
    first = listen(reply(b"", f"{status} There", Location=second.url()))

    delivery = deliver(first.url(), first, second)

    assert not delivery.ok
    assert delivery.status == status
    assert (first.accepted, second.accepted) == (1, 0)


def test_only_the_first_characters_of_an_answer_are_kept(listen):
    server = listen(reply(b"x" * 1_000_000))

    delivery = deliver(server.url(), guard=TakenForPublic(server))
    assert delivery.body_excerpt == "x" * EXCERPT


@pytest.mark.parametrize("status", [200, 500])
def test_of_a_host_that_only_the_setting_lets_be_reached_the_status_alone_is_told(listen, status):
    server = listen(reply(b"what is inside", f"{status} X"))

    delivery = deliver(server.url(), server)

    assert (delivery.status, delivery.body_excerpt) == (status, "")


def test_the_rest_of_a_long_answer_is_not_waited_for(listen):
    server = listen(drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * EXCERPT, b"x"))

    delivery = deliver(server.url(), guard=TakenForPublic(server), timeout=5)

    assert delivery.ok
    assert delivery.duration < 4


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "caf�"),
        (b"a\x00b", "a�b"),  # PostgreSQL takes no NUL
        ("é".encode() * 250 + "é".encode(), "é" * 250),
        (b"x" + "é".encode() * 250, "x" + "é" * 249 + "�"),
    ],
)
def test_an_excerpt_is_text_that_a_database_takes(listen, body, excerpt):
    server = listen(reply(body))

    assert deliver(server.url(), guard=TakenForPublic(server)).body_excerpt == excerpt


# --- when nothing, or too little, is said


def drip(start: bytes, drop: bytes):
    def answer(connection, request):
        connection.sendall(start)
        for _ in range(600):
            time.sleep(0.05)
            connection.sendall(drop)

    return answer


@pytest.mark.parametrize(
    "answer",
    [drip(b"", b""), drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"), drip(b"", b"HTTP/1.1 102 P\r\n\r\n")],
    ids=["silence", "header", "processing"],
)
def test_a_receiver_that_does_not_come_to_a_status_is_left_at_the_deadline(listen, answer):
    server = listen(answer)

    delivery = deliver(server.url(), server, timeout=0.4)

    assert not delivery.ok
    assert (delivery.status, delivery.error) == (None, "no answer in 0 s")
    assert 0.3 < delivery.duration < 5


@pytest.mark.parametrize(("status", "ok"), [(200, True), (500, False)])
def test_the_status_counts_when_the_rest_of_the_answer_never_ends(listen, status, ok):
    server = listen(drip(f"HTTP/1.1 {status} X\r\nContent-Length: 90\r\n\r\nhm".encode(), b"."))

    delivery = deliver(server.url(), guard=TakenForPublic(server), timeout=0.4)

    assert (delivery.status, delivery.ok) == (status, ok)
    assert delivery.body_excerpt.startswith("hm")
    assert delivery.duration < 5


def test_a_receiver_that_does_not_read_is_left_at_the_deadline(listen):
    listener = socket.create_server(("127.0.0.1", 0))  # accepts in the kernel, reads nothing
    host = f"127.0.0.1:{listener.getsockname()[1]}"

    with listener:
        delivery = deliver(
            f"http://{host}/",
            guard=UrlGuard(frozenset({host})),
            payload={"text": "x" * 20_000_000},
            timeout=0.5,
        )

    assert (delivery.status, delivery.error) == (None, "no answer in 0 s")
    assert delivery.duration < 5


def test_a_reset_and_a_closed_port_are_failed_connections(listen):
    def reset(connection, request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server, mail = listen(reset), listen(b"220 mail ready\r\n")
    closed = f"127.0.0.1:{free_port()}"

    for delivery in (
        deliver(server.url(), server),
        deliver(f"http://{closed}/", guard=UrlGuard(frozenset({closed}))),
        deliver(mail.url(), mail),
    ):
        assert (delivery.status, delivery.error) == (None, "the connection failed")


# --- the guard


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "https://localhost:{port}/",
        "https://user@127.0.0.1:{port}/",
        "ftp://127.0.0.1:{port}/",
        "s3://bucket/key",
        "no address",
        "",
        "https:",
    ],
)
def test_a_refused_address_is_told_and_never_called(listen, url):
    victim = listen(reply())

    delivery = deliver(url.format(port=victim.port), guard=UrlGuard(s3_buckets={"bucket"}))

    assert (delivery.status, delivery.error) == (None, "the address is refused")
    assert victim.accepted == 0


def test_private_and_unknown_names_are_refused_in_the_same_words():
    def unknown(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    told = [
        deliver("https://hooks.example.com/", guard=UrlGuard(resolve=resolve))
        for resolve in (lambda *_: ["10.0.0.1"], lambda *_: [], unknown)
    ]

    assert {(each.status, each.error, each.body_excerpt) for each in told} == {
        (None, "the address is refused", "")
    }


def test_the_checked_address_is_the_one_called(listen):
    server, answers = listen(reply()), iter([["127.0.0.1"], ["127.0.0.2"]])
    host = f"hooks.example.com:{server.port}"

    delivery = deliver(
        f"http://{host}/", guard=UrlGuard(frozenset({host}), resolve=lambda *_: next(answers))
    )

    assert delivery.ok
    assert parsed(server.requests[0])[1]["host"] == host
    assert next(answers) == ["127.0.0.2"]


def test_a_delivery_without_an_error_is_a_good_one():
    assert Delivery(200, 0.1, None).ok
    assert not Delivery(None, 0.1, "the connection failed").ok
