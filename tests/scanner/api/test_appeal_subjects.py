"""Each of the six things that can be appealed, over HTTP: what a grant undoes, and who is told (DSA-20)."""

from typing import Any

import httpx
import pytest
from sqlmodel import select

from scanner import inline, keys
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.role_scopes import HOLDER_SCOPES
from scanner.tables import Appeal, Holder, ReferenceExclusion
from tests import casework, claiming, noticed
from tests.claiming import ATTESTED, WORDS
from tests.scanner.api.conftest import Api, Platform, problem
from tests.scanner.api.test_appeal_routes import caller_of, post, staff

(STRIKES,) = (each for each in GROUPS if each.name == "strikes")
GRANT = {"outcome": "grant", "reason": "It is their own work."}


@pytest.fixture
def caller(platform: Platform) -> Caller:
    return caller_of(platform)


@pytest.fixture
def label(api: Api, caller: Caller) -> Holder:
    casework.at(api.service, api.service.now())
    return claiming.holder(api.service, caller)


def decided(
    api: Api,
    platform: Platform,
    subject: dict[str, str],
    speaks: httpx.Client | None = None,
    **how: Any,
) -> dict[str, Any]:
    """An appeal that an officer decided, with what follows on its track."""
    filed = post(platform.http, "/v1/appeals", **subject, reason="It is mine.")
    address = f"/v1/appeals/{filed['id']}"
    if speaks is not None:
        post(speaks, f"{address}/messages", text="It is ours.")
    olga = staff(api, platform, "olga", "appeals_officer")
    post(olga, f"{address}/assign")
    ended = post(olga, f"{address}/decision", **(GRANT | how))
    with api.service.database.reading() as session:
        track_id = session.get_one(Appeal, ended["id"]).track_id
    if track_id is not None:
        inline.drive(api.service, track_id)
    return ended


def told(api: Api, row: dict[str, Any]) -> set[tuple[str, str]]:
    letters = casework.letters(api.service, matter_id=row["id"])
    return {(each.template, each.recipient_kind) for each in letters}


@pytest.mark.parametrize("kind", ["decision", "track"])
def test_a_decision_of_rules_falls_with_its_claims_and_feeds_the_exclusions(
    api, platform, caller, label, kind
) -> None:
    ana = casework.account(api.service, caller)
    song = claiming.reference(api.service, caller, label)
    track, claim = claiming.claimed(api.service, caller, song, account_id=ana.id)
    (can,) = platform.http.get("/v1/tracks").json()["items"]
    assert [each["what"] for each in can["contest"]] == ["appeal", "dispute"]
    part = {"reference": song.id, "start": 0, "end": 30}

    subject = {kind: track.id if kind == "track" else track.decision_id}
    row = decided(api, platform, subject, exclusion=part)

    shown = platform.http.get(f"/v1/tracks/{track.id}").json()
    assert (shown["state"], shown["contest"]) == ("released", [])
    assert platform.http.get(f"/v1/claims/{claim.id}").json()["state"] == "released"
    with api.service.database.reading() as session:
        (excluded,) = session.exec(select(ReferenceExclusion)).all()
    assert (excluded.origin, excluded.start_s, excluded.end_s) == ("appeal", 0, 30)
    assert told(api, row) >= {("appeal-decided", "account"), ("appeal-told", "holder")}


def test_a_dispute_is_won_with_its_claim_and_takes_no_more_evidence(
    api, platform, caller, label
) -> None:
    """DSM-17-9."""
    ana = casework.account(api.service, caller)
    song = claiming.reference(api.service, caller, label)
    track, claim = claiming.claimed(api.service, caller, song, account_id=ana.id)
    _, token = keys.create_key(
        api.service, platform.tenant.id, "theirs", HOLDER_SCOPES, holder_id=label.id
    )
    theirs = api.client(token)
    asked = {"grounds": ["quotation"], "text": WORDS, "attestation": ATTESTED}
    dispute = post(platform.http, "/v1/disputes", claim_id=claim.id, **asked)
    address = f"/v1/disputes/{dispute['id']}"
    post(theirs, f"{address}/answer", answer="uphold", text="It is our master.")

    row = decided(api, platform, {"dispute": dispute["id"]}, speaks=theirs)

    assert platform.http.get(f"/v1/tracks/{track.id}").json()["state"] == "released"
    assert platform.http.get(f"/v1/claims/{claim.id}").json()["state"] == "released"
    assert platform.http.get(address).json()["state"] == "released"
    late = platform.http.post(f"{address}/evidence", files={"file": ("a.txt", b"late")})
    assert problem(late) == "illegal-transition"
    assert told(api, row) >= {("appeal-decided", "account"), ("appeal-told", "holder")}


@pytest.mark.parametrize("end", ["denied", "withdrawn"])
def test_a_dispute_whose_appeal_came_to_nothing_says_what_is_left_to_do(
    api, platform, caller, label, end
) -> None:
    """DSA-21; what was taken back can be filed anew, as long as the first six months last."""
    ana = casework.account(api.service, caller)
    song = claiming.reference(api.service, caller, label)
    track, claim = claiming.claimed(api.service, caller, song, account_id=ana.id)
    asked = {"grounds": ["quotation"], "text": WORDS, "attestation": ATTESTED}
    dispute = post(platform.http, "/v1/disputes", claim_id=claim.id, **asked)
    address = f"/v1/disputes/{dispute['id']}"
    upheld = post(platform.http, f"{address}/answer", answer="uphold", text="Our master.")
    if end == "denied":
        decided(api, platform, {"dispute": dispute["id"]}, outcome="deny")
        late = platform.http.post(f"{address}/evidence", files={"file": ("a.txt", b"late")})
        assert "out-of-court" in late.json()["detail"]
        assert platform.http.get(address).json()["state"] == "closed"
        return
    filed = post(platform.http, "/v1/appeals", dispute=dispute["id"], reason="A quotation.")
    taken_back = platform.http.post(f"/v1/appeals/{filed['id']}/withdrawal", json={})
    assert taken_back.json()["state"] == "withdrawn"
    shown = platform.http.get(address).json()
    assert (shown["state"], shown["due_at"]) == ("upheld", upheld["due_at"])
    casework.later(api.service, days=20)
    assert platform.http.get(f"/v1/claims/{claim.id}").json()["state"] == "upheld"
    post(platform.http, "/v1/appeals", dispute=dispute["id"], reason="A quotation, still.")
    assert casework.track_of(api.service, track.id).state == "conditioned"


def test_a_refused_notice_is_acted_on_and_the_uploader_told(api, platform, caller) -> None:
    """DSA-20b, DMCA-T, DMCA-RI."""
    casework.at(api.service, api.service.now())
    ana = casework.account(api.service, caller)
    track = casework.decided_track(api.service, caller, account_id=ana.id)
    notice = noticed.sent(api.service, caller, track.id)
    noticed.decided(api.service, notice.id, noticed.REFUSE)

    row = decided(api, platform, {"notice": notice.id})
    inline.drive(api.service, track.id)
    inline.drive_group(api.service, STRIKES, caller.tenant_id)

    assert platform.http.get(f"/v1/tracks/{track.id}").json()["state"] == "blocked"
    (strike,) = platform.http.get("/v1/accounts/ana/standing").json()["strikes"]
    assert strike["state"] == "pending"
    assert ("appeal-decided", "notifier") in told(api, row)
    letters = {each.template for each in casework.letters(api.service, recipient_id=ana.id)}
    assert letters >= {"notice-taken-down", "strike-given", "statement-of-reasons"}


def test_a_strike_falls_and_the_track_stays_as_its_notice_has_it(api, platform, caller) -> None:
    """DMCA-RI: the appellant is told what holds the track still, and how to contest that."""
    casework.at(api.service, api.service.now())
    ana = casework.account(api.service, caller)
    track = casework.decided_track(api.service, caller, account_id=ana.id)
    notice = noticed.sent(api.service, caller, track.id)
    noticed.decided(api.service, notice.id)
    inline.drive_group(api.service, STRIKES, caller.tenant_id)
    (strike,) = platform.http.get("/v1/accounts/ana/standing").json()["strikes"]

    row = decided(api, platform, {"strike": strike["id"]})

    standing = platform.http.get("/v1/accounts/ana/standing").json()
    assert (standing["standing"], standing["strikes"][0]["state"]) == ("good", "reversed")
    assert platform.http.get(f"/v1/tracks/{track.id}").json()["state"] == "blocked"
    (letter,) = casework.letters(api.service, matter_id=row["id"], template="appeal-decided")
    assert "It is a copy of the song." in letter.body
    assert "appeal it as well, until" in letter.body


def test_a_sanction_is_lifted_and_whom_it_hit_is_told(api, platform, caller) -> None:
    """DSA-23."""
    ana = casework.account(api.service, caller)
    otto = staff(api, platform, "otto", "appeals_officer")
    body = {
        "party": {"kind": "account", "id": ana.id},
        "what": "uploads",
        "kind": "warning",
        "reason": "Copies, again.",
        "factors": {"total": 8, "unfounded": 6, "gravity": "serious", "intent": False},
    }
    sanction = post(otto, "/v1/sanctions", **body)

    row = decided(api, platform, {"sanction": sanction["id"]})

    assert platform.http.get(f"/v1/sanctions/{sanction['id']}").json()["state"] == "lifted"
    assert ("appeal-decided", "account") in told(api, row)
