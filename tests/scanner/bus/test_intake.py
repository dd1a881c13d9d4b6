"""Submissions from outside: proven, taken once, and never in the way of the next."""

import json
from datetime import timedelta
from typing import Any

import pytest
from kafka import KafkaProducer
from sqlmodel import select

from scanner import signing_keys
from scanner.bus import dead_letters, intake
from scanner.bus.dispatch import Finished, Hold
from scanner.callers import Caller
from scanner.clock import utc_now
from scanner.errors import PoisonError
from scanner.events import SUBMISSIONS
from scanner.metrics import SUBMISSIONS as COUNTED
from scanner.service import Service
from scanner.tables import DeadLetter, SigningKey, Track
from scanner.track_states import State
from tests.recording import unique
from tests.running import add_tenant, working
from tests.servers import wait_until

URL = "https://music.example/song.flac"
DEAD = Finished("dead")
DONE = Finished("done")


@pytest.fixture
def signing(service: Service, caller: Caller) -> tuple[SigningKey, str]:
    return signing_keys.create(service, caller.tenant_id, "bus")


def message(signing: tuple[SigningKey, str], **changes: Any) -> dict[str, Any]:
    key, pem = signing
    given = {
        "event_id": "event-1",
        "data": {"url": URL},
        "now": utc_now(),
    }
    return intake.sign_submission(pem, key.id, key.tenant_id, **given | changes)


def take(service: Service, envelope: object) -> object:
    return intake.take_in(service, json.dumps(envelope).encode(), 0)


def tracks(service: Service) -> list[Track]:
    with service.database.reading() as session:
        return list(session.exec(select(Track)))


def letters(service: Service) -> list[DeadLetter]:
    with service.database.reading() as session:
        return list(session.exec(select(DeadLetter)))


def test_a_signed_submission_is_taken_once_however_often_it_is_sent(service, signing) -> None:
    envelope = message(signing)

    assert [take(service, envelope) for _ in range(3)] == [DONE] * 3

    (track,) = tracks(service)
    assert (track.source_url, track.tenant_id) == (URL, signing[0].tenant_id)


def test_a_token_that_a_clock_a_little_ahead_signed_is_good(service, signing) -> None:
    assert take(service, message(signing, now=utc_now() + timedelta(minutes=4))) == DONE


def test_how_long_a_token_may_be_good_is_a_setting(make_service) -> None:
    service = make_service(submission_token_hours=1)
    signing = signing_keys.create(service, add_tenant(service).tenant_id, "bus")
    assert take(service, message(signing)) == DEAD
    assert "too long" in letters(service)[0].detail


def test_a_signed_withdrawal_takes_the_track_back(service, signing) -> None:
    take(service, message(signing))
    (track,) = tracks(service)
    data = {"track_id": track.id}

    withdrawal = message(signing, event_id="event-2", data=data, kind=intake.WITHDRAW)
    assert take(service, withdrawal) == DONE
    take(service, withdrawal)

    assert tracks(service)[0].state == State.WITHDRAWN


def test_a_withdrawal_of_another_tenants_track_is_refused(service, signing) -> None:
    take(service, message(signing))
    (track,) = tracks(service)
    other = signing_keys.create(service, add_tenant(service, "two").tenant_id, "bus")

    withdrawal = message(other, data={"track_id": track.id}, kind=intake.WITHDRAW)

    assert take(service, withdrawal) == DEAD
    assert tracks(service)[0].state == State.RECEIVED


def _other_data(service, signing) -> dict[str, Any]:
    return message(signing) | {"data": {"url": "https://music.example/other.flac"}}


def _other_id(service, signing) -> dict[str, Any]:
    return message(signing) | {"id": "event-2"}


def _other_tenant(service, signing) -> dict[str, Any]:
    return message(signing) | {"tenant": add_tenant(service, "two").tenant_id}


def _expired(service, signing) -> dict[str, Any]:
    return message(signing, now=utc_now() - timedelta(days=2))


def _ending(signing, exp: float) -> dict[str, Any]:
    import jwt

    (key, pem), envelope = signing, message(signing)
    claims = jwt.decode(envelope["token"], options={"verify_signature": False}) | {"exp": exp}
    token = jwt.encode(claims, pem, algorithm=intake.ALGORITHM, headers={"kid": key.id})
    return envelope | {"token": token}


def _good_for_too_long(service, signing) -> dict[str, Any]:
    return _ending(signing, (utc_now() + timedelta(hours=24, minutes=6)).timestamp())


def _good_for_ever(service, signing) -> dict[str, Any]:
    return _ending(signing, float("inf"))


def _revoked(service, signing) -> dict[str, Any]:
    envelope = message(signing)
    with service.database.transaction() as session:
        session.get_one(SigningKey, signing[0].id).revoked_at = utc_now()
    return envelope


def _unknown_key(service, signing) -> dict[str, Any]:
    key, pem = signing
    data = {"url": URL}
    return intake.sign_submission(
        pem, "nobody", key.tenant_id, event_id="event-1", data=data, now=utc_now()
    )


def _another_tenants_key(service, signing) -> dict[str, Any]:
    other, pem = signing_keys.create(service, add_tenant(service, "two").tenant_id, "bus")
    return intake.sign_submission(
        pem, other.id, signing[0].tenant_id, event_id="e", data={"url": URL}, now=utc_now()
    )


def _another_private_key(service, signing) -> dict[str, Any]:
    _, pem = signing_keys.create(service, signing[0].tenant_id, "another")
    return message((signing[0], pem))


def _no_algorithm(service, signing) -> dict[str, Any]:
    import jwt

    envelope = message(signing)
    claims = jwt.decode(envelope["token"], options={"verify_signature": False})
    forged = jwt.encode(claims, None, algorithm="none", headers={"kid": signing[0].id})
    return envelope | {"token": forged}


def _public_key_as_secret(service, signing) -> dict[str, Any]:
    import base64
    import hashlib
    import hmac

    envelope = message(signing)
    _, claims, _ = envelope["token"].split(".")
    header = json.dumps({"alg": "HS256", "typ": "JWT", "kid": signing[0].id}).encode()
    signed = base64.urlsafe_b64encode(header).rstrip(b"=") + b"." + claims.encode()
    digest = hmac.digest(signing[0].public_key.encode(), signed, hashlib.sha256)
    mark = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return envelope | {"token": (signed + b"." + mark).decode()}


def _no_token(service, signing) -> dict[str, Any]:
    return {name: value for name, value in message(signing).items() if name != "token"}


@pytest.mark.parametrize(
    "forge",
    [
        _other_data,
        _other_id,
        _other_tenant,
        _expired,
        _good_for_too_long,
        _good_for_ever,
        _revoked,
        _unknown_key,
        _another_tenants_key,
        _another_private_key,
        _no_algorithm,
        _public_key_as_secret,
        _no_token,
    ],
)
def test_a_message_that_proves_nothing_is_buried_for_nobody_and_counted(
    service, signing, forge
) -> None:
    refused = COUNTED.labels("kafka", "refused")
    before = refused._value.get()

    assert take(service, forge(service, signing)) == DEAD

    assert tracks(service) == []
    (letter,) = letters(service)
    assert letter.tenant_id is None
    assert refused._value.get() == before + 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"url": 7},
        {"url": "file:///etc/passwd"},
        {"url": "http://127.0.0.1/x"},
        {"url": URL, "territories": "everywhere"},
        {"url": URL, "unheard_of": True},
        {"url": URL, "isrc": "not an ISRC"},
        {"url": URL, "lyrics": "\x00"},
    ],
)
def test_a_proven_message_that_cannot_be_taken_is_its_tenants_dead_letter(
    service, signing, data
) -> None:
    assert take(service, message(signing, data=data)) == DEAD

    assert tracks(service) == []
    (letter,) = letters(service)
    assert letter.tenant_id == signing[0].tenant_id
    assert letter.event_id == "event-1"


def test_the_same_id_with_another_body_is_refused(service, signing) -> None:
    take(service, message(signing))

    other = message(signing, data={"url": "https://music.example/other.flac"})

    assert take(service, other) == DEAD
    assert len(tracks(service)) == 1


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
        b"null",
        b'"text"',
        b"[]",
        b"{}",
        b'{"specversion": "1.0", "id": 7, "type": {}, "tenant": [], "token": null}',
        b'{"specversion": "1.0", "id": "a", "type": "b", "tenant": "c", "token": "d", "data": []}',
        b'{"specversion": "1.0", "id": "a", "type": "b", "tenant": "c", "token": "d", "data": {}}',
        b'{"specversion": "1.0", "id": "\\ud800", "type": "b", "tenant": "c", "token": "\\ud800",'
        b' "data": {"\\ud800": 1e999}}',
        b'{"specversion": "1.0", "id": "\\u0000", "type": "b", "tenant": "c", "token": "\\u0000",'
        b' "data": {}}',
        b"x" * (intake.MAX_MESSAGE + 1),
    ],
    ids=lambda raw: repr(raw)[:40],
)
def test_no_bytes_stop_the_intake(make_service, database_url, raw) -> None:
    service = make_service(database_url=database_url)

    assert intake.take_in(service, raw, 0) == DEAD

    (letter,) = letters(service)
    assert letter.tenant_id is None
    assert len(letter.payload) <= 65536


def test_a_full_queue_makes_submissions_wait(make_service, signing) -> None:
    service = make_service(queue_limit=1)
    with working(service, stages=[]):
        take(service, message(signing))
        wait_until(lambda: service.transport.depth("analyse") == 1, 30, "the queue")

    verdict = take(service, message(signing, event_id="event-2"))

    assert verdict == Hold(1.0)
    assert len(tracks(service)) == 1


def test_a_refused_submission_can_be_replayed_when_its_key_is_known(service, signing) -> None:
    envelope = message(signing)
    key = signing[0]
    with service.database.transaction() as session:
        session.get_one(SigningKey, key.id).revoked_at = utc_now()
    take(service, envelope)
    with service.database.transaction() as session:
        session.get_one(SigningKey, key.id).revoked_at = None

    (letter,) = letters(service)
    dead_letters.replay(service, letter.id, None)

    assert len(tracks(service)) == 1
    assert letters(service)[0].state == "replayed"


def test_a_token_must_have_been_good_when_the_message_came(service, signing) -> None:
    """A message that was buried may be replayed when its token has long expired."""
    made = utc_now() - timedelta(days=3)
    raw = json.dumps(message(signing, now=made)).encode()

    assert intake.take_in(service, raw, 0) == DEAD
    assert intake.take_in(service, raw, 0, made + timedelta(hours=25)) == DEAD
    assert intake.take_in(service, raw, 0, made + timedelta(hours=23)) == DONE


def test_a_large_proven_submission_is_kept_whole_for_its_replay(service, signing) -> None:
    envelope = message(signing, data={"url": URL, "unheard_of": "é" * 100_000})
    take(service, envelope)

    (letter,) = letters(service)
    assert json.loads(letter.payload) == envelope
    with pytest.raises(PoisonError):
        dead_letters.replay(service, letter.id, None)
    assert {each.tenant_id for each in letters(service)} == {signing[0].tenant_id}


def test_messages_on_the_broker_are_taken_in_past_garbage(make_service, signing, broker) -> None:
    service = make_service(kafka=broker, kafka_partitions=2)
    ids = [unique("event") for _ in range(4)]
    service.transport.ensure_topics()
    producer = KafkaProducer(bootstrap_servers=broker, max_request_size=4 << 20)
    headers = [("clearance-not-before", b"999999999999999"), ("clearance-attempts", b"99999")]
    try:
        for id_ in ids:
            envelope = json.dumps(message(signing, event_id=id_)).encode()
            for value in (b"\xff garbage", b"x" * (2 << 20), None, envelope, envelope):
                producer.send(SUBMISSIONS, key=b"one partition", value=value, headers=headers)
        producer.flush()
    finally:
        producer.close()

    with working(service, stages=[]):
        wait_until(lambda: len(tracks(service)) == 4, 120, "taking in")
        wait_until(lambda: len(letters(service)) == 12, 120, "burying")
        wait_until(lambda: _on_topic(broker, f"{SUBMISSIONS}.dead") >= 12, 120, "copies")


def _on_topic(broker: str, topic: str) -> int:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=broker)
    try:
        numbers = consumer.partitions_for_topic(topic) or ()
        return sum(consumer.end_offsets([TopicPartition(topic, n) for n in numbers]).values())
    finally:
        consumer.close()
