"""Tenants hear of their tracks: signed, in sequence, tried again, and sent anew on demand."""

import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import select
from standardwebhooks import Webhook as Standard

from scanner import inline, tracks, webhook_changes, webhooks
from scanner.clock import new_id, utc_now
from scanner.declarations import Declaration
from scanner.errors import ConflictError, NotFoundError, PreconditionFailedError
from scanner.events import TrackWithdrawn
from scanner.journal import record
from scanner.service import Service
from scanner.tables import Webhook, WebhookDelivery
from scanner.url_guard import UrlRefusedError
from scanner.webhook_sender import RETRY_SCHEDULE
from tests.running import add_tenant
from tests.songs import song, write


class _Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            server.received.append((dict(self.headers), body))
        time.sleep(server.seconds)
        with server.lock:
            server.at_once -= 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[http.server.ThreadingHTTPServer]:
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    running.received, running.status, running.seconds = [], 200, 0.0
    running.lock, running.at_once, running.most_at_once = threading.Lock(), 0, 0
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


class _Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self):
        return utc_now() + self.ahead


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def service(make_service, receiver, clock) -> Service:
    host = f"127.0.0.1:{receiver.server_port}"
    made = make_service(allowed_hosts=frozenset({host}))
    made.now = clock
    return made


@pytest.fixture
def url(receiver) -> str:
    return f"http://127.0.0.1:{receiver.server_port}/hook"


def release_a_track(service: Service, caller, tmp_path) -> str:
    blob = service.store.put_file(caller.tenant_id, write(tmp_path / "a.wav", song(7, 6)))
    track_id = tracks.submit(
        service,
        caller,
        tracks.Source(sha256=blob.sha256),
        Declaration(external_id="ours-1"),
        entrance="http",
        key=new_id(),
    )
    inline.drive(service, track_id, 60)
    return track_id


def deliveries(service: Service) -> list[WebhookDelivery]:
    with service.database.reading() as session:
        return list(session.exec(select(WebhookDelivery).order_by(WebhookDelivery.sequence)))


def test_a_release_is_told_signed_with_the_track_and_a_sequence(
    service, caller, receiver, url, tmp_path
) -> None:
    _, secret = webhooks.create(
        service, caller, url, ["clearance.track.decided", "clearance.track.released"]
    )
    track_id = release_a_track(service, caller, tmp_path)

    webhooks.send_due(service)

    messages = [Standard(secret).verify(body, headers) for headers, body in receiver.received]
    assert [message["type"] for message in messages] == [
        "clearance.track.decided",
        "clearance.track.released",
    ]
    assert [message["sequence"] for message in messages] == [1, 2]
    assert messages[1]["subject"] == track_id
    assert messages[1]["track"]["external_id"] == "ours-1"
    assert messages[1]["track"]["state"] == "released"
    assert [each.state for each in deliveries(service)] == ["sent", "sent"]


def test_a_failing_receiver_gets_five_chances_on_schedule_and_then_waits_for_replay(
    service, caller, receiver, url, clock, tmp_path
) -> None:
    webhook, secret = webhooks.create(service, caller, url, ["clearance.track.released"])
    release_a_track(service, caller, tmp_path)
    receiver.status = 500
    assert webhooks.send_due(service) == 1
    for tries, wait in enumerate(RETRY_SCHEDULE, start=1):
        clock.ahead += timedelta(seconds=wait - 1.5)
        assert webhooks.send_due(service) == 0
        clock.ahead += timedelta(seconds=2)
        assert webhooks.send_due(service) == 1
        assert deliveries(service)[0].tries == tries + 1
    clock.ahead += timedelta(days=2)
    assert webhooks.send_due(service) == 0
    (failed,) = deliveries(service)
    assert (failed.state, failed.tries, len(receiver.received)) == ("failed", 5, 5)
    assert {entry["status"] for entry in failed.log} == {500}

    receiver.status = 204
    webhooks.redeliver(service, caller, webhook.id, failed.id)
    webhooks.send_due(service)

    ids = {headers["webhook-id"] for headers, _ in receiver.received}
    assert len(ids) == 1
    assert deliveries(service)[0].state == "sent"
    Standard(secret)


def test_a_removed_webhook_hears_nothing_more(service, caller, receiver, url, tmp_path) -> None:
    webhook, _ = webhooks.create(service, caller, url, ["*"])
    webhooks.remove(service, caller, webhook.id)
    release_a_track(service, caller, tmp_path)

    webhooks.send_due(service)

    assert receiver.received == []


def test_another_tenant_hears_nothing_and_sees_nothing(
    service, caller, receiver, url, tmp_path
) -> None:
    other = add_tenant(service, "two")
    webhook, _ = webhooks.create(service, other, url, ["*"])
    release_a_track(service, caller, tmp_path)

    webhooks.send_due(service)

    assert receiver.received == []
    with service.database.reading() as session, pytest.raises(NotFoundError):
        webhooks.deliveries(session, caller.tenant_id, webhook.id, limit=10)


def test_the_secret_is_not_readable_in_the_database(service, caller, url) -> None:
    webhook, secret = webhooks.create(service, caller, url, ["*"])

    with service.database.reading() as session:
        stored = json.dumps(session.get_one(Webhook, webhook.id).model_dump(mode="json"))
    assert secret not in stored
    assert secret.removeprefix("whsec_") not in stored


def test_an_address_inside_is_refused_when_it_is_registered(service, caller) -> None:
    with pytest.raises(UrlRefusedError):
        webhooks.create(service, caller, "https://169.254.169.254/hook", ["*"])


def test_a_receiver_that_fails_is_left_alone_and_others_are_told(
    service, caller, receiver, url, clock, tmp_path
) -> None:
    webhooks.create(service, caller, f"{url}/failing", ["*"])
    release_a_track(service, caller, tmp_path)
    receiver.status = 500
    assert webhooks.send_due(service) == 1
    assert len(deliveries(service)) == 2

    webhooks.create(service, caller, f"{url}/well", ["clearance.track.released"])
    release_a_track(service, caller, tmp_path)
    receiver.status = 200
    assert webhooks.send_due(service) >= 1
    assert "sent" in {each.state for each in deliveries(service)}

    clock.ahead += timedelta(seconds=61)
    webhooks.send_due(service)
    assert {each.state for each in deliveries(service)} == {"sent"}


def test_one_message_at_a_time_is_on_its_way_to_a_webhook(
    service, caller, url, clock, tmp_path
) -> None:
    webhooks.create(service, caller, url, ["*"])
    release_a_track(service, caller, tmp_path)
    assert webhooks._claim(service).sequence == 1
    assert webhooks._claim(service) is None
    clock.ahead += webhooks.LEASE + timedelta(seconds=1)
    assert webhooks._claim(service).sequence == 1


def test_who_lost_the_lease_changes_nothing_but_the_log(
    service, caller, receiver, url, clock, tmp_path
) -> None:
    webhook, _ = webhooks.create(service, caller, url, ["clearance.track.released"])
    release_a_track(service, caller, tmp_path)
    stalled = webhooks._claim(service)
    clock.ahead += webhooks.LEASE + timedelta(seconds=1)
    assert webhooks.send_due(service) == 1
    webhooks._settle(service, stalled, {"error": "no answer"}, "due", timedelta(0))

    (delivery,) = deliveries(service)
    assert (delivery.state, delivery.tries) == ("sent", 1)
    assert delivery.log[-1] == {"error": "no answer"}

    webhooks.redeliver(service, caller, webhook.id, delivery.id)
    under_way = webhooks._claim(service)
    webhooks.redeliver(service, caller, webhook.id, delivery.id)
    webhooks._settle(service, under_way, {"error": "no answer"}, "failed", None)
    assert deliveries(service)[0].state == "due"
    clock.ahead += webhooks.REST + timedelta(seconds=1)
    assert webhooks.send_due(service) == 1


def test_a_message_that_cannot_be_sent_does_not_stop_the_others(
    service, caller, receiver, url, tmp_path
) -> None:
    broken, _ = webhooks.create(service, caller, f"{url}/broken", ["clearance.track.released"])
    webhooks.create(service, caller, f"{url}/well", ["clearance.track.released"])
    with service.database.transaction() as session:
        session.get_one(Webhook, broken.id).sealed_secret = "of another key"
    release_a_track(service, caller, tmp_path)

    assert webhooks.send_due(service) == 2

    by_state = {each.state: each for each in deliveries(service)}
    assert by_state.keys() == {"due", "sent"}
    assert by_state["due"].tries == 1
    assert by_state["due"].log[0]["error"].startswith("not sent: ")


def test_settled_messages_are_forgotten_in_time(
    service, caller, receiver, url, clock, tmp_path
) -> None:
    webhooks.create(service, caller, url, ["clearance.track.released"])
    release_a_track(service, caller, tmp_path)
    webhooks.send_due(service)
    assert webhooks.forget_settled(service) == 0
    clock.ahead += webhooks.LOG_KEPT + timedelta(days=1)
    assert webhooks.forget_settled(service) == 1
    assert deliveries(service) == []


def queue_messages(service: Service, webhook: Webhook, count: int) -> None:
    """Queue as a handler does, without a track for each."""
    for _ in range(count):
        with service.database.transaction() as session:
            event = record(
                session,
                tenant_id=webhook.tenant_id,
                subject=new_id(),
                version=1,
                data=TrackWithdrawn(reason="test"),
                now=service.now(),
            )
            webhooks.queue(service, session, event)


def test_many_workers_send_to_a_webhook_one_by_one_in_order(
    make_service, receiver, clock, database_url
) -> None:
    host = f"127.0.0.1:{receiver.server_port}"
    service = make_service(database_url=database_url, allowed_hosts=frozenset({host}))
    caller = add_tenant(service, "busy")
    webhook, _ = webhooks.create(service, caller, f"http://{host}/hook", ["*"])
    queue_messages(service, webhook, 24)
    receiver.seconds = 0.01

    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(send_all, service) for _ in range(6)]
        [each.result() for each in waiting]

    sent = [json.loads(body)["sequence"] for _, body in receiver.received]
    assert sent == list(range(1, 25))
    assert receiver.most_at_once == 1


def send_all(service: Service) -> None:
    while any(each.state == "due" for each in deliveries(service)):
        webhooks.send_due(service, limit=1)


def test_workers_that_fail_at_once_write_down_every_try(
    make_service, receiver, clock, database_url
) -> None:
    host = f"127.0.0.1:{receiver.server_port}"
    service = make_service(database_url=database_url, allowed_hosts=frozenset({host}))
    service.now = clock
    caller = add_tenant(service, "busy")
    webhook, _ = webhooks.create(service, caller, f"http://{host}/hook", ["*"])
    queue_messages(service, webhook, 5)
    receiver.status = 500
    for n in range(1, 6):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: webhooks.send_due(service), range(4)))
        assert sum(each.tries for each in deliveries(service)) == len(receiver.received) == n
        clock.ahead += webhooks.REST + timedelta(seconds=1)


def test_the_backlog_of_a_dead_receiver_does_not_grow_for_ever(
    service, caller, receiver, url, clock
) -> None:
    webhook, _ = webhooks.create(service, caller, url, ["*"])
    receiver.status = 500
    for _ in range(10):
        queue_messages(service, webhook, 3)
        webhooks.send_due(service)
        clock.ahead += webhooks.ALL_TRIES / 3
    states = Counter(each.state for each in deliveries(service))
    assert states["failed"] >= 18
    assert states["due"] <= 12

    receiver.status = 200
    while webhooks.send_due(service):
        pass
    assert Counter(each.state for each in deliveries(service))["due"] == 0
    with service.database.reading() as session:
        assert session.get_one(Webhook, webhook.id).failing_since is None
    lost = next(each for each in deliveries(service) if each.state == "failed")
    webhooks.redeliver(service, caller, webhook.id, lost.id)
    assert webhooks.send_due(service) == 1


def test_what_was_due_to_a_removed_webhook_is_given_up(service, caller, receiver, url) -> None:
    webhook, _ = webhooks.create(service, caller, url, ["*"])
    queue_messages(service, webhook, 3)
    webhooks.remove(service, caller, webhook.id)
    assert {each.state for each in deliveries(service)} == {"failed"}
    assert webhooks.send_due(service) == 0


def test_for_a_day_after_its_secret_changed_both_secrets_hold(
    service, caller, receiver, url, clock
) -> None:
    webhook, former = webhooks.create(service, caller, url, ["*"])
    _, secret = webhook_changes.rotate(service, caller, webhook.id)
    webhook_changes.try_out(service, caller, webhook.id)
    webhooks.send_due(service)
    headers, body = receiver.received[-1]
    for each in (former, secret):
        assert Standard(each).verify(body, headers)["type"] == "clearance.webhook.test"

    clock.ahead += timedelta(hours=24, seconds=1)
    webhook_changes.try_out(service, caller, webhook.id)
    webhooks.send_due(service)
    headers, body = receiver.received[-1]
    # the library compares the signature first, and its clock is not this one's
    assert len(headers["webhook-signature"].split()) == 1


def test_while_it_is_paused_nothing_is_sent_and_nothing_is_lost(
    service, caller, receiver, url, tmp_path
) -> None:
    webhook, _ = webhooks.create(service, caller, url, ["clearance.track.released"])
    webhook_changes.pause(service, caller, webhook.id)
    release_a_track(service, caller, tmp_path)
    assert webhooks.send_due(service) == 0
    with pytest.raises(ConflictError):
        webhook_changes.try_out(service, caller, webhook.id)

    webhook_changes.resume(service, caller, webhook.id)
    assert webhooks.send_due(service) == 1
    assert len(receiver.received) == 1


def test_a_pause_of_more_than_thirty_days_gives_up_what_waits(
    service, caller, receiver, url, clock, tmp_path
) -> None:
    webhook, _ = webhooks.create(service, caller, url, ["clearance.track.released"])
    webhook_changes.pause(service, caller, webhook.id)
    release_a_track(service, caller, tmp_path)
    clock.ahead += timedelta(days=30, seconds=1)
    release_a_track(service, caller, tmp_path)
    assert [each.state for each in deliveries(service)] == ["failed"]


def test_a_changed_webhook_hears_what_it_now_wants_where_it_now_is(
    service, caller, receiver, url
) -> None:
    webhook, _ = webhooks.create(service, caller, f"{url}/old", ["*"])
    wanted = ["clearance.track.released", "clearance.track.blocked", "clearance.track.released"]
    changed = webhook_changes.change(
        service, caller, webhook.id, f"{url}/new", wanted, expected_version=1
    )
    assert changed.events == ["clearance.track.blocked", "clearance.track.released"]
    with pytest.raises(PreconditionFailedError):
        webhook_changes.change(service, caller, webhook.id, url, ["*"], expected_version=1)
    with pytest.raises(webhooks.BadWebhookError, match=r"no such event: clearance\.track\.sung"):
        webhook_changes.change(service, caller, webhook.id, url, ["clearance.track.sung"])
    with pytest.raises(UrlRefusedError):
        webhook_changes.change(service, caller, webhook.id, "https://169.254.169.254/", ["*"])
    with pytest.raises(NotFoundError):
        webhook_changes.rotate(service, add_tenant(service, "two"), webhook.id)
