"""The whole way of DSA-20 and DSA-21 over HTTP, with a clock that is moved."""

from typing import Any

import httpx
import pytest

from scanner import inline, keys, rulings
from scanner.callers import SCOPES, Caller
from scanner.clock import new_id
from scanner.journal import Actor
from scanner.rulings import Ruling
from scanner.tables import Track
from scanner.tracks import locked
from tests import casework, noticed
from tests.scanner import test_strikes
from tests.scanner.api.conftest import Api, Platform, problem


def staff(api: Api, platform: Platform, name: str, role: str) -> httpx.Client:
    """A client with the key of a member of staff."""
    email = f"{name}@example.org"
    keys.create_user(api.service, email, role, "a long password of theirs")
    _, token = keys.create_key(
        api.service, platform.tenant.id, name, ("cases:read", "cases:decide"), user=email
    )
    return api.client(token)


def caller_of(platform: Platform) -> Caller:
    return Caller(platform.tenant.id, Actor("key", "platform"), frozenset(SCOPES))


def post(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body or None)
    assert answer.status_code in {200, 201}, answer.text
    return dict(answer.json())


def put(client: httpx.Client, address: str, content: bytes) -> httpx.Response:
    """Put a file forward."""
    return client.post(f"{address}/files", files={"file": ("session", content)})


@pytest.fixture
def taken_down(api: Api, platform: Platform) -> Track:
    """A track that a copyright notice took down, with the strike of its account."""
    casework.at(api.service, api.service.now())
    caller = caller_of(platform)
    account = casework.account(api.service, caller)
    notice = test_strikes.actioned(api.service, caller, account)
    (strike,) = test_strikes.strikes(api.service)
    with api.service.database.transaction() as session:
        track = locked(session, caller.tenant_id, str(strike.track_id))
        text = "A notice says that it copies a song."
        ruling = Ruling("block", "notice.actioned", text, ground=("notice", notice.id))
        rulings.rule(api.service, session, track, ruling, Actor("rita", "reviewer"))
    inline.drive(api.service, str(strike.track_id))
    return casework.track_of(api.service, str(strike.track_id))


def test_a_blocked_track_comes_back_by_an_appeal(api, platform, taken_down) -> None:
    """Statement, appeal, assigned, question, answer, granted, released; everybody is told."""
    service = api.service
    assert taken_down.state == "blocked"
    body = {"track": taken_down.id, "reason": "I sang it.", "evidence": "A photo of the session."}
    filed = post(platform.http, "/v1/appeals", **body)
    address = f"/v1/appeals/{filed['id']}"
    assert (filed["state"], filed["subject"]["kind"]) == ("filed", "decision")

    olga = staff(api, platform, "olga", "appeals_officer")
    assert post(olga, f"{address}/assign")["mine"]
    casework.later(service, days=5)
    asked = post(olga, f"{address}/ask", question="Where was it recorded?")
    assert (asked["state"], asked["due_at"]) == ("questions", None)
    casework.later(service, days=60)
    answered = post(platform.http, f"{address}/messages", text="At home.")
    assert (answered["state"], answered["left_seconds"]) == ("assigned", None)
    post(platform.http, f"{address}/evidence", name="session.txt", text="Take 3.")
    assert put(platform.http, address, b"\x89PNG\r\n\x1a\nsession").json()["by"] == "platform"
    assert put(olga, address, b"%PDF-1.7").status_code == 403
    assert problem(put(platform.http, address, b"\x7fELF\x00\x00")) == "bad-fields"

    decided = post(olga, f"{address}/decision", outcome="grant", reason="It is their own.")
    assert decided["outcome_kind"] == "granted"
    inline.drive(service, taken_down.id)
    assert platform.http.get(f"/v1/tracks/{taken_down.id}").json()["state"] == "released"
    standing = platform.http.get("/v1/accounts/ana/standing").json()
    assert (standing["standing"], standing["strikes"][0]["state"]) == ("good", "reversed")
    assert standing["history"]["appeals_won"] == 1
    told = casework.letters(service, matter_id=filed["id"])
    assert [(each.template, each.recipient_kind) for each in told[-2:]] == [
        ("appeal-decided", "account"),
        ("appeal-told", "notifier"),
    ]
    whole = platform.http.get(address).json()
    assert [each["kind"] for each in whole["messages"]] == ["question", "answer"]
    assert [each["name"] for each in whole["evidence"]] == [
        "evidence.txt",
        "session.txt",
        "session",
    ]
    assert problem(put(platform.http, address, b"Too late.")) == "illegal-transition"
    late = olga.post(f"{address}/decision", json={"outcome": "deny", "reason": "No."})
    assert (late.status_code, problem(late)) == (409, "illegal-transition")


def test_a_denied_appeal_goes_out_of_court(api, platform, taken_down) -> None:
    filed = post(platform.http, "/v1/appeals", track=taken_down.id, reason="I sang it.")
    address = f"/v1/appeals/{filed['id']}"
    olga = staff(api, platform, "olga", "appeals_officer")
    post(olga, f"{address}/assign")
    found = {"reason": "It is a copy.", "misuse": "unfounded"}
    part = olga.post(f"{address}/decision", json={"outcome": "grant", **found})
    assert (part.status_code, problem(part)) == (422, "bad-fields")
    denied = post(olga, f"{address}/decision", outcome="deny", **found)
    assert denied["due_at"] and denied["misuse"] == "unfounded"
    bad = platform.http.post(f"{address}/out-of-court", json={"body": "The pub"})
    assert (bad.status_code, problem(bad)) == (422, "bad-fields")
    gone = post(platform.http, f"{address}/out-of-court", body="User Rights", body_case="UR-9")
    assert (gone["state"], gone["body"]) == ("out_of_court", "User Rights")
    casework.later(api.service, days=60)
    ended = post(olga, f"{address}/outcome", outcome="The platform was right.")
    assert (ended["state"], ended["body_outcome"]) == (
        "outcome_recorded",
        "The platform was right.",
    )
    assert casework.track_of(api.service, taken_down.id).state == "blocked"


def test_a_late_appeal_is_told_until_when_it_could_come(api, platform, taken_down) -> None:
    casework.later(api.service, days=200)
    answer = platform.http.post(
        "/v1/appeals", json={"track": taken_down.id, "reason": "I sang it."}
    )
    assert (answer.status_code, problem(answer)) == (409, "illegal-transition")
    assert "too late: this could be appealed before 20" in answer.json()["detail"]


def test_who_files_names_one_thing_of_theirs(api, platform, taken_down) -> None:
    for body, status, name in (
        ({"reason": "x"}, 422, "bad-fields"),
        ({"track": taken_down.id, "strike": new_id(), "reason": "x"}, 422, "bad-fields"),
        ({"track": new_id(), "reason": "x"}, 404, "not-found"),
    ):
        answer = platform.http.post("/v1/appeals", json=body)
        assert (answer.status_code, problem(answer)) == (status, name)
    other = api.platform("two")
    answer = other.http.post("/v1/appeals", json={"track": taken_down.id, "reason": "x"})
    assert (answer.status_code, problem(answer)) == (404, "not-found")
    nobody = api.client().post("/v1/appeals", json={"track": taken_down.id, "reason": "x"})
    assert (nobody.status_code, problem(nobody)) == (401, "unauthorised")


def test_another_platform_finds_no_appeal_and_no_sanction(api, platform, taken_down) -> None:
    filed = post(platform.http, "/v1/appeals", track=taken_down.id, reason="I sang it.")
    other = api.platform("two")
    officer = staff(api, other, "olga", "appeals_officer")
    for client, method, address in (
        (other.http, "GET", ""),
        (other.http, "POST", "/withdrawal"),
        (other.http, "POST", "/messages"),
        (officer, "POST", "/assign"),
        (officer, "POST", "/decision"),
    ):
        answer = client.request(method, f"/v1/appeals/{filed['id']}{address}")
        assert (answer.status_code, problem(answer)) == (404, "not-found"), address
    assert other.http.get("/v1/appeals").json()["items"] == []
    assert platform.http.get("/v1/appeals?state=filed").json()["items"][0]["id"] == filed["id"]


def test_a_suspended_account_uploads_nothing(api, platform) -> None:
    """DSA-23 over HTTP: warned, proposed, signed, refused, lifted."""
    caller = caller_of(platform)
    account = casework.account(api.service, caller)
    olga = staff(api, platform, "olga", "appeals_officer")
    otto = staff(api, platform, "otto", "appeals_officer")
    body = {
        "party": {"kind": "account", "id": account.id},
        "what": "uploads",
        "reason": "Copies, again.",
        "factors": {"total": 8, "unfounded": 6, "gravity": "serious", "intent": False},
    }
    assert post(olga, "/v1/sanctions", **body, kind="warning")["state"] == "in_force"
    proposed = post(olga, "/v1/sanctions", **body, kind="suspension", days=30)
    address = f"/v1/sanctions/{proposed['id']}"
    assert proposed["state"] == "proposed"
    own = olga.post(f"{address}/signature", json={"agrees": True, "reason": "Yes."})
    assert (own.status_code, problem(own)) == (409, "illegal-transition")
    signed = post(otto, f"{address}/signature", agrees=True, reason="Yes.")
    assert (signed["state"], signed["signatures"]) == ("in_force", 2)

    upload = {"url": "https://example.org/a.wav", "account": "ana"}
    key = {"Idempotency-Key": "first"}
    refused = platform.http.post("/v1/tracks", json=upload, headers=key)
    assert (refused.status_code, problem(refused)) == (403, "account-suspended")
    assert proposed["id"] in refused.json()["detail"]
    assert platform.http.get("/v1/accounts/ana/standing").json()["standing"] == "suspended"
    assert post(otto, f"{address}/lift", reason="A mistake.")["state"] == "lifted"
    taken = platform.http.post("/v1/tracks", json=upload, headers=key)
    assert taken.status_code == 202, taken.text
    listed = platform.http.get("/v1/sanctions").json()["items"]
    assert [each["kind"] for each in listed] == ["suspension", "warning"]
    assert platform.http.get(address).json() == listed[0]


@pytest.mark.parametrize(("becomes", "remedy"), [(None, "label"), ("block", "block")])
def test_a_body_has_a_refused_likeness_labelled_or_taken_down_over_http(
    api, platform, becomes, remedy
) -> None:
    """DSA-21: the officer who records the outcome says which; unsaid, it is the lesser."""
    service, caller = api.service, caller_of(platform)
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id, form="likeness")
    noticed.decided(service, notice.id, noticed.REFUSE)
    filed = post(platform.http, "/v1/appeals", notice=notice.id, reason="It is my voice.")
    address = f"/v1/appeals/{filed['id']}"
    olga = staff(api, platform, "olga", "appeals_officer")
    post(olga, f"{address}/assign")
    post(olga, f"{address}/decision", outcome="deny", reason="It is another voice.")
    post(platform.http, f"{address}/out-of-court", body="User Rights")
    said = {"outcome": "It is hers.", "reverses": True}
    wrong = olga.post(f"{address}/outcome", json=said | {"becomes": "clear"})
    assert (wrong.status_code, problem(wrong)) == (422, "bad-fields")

    post(olga, f"{address}/outcome", **said, **({"becomes": becomes} if becomes else {}))

    assert noticed.read(service, notice.id).remedy == remedy
