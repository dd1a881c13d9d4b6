"""Packs over HTTP: two keys bring one into force; a platform sees its own; answers fit the document."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from jsonschema import Draft202012Validator

import policy
from scanner.callers import SCOPES
from tests.rollouts import pack_text
from tests.scanner.api.conftest import Api, Platform, problem, sound

ANY = {"If-Match": "*"}


@dataclass
class Keys:
    """Two keys of one platform."""

    first: httpx.Client
    second: httpx.Client
    pack: str


@pytest.fixture
def keys(api: Api, platform: Platform) -> Keys:
    """A pack that clears what lasts up to three seconds, kept as a draft."""
    second = api.scoped(platform, *SCOPES)
    made = platform.http.post("/v1/policies", json={"text": pack_text(3)})
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/v1/policies/{made.json()['id']}"
    return Keys(platform.http, second, f"/v1/policies/{made.json()['id']}")


def approved(keys: Keys) -> None:
    assert keys.first.post(f"{keys.pack}/propose", headers=ANY).json()["state"] == "proposed"
    assert keys.second.post(f"{keys.pack}/approve", headers=ANY).json()["state"] == "approved"


def test_a_pack_is_rehearsed_put_in_force_and_rolled_back(
    api: Api, platform: Platform, keys: Keys
) -> None:
    approved(keys)
    assert keys.first.post(f"{keys.pack}/shadow", headers=ANY).json()["state"] == "shadow"
    first = platform.decided(sound(71))
    read = keys.first.get(keys.pack).json()
    (activation,) = read["activations"]
    assert (activation["mode"], activation["compared"], activation["differing"]) == ("shadow", 1, 1)
    assert [each["track_id"] for each in read["differences"]] == [first]

    live = keys.first.post(f"{keys.pack}/activate", headers=ANY, json={"share": 1})
    second = platform.decided(sound(72))
    back = keys.second.post("/v1/policies/rollback", json={"reason": "too many"})

    assert live.json()["active"]
    decisions = [keys.first.get(f"/v1/tracks/{each}/decision").json() for each in (first, second)]
    assert [each["decision"] for each in decisions] == ["clear", "review"]
    assert decisions[1]["pack"] == read["id"]
    assert decisions[1]["activation_id"] != decisions[0]["activation_id"]
    assert not decisions[1]["single_operator"]
    assert back.json()["id"] == policy.default_pack().id
    states = {each["id"]: each["state"] for each in keys.first.get("/v1/policies").json()["items"]}
    assert states == {read["id"]: "retired", back.json()["id"]: "active"}


def test_the_key_that_proposed_a_pack_can_not_approve_it(keys: Keys) -> None:
    keys.first.post(f"{keys.pack}/propose", headers=ANY)

    refused = keys.first.post(f"{keys.pack}/approve", headers=ANY)

    assert (refused.status_code, problem(refused)) == (403, "forbidden")
    assert keys.second.post(f"{keys.pack}/approve", headers=ANY).status_code == 200


def test_a_move_needs_the_version_and_a_legal_state(keys: Keys) -> None:
    version = keys.first.get(keys.pack).headers["etag"]

    assert problem(keys.first.post(f"{keys.pack}/propose")) == "precondition-required"
    early = keys.first.post(f"{keys.pack}/activate", headers=ANY, json={"share": 0.5})
    assert problem(early) == "illegal-transition"
    assert keys.first.post(f"{keys.pack}/propose", headers={"If-Match": version}).status_code == 200
    late = keys.second.post(f"{keys.pack}/approve", headers={"If-Match": version})
    assert problem(late) == "precondition-failed"
    zero = keys.second.post(f"{keys.pack}/activate", headers=ANY, json={"share": 0})
    assert problem(zero) == "bad-fields"


def test_a_pack_that_can_not_be_used_is_refused_with_every_finding(platform: Platform) -> None:
    failing = pack_text(3).replace("expect: {decision: clear}", "expect: {decision: block}")
    made = platform.http.post("/v1/policies", json={"text": failing}).json()

    tested = platform.http.post(f"/v1/policies/{made['id']}/test").json()
    refused = platform.http.post(f"/v1/policies/{made['id']}/propose", headers=ANY)
    broken = platform.http.post("/v1/policies", json={"text": "/etc/hostname"})

    assert [each["passed"] for each in tested["items"]] == [True, False]
    assert not tested["passed"]
    assert problem(refused) == "pack-refused"
    assert "a short one is clear" in refused.json()["errors"][0]["detail"]
    assert problem(broken) == "pack-refused"


def test_a_backtest_answers_with_the_table_and_says_if_there_is_more(
    platform: Platform, keys: Keys
) -> None:
    tracks = {platform.decided(sound(seed)) for seed in (73, 74)}
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

    whole = keys.first.post(f"{keys.pack}/backtest", json={"since": since}).json()
    part = keys.first.post(f"{keys.pack}/backtest", json={"since": since, "limit": 1}).json()

    assert whole["table"]["clear"]["review"] == whole["differing"] == 2
    assert {each["track_id"] for each in whole["examples"]} == tracks
    assert (whole["more"], part["more"], part["compared"]) == (False, True, 1)


def test_a_backtest_holds_the_server_no_longer_than_a_pack_may_take(
    platform: Platform, keys: Keys
) -> None:
    platform.decided(sound(75))
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    service = platform.service
    service.settings = service.settings.model_copy(update={"pack_seconds": 0.001})

    told = keys.first.post(f"{keys.pack}/backtest", json={"since": since}).json()

    assert (told["compared"], told["more"]) == (0, True)


def test_a_packs_own_cases_hold_the_server_no_longer_either(platform: Platform, keys: Keys) -> None:
    service = platform.service
    service.settings = service.settings.model_copy(update={"pack_seconds": 0.001})

    refused = keys.first.post(f"{keys.pack}/test")

    assert problem(refused) == "pack-refused"
    assert "simpler" in refused.json()["errors"][0]["detail"]


def test_a_repeat_under_the_same_key_gets_the_first_answer(keys: Keys) -> None:
    headers = ANY | {"Idempotency-Key": "once"}

    first = keys.first.post(f"{keys.pack}/propose", headers=headers)
    again = keys.first.post(f"{keys.pack}/propose", headers=headers)

    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"


def test_another_platforms_pack_reads_like_none(api: Api, keys: Keys) -> None:
    other = api.platform("two")

    answers = [other.http.get(keys.pack), other.http.get("/v1/policies/none@sha256:00000000")]

    assert [problem(answer) for answer in answers] == ["not-found", "not-found"]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
    for move in ("propose", "approve", "activate", "test"):
        assert other.http.post(f"{keys.pack}/{move}", headers=ANY).status_code == 404
    assert len(other.http.get("/v1/policies").json()["items"]) == 1


def test_lists_go_on_at_their_cursor(platform: Platform, keys: Keys) -> None:
    first = platform.http.get("/v1/policies?limit=1").json()
    second = platform.http.get(f"/v1/policies?limit=1&cursor={first['next_cursor']}").json()

    assert first["items"][0]["name"] == "patient"
    assert second["items"][0]["name"] == "default"
    assert second["next_cursor"] is None


def test_answers_fit_the_document(api: Api, keys: Keys) -> None:
    approved(keys)
    keys.first.post(f"{keys.pack}/shadow", headers=ANY)
    document = api.client().get("/openapi.json").json()
    answers = {
        ("get", "/v1/policies/{policy_id}"): keys.first.get(keys.pack),
        ("post", "/v1/policies/{policy_id}/test"): keys.first.post(f"{keys.pack}/test"),
        ("post", "/v1/policies/{policy_id}/backtest"): keys.first.post(
            f"{keys.pack}/backtest", json={"since": "2026-01-01T00:00:00Z"}
        ),
        ("post", "/v1/policies/{policy_id}/retire"): keys.first.post(
            f"{keys.pack}/retire", headers=ANY, json={"reason": "done"}
        ),
    }

    for (method, path), answer in answers.items():
        assert answer.status_code == 200, answer.text
        content = document["paths"][path][method]["responses"]["200"]["content"]
        schema = content["application/json"]["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(answer.json())
