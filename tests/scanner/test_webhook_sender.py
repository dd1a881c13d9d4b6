"""A message is signed so that the standard's own library accepts it, and is sent only once."""

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from scanner import webhook_sender
from scanner.clock import utc_now
from scanner.url_guard import UrlGuard


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        if self.path == "/slow":
            time.sleep(2)
        self.send_response({"/moved": 302, "/broken": 500}.get(self.path, 200))
        if self.path == "/moved":
            self.send_header("Location", "/other")
        answer = b"x" * 100_000
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[http.server.ThreadingHTTPServer]:
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.received = []
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def send(receiver, path, secret, *, timeout=5.0, allowed=True) -> webhook_sender.Delivery:
    host = f"127.0.0.1:{receiver.server_port}"
    return webhook_sender.send(
        f"http://{host}{path}",
        secret,
        message_id="msg-1",
        timestamp=utc_now(),
        payload={"type": "track.released", "titel": "Größe"},
        guard=UrlGuard(frozenset({host} if allowed else ())),
        timeout=timeout,
    )


def test_the_receiver_can_verify_the_signature(receiver) -> None:
    secret = webhook_sender.new_secret()

    delivery = send(receiver, "/hook", secret)

    ((_, headers, body),) = receiver.received
    assert delivery.ok
    assert Webhook(secret).verify(body, headers)["titel"] == "Größe"
    assert headers["webhook-id"] == "msg-1"
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_sender.new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(json.dumps({"type": "other"}), headers)


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [("/moved", 302, "answered 302"), ("/broken", 500, "answered 500")],
)
def test_anything_but_success_is_a_failure_and_no_redirect_is_followed(
    receiver, path, status, error
) -> None:
    delivery = send(receiver, path, webhook_sender.new_secret())

    assert (delivery.status, delivery.error) == (status, error)
    assert len(receiver.received) == 1


def test_of_a_long_answer_only_the_beginning_is_kept(receiver) -> None:
    delivery = send(receiver, "/hook", webhook_sender.new_secret())

    assert len(delivery.body_excerpt) == webhook_sender.EXCERPT


def test_a_slow_receiver_is_given_up(receiver) -> None:
    delivery = send(receiver, "/slow", webhook_sender.new_secret(), timeout=0.5)

    assert (delivery.status, delivery.ok) == (None, False)
    assert delivery.duration < 1.5


def test_a_refused_address_is_not_connected_to(receiver) -> None:
    delivery = send(receiver, "/hook", webhook_sender.new_secret(), allowed=False)

    assert delivery.error == "the address is refused"
    assert receiver.received == []


def test_secrets_are_long_and_never_the_same() -> None:
    first, second = webhook_sender.new_secret(), webhook_sender.new_secret()

    assert first != second
    assert first.startswith("whsec_")
    assert len(first) >= 6 + 43
