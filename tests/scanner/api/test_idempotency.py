"""A replay gets the first answer, another body a 422, a concurrent twin waits or gets a 409."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from sqlmodel import select

from scanner import replays
from scanner.clock import utc_now
from scanner.tables import IdempotencyKey, JournalRow, Reference, Track, Webhook
from tests.scanner.api.conftest import Api, Platform, problem

HOOK = {"url": "https://hooks.example.com/a", "events": ["*"]}


def submit(platform: Platform, key: str, content: bytes, **fields: str) -> httpx.Response:
    return platform.http.post(
        "/v1/tracks",
        headers={"Idempotency-Key": key},
        files={"file": ("a.wav", content)},
        data=fields,
    )


def test_a_replayed_submission_gets_the_first_answer(both_api: Api, wav: bytes) -> None:
    platform = both_api.platform()

    first, again = submit(platform, "k", wav), submit(platform, "k", wav)

    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert both_api.count(Track) == 1


def test_a_file_under_another_name_is_the_same_body(both_api: Api, wav: bytes) -> None:
    platform = both_api.platform()
    first = submit(platform, "k", wav)

    again = platform.http.post(
        "/v1/tracks", headers={"Idempotency-Key": "k"}, files={"file": ("renamed.wav", wav)}
    )

    assert again.json() == first.json()


def test_another_body_under_the_key_is_refused_and_leaves_nothing(
    both_api: Api, wav: bytes, other_wav: bytes
) -> None:
    platform = both_api.platform()
    submit(platform, "k", wav)
    before, rows = both_api.files(), both_api.count(JournalRow)

    for answer in (
        submit(platform, "k", other_wav),
        submit(platform, "k", other_wav, mode="release"),
        submit(platform, "k", wav, external_id="x"),
        platform.http.post(
            "/v1/tracks", headers={"Idempotency-Key": "k"}, json={"url": "https://a.example/b"}
        ),
    ):
        assert (answer.status_code, problem(answer)) == (422, "idempotency-conflict")

    assert both_api.files() == before
    assert (both_api.count(Track), both_api.count(JournalRow)) == (1, rows)


def test_each_key_makes_a_track_and_the_bytes_are_stored_once(both_api: Api, wav: bytes) -> None:
    platform = both_api.platform()

    ids = {submit(platform, key, wav).json()["track_id"] for key in "abc"}

    assert len(ids) == 3
    assert len(both_api.files()) == 1


def test_concurrent_twins_make_one_track(both_api: Api, wav: bytes) -> None:
    platform = both_api.platform()
    together = threading.Barrier(8)

    def twin(_: int) -> httpx.Response:
        together.wait()
        return submit(platform, "twin", wav)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(twin, range(8)))

    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert accepted
    assert len({answer.json()["track_id"] for answer in accepted}) == 1
    assert all(problem(answer) == "in-progress" for answer in refused)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert both_api.count(Track) == 1


def test_a_replayed_post_gets_the_first_answer_with_its_secret(both_api: Api) -> None:
    platform = both_api.platform()
    headers = {"Idempotency-Key": "hook"}

    first = platform.http.post("/v1/webhooks", headers=headers, json=HOOK)
    again = platform.http.post("/v1/webhooks", headers=headers, json=HOOK)
    other = platform.http.post("/v1/webhooks", headers=headers, json=HOOK | {"events": ["a"]})

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert (first.headers["etag"], first.headers["location"]) == (
        again.headers["etag"],
        again.headers["location"],
    )
    assert again.headers["idempotent-replayed"] == "true"
    assert problem(other) in {"idempotency-conflict", "bad-fields"}
    assert both_api.count(Webhook) == 1


def test_kept_answers_hold_no_readable_secret(both_api: Api) -> None:
    platform = both_api.platform()
    made = platform.http.post("/v1/webhooks", headers={"Idempotency-Key": "h"}, json=HOOK)

    with both_api.service.database.reading() as session:
        kept = session.exec(select(IdempotencyKey)).one()
    assert made.json()["secret"] not in str(kept.answer)


def test_a_key_is_free_again_when_its_request_failed(both_api: Api) -> None:
    platform = both_api.platform()
    headers = {"Idempotency-Key": "hook"}

    refused = platform.http.post(
        "/v1/webhooks", headers=headers, json=HOOK | {"url": "http://10.0.0.1/"}
    )
    made = platform.http.post("/v1/webhooks", headers=headers, json=HOOK)

    assert problem(refused) == "url-refused"
    assert made.status_code == 201


def test_a_reference_is_added_once_under_one_key(both_api: Api, wav: bytes) -> None:
    platform = both_api.platform()
    answers = [
        platform.http.post(
            "/v1/references",
            headers={"Idempotency-Key": "r"},
            files={"file": ("r.wav", wav)},
            data={"title": title},
        )
        for title in ("One", "One", "Two")
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert answers[0].json() == answers[1].json()
    assert both_api.count(Reference) == 1


def test_a_twin_meets_the_lease_until_it_has_run_out(both_api: Api) -> None:
    """As after a crash: the key was taken, and no answer was ever kept."""
    platform = both_api.platform()
    headers = {"Idempotency-Key": "crashed"}
    platform.http.post("/v1/webhooks", headers=headers, json=HOOK)
    database = both_api.service.database

    def forget(leased_until: timedelta) -> None:
        with database.transaction() as session:
            row = session.exec(select(IdempotencyKey)).one()
            row.answer, row.leased_until = None, utc_now() + leased_until

    forget(replays.LEASE)
    twin = platform.http.post("/v1/webhooks", headers=headers, json=HOOK)
    forget(timedelta(seconds=-1))
    again = platform.http.post("/v1/webhooks", headers=headers, json=HOOK)

    assert (twin.status_code, problem(twin)) == (409, "in-progress")
    assert int(twin.headers["retry-after"]) >= 1
    assert again.status_code == 201


def test_a_key_of_one_operation_is_not_good_for_another(both_api: Api, wav: bytes) -> None:
    platform = both_api.platform()
    submit(platform, "k", wav)

    answer = platform.http.post("/v1/webhooks", headers={"Idempotency-Key": "k"}, json=HOOK)

    assert problem(answer) == "idempotency-conflict"


@pytest.mark.parametrize("key", ["k", "K", "k k", "~" * 200])
def test_keys_are_told_apart_to_the_letter(api: Api, platform: Platform, key: str) -> None:
    other = platform.http.post("/v1/webhooks", headers={"Idempotency-Key": "other"}, json=HOOK)
    made = platform.http.post("/v1/webhooks", headers={"Idempotency-Key": key}, json=HOOK)

    assert made.json()["id"] != other.json()["id"]
    assert api.count(Webhook) == 2


def test_work_that_outlives_its_lease_leaves_the_key_to_who_took_it(both_api: Api) -> None:
    once = replays.Once(both_api.service, both_api.platform().tenant.id, "slow", "POST /v1/x")

    def overtaken() -> replays.Answer:
        with both_api.service.database.transaction() as session:
            row = session.exec(select(IdempotencyKey)).one()
            row.leased_until = utc_now() - timedelta(seconds=1)
        once.answer("same", lambda: replays.Answer(201, {"who": "second"}))
        return replays.Answer(201, {"who": "first"})

    once.answer("same", overtaken)

    kept = once.answer("same", overtaken)
    assert json.loads(bytes(kept.body)) == {"who": "second"}
