"""Webhooks, dead letters, cases, audit, policies, health: what operators and tools use."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jsonschema import Draft202012Validator
from standardwebhooks import Webhook as Signed

from policy import default_pack
from scanner import event_schemas, webhooks
from scanner.bus import dead_letters
from scanner.bus.relay import Relay
from scanner.inline import drive
from scanner.journal import event_of
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem, sound

# --- webhooks


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it gets."""

    got: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


def test_a_webhook_hears_of_a_decision_signed_and_can_hear_it_again(
    make_api: MakeApi, wav: bytes
) -> None:
    got: list[tuple[dict[str, str], bytes]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("R", (Receiver,), {"got": got}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        host = f"127.0.0.1:{server.server_port}"
        api = make_api(allowed_hosts=host)
        platform = api.platform()
        wanted = {"url": f"http://{host}/hook", "events": ["clearance.track.released"]}
        made = platform.http.post("/v1/webhooks", json=wanted).json()
        track_id = platform.decided(wav)
        assert webhooks.send_due(api.service) == 1
        address = f"/v1/webhooks/{made['id']}/deliveries"
        (delivery,) = platform.http.get(address).json()["items"]
        again = platform.http.post(f"{address}/{delivery['id']}/redeliver")
        assert webhooks.send_due(api.service) == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in platform.http.get("/v1/webhooks").text
    (headers, body), (repeated, same) = got
    payload = json.loads(body)
    Signed(made["secret"]).verify(body, headers)
    assert (payload["subject"], payload["track"]["decision"]) == (track_id, "clear")
    assert payload["sequence"] == 1
    assert (again.status_code, same) == (202, body)
    assert repeated["webhook-id"] == headers["webhook-id"]
    assert (delivery["state"], delivery["tries"], delivery["log"][0]["status"]) == ("sent", 1, 204)


BAD_WEBHOOKS: list[tuple[Any, str]] = [
    ({"url": "https://a.example.com/", "events": []}, "bad-fields"),
    ({"url": "https://a.example.com/", "events": ["clearance.nothing"]}, "bad-fields"),
    ({"url": "https://a.example.com/"}, "bad-fields"),
    ({"url": "https://a.example.com/", "events": ["*"], "secret": "x"}, "bad-fields"),
    ({"url": "http://a.example.com/", "events": ["*"]}, "url-refused"),
    ({"url": "https://10.0.0.1/", "events": ["*"]}, "url-refused"),
    ({"url": "https://me:pw@a.example.com/", "events": ["*"]}, "url-refused"),
    ({"url": "nonsense", "events": ["*"]}, "url-refused"),
    ({"url": "s3://bucket/key", "events": ["*"]}, "url-refused"),
]


def test_bad_webhooks_are_refused_by_name(platform: Platform) -> None:
    for body, name in BAD_WEBHOOKS:
        answer = platform.http.post("/v1/webhooks", json=body)
        assert (answer.status_code, problem(answer)) == (422, name), body
    assert platform.http.get("/v1/webhooks").json()["items"] == []


def test_a_removed_webhook_is_gone(platform: Platform) -> None:
    wanted = {"url": "https://a.example.com/", "events": ["*"]}
    made = platform.http.post("/v1/webhooks", json=wanted)
    address = f"/v1/webhooks/{made.json()['id']}"

    assert problem(platform.http.delete(address)) == "precondition-required"
    tag = {"If-Match": made.headers["etag"]}
    assert platform.http.delete(address, headers=tag).status_code == 204
    assert problem(platform.http.get(address)) == "not-found"


def test_webhooks_are_listed_in_pages(platform: Platform) -> None:
    ids = [
        platform.http.post(
            "/v1/webhooks", json={"url": f"https://a.example.com/{n}", "events": ["*"]}
        ).json()["id"]
        for n in range(3)
    ]

    first = platform.http.get("/v1/webhooks?limit=2").json()
    rest = platform.http.get(
        "/v1/webhooks", params={"limit": 2, "cursor": first["next_cursor"]}
    ).json()

    assert [item["id"] for item in first["items"] + rest["items"]] == ids


# --- dead letters, cases, audit, policies


def test_a_dead_letter_is_shown_whole_and_replayed(
    api: Api, platform: Platform, wav: bytes
) -> None:
    platform.submit(wav)
    event = event_of(api.journal(platform, "clearance.track.submitted")[0])
    letter = dead_letters.bury(api.service, "analyse", event, ValueError("poison"), 5)
    Relay(api.service.database, api.service.transport, api.service.settings.home).run_once()

    (listed,) = platform.http.get("/v1/dead").json()["items"]
    whole = platform.http.get(f"/v1/dead/{letter.id}").json()
    replayed = platform.http.post(f"/v1/dead/{letter.id}/replay")

    assert (listed["error"], listed["attempts"]) == ("ValueError", 5)
    assert whole["payload"]["id"] == event.id
    assert (replayed.status_code, replayed.json()["state"]) == (202, "replayed")
    assert platform.http.get("/v1/dead").json()["items"] == []
    assert len(platform.http.get("/v1/dead?state=replayed").json()["items"]) == 1


def test_a_dead_letter_is_put_away_with_a_reason_that_the_audit_trail_keeps(
    api: Api, platform: Platform, wav: bytes
) -> None:
    platform.submit(wav)
    event = event_of(api.journal(platform, "clearance.track.submitted")[0])
    letter = dead_letters.bury(api.service, "analyse", event, ValueError("poison"), 5)
    address = f"/v1/dead/{letter.id}"

    for unsaid in ("", "?reason=", "?reason=%20"):
        assert platform.http.delete(address + unsaid).status_code == 422
    other = api.platform("Another")
    assert other.http.delete(f"{address}?reason=mine").status_code == 404
    dropped = platform.http.delete(f"{address}?reason=a test of ours")

    assert dropped.status_code == 204
    assert platform.http.get(address).status_code == 404
    assert platform.http.delete(f"{address}?reason=again").status_code == 404
    (row,) = [
        each
        for each in api.journal(platform, "clearance.operations.changed")
        if each.data["action"] == "dead-letter.dropped"
    ]
    assert (row.data["object_id"], row.data["detail"]["reason"]) == (letter.id, "a test of ours")


def test_a_review_opens_a_case_that_is_listed_and_read(platform: Platform) -> None:
    recording = sound(41, 8)
    platform.reference(recording, policy="block")
    track_id = platform.decided(recording)

    (case,) = platform.http.get("/v1/cases?state=queued").json()["items"]
    read = platform.http.get(f"/v1/cases/{case['id']}")

    assert (case["track_id"], case["kind"]) == (track_id, "review")
    assert read.json() == case | {"notes": []}
    assert read.headers["etag"] == f'"{case["version"]}"'
    assert platform.http.get("/v1/cases?state=closed").json()["items"] == []


def test_the_audit_trail_is_listed_with_seals_and_verified(
    api: Api, platform: Platform, wav: bytes
) -> None:
    track_id = platform.decided(wav)
    before = platform.http.get("/v1/audit/verify").json()
    Relay(api.service.database, api.service.transport, api.service.settings.home).run_once()

    rows = platform.http.get("/v1/audit", params={"subject": track_id}).json()["items"]
    after = platform.http.get("/v1/audit/verify").json()

    assert [row["version"] for row in rows] == [5, 4, 3, 2, 1]
    assert all(len(row["seal"]["hash"]) == 64 for row in rows)
    assert (before["whole"], before["sealed"]) == (True, 0)
    assert (after["whole"], after["unsealed"]) == (True, 0)
    assert after["sealed"] == before["unsealed"] == len(api.journal(platform))
    typed = platform.http.get("/v1/audit?type=clearance.track.released").json()["items"]
    assert [row["subject"] for row in typed] == [track_id]


def test_the_active_policy_is_shown_with_its_hash(platform: Platform) -> None:
    (pack,) = platform.http.get("/v1/policies").json()["items"]

    assert pack["id"] == default_pack().id
    assert pack["id"].endswith(pack["content_hash"])
    assert {rule["id"] for rule in pack["rules"]} == {rule.id for rule in default_pack().rules}


def test_every_event_that_happened_fits_its_published_schema(api: Api, platform: Platform) -> None:
    recording = sound(42, 8)
    platform.reference(recording)
    platform.decided(recording)
    drive(api.service, platform.submit(b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\xff" * 999))
    public = api.client()

    rows = api.journal(platform)

    assert len({row.type for row in rows}) >= 8
    for row in rows:
        schema = public.get(f"/v1/schemas/{row.type}/{row.schema_version}").json()
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(row.data)
    for type_, version in event_schemas.known():
        assert public.get(f"/v1/schemas/{type_}/{version}").status_code == 200
    assert problem(public.get("/v1/schemas/clearance.track.held/99")) == "not-found"
    assert problem(public.get("/v1/schemas/nothing/1")) == "not-found"


# --- running


def test_a_ready_service_says_so_part_by_part(api: Api) -> None:
    client = api.client()

    assert client.get("/healthz").json() == {"status": "ok"}
    report = client.get("/readyz")
    assert (report.status_code, report.json()["status"]) == (200, "ready")
    assert set(report.json()["checks"]) == {"database", "bus", "index", "store"}
    assert all(check["ok"] for check in report.json()["checks"].values())


def test_a_part_that_fails_is_named_and_the_service_is_not_ready(make_api: MakeApi) -> None:
    api = make_api()
    (api.service.settings.home / "store").write_text("no folder")

    report = api.client().get("/readyz")

    assert (report.status_code, report.json()["status"]) == (503, "not_ready")
    failed = {name for name, check in report.json()["checks"].items() if not check["ok"]}
    assert failed == {"store"}
    assert str(api.service.settings.home) not in report.text
    assert api.client().get("/healthz").status_code == 200


def test_metrics_count_requests_by_route_and_not_by_address(api: Api, platform: Platform) -> None:
    platform.http.get("/v1/tracks/0190a0b0-0000-7000-8000-000000000000")
    platform.http.get("/nowhere/at/all")

    text = api.client().get("/metrics").text

    assert 'route="/v1/tracks/{track_id}",status="404"' in text
    assert 'route="unmatched",status="404"' in text
    assert "0190a0b0" not in text
    assert "nowhere" not in text


def test_metrics_tell_how_much_waits(api: Api, platform: Platform, wav: bytes) -> None:
    platform.submit(wav)
    client = api.client()

    def value(name: str) -> float:
        line = next(x for x in client.get("/metrics").text.splitlines() if x.startswith(name))
        return float(line.rsplit(" ", 1)[1])

    unsealed = value("clearance_journal_unsealed")
    Relay(api.service.database, api.service.transport, api.service.settings.home).run_once()

    assert unsealed == len(api.journal(platform))
    assert value("clearance_journal_unsealed") == 0
    assert value('clearance_queue_depth{group="analyse"}') == 1
